"""What the operator says of the application's tables: which column means what."""

from __future__ import annotations

import re
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Mapping as StringMapping

_NAME = re.compile(r"[A-Za-z_][A-Za-z0-9_$]*")
_TABLE = re.compile(r"(?P<table>[^()]+?)\s*(?:\((?P<columns>[^()]*)\))?")


class MappingError(Exception):
    """A setting cannot be understood."""


@dataclass(frozen=True, slots=True)
class TableName:
    """A table with its schema."""

    schema: str
    table: str

    def __str__(self) -> str:
        return f"{self.schema}.{self.table}"

    @classmethod
    def parse(cls, text: str) -> TableName:
        """Read `schema.table`, or `table` of the schema `public`.

        Raises:
            MappingError: The text is no name of a table.
        """
        schema, _, table = text.strip().rpartition(".")
        schema = schema or "public"
        if not _NAME.fullmatch(schema) or not _NAME.fullmatch(table):
            raise MappingError(f"{text!r} is no name of a table")
        return cls(schema, table)


@dataclass(frozen=True, slots=True)
class MappedTable:
    """A table of the application and the columns in it that the feed reads.

    Attributes:
        name: The table.
        columns: What a column is for, to its name.
    """

    name: TableName
    columns: StringMapping[str, str]

    @classmethod
    def parse(cls, setting: str, text: str, defaults: StringMapping[str, str]) -> MappedTable:
        """Read `schema.table` or `schema.table(role=column, …)`.

        Args:
            setting: The setting's name, for errors.
            text: The setting's value.
            defaults: The roles that exist, each with the column that is taken without a word.

        Raises:
            MappingError: The text is of another form, or names a role that does not exist.
        """
        matched = _TABLE.fullmatch(text.strip())
        if matched is None:
            raise MappingError(f"{setting}={text!r} is not of the form table(role=column, …)")
        columns = dict(defaults)
        for part in filter(None, map(str.strip, (matched["columns"] or "").split(","))):
            role, equals, column = (word.strip() for word in part.partition("="))
            if not equals or role not in defaults or not _NAME.fullmatch(column):
                roles = ", ".join(defaults)
                raise MappingError(f"{setting}: {part!r} is not role=column; the roles are {roles}")
            columns[role] = column
        return cls(TableName.parse(matched["table"]), columns)


@dataclass(frozen=True, slots=True)
class MappedFile:
    """A CSV file with history, and the columns in it that the feed reads.

    Attributes:
        path: The file.
        columns: What a column is for, to its name in the first row.
    """

    path: Path
    columns: StringMapping[str, str]


def parse_history(
    setting: str, text: str, defaults: StringMapping[str, str]
) -> MappedTable | MappedFile:
    """Read a table as `MappedTable.parse` does, or a file: its path ends in .csv.

    Raises:
        MappingError: The text is of another form.
    """
    path, bracket, columns = text.strip().partition("(")
    if not path.rstrip().endswith(".csv"):
        return MappedTable.parse(setting, text, defaults)
    mapped = MappedTable.parse(setting, f"file{bracket}{columns}", defaults)
    return MappedFile(Path(path.rstrip()), mapped.columns)


_FOLLOWS = {"follower": "follower_id", "followed": "following_id"}
_LIKES = {"user": "user_id", "post": "post_id", "at": "created_at"}
_IMPRESSIONS = {"user": "user_id", "post": "post_id", "at": "created_at"}
_WATCHES = {**_IMPRESSIONS, "play_ms": "play_ms", "duration_ms": "duration_ms"}
# A setting that names a column with counts, to the figure of the feed that it is.
_COUNTS = {
    "VIEW_COUNT": "impressions",
    "LIKE_COUNT": "likes",
    "COMMENT_COUNT": "comments",
    "SHARE_COUNT": "shares",
}


@dataclass(frozen=True, slots=True)
class Mapping:
    """The application's tables, as the operator describes them.

    Attributes:
        posts: The table of posts.
        post_id: Its key.
        creator: The column that names a post's creator.
        caption: The column that holds what a creator wrote, if there is one.
        video_url: The column that holds the address of the video, if there is one.
        duration_ms: The column that holds the length of the video, if there is one.
        deleted: The column that is set (a time or true) once a post is deleted, if there is one.
        follows: Who follows whom.
        likes: Who liked which post, and when.
        comments: Who commented on which post, and when.
        impressions: Who saw which post, and when.
        watches: Who watched how much of which post, and when.
        counts: The columns in which the application counts what happened to a post, by the
            figure that each of them is.
    """

    posts: TableName
    post_id: str = "id"
    creator: str = "creator_id"
    caption: str | None = None
    video_url: str | None = None
    duration_ms: str | None = None
    deleted: str | None = None
    follows: MappedTable | None = None
    likes: MappedTable | MappedFile | None = None
    comments: MappedTable | MappedFile | None = None
    impressions: MappedTable | MappedFile | None = None
    watches: MappedTable | MappedFile | None = None
    counts: StringMapping[str, str] = field(default_factory=dict)

    @property
    def histories(self) -> dict[str, MappedTable | MappedFile]:
        """What there is of history, in the order in which it is taken over."""
        named = {
            "impressions": self.impressions,
            "watches": self.watches,
            "likes": self.likes,
            "comments": self.comments,
        }
        return {kind: source for kind, source in named.items() if source is not None}

    @classmethod
    def from_settings(cls, settings: StringMapping[str, str]) -> Mapping:
        """Read POSTS, ID, CREATOR, CAPTION, VIDEO_URL, DELETED, FOLLOWS, LIKES and the like.

        Raises:
            MappingError: One of them cannot be understood; its name stands in the error.
        """
        given = {name: text.strip() for name, text in settings.items() if text.strip()}
        if "POSTS" not in given:
            raise MappingError("POSTS=schema.table is missing: the application's table of posts")
        columns = {
            "post_id": given.get("ID", "id"),
            "creator": given.get("CREATOR", "creator_id"),
            "caption": given.get("CAPTION"),
            "video_url": given.get("VIDEO_URL"),
            "duration_ms": given.get("DURATION_MS"),
            "deleted": given.get("DELETED"),
        }
        counts = {figure: given[name] for name, figure in _COUNTS.items() if name in given}
        for name in filter(None, (*columns.values(), *counts.values())):
            if not _NAME.fullmatch(name):
                raise MappingError(f"{name!r} is no name of a column")

        def table(setting: str, defaults: StringMapping[str, str]) -> MappedTable | None:
            text = given.get(setting)
            return None if text is None else MappedTable.parse(setting, text, defaults)

        def history(
            setting: str, defaults: StringMapping[str, str]
        ) -> MappedTable | MappedFile | None:
            text = given.get(setting)
            return None if text is None else parse_history(setting, text, defaults)

        return cls(
            posts=TableName.parse(given["POSTS"]),
            **columns,  # type: ignore[arg-type]  # the two that are required have defaults
            follows=table("FOLLOWS", _FOLLOWS),
            likes=history("LIKES", _LIKES),
            comments=history("COMMENTS", _LIKES),
            impressions=history("IMPRESSIONS", _IMPRESSIONS),
            watches=history("WATCHES", _WATCHES),
            counts=counts,
        )
