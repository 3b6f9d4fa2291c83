"""The media files: uploaded files, files at addresses, and the streams made from them."""

import shutil
from pathlib import Path, PurePosixPath
from typing import BinaryIO
from urllib.parse import unquote, urlsplit

from local.mux.media.encode import RENDITION
from local.mux.records import Asset


class Files:
    """The media files below a folder."""

    def __init__(self, folder: Path) -> None:
        self._uploads = folder / "uploads"
        self._streams = folder / "streams"
        self._addresses = folder / "addresses"
        self._make_folders()

    def upload(self, upload_id: str) -> Path:
        """Return the path of an uploaded file, which may be incomplete."""
        return self._uploads / upload_id

    def at_address(self, url: str) -> Path:
        """Return the path of the file that stands for the one at an address.

        The stand-in fetches nothing from anywhere. The file at `https://host/a/b.mp4` is
        `addresses/host/a/b.mp4` in its folder.
        """
        parts = urlsplit(url)
        steps = PurePosixPath(unquote(parts.path).replace("\0", "")).parts
        below = [step for step in steps if step not in {"/", "//", "..", "."}]
        host = (parts.hostname or "").strip(".").replace("/", "")
        return self._addresses.joinpath(host, *below)

    def received(self, upload_id: str) -> int:
        """Return the number of bytes of an upload that have arrived."""
        path = self.upload(upload_id)
        return path.stat().st_size if path.exists() else 0

    def append(self, upload_id: str, start: int) -> BinaryIO:
        """Open an upload for writing at `start`. What it holds from there on is cut off."""
        self.cut(upload_id, start)
        return self.upload(upload_id).open("ab")

    def cut(self, upload_id: str, size: int) -> None:
        """Cut an upload down to a number of bytes."""
        with self.upload(upload_id).open("ab") as file:
            file.truncate(size)

    def stream(self, asset_id: str) -> Path:
        """Return the folder of an asset's stream."""
        return self._streams / asset_id

    def source(self, asset: Asset) -> Path:
        """Return the file that streams are made from: the one that came, or else the stream."""
        if asset.upload_id:
            return self.upload(asset.upload_id)
        if asset.input_url:
            return self.at_address(asset.input_url)
        return self.stream(asset.id) / RENDITION

    def delete(self, asset: Asset) -> None:
        """Delete all files of an asset."""
        if asset.upload_id:
            self.upload(asset.upload_id).unlink(missing_ok=True)
        shutil.rmtree(self.stream(asset.id), ignore_errors=True)

    def clear(self) -> None:
        """Delete all files."""
        shutil.rmtree(self._uploads, ignore_errors=True)
        shutil.rmtree(self._streams, ignore_errors=True)
        self._make_folders()

    def _make_folders(self) -> None:
        self._uploads.mkdir(parents=True, exist_ok=True)
        self._streams.mkdir(parents=True, exist_ok=True)
