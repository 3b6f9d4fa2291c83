"""Uploads on real Postgres, with the stand-in's state in Mux's place and no HTTP between them."""

from __future__ import annotations

import json
import random
import threading
import time
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any, TypeVar
from uuid import UUID, uuid4

import psycopg
from psycopg.rows import dict_row

from functions.create_upload.requests import UploadRequest
from functions.create_upload.settings import UploadSettings
from functions.create_upload.store import UploadStore
from functions.create_upload.uploads import Uploads
from functions.mux_webhook import signature
from functions.mux_webhook.budget import Budget
from functions.mux_webhook.steps import Stepper
from functions.mux_webhook.store import WebhookStore
from functions.mux_webhook.sweep import Sweep, SweepResult
from functions.mux_webhook.webhook import Webhook
from local.mux import errors as state_errors
from local.mux.records import Media
from local.mux.state.mux_state import MuxState
from shared import mux as shared_mux
from shared import mux_client
from shared.postgres import Postgres, Statement

if TYPE_CHECKING:
    from collections.abc import Callable

    from functions.mux_webhook.store import UploadSnapshot
    from shared.errors import UnavailableError
    from shared.mux import AssetSettings, Json
    from tests.conftest import Database

T = TypeVar("T")

SECRET = "whsec of the tests"
STREAM = "https://stream.example"
VIDEO = Media(duration=20.0, width=64, height=36, aspect_ratio="16:9", channels=1)
LONG = VIDEO.model_copy(update={"duration": 200.0})
CLIPPED = VIDEO.model_copy(update={"duration": 180.04})
AUDIO = Media(duration=20.0, channels=1)
CAP_MS = 180_000


class CrashError(BaseException):
    """The process ends here."""


@dataclass
class Crash:
    """Ends the process at the n-th boundary between two steps, once; None = never."""

    at: int | None = None
    passed: int = 0

    def boundary(self) -> None:
        self.passed += 1
        if self.passed == self.at:
            raise CrashError


@dataclass
class Fault:
    """What happens to the next call of a method of Mux, and whether it is done all the same."""

    method: str
    error: type[UnavailableError] | Callable[[], Exception]
    done: bool = False


@dataclass
class StateMux:
    """Mux as the functions see it, over the stand-in's state."""

    mux_state: MuxState
    crash: Crash = field(default_factory=Crash)
    faults: list[Fault] = field(default_factory=list)
    calls: list[str] = field(default_factory=list)
    lock: threading.Lock = field(default_factory=threading.Lock)

    def create_upload(
        self, settings: AssetSettings, *, cors_origin: str, timeout_s: int, budget_s: float
    ) -> Json:
        body = {
            "timeout": timeout_s,
            "cors_origin": cors_origin,
            "new_asset_settings": settings.fields(),
        }
        return self._call(
            "create_upload", lambda: self.mux_state.create_upload(body).view(), budget_s
        )

    def get_upload(self, upload_id: str, *, budget_s: float) -> Json | None:
        return self._or_none(
            "get_upload", lambda: self.mux_state.upload(upload_id).view(), budget_s
        )

    def list_uploads(self, page: int, limit: int, *, budget_s: float) -> list[Json]:
        def listed() -> list[Json]:
            found = [self.mux_state.upload(key).view() for key in reversed(self.mux_state.uploads)]
            return found[(page - 1) * limit : page * limit]

        return self._call("list_uploads", listed, budget_s)

    def cancel_upload(self, upload_id: str, *, budget_s: float) -> bool:
        try:
            self._call("cancel_upload", lambda: self.mux_state.cancel_upload(upload_id), budget_s)
        except shared_mux.MuxRefusedError:
            return False
        return True

    def create_clip(
        self, settings: AssetSettings, source_asset_id: str, end_s: float, *, budget_s: float
    ) -> Json:
        url = f"mux://assets/{source_asset_id}"
        body = settings.fields() | {"inputs": [{"url": url, "start_time": 0.0, "end_time": end_s}]}
        return self._call("create_clip", lambda: self.mux_state.create_asset(body).view(), budget_s)

    def create_asset(self, settings: AssetSettings, url: str, *, budget_s: float) -> Json:
        body = settings.fields() | {"inputs": [{"url": url}]}
        return self._call(
            "create_asset", lambda: self.mux_state.create_asset(body).view(), budget_s
        )

    def get_asset(self, asset_id: str, *, budget_s: float) -> Json | None:
        return self._or_none("get_asset", lambda: self.mux_state.asset(asset_id).view(), budget_s)

    def list_assets(self, page: int, limit: int, *, budget_s: float) -> list[Json]:
        def listed() -> list[Json]:
            found = [asset.view() for asset in self.mux_state.live_assets()]
            return found[(page - 1) * limit : page * limit]

        return self._call("list_assets", listed, budget_s)

    def delete_asset(self, asset_id: str, *, budget_s: float) -> bool:
        try:
            self._call("delete_asset", lambda: self.mux_state.delete_asset(asset_id), budget_s)
        except shared_mux.MuxRefusedError as error:
            return error.code == 404
        return True

    def _or_none(self, method: str, act: Callable[[], T], budget_s: float) -> T | None:
        try:
            return self._call(method, act, budget_s)
        except shared_mux.MuxRefusedError as error:
            if error.code == 404:
                return None
            raise

    def _call(self, method: str, act: Callable[[], T], budget_s: float) -> T:
        assert budget_s > 0
        self.crash.boundary()
        with self.lock:
            self.calls.append(method)
            fault = next((f for f in self.faults if f.method == method), None)
            if fault is not None:
                self.faults.remove(fault)
                if fault.done:
                    act()
                raise fault.error()
            try:
                done = act()
            except state_errors.MuxError as error:
                raise mux_client.error_of_status(error.status, str(error)) from error
        self.crash.boundary()
        return done


