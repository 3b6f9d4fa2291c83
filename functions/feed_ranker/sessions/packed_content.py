"""What clients are shown of posts, and how a queue keeps it as bytes for when Postgres is gone."""

from __future__ import annotations

import json
import zlib
from collections.abc import Mapping
from datetime import UTC, datetime, timedelta
from functools import cached_property
from typing import TYPE_CHECKING, Any, Final
from uuid import UUID

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

Content = Mapping[UUID, dict[str, Any]]  # what clients are shown of posts, by id

RAW: Final = -15  # deflate without a frame of its own
_LEVEL: Final = 6
_EPOCH: Final = datetime(1970, 1, 1, tzinfo=UTC)


def deflated(text: str) -> bytes:
    """Compress a text."""
    return zlib.compress(text.encode(), _LEVEL, RAW)


def content_by_id(posts: list[dict[str, Any]]) -> dict[UUID, dict[str, Any]]:
    """Return what clients are shown of posts, by id."""
    return {UUID(post["post_id"]): post for post in posts}


class PackedContent(Mapping[UUID, dict[str, Any]]):
    """What clients are shown of posts, unpacked when it is asked for.

    Attributes:
        posts_with_creators: Each post with its creator.
        data: The columns that `posts_as_cached` gave for these posts, compressed.
    """

    def __init__(self, posts_with_creators: Sequence[tuple[UUID, UUID]], data: bytes) -> None:
        """Hold `data` as it was stored."""
        self.posts_with_creators = posts_with_creators
        self.data = data

    @classmethod
    def of(cls, posts_with_creators: Sequence[tuple[UUID, UUID]], columns: str) -> PackedContent:
        """Pack what Postgres gave of these posts, in this order."""
        return cls(posts_with_creators, deflated(columns))

    @cached_property
    def _posts(self) -> dict[UUID, dict[str, Any]]:
        columns = json.loads(zlib.decompress(self.data, RAW))
        posts: dict[UUID, dict[str, Any]] = {}
        for (post_id, creator_id), *values in zip(
            self.posts_with_creators, *columns.values(), strict=True
        ):
            post = dict(zip(columns, values, strict=True))
            if post["caption"] is None:
                continue
            created = _EPOCH + timedelta(microseconds=post["created_at"])
            post["created_at"] = created.isoformat(timespec="microseconds").replace("+00:00", "Z")
            posts[post_id] = {"post_id": str(post_id), "creator_id": str(creator_id), **post}
        return posts

    def __getitem__(self, post_id: UUID) -> dict[str, Any]:
        return self._posts[post_id]

    def __iter__(self) -> Iterator[UUID]:
        return iter(self._posts)

    def __len__(self) -> int:
        return len(self._posts)
