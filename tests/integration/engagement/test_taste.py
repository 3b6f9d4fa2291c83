"""What one viewer's watches teach: affinities, what goes with what, and what works for a cohort."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from random import Random
from typing import TYPE_CHECKING
from uuid import uuid4

import pytest

from tests.integration.engagement.audience import DURATION_MS, watch
from tests.integration.engagement.reference import FINISHED, NORM, ReferenceFigures, Watched, hot

if TYPE_CHECKING:
    from uuid import UUID

    from tests.integration.engagement.audience import Audience

NOW = datetime.now(UTC)


def creators(audience: Audience, viewer: UUID) -> dict[UUID, float]:
    rows = audience.rows(
        "SELECT creator_id, value FROM viewer_creator_affinity WHERE user_id = %s", viewer
    )
    return {row["creator_id"]: row["value"] for row in rows}


def tags(audience: Audience, viewer: UUID) -> dict[str, float]:
    rows = audience.rows("SELECT tag, value FROM viewer_tag_affinity WHERE user_id = %s", viewer)
    return {row["tag"]: row["value"] for row in rows}


class Affinities(dict[object, tuple[float, datetime]]):
    """Values as of a time, which halve in 14 days."""

    def add(self, key: object, amount: float, at: datetime) -> None:
        value, since = self.get(key, (0.0, at))
        halvings = (at - since) / timedelta(days=14)
        self[key] = (value * 2**-halvings + amount, at)

    def values_now(self) -> dict[object, float]:
        return {key: value for key, (value, _) in self.items()}


def test_a_watch_of_a_post_without_tags_teaches_the_words_that_other_posts_bear_too(
    audience: Audience,
) -> None:
    viewer = uuid4()
    audience.add_posts(1, tags=["Cats"])
    (post,) = audience.add_posts(1, caption="The cats of Zorro")
    # Both at one time: what was learnt would lose a millionth of itself in 1.7 seconds.
    audience.record(viewer, [watch(post, 1.0, liked=True)], NOW)
    liking = 1 - NORM + 1
    assert tags(audience, viewer) == pytest.approx({"cats": liking}, abs=1e-6)
    audience.add_posts(1, caption="Zorro rides again")
    audience.record(viewer, [watch(post, 1.0, shared=True)], NOW)
    sharing = (1 - NORM + 1.5) / 2  # by two words now
    want = {"cats": liking + sharing, "zorro": sharing}
    assert tags(audience, viewer) == pytest.approx(want, abs=1e-6)


def test_tags_are_learnt_in_one_form_however_they_are_written(audience: Audience) -> None:
    viewer = uuid4()
    (post,) = audience.add_posts(1, tags=["Cats", "#CATS", "cats", "Caf\u00e9", "cafe\u0301"])
    audience.record(viewer, [watch(post, 1.0)])
    half = (1 - NORM) / 2
    assert tags(audience, viewer) == pytest.approx({"cats": half, "caf\u00e9": half}, abs=1e-6)


def test_affinity_adds_up_what_is_newly_given_and_halves_in_14_days(audience: Audience) -> None:
    draw = Random(5)  # noqa: S311  (no secret)
    viewer, owners = uuid4(), [uuid4() for _ in range(3)]
    posts: dict[UUID, tuple[UUID, list[str]]] = {}
    for number in range(6):
        owner, chosen = owners[number // 2], draw.sample(["cats", "dogs", "fish"], number % 4)
        (post,) = audience.add_posts(1, creator=owner, tags=[*chosen, *chosen[:1], ""])
        posts[post] = (owner, chosen)

    reference, by_creator, by_tag = ReferenceFigures(), Affinities(), Affinities()
    for days in (30, 12, 11.5, 0):
        at = NOW - timedelta(days=days)
        batch = [
            Watched(viewer, post, ms, DURATION_MS, *(draw.random() < 0.25 for _ in range(3)))
            for post, ms in zip(
                draw.choices(list(posts), k=8),
                draw.choices([2_000, 16_000, 20_000], k=8),
                strict=True,
            )
        ]
        rows = [
            watch(w.post, play_ms=w.play_ms, liked=w.liked, commented=w.commented, shared=w.shared)
            for w in batch
        ]
        audience.record(viewer, rows, at)
        for watched in batch:
            given = reference.given[viewer, watched.post]
            amount = (
                watched.ratio
                - NORM
                + (watched.liked and not given.liked)
                + (watched.commented and not given.commented)
                + 1.5 * (watched.shared and not given.shared)
            )
            reference.tell([watched])
            owner, chosen = posts[watched.post]
            by_creator.add(owner, amount, at)
            for tag in chosen:
                by_tag.add(tag, amount / len(chosen), at)
    assert creators(audience, viewer) == pytest.approx(by_creator.values_now())
    assert tags(audience, viewer) == pytest.approx(by_tag.values_now())


def test_affinity_stays_within_five_either_way(audience: Audience) -> None:
    viewer, creator, other = uuid4(), uuid4(), uuid4()
    liked = audience.add_posts(3, creator=creator, tags=["cats"])
    ignored = audience.add_posts(9, creator=other, tags=["dogs"])
    everything = {"liked": True, "commented": True, "shared": True}
    audience.record(viewer, [watch(post, 1.0, **everything) for post in liked])
    audience.record(viewer, [watch(post, 0.0) for post in ignored])
    audience.record(viewer, [watch(liked[0], 1.0)])
    assert creators(audience, viewer) == {creator: 5.0, other: -5.0}
    assert tags(audience, viewer) == {"cats": 5.0, "dogs": -5.0}


def test_only_ten_tags_of_a_post_are_learnt_from(audience: Audience) -> None:
    viewer = uuid4()
    names = [f"tag {n}" for n in range(12)]
    (post,) = audience.add_posts(1, tags=names)
    audience.record(viewer, [watch(post, 1.0)])
    assert tags(audience, viewer) == pytest.approx(dict.fromkeys(names[:10], 0.03))


def test_the_300_strongest_affinities_are_kept(audience: Audience) -> None:
    viewer = uuid4()
    audience.operator.execute(
        "INSERT INTO viewer_tag_affinity (user_id, tag, value, at)"
        " SELECT %s, 'old ' || n, n / 100.0 * CASE WHEN n %% 2 = 0 THEN 1 ELSE -1 END, now()"
        " FROM generate_series(1, 300) n",
        [viewer],
    )
    audience.operator.execute(
        "INSERT INTO viewer_creator_affinity (user_id, creator_id, value)"
        " SELECT %s, gen_random_uuid(), 0.5 FROM generate_series(1, 300)",
        [viewer],
    )
    (post,) = audience.add_posts(1, tags=["new a", "new b"])
    audience.record(viewer, [watch(post, 1.0)])
    kept = tags(audience, viewer)
    assert len(kept) == len(creators(audience, viewer)) == 300
    assert {"new a", "new b"} <= kept.keys()
    assert {"old 1", "old 2"}.isdisjoint(kept)


def test_what_is_half_watched_within_half_an_hour_after_another_goes_with_it(
    audience: Audience,
) -> None:
    viewer = uuid4()
    a, b, c, d, e = audience.add_posts(5)
    at = NOW - timedelta(hours=2)
    audience.record(viewer, [watch(a, 1.0), watch(b, 0.5), watch(c, 0.45)], at)
    audience.record(viewer, [watch(d, 1.0), watch(c, 1.0)], at + timedelta(minutes=20))
    audience.record(viewer, [watch(e, 1.0)], at + timedelta(minutes=35))
    audience.record(viewer, [watch(e, 1.0), watch(a, 0.2)], at + timedelta(minutes=36))
    rows = audience.rows(
        "SELECT post_id, after_posts FROM engagement_queue"
        " WHERE after_posts <> '{}' ORDER BY queue_no"
    )
    # The nearest first; at most three; a and b were too long ago for e.
    assert [(row["post_id"], row["after_posts"]) for row in rows] == [
        (b, [a]),
        (d, [b, a]),
        (c, [d, b, a]),
        (e, [c, d]),
    ]
    audience.roll_up()
    found = audience.rows("SELECT post_id, next_post_id FROM post_covisits")
    assert {(row["post_id"], row["next_post_id"]) for row in found} == {
        *((a, b), (b, d), (a, d), (d, c), (b, c), (a, c), (c, e), (d, e))
    }


def test_co_visits_are_scored_by_forward_decay_and_the_best_of_each_half_life_stay(
    audience: Audience,
) -> None:
    first, *others = audience.add_posts(41)
    times: dict[UUID, list[tuple[datetime, float]]] = {post: [] for post in others}
    for number, post in enumerate(others):
        at = NOW - timedelta(hours=number)
        for _ in range(2 if number % 2 else 1):
            viewer = uuid4()
            audience.record(viewer, [watch(first, 1.0), watch(post, FINISHED)], at)
            times[post].append((at, 1.0))
        if number % 10 == 9:
            audience.roll_up()
    rows = audience.rows("SELECT * FROM post_covisits")
    assert {row["post_id"] for row in rows} == {first}
    want = {post: hot(*at) for post, at in times.items()}
    # The strongest by a day's half-life, and those by two hours', which are the latest here.
    best = {*sorted(want, key=lambda post: want[post], reverse=True)[:24], *others[:16]}
    assert {row["next_post_id"]: row["score"] for row in rows} == pytest.approx(
        {post: want[post] for post in best}
    )


def test_a_post_that_adds_enough_counts_for_the_viewers_cohorts(audience: Audience) -> None:
    newcomer, fan, stranger = uuid4(), uuid4(), uuid4()
    for viewer in (newcomer, fan):
        audience.operator.execute(
            "INSERT INTO viewer_context (user_id, device, daypart) VALUES (%s, 'tv', 'late')",
            [viewer],
        )
    audience.operator.execute(
        "INSERT INTO viewer_tag_affinity (user_id, tag, value, at) VALUES"
        " (%(fan)s, 'faded', 2, now() - interval '28 days'), (%(fan)s, 'cats', 1, now()),"
        " (%(fan)s, 'never', -3, now()), (%(new)s, 'never', -1, now())",
        {"fan": fan, "new": newcomer},
    )
    full, brief, liked = audience.add_posts(3)
    batch = [watch(full, 0.95), watch(brief, 0.8), watch(liked, 0.5, liked=True)]
    for viewer in (newcomer, fan, stranger):
        batch = [{**row, "event_id": str(uuid4())} for row in batch]
        audience.record(viewer, batch, NOW)
        audience.record(viewer, [watch(full, 1.0)], NOW)  # adds too little
    audience.roll_up()
    rows = audience.rows("SELECT cohort, post_id, score FROM cohort_posts")
    assert {(row["cohort"], row["post_id"]): row["score"] for row in rows} == pytest.approx(
        {
            ("tv/late/", full): hot((NOW, 1.9)),
            ("tv/late/", liked): hot((NOW, 5.0)),
            ("tv/late/cats", full): hot((NOW, 0.95)),
            ("tv/late/cats", liked): hot((NOW, 2.5)),
        }
    )


def test_a_cohort_keeps_its_best_100_posts(audience: Audience) -> None:
    viewer = uuid4()
    audience.operator.execute(
        "INSERT INTO viewer_context (user_id, device, daypart) VALUES (%s, 'tv', 'late')", [viewer]
    )
    posts = audience.add_posts(120)
    for begin in range(0, 120, 40):
        batch = [watch(post, 0.9 + n / 1200) for n, post in enumerate(posts)]
        audience.record(viewer, batch[begin : begin + 40], NOW)
        audience.roll_up()
    rows = audience.rows("SELECT post_id FROM cohort_posts WHERE cohort = 'tv/late/'")
    assert {row["post_id"] for row in rows} == set(posts[20:])