@dataclass
class CrashingDatabase:
    """Postgres, with a boundary before and after each transaction."""

    inner: Postgres
    crash: Crash

    def run(self, *statements: Statement, viewer: UUID | None, budget_s: float) -> list[list[Any]]:
        self.crash.boundary()
        found = self.inner.run(*statements, viewer=viewer, budget_s=budget_s)
        self.crash.boundary()
        return found


class World:
    """One Mux account, one database, and the functions between them."""

    def __init__(self, database: Database) -> None:
        # Ids must differ between the worlds of one database.
        self.mux_state = MuxState(clock=time.time, rng=random.Random())  # noqa: S311 - no secret
        self.crash = Crash()
        self.mux = StateMux(self.mux_state, self.crash)
        self.snapshots: list[UploadSnapshot] = []
        # Nobody else asks at the same time; a test with several sweeps at once waits for the call.
        self.patience_s = 0
        self.admin: psycopg.Connection[dict[str, Any]] = psycopg.connect(
            database.admin_url, autocommit=True, row_factory=dict_row
        )
        self._app = Postgres(database.app_url)
        self._webhook = Postgres(database.webhook_url)
        settings = UploadSettings.model_validate(
            {
                "database_url": database.app_url,
                "mux_token_id": "id",
                "mux_token_secret": "secret",
                "mux_post_per_s": 1000,  # tests do not wait for turns
                "mux_wait_ms": 50,
            }
        )
        self.uploads = Uploads(
            UploadStore(CrashingDatabase(self._app, self.crash), 10), self.mux, settings
        )
        self.store = WebhookStore(CrashingDatabase(self._webhook, self.crash), STREAM, 10)

    def close(self) -> None:
        for database in (self._app, self._webhook, self.admin):
            database.close()

    # What people and Mux do

    def begin(self, viewer: UUID | None = None, **request: object) -> tuple[UUID, str]:
        """A new upload: the post, and the id of Mux's upload."""
        asked = UploadRequest.model_validate({"size_bytes": 1000, **request})
        made = self.uploads.create(viewer or uuid4(), asked)
        return UUID(made["post_id"]), made["upload_id"]

    def process(self, upload_id: str, media: Media | None) -> str:
        """The file arrives and is processed; None = it is broken. The asset's id."""
        asset = self.mux_state.complete_upload(upload_id)
        if media is None:
            self.mux_state.fail_asset(asset.id, "Input file does not contain a video")
        else:
            self.mux_state.finish_asset(asset.id, media)
        return asset.id

    def finish_clips(self, media: Media | None = CLIPPED) -> None:
        for asset in self.mux_state.live_assets():
            if asset.source_asset_id and asset.status == "preparing":
                if media is None:
                    self.mux_state.fail_asset(asset.id, "encoder broke")
                else:
                    self.mux_state.finish_asset(asset.id, media)

    # What the functions do

    def deliver(self, event: dict[str, Any]) -> UploadSnapshot | None:
        body = json.dumps(event).encode()
        now = int(time.time())
        return self.webhook().receive(signature.sign(SECRET, body, now), body)

    def deliver_new(self, since: int = 0) -> int:
        """Deliver the events since the `since`-th until there are no more; how many there are."""
        while since < len(self.mux_state.events):
            self.deliver(self.mux_state.events[since])
            since += 1
        return since

    def webhook(self) -> Webhook:
        return Webhook([SECRET], self._stepper(include_polling=False), time.time, lambda _: None)

    def sweep(self, **changes: int) -> SweepResult:
        sweep: dict[str, int] = {
            "max_rows": 1000,
            "max_playback_checks": 0,
            "check_every_s": 86_400,
            "lease_s": 0,
            "give_up_s": 86_400,
        } | changes
        stepper = self._stepper(include_polling=True)
        return Sweep(stepper, **sweep).run()

    def sweep_until_done(self, max_rounds: int = 20) -> None:
        """Sweep, with the waits between two looks left out, until nothing is left to be done."""
        for _ in range(max_rounds):
            self.make_due()
            self.sweep()
            self.finish_clips()
            if not self.rows("SELECT FROM uploads WHERE next_check_at IS NOT NULL"):
                return
        raise AssertionError(self.rows("SELECT * FROM uploads WHERE next_check_at IS NOT NULL"))

    def sweep_until_done_but(self, post_id: UUID) -> None:
        """The same, but for one upload that still waits."""
        for _ in range(20):
            self.make_due()
            self.sweep()
            self.finish_clips()
            left = self.rows("SELECT post_id FROM uploads WHERE next_check_at IS NOT NULL")
            if [row["post_id"] for row in left] == [post_id]:
                return
        raise AssertionError(left)

    def make_due(self) -> None:
        self.admin.execute(
            "UPDATE uploads SET next_check_at = now() WHERE next_check_at IS NOT NULL"
        )

    # What is so

    def rows(self, query: str, *params: object) -> list[dict[str, Any]]:
        return self.admin.execute(query.encode(), params).fetchall()

    def post(self, post_id: UUID) -> dict[str, Any] | None:
        return next(iter(self.rows("SELECT * FROM posts WHERE id = %s", post_id)), None)

    def upload(self, post_id: UUID) -> dict[str, Any]:
        (row,) = self.rows("SELECT * FROM uploads WHERE post_id = %s", post_id)
        return row

    def state(self, post_id: UUID) -> tuple[str, str | None]:
        row = self.upload(post_id)
        return row["state"], row["reason"]

    def live(self, post_id: UUID) -> list[str]:
        """Ids of the post's assets that Mux bills for."""
        return [a.id for a in self.mux_state.live_assets() if a.passthrough == str(post_id)]

    def clips(self, post_id: UUID) -> int:
        """How many clips Mux was ever asked for."""
        return sum(
            a.passthrough == str(post_id) and a.source_asset_id is not None
            for a in self.mux_state.assets.values()
        )

    def _stepper(self, *, include_polling: bool) -> Stepper:
        budget = Budget(ends_at=time.monotonic() + 600, longest_call_s=5)
        patience_s, snapshot = self.patience_s, self.snapshots.append
        return Stepper(self.store, self.mux, budget, "basic", patience_s, include_polling, snapshot)
