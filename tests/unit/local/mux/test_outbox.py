from dataclasses import dataclass, field
from itertools import pairwise

import pytest

from local.mux.fault_rules import seeded
from local.mux.records import Json
from local.mux.settings import Tunables
from local.mux.webhooks.events import envelope
from local.mux.webhooks.faults import WebhookFault
from local.mux.webhooks.outbox import Delivery, Outbox


@dataclass
class Desk:
    now: float = 1_700_000_000.0
    kept: dict[int, str] = field(default_factory=dict)
    tunables: Tunables = field(
        default_factory=lambda: Tunables(webhook_url="http://receiver.test", retry_first=2)
    )

    def __post_init__(self) -> None:
        self.outbox = Outbox(lambda: self.now, seeded(1), self.tunables, self.keep)
        self.rng = seeded(2)

    def keep(self, delivery: Delivery) -> None:
        self.kept[delivery.id] = delivery.model_dump_json()

    def event(self) -> Json:
        about = {"type": "asset", "id": "a"}
        return envelope("video.asset.ready", about, {"id": "a"}, self.now, self.rng)


@pytest.fixture
def desk() -> Desk:
    return Desk()


def test_a_taken_webhook_is_done(desk: Desk) -> None:
    (delivery,) = desk.outbox.add(desk.event())
    assert desk.outbox.due() == [delivery]
    desk.outbox.record(delivery, 204)
    assert delivery.state == "delivered"
    assert not desk.outbox.pending()


@pytest.mark.parametrize("status", [None, 199, 301, 400, 401, 500])
def test_anything_but_a_2xx_is_retried(desk: Desk, status: int | None) -> None:
    (delivery,) = desk.outbox.add(desk.event())
    desk.outbox.record(delivery, status, "no")
    assert delivery.state == "pending"
    assert desk.outbox.due() == []
    desk.now += 2
    assert desk.outbox.due() == [delivery]


def test_delays_grow_and_after_a_day_it_is_given_up(desk: Desk) -> None:
    (delivery,) = desk.outbox.add(desk.event())
    tried = []
    while delivery.state == "pending":
        desk.now = delivery.due
        tried.append(desk.now)
        desk.outbox.record(delivery, 500)
        assert len(tried) < 200
    gaps = [later - earlier for earlier, later in pairwise(tried)]
    assert gaps == sorted(gaps)
    assert gaps[:3] == [2, 4, 8]
    assert max(gaps) == 3600
    assert delivery.state == "given_up"
    assert 86_400 - 3600 < tried[-1] - tried[0] <= 86_400


def test_the_envelope_carries_the_attempts_so_far_of_its_event(desk: Desk) -> None:
    event = desk.event()
    (delivery,) = desk.outbox.add(event)
    assert desk.outbox.payload(delivery) == event
    desk.outbox.record(delivery, 500, "oh no")
    (attempt,) = desk.outbox.payload(delivery)["attempts"]
    assert (attempt["response_status_code"], attempt["response_body"]) == (500, "oh no")
    desk.outbox.record(delivery, 200)
    again = desk.outbox.send_again(event["id"])
    assert again is not None
    assert len(desk.outbox.payload(again)["attempts"]) == 2
    assert desk.outbox.payload(again) | {"attempts": []} == event


def test_an_unknown_event_cannot_be_sent_again(desk: Desk) -> None:
    assert desk.outbox.send_again("nothing") is None


def test_a_reordered_event_waits_until_the_next_one_was_sent(desk: Desk) -> None:
    desk.outbox.rules.append(WebhookFault(kind="reorder", count=1, seconds=60))
    (first,) = desk.outbox.add(desk.event())
    assert desk.outbox.due() == []
    (second,) = desk.outbox.add(desk.event())
    assert desk.outbox.due() == [second]
    desk.outbox.record(second, 200)
    assert desk.outbox.due() == [first]


def test_a_reordered_event_without_a_next_one_is_sent_in_the_end(desk: Desk) -> None:
    desk.outbox.rules.append(WebhookFault(kind="reorder", seconds=60))
    (delivery,) = desk.outbox.add(desk.event())
    desk.now += 60
    assert desk.outbox.due() == [delivery]


def test_a_dropped_event_is_in_the_books_but_never_due(desk: Desk) -> None:
    desk.outbox.rules.append(WebhookFault(kind="drop"))
    (delivery,) = desk.outbox.add(desk.event())
    desk.now += 1e6
    assert desk.outbox.due() == []
    assert desk.outbox.deliveries[delivery.id].state == "dropped"


def test_release_makes_everything_due(desk: Desk) -> None:
    desk.outbox.rules.append(WebhookFault(kind="duplicate", seconds=100))
    desk.outbox.add(desk.event())
    assert len(desk.outbox.due()) == 1
    assert len(desk.outbox.release()) == len(desk.outbox.due()) == 2


def test_what_was_kept_goes_on_in_another_outbox(desk: Desk) -> None:
    (done,) = desk.outbox.add(desk.event())
    desk.outbox.record(done, 200)
    (open_one,) = desk.outbox.add(desk.event())
    other = Outbox(lambda: desk.now, seeded(1), desk.tunables)
    other.restore(Delivery.model_validate_json(text) for text in desk.kept.values())
    assert [delivery.id for delivery in other.pending()] == [open_one.id]
    (added,) = other.add(desk.event())
    assert added.id == 3
