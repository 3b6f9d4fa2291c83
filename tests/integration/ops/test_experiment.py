"""An experiment's figures, against data whose figures are known."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING, Any, LiteralString
from uuid import UUID, uuid4

import psycopg
import pytest
from psycopg.types.json import Jsonb

from ops import experiment
from ops.experiment import NoExperimentError, report

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

    from tests.conftest import Database

Watch = tuple[UUID, float, bool]  # post, ratio, liked
POSTS = [UUID(int=n) for n in range(1, 10)]


@pytest.fixture
def owner(database: Database) -> Iterator[psycopg.Connection[Any]]:
    with psycopg.connect(database.admin_url, autocommit=True) as connection:
        yield connection


def put_flag(
    owner: psycopg.Connection[Any],
    name: str = "test",
    percentage: int = 50,
    metadata: object = None,
    *,
    hours: int = 48,
) -> None:
    owner.execute(
        "INSERT INTO feature_flags (name, enabled, rollout_percentage, metadata, updated_at)"
        " VALUES (%s, true, %s, %s, now() - make_interval(hours => %s))",
        [name, percentage, Jsonb(metadata or {"variant": "engagement_boost"}), hours],
    )


def shown(
    owner: psycopg.Connection[Any],
    viewer: UUID,
    variant: str | None,
    posts: Sequence[UUID],
    *,
    hours: int = 1,
) -> None:
    for post in posts:
        owner.execute(
            "INSERT INTO user_post_impressions (user_id, post_id, variant, seen_at, created_at)"
            " SELECT %s, %s, %s, at, at FROM (SELECT now() - make_interval(hours => %s)) t(at)",
            [viewer, post, variant, hours],
        )


def watched(
    owner: psycopg.Connection[Any],
    viewer: UUID,
    watches: Sequence[Watch],
    *,
    hours: int = 1,
    nth: int | None = 1,
) -> None:
    for post, ratio, liked in watches:
        owner.execute(
            "INSERT INTO watch_events (user_id, event_id, post_id, play_ms, duration_ms,"
            " watch_ratio, liked, commented, shared, replay, nth, created_at)"
            " VALUES (%s, gen_random_uuid(), %s, 1000, 1000, %s, %s, false, false, false, %s,"
            " now() - make_interval(hours => %s))",
            [viewer, post, ratio, liked, nth, hours],
        )


def test_viewers_are_the_unit(owner: psycopg.Connection[Any]) -> None:
    put_flag(owner)
    busy, idle, lurker = uuid4(), uuid4(), uuid4()
    shown(owner, busy, "engagement_boost", POSTS[:4])
    watched(owner, busy, [(post, 1.0, True) for post in POSTS[:4]])
    shown(owner, idle, "engagement_boost", POSTS[:1])
    watched(owner, idle, [(POSTS[0], 0.2, False)])
    shown(owner, lurker, "engagement_boost", POSTS[:2])
    boost, control = report(owner, "test", 30).arms
    assert (boost.variant, boost.viewers, boost.watching_viewers) == ("engagement_boost", 3, 2)
    assert boost.impressions == 7
    assert boost.watch_ratio == pytest.approx(0.6), "not 0.84, which is the mean over watches"
    assert boost.watch_ratio_sd == pytest.approx(0.4 * 2**0.5)
    assert boost.like_rate == pytest.approx(0.5)
    assert (control.variant, control.viewers, control.watch_ratio) == ("control", 0, None)


def test_a_post_counts_once_with_the_best_that_the_viewer_did(
    owner: psycopg.Connection[Any],
) -> None:
    put_flag(owner)
    viewer = uuid4()
    shown(owner, viewer, "control", [POSTS[0], POSTS[0], POSTS[1]])
    watched(owner, viewer, [(POSTS[0], 0.1, False), (POSTS[0], 0.9, True), (POSTS[1], 0.5, False)])
    control = report(owner, "test", 30).arms[-1]
    assert (control.impressions, control.watch_ratio, control.like_rate) == (3, 0.7, 0.5)


def test_only_what_the_experiment_showed_counts(owner: psycopg.Connection[Any]) -> None:
    put_flag(owner)
    viewer, other = uuid4(), uuid4()
    shown(owner, viewer, "control", POSTS[:1])
    watched(owner, viewer, [(POSTS[0], 0.4, False)])
    watched(owner, viewer, [(POSTS[1], 1.0, True)])  # never shown under an arm
    watched(owner, viewer, [(POSTS[0], 1.0, True)], nth=None)  # their own post
    watched(owner, viewer, [(POSTS[0], 1.0, True)], hours=72)  # before the flag
    shown(owner, viewer, "control", POSTS[2:3], hours=72)
    shown(owner, other, "another_experiments", POSTS[:3])
    shown(owner, other, None, POSTS[:3])
    boost, control = report(owner, "test", 30).arms
    assert (boost.viewers, control.viewers) == (0, 1)
    assert (control.impressions, control.watch_ratio, control.like_rate) == (1, 0.4, 0.0)


def test_viewers_who_met_several_variants_are_left_out_and_counted(
    owner: psycopg.Connection[Any],
) -> None:
    put_flag(owner)
    viewer = uuid4()
    shown(owner, viewer, "control", POSTS[:1])
    shown(owner, viewer, "engagement_boost", POSTS[:1])
    found = report(owner, "test", 30)
    assert [arm.viewers for arm in found.arms] == [0, 0]
    assert found.crossed == 1


def test_figures_begin_where_the_flags_last_changed_and_no_page_is_older(
    owner: psycopg.Connection[Any],
) -> None:
    put_flag(owner)
    put_flag(owner, "another", 50, {"owner": "somebody"}, hours=200)
    shown(owner, uuid4(), "control", POSTS[:1], hours=2)
    assert report(owner, "test", 30).arms[-1].viewers == 1
    owner.execute("UPDATE feature_flags SET rollout_percentage = 60 WHERE name = 'test'")
    assert report(owner, "test", 30).arms[-1].viewers == 0
    owner.execute("UPDATE feature_flags SET updated_at = now() - interval '3 hours'")
    assert report(owner, "test", 30).arms[-1].viewers == 1
    owner.execute("UPDATE feature_flags SET updated_at = now() - interval '2 hours 10 minutes'")
    assert report(owner, "test", 30).arms[-1].viewers == 0, "old queues may still have served"


def test_a_flag_written_as_it_was_has_not_changed(owner: psycopg.Connection[Any]) -> None:
    put_flag(owner)
    owner.execute("UPDATE feature_flags SET rollout_percentage = 50, enabled = true")
    recent = "SELECT count(*) FROM feature_flags WHERE updated_at > now() - interval '1 hour'"
    assert owner.execute(recent).fetchone() == (0,)


@pytest.mark.parametrize(
    ("boost", "control", "suspect"), [(50, 50, False), (60, 40, False), (90, 30, True)]
)
def test_the_sample_ratio_is_held_against_the_percentage(
    owner: psycopg.Connection[Any],
    boost: int,
    control: int,
    suspect: bool,  # noqa: FBT001  # a column of the table above
) -> None:
    put_flag(owner)
    for variant, count in (("engagement_boost", boost), ("control", control)):
        for _ in range(count):
            shown(owner, uuid4(), variant, POSTS[:1])
    p = report(owner, "test", 30).ratio_p
    assert p is not None
    assert (p < 0.001) is suspect


def test_without_a_control_there_is_no_ratio(owner: psycopg.Connection[Any]) -> None:
    put_flag(owner, percentage=100)
    shown(owner, uuid4(), "engagement_boost", POSTS[:1])
    assert report(owner, "test", 30).ratio_p is None


def test_a_flag_that_runs_no_experiment_has_no_report(owner: psycopg.Connection[Any]) -> None:
    put_flag(owner, "broken", 50, {"variant": "no_such_thing"})
    put_flag(owner, "plain", 50, {"owner": "somebody"})
    with pytest.raises(NoExperimentError, match="no_such_thing"):
        report(owner, "broken", 30)
    for name in ("plain", "unknown"):
        with pytest.raises(NoExperimentError, match="no enabled flag"):
            report(owner, name, 30)


def test_the_command_prints_the_figures_and_warns_of_what_is_off(
    owner: psycopg.Connection[Any],
    database: Database,
    capsys: pytest.CaptureFixture[str],
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setenv("COLUMNS", "200")
    put_flag(owner)
    for i in range(40):
        viewer = uuid4()
        shown(owner, viewer, "engagement_boost", POSTS[:1])
        watched(owner, viewer, [(POSTS[0], 0.5 + 0.01 * (i % 5), False)])
    for _ in range(2):
        shown(owner, uuid4(), "control", POSTS[:1])
    assert experiment.main(["test", "--database-url", database.admin_url]) == 0
    printed = re.sub(r"\s+", " ", capsys.readouterr().out)
    assert "0.5200 (0.5156" in printed
    assert "Sample ratio mismatch" in printed
    assert "Fewer than 30" in printed
    assert experiment.main(["unknown", "--database-url", database.admin_url]) == 1
    assert "no enabled flag" in capsys.readouterr().err


@pytest.mark.parametrize(
    "statement",
    [
        "SELECT FROM experiment_viewers('{control}', 'epoch')",
        "SELECT FROM experiment_figures('{control}', 'epoch')",
    ],
)
def test_only_operators_may_read_across_viewers(
    database: Database, statement: LiteralString
) -> None:
    for url in (database.app_url, database.webhook_url):
        with (
            psycopg.connect(url) as connection,
            pytest.raises(psycopg.errors.InsufficientPrivilege),
        ):
            connection.execute(statement)
