"""What a viewer is known to like, put into a database by plain rows as the roll-up leaves them."""

from collections.abc import Sequence
from datetime import timedelta
from uuid import UUID

from tests.integration.database.catalogue import AT
from tests.integration.database.clients import Connection


def like_creators(connection: Connection, viewer: UUID, values: dict[UUID, float]) -> None:
    """Affinities as of AT."""
    for creator, value in values.items():
        connection.execute(
            "INSERT INTO viewer_creator_affinity (user_id, creator_id, value, at)"
            " VALUES (%s, %s, %s, %s)",
            [viewer, creator, value, AT],
        )


def like_tags(
    connection: Connection, viewer: UUID, values: dict[str, float], *, days_ago: float = 0
) -> None:
    """Affinities as of some days before AT."""
    for tag, value in values.items():
        connection.execute(
            "INSERT INTO viewer_tag_affinity (user_id, tag, value, at) VALUES (%s, %s, %s, %s)",
            [viewer, tag, value, AT - timedelta(days=days_ago)],
        )


def finish(connection: Connection, viewer: UUID, posts: Sequence[UUID]) -> None:
    """The viewer has watched posts to their end, the first the longest ago."""
    for minutes, post in enumerate(reversed(posts)):
        connection.execute(
            "INSERT INTO viewer_watches (user_id, post_id, best_ratio, plays, half_watched_at)"
            " VALUES (%s, %s, 1, 1, %s)",
            [viewer, post, AT - timedelta(minutes=minutes)],
        )


def covisit(connection: Connection, post: UUID, following: Sequence[UUID]) -> None:
    """What is watched to the end after `post`, the first most often."""
    for place, other in enumerate(following):
        connection.execute(
            "INSERT INTO post_covisits (post_id, next_post_id, score, fast_score) VALUES"
            " (%s, %s, vroom_private.hot_score(%s, %s), '-infinity')",
            [post, other, AT, len(following) - place],
        )


def favour(connection: Connection, cohort: str, posts: Sequence[UUID]) -> None:
    """What works for a cohort, the first best."""
    for place, post in enumerate(posts):
        connection.execute(
            "INSERT INTO cohort_posts (cohort, post_id, score) VALUES (%s, %s, %s)",
            [cohort, post, 100 - place],
        )
