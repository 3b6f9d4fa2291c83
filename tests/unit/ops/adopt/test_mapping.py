from __future__ import annotations

import pytest

from ops.adopt.mapping import MappedTable, Mapping, MappingError, TableName


def test_settings_name_tables_and_columns() -> None:
    mapping = Mapping.from_settings(
        {
            "POSTS": "app.clips",
            "CREATOR": "author",
            "LIKES": "hearts( user = fan_id , at=given_at)",
            "CAPTION": "",
        }
    )
    assert mapping.posts == TableName("app", "clips")
    assert (mapping.post_id, mapping.creator, mapping.caption) == ("id", "author", None)
    assert mapping.likes == MappedTable(
        TableName("public", "hearts"), {"user": "fan_id", "post": "post_id", "at": "given_at"}
    )


@pytest.mark.parametrize(
    ("settings", "word"),
    [
        ({}, "POSTS"),
        ({"POSTS": "posts; DROP TABLE x"}, "no name of a table"),
        ({"POSTS": 'public."posts"'}, "no name of a table"),
        ({"POSTS": "posts", "CREATOR": "user id"}, "no name of a column"),
        ({"POSTS": "posts", "LIKES": "likes(who=user_id)"}, "the roles are user, post, at"),
        ({"POSTS": "posts", "FOLLOWS": "follows(followed)"}, "is not role=column"),
        ({"POSTS": "posts", "WATCHES": "watches(at=x"}, "not of the form"),
    ],
)
def test_what_cannot_be_read_is_refused_by_name(settings: dict[str, str], word: str) -> None:
    with pytest.raises(MappingError, match=word):
        Mapping.from_settings(settings)
