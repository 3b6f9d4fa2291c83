"""Mux's API, as far as uploads need it. The only module that imports mux_python.

mux_python is imported when the first call is made: most webhooks and every bad signature get their
answer without one, and the import takes about 0.2 s.
"""

from __future__ import annotations

import threading
from dataclasses import dataclass
from http import HTTPStatus
from typing import TYPE_CHECKING, Any, Protocol, TypeVar

from shared.errors import UnavailableError
from shared.observability import span

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping
    from uuid import UUID

T = TypeVar("T")
Json = dict[str, Any]

_MOST_CONNECT_S = 1.0
_MAX_MESSAGE = 500


class MuxError(UnavailableError):
    """The video service does not answer. Try again shortly."""


class MuxBusyError(MuxError):
    """The video service is busy. Try again shortly."""

    # Mux counts requests per second, usually without a Retry-After.
    retry_after_s = 5


class MuxNotSentError(MuxError):
    """The video service cannot be reached. Try again shortly."""


class MuxUnknownOutcomeError(MuxError):
    """The video service gave no answer: whether it did what was asked is unknown."""


class MuxRefusedError(MuxError):
    """The video service refused the request.

    Attributes:
        code: Its HTTP status, 4xx.
        message: What it said, for the log.
    """

    def __init__(self, code: int, message: str) -> None:
        super().__init__()
        self.code = code
        self.message = message


@dataclass(frozen=True, slots=True)
class AssetSettings:
    """What Mux is to make of a post's video, be it the upload itself or a clip of it."""

    post_id: UUID
    creator_id: UUID
    resolution_tier: str
    video_quality: str

    def fields(self) -> Json:
        """The fields of a new asset. The passthrough leads every event back to the post."""
        return {
            "passthrough": str(self.post_id),
            # Asked for now, since each further POST counts against Mux's rate limit.
            "playback_policies": ["public"],
            "max_resolution_tier": self.resolution_tier,
            "video_quality": self.video_quality,
            "meta": {"external_id": str(self.post_id), "creator_id": str(self.creator_id)},
        }


class Mux(Protocol):
    """What the functions need of Mux. Answers are Mux's own JSON objects.

    Every method takes `budget_s`, the seconds it may last, and raises MuxBusyError or
    MuxNotSentError (nothing was done), MuxRefusedError (4xx) or MuxUnknownOutcomeError.
    """

    def create_upload(
        self, settings: AssetSettings, *, cors_origin: str, timeout_s: int, budget_s: float
    ) -> Json:
        """A direct upload, to be filled within `timeout_s` seconds."""

    def get_upload(self, upload_id: str, *, budget_s: float) -> Json | None:
        """An upload; None where there is none."""

    def list_uploads(self, page: int, limit: int, *, budget_s: float) -> list[Json]:
        """Uploads, newest first; pages count from 1."""

    def cancel_upload(self, upload_id: str, *, budget_s: float) -> bool:
        """Cancel an upload; False where it waits for its file no longer."""

    def create_clip(
        self, settings: AssetSettings, source_asset_id: str, end_s: float, *, budget_s: float
    ) -> Json:
        """A new asset: the first `end_s` seconds of another one."""

    def get_asset(self, asset_id: str, *, budget_s: float) -> Json | None:
        """An asset; None where there is none."""

    def list_assets(self, page: int, limit: int, *, budget_s: float) -> list[Json]:
        """Assets, newest first; pages count from 1."""

    def delete_asset(self, asset_id: str, *, budget_s: float) -> bool:
        """Delete an asset, or find it gone; False while it is preparing."""


