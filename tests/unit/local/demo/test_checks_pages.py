from __future__ import annotations

from dataclasses import replace

import pytest

from local.demo import checks_pages as checks
from tests.unit.local.demo.building import broken, entry, page, post_id

BEFORE = page([entry(n) for n in range(4)])
PROBLEM = {"status": 400, "errors": [{"field": "cursor", "message": "is not yours"}]}


def test_a_replay_that_differs_is_found() -> None:
    assert checks.same_page(BEFORE, page([entry(n) for n in range(4)]), "").holds
    assert not checks.same_page(BEFORE, page([entry(n) for n in (1, 0, 2, 3)]), "").holds
    assert not checks.same_page(BEFORE, replace(BEFORE, next_cursor="another"), "").holds


@pytest.mark.parametrize(
    ("status", "problem"),
    [(200, PROBLEM), (500, PROBLEM), (400, {"status": 400}), (400, {"errors": [{"field": "x"}]})],
)
def test_a_cursor_that_is_not_refused_as_such_is_found(
    status: int, problem: dict[str, object]
) -> None:
    assert not checks.refused(status, problem, "").holds
    assert checks.refused(400, PROBLEM, "").holds


def test_a_mended_page_is_full_without_the_removed_post_and_else_the_same() -> None:
    after = page([entry(n) for n in (0, 9, 2, 3)])
    assert broken(checks.refilled(BEFORE, after, post_id(1), {post_id(7)})) == set()


def test_a_removed_post_that_is_still_there_is_found() -> None:
    assert broken(checks.refilled(BEFORE, BEFORE, post_id(1), ())) == {
        "a removed post is gone from a replayed page",
        "a refilled page else stays as it was",
    }


def test_a_mended_page_that_is_short_reordered_or_repeats_is_found() -> None:
    short = page([entry(n) for n in (0, 2, 3)])
    reordered = page([entry(n) for n in (0, 9, 3, 2)])
    repeating = page([entry(n) for n in (0, 7, 2, 3)])
    refilled, same = "a replayed page is refilled", "a refilled page else stays as it was"
    assert broken(checks.refilled(BEFORE, short, post_id(1), ())) == {refilled}
    assert broken(checks.refilled(BEFORE, reordered, post_id(1), ())) == {same}
    assert broken(checks.refilled(BEFORE, repeating, post_id(1), {post_id(7)})) == {refilled}


def test_a_degraded_page_has_its_word_and_repeats_nothing() -> None:
    degraded = replace(BEFORE, degraded="cache")
    assert checks.degraded_page(degraded, "cache", (), "").holds
    assert not checks.degraded_page(BEFORE, "cache", (), "").holds
    assert not checks.degraded_page(degraded, None, (), "").holds
    assert not checks.degraded_page(degraded, "cache", {post_id(1)}, "").holds
    assert not checks.degraded_page(replace(degraded, posts=()), "cache", (), "").holds


@pytest.mark.parametrize(
    ("status", "headers", "right"),
    [
        (503, {"retry-after": "1"}, True),
        (503, {}, False),
        (503, {"retry-after": "soon"}, False),
        (200, {"retry-after": "1"}, False),
    ],
)
def test_unavailable_means_503_and_when_to_come_back(
    status: int, headers: dict[str, str], *, right: bool
) -> None:
    assert checks.unavailable(status, headers, {"status": status}).holds == right


def test_events_that_are_not_accepted_are_found() -> None:
    assert checks.acknowledged({"accepted": 2, "rejected": []}, 2).holds
    assert not checks.acknowledged({"accepted": 1, "rejected": []}, 2).holds
    assert not checks.acknowledged({"accepted": 2, "rejected": [{"index": 0}]}, 2).holds


def test_an_acknowledged_impression_that_is_gone_is_found() -> None:
    acknowledged = {post_id(1), post_id(2)}
    assert checks.nothing_lost(acknowledged, acknowledged).holds
    assert not checks.nothing_lost(acknowledged, {post_id(1)}).holds
    assert not checks.nothing_lost(acknowledged, {post_id(1), post_id(3)}).holds


@pytest.mark.parametrize(
    ("states", "last", "right"),
    [
        (["waiting", "processing", "trimming", "ready"], "ready", True),
        (["waiting", "failed"], "failed", True),
        (["waiting", "processing"], "ready", False),
        (["waiting", "trimming", "processing", "ready"], "ready", False),
        ([], "ready", False),
    ],
)
def test_states_that_go_back_or_do_not_arrive_are_found(
    states: list[str], last: str, *, right: bool
) -> None:
    assert checks.upload_states(states, last).holds == right


def test_a_failure_without_a_reason_is_found() -> None:
    assert checks.failed_with_reason({"state": "failed", "reason": "no video"}).holds
    assert not checks.failed_with_reason({"state": "failed", "reason": None}).holds
    assert not checks.failed_with_reason({"state": "ready", "reason": "no video"}).holds


def test_a_stream_of_another_length_is_found() -> None:
    assert checks.plays("a video", 180.04, 180).holds
    assert not checks.plays("a video", 199.9, 180).holds


@pytest.mark.parametrize(
    ("duration_ms", "right"), [(180_000, True), (None, False), (200_000, False), (20_000, False)]
)
def test_a_published_video_is_as_long_as_it_should_be(
    duration_ms: int | None, *, right: bool
) -> None:
    assert checks.published("a video", duration_ms, 180, 180_000).holds == right


def test_assets_that_are_left_over_or_lacking_are_found() -> None:
    source, clip = {"id": "a"}, {"id": "b", "source_asset_id": "a"}
    assert checks.assets_left("a video", [clip], clips=1, own=0).holds
    assert not checks.assets_left("a video", [clip, source], clips=1, own=0).holds
    assert not checks.assets_left("a video", [clip, clip], clips=1, own=0).holds
    assert not checks.assets_left("a video", [], clips=0, own=1).holds
