"""An application's videos come to Mux from where they lie: each once, whatever interrupts."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any
from uuid import UUID

import psycopg
import pytest
from rich.console import Console

from ops.adopt.apply import apply
from ops.adopt.inspection import RefusedError, inspect
from ops.adopt.mapping import Mapping, MappingError
from ops.adopt.videos import adopted
from ops.adopt.videos.ingest import ingest, show_cost, wanted_ingestion
from ops.adopt.videos.ingestion import Ingestion, Outcome
from ops.adopt.videos.settings import IngestionSettings
from shared.mux import (
    MuxBusyError,
    MuxNotSentError,
    MuxRefusedError,
    MuxUnknownOutcomeError,
)
from tests.integration.uploads.harness import LONG, VIDEO, Crash, CrashError, Fault, World

if TYPE_CHECKING:
    from collections.abc import Iterator

    from tests.conftest import Database

APP = """
CREATE TABLE public.clips (
  id bigint PRIMARY KEY, owner_id uuid NOT NULL DEFAULT gen_random_uuid(), url text, ms integer,
  created_at timestamptz NOT NULL DEFAULT now() - interval '90 days'
);
"""
MAPPING = Mapping.from_settings(
    {"POSTS": "public.clips", "CREATOR": "owner_id", "VIDEO_URL": "url", "DURATION_MS": "ms"}
)
SETTINGS = IngestionSettings(encoding_price=0.1, storage_price=0.01)


class CrashingConnection(psycopg.Connection[Any]):
    """A connection with a boundary before and after each statement."""

    crash: Crash | None = None

    def execute(self, *given: Any, **options: Any) -> Any:  # noqa: ANN401  # as psycopg's
        if self.crash is None:
            return super().execute(*given, **options)
        self.crash.boundary()
        cursor = super().execute(*given, **options)
        self.crash.boundary()
        return cursor


class App:
    """The application, its feed, and Mux."""

    def __init__(self, database: Database, world: World) -> None:
        self.world = world
        self.slept = 0.0
        self.url = database.admin_url
        self.owner = psycopg.connect(database.admin_url, autocommit=True)
        self.owner.execute(APP)
        assert apply(database.admin_url, MAPPING, Console(quiet=True))

    def add(self, *addresses: str) -> None:
        for address in addresses:
            self.owner.execute(
                "INSERT INTO clips (id, url) SELECT count(*) + 1, %s FROM clips", [address]
            )

    def sleep(self, seconds: float) -> None:
        """Let time pass without waiting."""
        self.slept += seconds
        self.owner.execute(
            "UPDATE mux_pace SET next_post_at = next_post_at - %s * interval '1 s'", [seconds]
        )

    def run(self, crash: Crash | None = None) -> Outcome:
        with CrashingConnection.connect(self.url, autocommit=True) as connection:
            adopted.note(connection, MAPPING, inspect(connection, MAPPING))
            connection.crash = crash
            return Ingestion(connection, self.world.mux, SETTINGS, self.sleep).run(lambda _: None)

    def ten_minutes_later(self) -> None:
        self.owner.execute(
            "UPDATE vroom_private.adopted_videos SET asked_at = asked_at - interval '11 minutes'"
        )

    def finish(self) -> None:
        """Mux fetches and encodes everything, and its events arrive."""
        for asset in self.world.mux_state.live_assets():
            self.world.mux_state.finish_asset(asset.id, VIDEO)
        self.world.deliver_new()

    def sources(self) -> list[str]:
        return [str(asset.passthrough) for asset in self.world.mux_state.live_assets()]

    def states(self) -> dict[str, int]:
        return adopted.states(self.owner)


@pytest.fixture
def world(database: Database) -> Iterator[World]:
    made = World(database)
    yield made
    made.close()


@pytest.fixture
def app(database: Database, world: World) -> Iterator[App]:
    made = App(database, world)
    yield made
    made.owner.close()


def test_videos_come_to_mux_and_are_shown_with_the_age_of_their_posts(app: App) -> None:
    app.add("https://cdn.example.com/1.mp4", "https://cdn.example.com/2.mp4")
    assert app.run() == Outcome(asked=2)
    assert app.world.rows("SELECT FROM post_stats WHERE eligible") == []
    assert app.states() == {"processing": 2}
    app.finish()
    assert app.states() == {"ready": 2}
    assert len(app.world.rows("SELECT FROM post_stats WHERE eligible")) == 2
    ages = app.world.rows("SELECT published_at = created_at AS kept FROM posts")
    assert ages == [{"kept": True}, {"kept": True}]
    addresses = {asset.input_url for asset in app.world.mux_state.live_assets()}
    assert addresses == {"https://cdn.example.com/1.mp4", "https://cdn.example.com/2.mp4"}
    assert app.run() == Outcome()
    assert len(app.sources()) == 2


def test_a_long_video_is_trimmed(app: App) -> None:
    app.add("https://cdn.example.com/long.mp4")
    app.run()
    (asset,) = app.world.mux_state.live_assets()
    app.world.mux_state.finish_asset(asset.id, LONG)
    app.world.deliver_new()
    app.world.sweep_until_done()
    (post,) = app.world.rows("SELECT mux_ready, mux_duration_ms FROM posts")
    assert post == {"mux_ready": True, "mux_duration_ms": 180_000}


def test_killed_at_any_point_it_goes_on_and_asks_for_no_video_twice(app: App) -> None:
    at = 0
    while True:
        at += 1
        app.add(f"https://cdn.example.com/{at}-a.mp4", f"https://cdn.example.com/{at}-b.mp4")
        crash = Crash(at=at)
        app.world.mux.crash = crash
        try:
            app.run(crash)
        except CrashError:
            app.world.mux.crash = Crash()
            app.run()
            app.ten_minutes_later()
            app.run()
        else:
            break
    assert at > 10
    app.finish()
    posts = [str(row["id"]) for row in app.world.rows("SELECT id FROM posts")]
    assert sorted(app.sources()) == sorted(posts)
    assert app.states() == {"ready": 2 * at}


def test_a_lost_answer_is_found_in_mux_s_list(app: App) -> None:
    app.add("https://cdn.example.com/1.mp4", "https://cdn.example.com/2.mp4")
    app.world.mux.faults = [Fault("create_asset", MuxUnknownOutcomeError, done=True)]
    assert app.run() == Outcome(asked=1, found=1)
    assert len(app.sources()) == 2


def test_a_lost_request_is_sent_again_only_when_mux_had_time_to_show_it(app: App) -> None:
    app.add("https://cdn.example.com/1.mp4")
    app.world.mux.faults = [Fault("create_asset", MuxUnknownOutcomeError)]
    assert app.run() == Outcome(unsure=1)
    assert app.run() == Outcome(unsure=1)
    app.ten_minutes_later()
    assert app.run() == Outcome(asked=1)
    assert len(app.sources()) == 1


def test_an_event_tells_what_a_lost_answer_did_not(app: App) -> None:
    app.add("https://cdn.example.com/1.mp4")
    app.world.mux.faults = [
        Fault("create_asset", MuxUnknownOutcomeError, done=True),
        Fault("list_assets", MuxNotSentError),
    ]
    with pytest.raises(MuxNotSentError):
        app.run()
    app.world.deliver_new()
    assert app.run() == Outcome(found=1)
    assert len(app.sources()) == 1


def test_a_busy_mux_is_asked_again_and_one_that_is_gone_ends_the_run(app: App) -> None:
    app.add("https://cdn.example.com/1.mp4")
    app.world.mux.faults = [
        Fault("create_asset", MuxBusyError),
        Fault("create_asset", MuxNotSentError),
    ]
    assert app.run() == Outcome(asked=1)
    app.add("https://cdn.example.com/2.mp4")
    app.world.mux.faults = [Fault("create_asset", MuxNotSentError) for _ in range(8)]
    with pytest.raises(MuxNotSentError):
        app.run()
    assert app.run() == Outcome(asked=1)


def test_wrong_credentials_end_the_run_and_cost_no_video(app: App) -> None:
    app.add("https://cdn.example.com/1.mp4")
    app.world.mux.faults = [Fault("create_asset", lambda: MuxRefusedError(401, "unauthorized"))]
    with pytest.raises(RefusedError, match="Mux refuses the credentials"):
        app.run()
    assert app.states() == {"waiting": 1}
    assert app.world.rows("SELECT FROM uploads") == []
    assert app.run() == Outcome(asked=1)


def test_requests_keep_to_the_rate_that_is_set(app: App) -> None:
    app.add(*(f"https://cdn.example.com/{n}.mp4" for n in range(10)))
    app.run()
    assert app.slept >= 9 / SETTINGS.ingest_per_s


def test_failures_are_listed_and_a_mended_address_is_taken(app: App) -> None:
    app.add("http://169.254.169.254/x", "https://cdn.example.com/broken.mp4", "", "https://[::1]/")
    app.world.mux.faults = [Fault("create_asset", lambda: MuxRefusedError(400, "no such input"))]
    assert app.run() == Outcome(refused=1)
    assert app.states() == {"refused": 3}
    assert {url: why for _, url, why in adopted.failed(app.owner, 9)} == {
        "http://169.254.169.254/x": "its host is not public",
        "https://cdn.example.com/broken.mp4": "Mux: no such input",
        "https://[::1]/": "its host is not public",
    }
    app.owner.execute("UPDATE clips SET url = 'https://cdn.example.com/x.mp4' WHERE id = 1")
    assert app.run() == Outcome(asked=1)
    (asset,) = app.world.mux_state.live_assets()
    app.world.mux_state.fail_asset(asset.id, "The input could not be downloaded")
    app.world.deliver_new()
    told = [why for _, url, why in adopted.failed(app.owner, 9) if url.endswith("/x.mp4")]
    assert told == ["not_a_video: The input could not be downloaded"]


def test_posts_that_are_gone_or_ready_are_left_alone(app: App) -> None:
    app.add(*(f"https://cdn.example.com/{n}.mp4" for n in range(3)))
    with psycopg.connect(app.url, autocommit=True) as connection:
        adopted.note(connection, MAPPING, inspect(connection, MAPPING))
    app.owner.execute("DELETE FROM clips WHERE id = 1")
    app.owner.execute(
        "UPDATE posts SET mux_ready = true, mux_playback_id = 'p' WHERE id ="
        " vroom_private.adopted_id('post', '2')"
    )
    assert app.run() == Outcome(asked=1)
    third = app.owner.execute("SELECT vroom_private.adopted_id('post', '3')").fetchone()
    assert third is not None
    assert [UUID(source) for source in app.sources()] == [third[0]]


def test_the_cost_is_told_first_and_nothing_happens_without_prices(app: App) -> None:
    app.add("https://cdn.example.com/1.mp4", "file:///etc/passwd\x1b[2J")
    console = Console(record=True, width=200, file=None, quiet=False)
    with console.capture(), pytest.raises(MappingError, match=r"DURATION_MS.*MINUTES_PER_VIDEO"):
        show_cost(app.owner, MAPPING, SETTINGS, console)
    app.owner.execute("UPDATE clips SET ms = 90000")
    with console.capture() as shown:
        show_cost(app.owner, MAPPING, SETTINGS, console)
    text = shown.get()
    assert "1 videos, 2 minutes to encode" in text
    assert "$0.15 once and $0.01 a month" in text
    assert "1 addresses are refused" in text
    assert r"file:///etc/passwd\x1b[2J" in text
    with pytest.raises(MappingError, match="needs ENCODING_PRICE"):
        ingest(app.owner, MAPPING, IngestionSettings(), console)
    with pytest.raises(MappingError, match="needs VIDEO_URL"):
        wanted_ingestion(Mapping.from_settings({"POSTS": "clips"}), {"INGEST": "1"})