class MuxClient:
    """Mux through mux_python, without retries of its own: whoever calls decides what to repeat."""

    def __init__(self, base_url: str, token_id: str, token_secret: str) -> None:
        self._base_url = base_url.rstrip("/")
        self._credentials = (token_id, token_secret)
        self._lock = threading.Lock()
        self._apis: tuple[Any, Any] | None = None

    def create_upload(
        self, settings: AssetSettings, *, cors_origin: str, timeout_s: int, budget_s: float
    ) -> Json:
        """A direct upload, to be filled within `timeout_s` seconds."""
        body = {
            "timeout": timeout_s,
            "cors_origin": cors_origin,
            "new_asset_settings": settings.fields(),
        }
        return self._data(lambda: self._uploads.create_direct_upload(body, **_timeout(budget_s)))

    def get_upload(self, upload_id: str, *, budget_s: float) -> Json | None:
        """An upload; None where there is none."""
        return self._or_none(
            lambda: self._uploads.get_direct_upload(upload_id, **_timeout(budget_s))
        )

    def list_uploads(self, page: int, limit: int, *, budget_s: float) -> list[Json]:
        """Uploads, newest first; pages count from 1."""
        return self._list(
            lambda: self._uploads.list_direct_uploads(page=page, limit=limit, **_timeout(budget_s))
        )

    def cancel_upload(self, upload_id: str, *, budget_s: float) -> bool:
        """Cancel an upload; False where it waits for its file no longer."""
        try:
            self._data(lambda: self._uploads.cancel_direct_upload(upload_id, **_timeout(budget_s)))
        except MuxRefusedError as error:
            if error.code in {HTTPStatus.FORBIDDEN, HTTPStatus.NOT_FOUND}:
                return False
            raise
        return True

    def create_clip(
        self, settings: AssetSettings, source_asset_id: str, end_s: float, *, budget_s: float
    ) -> Json:
        """A new asset: the first `end_s` seconds of another one."""
        body = {
            **settings.fields(),
            "inputs": [
                {"url": f"mux://assets/{source_asset_id}", "start_time": 0.0, "end_time": end_s}
            ],
        }
        return self._data(lambda: self._assets.create_asset(body, **_timeout(budget_s)))

    def get_asset(self, asset_id: str, *, budget_s: float) -> Json | None:
        """An asset; None where there is none."""
        return self._or_none(lambda: self._assets.get_asset(asset_id, **_timeout(budget_s)))

    def list_assets(self, page: int, limit: int, *, budget_s: float) -> list[Json]:
        """Assets, newest first; pages count from 1."""
        return self._list(
            lambda: self._assets.list_assets(page=page, limit=limit, **_timeout(budget_s))
        )

    def delete_asset(self, asset_id: str, *, budget_s: float) -> bool:
        """Delete an asset, or find it gone; False while it is preparing."""
        try:
            self._call(lambda: self._assets.delete_asset(asset_id, **_timeout(budget_s)))
        except MuxRefusedError as error:
            if error.code == HTTPStatus.BAD_REQUEST:
                return False
            if error.code != HTTPStatus.NOT_FOUND:
                raise
        return True

    @property
    def _uploads(self) -> Any:  # noqa: ANN401  # mux_python has no types
        return self._connected()[0]

    @property
    def _assets(self) -> Any:  # noqa: ANN401  # mux_python has no types
        return self._connected()[1]

    def _connected(self) -> tuple[Any, Any]:
        with self._lock:
            if self._apis is None:
                # See the module's docstring.
                import mux_python  # noqa: PLC0415
                import urllib3  # noqa: PLC0415

                token_id, token_secret = self._credentials
                config = mux_python.Configuration(
                    host=self._base_url, username=token_id, password=token_secret
                )
                # urllib3's own retries would repeat without back-off, or sleep as Mux says.
                config.retries = urllib3.Retry(0)
                # A value that Mux adds to an enumeration must not fail the answer that holds it.
                config.client_side_validation = False
                mux_python.Configuration.set_default(config)
                client = mux_python.ApiClient(config)
                self._apis = (mux_python.DirectUploadsApi(client), mux_python.AssetsApi(client))
            return self._apis

    def _or_none(self, request: Callable[[], Any]) -> Json | None:
        try:
            return self._data(request)
        except MuxRefusedError as error:
            if error.code == HTTPStatus.NOT_FOUND:
                return None
            raise

    def _data(self, request: Callable[[], Any]) -> Json:
        data = getattr(self._call(request), "data", None)
        if data is None:
            raise MuxUnknownOutcomeError
        return dict(data.to_dict())

    def _list(self, request: Callable[[], Any]) -> list[Json]:
        return [dict(one.to_dict()) for one in self._call(request).data or []]

    def _call(self, request: Callable[[], T]) -> T:
        self._connected()
        from mux_python.exceptions import ApiException, OpenApiException  # noqa: PLC0415
        from urllib3 import exceptions as http  # noqa: PLC0415

        try:
            with span("mux"):
                return request()
        except ApiException as error:
            raise _of_status(error.status or 0, str(error.body or error.reason)) from error
        except (http.NewConnectionError, http.ConnectTimeoutError) as error:
            raise MuxNotSentError from error
        except http.MaxRetryError as error:
            not_sent = isinstance(error.reason, (http.NewConnectionError, http.ConnectTimeoutError))
            raise (MuxNotSentError if not_sent else MuxUnknownOutcomeError) from error
        except (http.HTTPError, OpenApiException, ValueError) as error:
            # The answer broke off, or is none of Mux's: what was asked may have been done.
            raise MuxUnknownOutcomeError from error


def _of_status(status: int, text: str) -> MuxError:
    if status == HTTPStatus.TOO_MANY_REQUESTS:
        return MuxBusyError()
    if HTTPStatus.BAD_REQUEST <= status < HTTPStatus.INTERNAL_SERVER_ERROR:
        return MuxRefusedError(status, text[:_MAX_MESSAGE])
    return MuxUnknownOutcomeError()


def _timeout(budget_s: float) -> Mapping[str, tuple[float, float]]:
    # mux_python waits for ever without one.
    connect = min(_MOST_CONNECT_S, budget_s / 2)
    return {"_request_timeout": (connect, budget_s - connect)}
