"""What clients are shown of a queue's posts, as bytes; read only when Postgres is gone."""

from __future__ import annotations

import json
import zlib
from collections.abc import Mapping
from contextlib import suppress
from datetime import UTC, datetime, timedelta
from functools import cached_property
from typing import TYPE_CHECKING, Any, Final
from uuid import UUID

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

    from functions.feed_ranker.ladder import Entry
    from functions.feed_ranker.session import Content

RAW: Final = -15  # deflate without a frame of its own
_LEVEL: Final = 6
_USUAL: Final = 1  # a playlist at the usual address
_EPOCH: Final = datetime(2025, 1, 1, tzinfo=UTC)  # times are stored as microseconds since then
_MICROSECOND: Final = timedelta(microseconds=1)
_FORM: Final = "%Y-%m-%dT%H:%M:%S.%fZ"


def deflated(document: object) -> bytes:
    """A document as compressed JSON."""
    text = json.dumps(document, separators=(",", ":")).encode()
    return zlib.compress(text, _LEVEL, RAW)


def pack_content(entries: Sequence[Entry], content: Content) -> bytes:
    """What clients are shown of `entries`, and of any other post in `content`, as bytes."""
    return deflated(_content_document(entries, content))


class PackedContent(Mapping[UUID, dict[str, Any]]):
    """What clients are shown of a queue's posts, unpacked when it is asked for."""

    def __init__(self, entries: Sequence[Entry], data: bytes) -> None:
        self._entries = entries
        self._data = data

    @cached_property
    def _posts(self) -> dict[UUID, dict[str, Any]]:
        document = json.loads(zlib.decompress(self._data, RAW))
        stream, names, absent = document["stream"], document["names"], set(document["absent"])
        held = [e for i, e in enumerate(self._entries) if i not in absent]
        posts: dict[UUID, dict[str, Any]] = {UUID(p["post_id"]): p for p in document["others"]}
        for entry, *values in zip(held, *document["columns"], strict=True):
            post = {"post_id": str(entry.post_id), **dict(zip(names, values, strict=True))}
            if document["creators"]:
                post["creator_id"] = str(entry.creator_id)
            if post.get("hls_url") == _USUAL:
                post["hls_url"] = _usual(stream, post)
            if isinstance(created := post.get("created_at"), int):
                post["created_at"] = (_EPOCH + created * _MICROSECOND).strftime(_FORM)
            posts[entry.post_id] = post
        return posts

    def __getitem__(self, post_id: UUID) -> dict[str, Any]:
        return self._posts[post_id]

    def __iter__(self) -> Iterator[UUID]:
        return iter(self._posts)

    def __len__(self) -> int:
        return len(self._posts)


def _content_document(entries: Sequence[Entry], content: Content) -> dict[str, Any]:
    """Content in columns, without what the entries and the usual address give.

    Posts that are none of `entries`, or are described otherwise than the first one, stand in full.
    """
    first = next((content[e.post_id] for e in entries if e.post_id in content), {})
    creators = "creator_id" in first
    names = [name for name in first if name not in {"post_id", "creator_id"}]
    stream = str(first.get("hls_url")).rpartition("/")[0]
    absent, rows = [], []
    others = dict(content)
    for i, entry in enumerate(entries):
        post = content.get(entry.post_id)
        known = str(entry.creator_id) if creators else None
        if post is None or post.keys() != first.keys() or post.get("creator_id") != known:
            absent.append(i)
            continue
        others.pop(entry.post_id, None)
        rows.append([_short(name, post, stream) for name in names])
    return {
        "stream": stream,
        "creators": creators,
        "names": names,
        "absent": absent,
        "columns": list(zip(*rows, strict=True)) if rows else [[] for _ in names],
        "others": list(others.values()),
    }


def _short(name: str, post: Mapping[str, Any], stream: str) -> object:
    """What stands for a value, where something shorter can."""
    value = post[name]
    if name == "hls_url" and value == _usual(stream, post):
        return _USUAL
    if name == "created_at" and isinstance(value, str):
        with suppress(ValueError):
            at = datetime.fromisoformat(value)
            if at.tzinfo is UTC and at.strftime(_FORM) == value:
                return (at - _EPOCH) // _MICROSECOND
    return value


def _usual(stream: str, post: Mapping[str, Any]) -> str:
    return f"{stream}/{post.get('playback_id')}.m3u8"
