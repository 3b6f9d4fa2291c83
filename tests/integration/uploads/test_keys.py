"""An Idempotency-Key: one post and one upload, whatever is lost on the way."""

from __future__ import annotations

import itertools
from typing import Any
from uuid import UUID, uuid4

import pytest

from functions.create_upload.errors import InProgressError, KeyReusedError
from functions.create_upload.requests import UploadRequest, idempotency_key
from shared.errors import DatabaseUnavailableError
from shared.mux import MuxError, MuxUnknownOutcomeError
from tests.integration.uploads.harness import VIDEO, CrashError, Fault, World


def ask(world: World, viewer: UUID, key: str = "k", **changes: object) -> dict[str, Any]:
    request = UploadRequest.model_validate({"size_bytes": 1000, **changes})
    return world.uploads.create(viewer, request, key=idempotency_key(key, request))


def let_time_pass(world: World) -> None:
    """Let the time be over in which the former request may still ask Mux."""
    world.admin.execute("UPDATE uploads SET making_until = now() - interval '1 second'")


def assert_one(world: World, made: dict[str, Any]) -> None:
    posts = [str(row["id"]) for row in world.rows("SELECT id FROM posts")]
    waiting = [u.id for u in world.mux_state.uploads.values() if u.status == "waiting"]
    assert (posts, waiting) == ([made["post_id"]], [made["upload_id"]])


def test_the_same_key_makes_one_upload_and_another_key_another(world: World) -> None:
    viewer = uuid4()
    made = ask(world, viewer)
    assert ask(world, viewer) == made
    assert_one(world, made)
    with pytest.raises(KeyReusedError):
        ask(world, viewer, size_bytes=1001)
    assert ask(world, viewer, "other")["post_id"] != made["post_id"]
    assert ask(world, uuid4())["post_id"] != made["post_id"]


def test_a_request_that_ends_between_any_two_steps_is_gone_on_with(world: World) -> None:
    for crash_at in itertools.count(1):
        viewer = uuid4()
        world.crash.at, world.crash.passed = crash_at, 0
        try:
            ask(world, viewer)
        except CrashError:
            world.uploads.store.database.inner.close()  # type: ignore[attr-defined]
            world.crash.at = None
        else:
            assert crash_at > 8, "two boundaries for each of four steps at least"
            return
        let_time_pass(world)
        made = ask(world, viewer)
        assert ask(world, viewer) == made
        assert_one(world, made)
        world.admin.execute("TRUNCATE posts, uploads")
        for upload in world.mux_state.uploads.values():
            upload.status = "cancelled"


@pytest.mark.parametrize("is_found", [True, False])
def test_an_answer_that_mux_lost_is_found_by_the_next_request(
    world: World, *, is_found: bool
) -> None:
    viewer = uuid4()
    world.mux.faults = [Fault("create_upload", MuxUnknownOutcomeError, done=True)]
    if not is_found:
        world.mux.faults.append(Fault("list_uploads", MuxUnknownOutcomeError))
        with pytest.raises(MuxError):
            ask(world, viewer)
    assert_one(world, ask(world, viewer))


def test_a_request_under_way_holds_its_key(world: World) -> None:
    viewer = uuid4()
    world.mux.faults = [Fault("create_upload", KeyboardInterrupt)]  # type: ignore[arg-type]
    with pytest.raises(KeyboardInterrupt):
        ask(world, viewer)
    with pytest.raises(InProgressError):
        ask(world, viewer)
    let_time_pass(world)
    assert_one(world, ask(world, viewer))


def test_the_sweep_leaves_a_request_alone_that_is_under_way(world: World) -> None:
    viewer = uuid4()
    world.mux.faults = [Fault("create_upload", KeyboardInterrupt)]  # type: ignore[arg-type]
    with pytest.raises(KeyboardInterrupt):
        ask(world, viewer)
    world.admin.execute("UPDATE uploads SET created_at = now() - interval '1 hour'")
    world.make_due()
    world.sweep()
    let_time_pass(world)
    assert_one(world, ask(world, viewer))


@pytest.mark.parametrize("is_answered", [True, False])
def test_a_request_that_goes_on_while_the_sweep_looks_for_its_upload_keeps_it(
    world: World, monkeypatch: pytest.MonkeyPatch, *, is_answered: bool
) -> None:
    viewer = uuid4()
    broken = Fault("create_upload", KeyboardInterrupt)  # type: ignore[arg-type]
    world.mux.faults = [broken]
    with pytest.raises(KeyboardInterrupt):
        ask(world, viewer)
    (post,) = world.rows("SELECT id FROM posts")
    world.admin.execute("UPDATE uploads SET making_until = now() - interval '5 minutes'")
    world.make_due()
    list_uploads = world.mux.list_uploads

    def overtaken(page: int, limit: int, *, budget_s: float) -> list[dict[str, Any]]:
        found = list_uploads(page, limit, budget_s=budget_s)
        monkeypatch.setattr(world.mux, "list_uploads", list_uploads)
        if is_answered:
            ask(world, viewer)
        else:
            world.mux.faults = [broken]
            with pytest.raises(KeyboardInterrupt):
                ask(world, viewer)
        return found

    monkeypatch.setattr(world.mux, "list_uploads", overtaken)
    world.sweep()
    let_time_pass(world)
    made = ask(world, viewer)
    assert made["post_id"] == str(post["id"])
    assert_one(world, made)


def test_a_key_is_free_when_its_time_is_over_or_its_upload_came_to_nothing(world: World) -> None:
    viewer = uuid4()
    first = ask(world, viewer)
    world.admin.execute("UPDATE uploads SET key_until = now()")
    second = ask(world, viewer)
    assert second["post_id"] != first["post_id"]
    world.mux.faults = [Fault("create_upload", KeyboardInterrupt)]  # type: ignore[arg-type]
    with pytest.raises(KeyboardInterrupt):
        ask(world, viewer, "lost")
    world.admin.execute("UPDATE uploads SET making_until = now() - interval '5 minutes'")
    world.make_due()
    world.sweep()
    assert ask(world, viewer, "lost")["post_id"] != second["post_id"]


def test_the_answer_stays_the_same_after_the_file_has_arrived(world: World) -> None:
    viewer = uuid4()
    made = ask(world, viewer)
    world.process(made["upload_id"], VIDEO)
    world.deliver_new()
    assert ask(world, viewer) == made


def test_an_answer_that_postgres_lost_is_given_again(world: World) -> None:
    viewer = uuid4()
    store = world.uploads.store

    def lost(*arguments: Any, **named: Any) -> bool:  # noqa: ANN401  # passes on whatever comes
        type(store).confirm(store, *arguments, **named)
        raise DatabaseUnavailableError

    uploads = world.uploads

    class Losing:
        """The store, whose answer to confirm is lost."""

        confirm = staticmethod(lost)

        def __getattr__(self, name: str) -> object:
            return getattr(store, name)

    object.__setattr__(uploads, "store", Losing())
    with pytest.raises(DatabaseUnavailableError):
        ask(world, viewer)
    object.__setattr__(uploads, "store", store)
    assert_one(world, ask(world, viewer))
