from collections import Counter

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from pydantic import ValidationError

from local.mux.fault_rules import seeded
from local.mux.records import Json
from local.mux.webhooks.events import envelope
from local.mux.webhooks.faults import MadeUpKind, WebhookFault, WebhookFaultKind, made_up, plan

NOW = 1_700_000_000.0


def event(kind: str = "video.asset.ready", **data: object) -> Json:
    about = {"type": "asset", "id": "a1"}
    return envelope(kind, about, {"id": "a1"} | data, NOW, seeded(5))


def test_without_rules_an_event_is_sent_once_and_at_once() -> None:
    (planned,) = plan(event(), [], NOW, seeded(1))
    assert (planned.delay, planned.held, planned.dropped) == (0, False, False)
    assert planned.event == event()


def test_a_duplicate_has_the_same_id_and_comes_later() -> None:
    rules = [WebhookFault(kind="duplicate", copies=2, seconds=3)]
    planned = plan(event(), rules, NOW, seeded(1))
    assert [p.delay for p in planned] == [0, 3, 6]
    assert {p.event["id"] for p in planned} == {event()["id"]}


def test_a_dropped_event_is_planned_as_never_sent() -> None:
    (planned,) = plan(event(), [WebhookFault(kind="drop")], NOW, seeded(1))
    assert planned.dropped


def test_a_delay_is_random_up_to_its_length() -> None:
    rules = [WebhookFault(kind="delay", seconds=10)]
    rng = seeded(1)
    delays = {plan(event(), rules, NOW, rng)[0].delay for _ in range(50)}
    assert len(delays) > 40
    assert all(0 <= delay <= 10 for delay in delays)


def test_omitted_fields_are_missing_from_what_is_sent_but_not_from_the_event_given() -> None:
    given_event = event(duration=5.0, playback_ids=[], upload_id="u", status="ready")
    (planned,) = plan(given_event, [WebhookFault(kind="omit", fields=["duration"])], NOW, seeded(1))
    assert "duration" not in planned.event["data"]
    assert planned.event["data"]["status"] == "ready"
    assert given_event["data"]["duration"] == 5.0


def test_a_rule_is_about_the_types_that_it_names() -> None:
    rules = [WebhookFault(kind="drop", types=["video.upload.*"])]
    assert not plan(event("video.asset.ready"), rules, NOW, seeded(1))[0].dropped
    assert plan(event("video.upload.created"), rules, NOW, seeded(1))[0].dropped


def test_a_rule_with_a_count_applies_exactly_that_often_after_what_it_skips() -> None:
    rules = [WebhookFault(kind="drop", count=2, skip=1)]
    dropped = [plan(event(), rules, NOW, seeded(1))[0].dropped for _ in range(5)]
    assert dropped == [False, True, True, False, False]


def test_a_fraction_applies_about_that_often_and_the_same_seed_gives_the_same_run() -> None:
    runs = []
    for _ in range(2):
        rng, rules = seeded(11), [WebhookFault(kind="drop", fraction=0.2)]
        runs.append([plan(event(), rules, NOW, rng)[0].dropped for _ in range(1000)])
    assert runs[0] == runs[1]
    assert 150 < sum(runs[0]) < 250


@pytest.mark.parametrize(
    ("kind", "sent"),
    [
        ("unknown", "video.asset.daydreamed"),
        ("live_stream", "video.live_stream.active"),
        ("stranger", "video.asset.ready"),
    ],
)
def test_made_up_events_come_along_and_are_about_nothing_of_ours(
    kind: MadeUpKind, sent: str
) -> None:
    own, other = plan(event(), [WebhookFault(kind=kind)], NOW, seeded(1))
    assert own.event == event()
    assert other.event["type"] == sent
    assert other.event["object"]["id"] != "a1"
    assert other.event.keys() == own.event.keys()
    assert made_up(kind, NOW, seeded(2))["id"] != made_up(kind, NOW, seeded(3))["id"]


def test_unknown_rules_are_refused() -> None:
    for rule in ({"kind": "shout"}, {"kind": "drop", "fraction": 2}, {"kind": "drop", "x": 1}):
        with pytest.raises(ValidationError):
            WebhookFault.model_validate(rule)


@settings(deadline=None)
@given(
    st.lists(st.sampled_from(["duplicate", "reorder", "delay", "unknown", "stranger"]), max_size=6),
    st.integers(),
)
def test_only_a_drop_rule_loses_an_event(kinds: list[WebhookFaultKind], seed: int) -> None:
    rules = [WebhookFault(kind=kind) for kind in kinds]
    planned = plan(event(), rules, NOW, seeded(seed))
    sent = Counter(p.event["id"] for p in planned if not p.dropped)
    assert sent[event()["id"]] == 1 + kinds.count("duplicate")
