from collections import Counter

import pytest

from tests.integration.local.mux.running import Receiver, Running


def test_a_refused_webhook_is_retried_and_shows_its_attempts(
    mux: Running, receiver: Receiver
) -> None:
    receiver.answers.extend([500, 503])
    mux.create_upload()
    assert mux.settle() == {"settled": True, "pending": 0}
    bodies = [received.event for received in receiver.received]
    assert [len(event["attempts"]) for event in bodies] == [0, 1, 2]
    assert [a["response_status_code"] for a in bodies[2]["attempts"]] == [500, 503]
    assert len({event["id"] for event in bodies}) == 1


def test_a_webhook_without_an_answer_is_retried(mux: Running, receiver: Receiver) -> None:
    mux.control("settings", {"answer_timeout": 0.1}, "PATCH")
    receiver.answers.append(0)
    mux.create_upload()
    while not mux.settle()["settled"]:
        continue
    (webhook,) = mux.state()["webhooks"]
    *unanswered, last = [attempt["response_status_code"] for attempt in webhook["attempts"]]
    # On a busy machine a later answer may be late, too.
    assert unanswered
    assert set(unanswered) == {None}
    assert (last, webhook["state"]) == (200, "delivered")


def test_a_receiver_that_is_gone_leaves_webhooks_pending(mux: Running, receiver: Receiver) -> None:
    mux.control("settings", {"webhook_url": "http://127.0.0.1:9/", "retry_first": 60}, "PATCH")
    mux.create_upload()
    assert mux.settle() == {"settled": False, "pending": 1}
    mux.control("settings", {"webhook_url": receiver.url}, "PATCH")
    assert mux.control("flush") == {"delivered": 1, "failed": 0, "pending": 0}
    assert receiver.types() == ["video.upload.created"]


def test_without_an_address_webhooks_wait(mux: Running, receiver: Receiver) -> None:
    mux.control("settings", {"webhook_url": ""}, "PATCH")
    mux.create_upload()
    assert mux.control("flush") == {"delivered": 0, "failed": 0, "pending": 1}
    mux.control("settings", {"webhook_url": receiver.url}, "PATCH")
    mux.settle()
    assert receiver.types() == ["video.upload.created"]


def test_duplicates_come_with_the_same_id(mux: Running, receiver: Receiver) -> None:
    mux.control("webhook-faults", {"kind": "duplicate", "seconds": 60})
    mux.create_upload()
    mux.settle()
    first, second = (received.event for received in receiver.received)
    assert first["id"] == second["id"]


def test_an_event_can_be_delivered_once_more_after_it_was_taken(
    mux: Running, receiver: Receiver
) -> None:
    mux.create_upload()
    mux.settle()
    mux.control("redeliver", {"event_id": receiver.received[0].event["id"]})
    mux.settle()
    first, second = (received.event for received in receiver.received)
    assert len(second["attempts"]) == 1
    assert second | {"attempts": []} == first


def test_dropped_events_never_come_but_are_in_the_books(mux: Running, receiver: Receiver) -> None:
    mux.control("webhook-faults", {"kind": "drop", "count": 2})
    for _ in range(3):
        mux.create_upload()
    mux.settle()
    assert receiver.types() == ["video.upload.created"]
    states = Counter(webhook["state"] for webhook in mux.state()["webhooks"])
    assert states == {"dropped": 2, "delivered": 1}


def test_a_reordered_event_comes_after_the_next_one(mux: Running, receiver: Receiver) -> None:
    mux.control("webhook-faults", {"kind": "reorder", "count": 1, "seconds": 600})
    first, second = mux.create_upload(), mux.create_upload()
    while len(receiver.received) < 2:
        continue
    ids = [received.event["data"]["id"] for received in receiver.received]
    assert ids == [second.id, first.id]


@pytest.mark.parametrize("kind", ["unknown", "live_stream", "stranger"])
def test_made_up_events_are_sent_signed_like_all_others(
    mux: Running, receiver: Receiver, kind: str
) -> None:
    event = mux.control("events", {"kind": kind})
    mux.settle()
    (received,) = receiver.received
    assert received.event == event
    assert received.headers["mux-signature"].startswith("t=")


def test_any_event_can_be_made_up(mux: Running, receiver: Receiver) -> None:
    mux.control("events", {"type": "video.asset.ready", "data": {"id": "a", "duration": None}})
    mux.settle()
    (received,) = receiver.received
    assert received.event["object"] == {"type": "asset", "id": "a"}
    assert received.event["data"] == {"id": "a", "duration": None}
