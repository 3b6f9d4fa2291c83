"""Composition: the feed's parts, joined from its settings, and a request carried through them."""

from __future__ import annotations

import time
from dataclasses import asdict
from datetime import datetime, timedelta
from functools import partial
from typing import TYPE_CHECKING, Any
from uuid import UUID, uuid4

from functions.feed_ranker import upkeep
from functions.feed_ranker.events import feedback, impressions, watch_progress
from functions.feed_ranker.feed.answer import render_posts
from functions.feed_ranker.feed.drafting import Drafter
from functions.feed_ranker.feed.executor import Feed
from functions.feed_ranker.feed.preparing import Preparer
from functions.feed_ranker.feed.queue_builder import QueueBuilder
from functions.feed_ranker.feed.request import FeedRequest
from functions.feed_ranker.pages import cursor
from functions.feed_ranker.pages.cursor import Position
from functions.feed_ranker.requests import VIEWABLE_FRACTION, VIEWABLE_MS
from functions.feed_ranker.retrieval.candidates import Retrieval
from functions.feed_ranker.retrieval.flag_reader import FlagReader
from functions.feed_ranker.sessions.cache import SESSION_S, Cache
from functions.feed_ranker.sessions.ledger import Ledger
from functions.feed_ranker.sessions.prepared import PreparedQueues, WithPace
from functions.feed_ranker.sessions.session_store import SessionStore
from functions.feed_ranker.telemetry import FeedTelemetry
from functions.feed_ranker.viewer_data import ViewerData
from shared.dynamodb import connect, with_budget
from shared.errors import UnavailableError
from shared.http import timestamp
from shared.models import Moment
from shared.postgres import OptionalWork, Postgres
from shared.ranking_config import RankingConfig
from shared.variants import Policy

if TYPE_CHECKING:
    from collections.abc import Callable

    from functions.feed_ranker.pages.pace import Pace
    from functions.feed_ranker.requests import (
        FeedbackIn,
        FeedQuery,
        ImpressionBatch,
        SessionIn,
        WatchBatch,
    )
    from functions.feed_ranker.settings import FeedSettings
    from shared.dynamodb import DynamoDB
    from shared.observability import Telemetry


class Container:
    """What one Lambda container keeps from request to request."""

    def __init__(self, settings: FeedSettings, telemetry: Telemetry) -> None:
        telemetry.configure(settings)
        self.telemetry = telemetry
        self.viewer_claim = settings.viewer_id_claim
        self.report = FeedTelemetry(telemetry)
        self.budget_s = settings.database_budget_ms / 1000
        self.cooldown = timedelta(days=settings.repeat_cooldown_days)
        self._settings = settings
        postgres = Postgres(settings.database_url.get_secret_value(), check_schema=True)
        self.database = FlagReader(
            postgres,
            Policy(exploration_rate=settings.exploration_rate),
            RankingConfig(),
            self.report.flag_fault,
        )
        self._secrets = [s.get_secret_value().encode() for s in settings.cursor_secret]
        self._urls = settings.playback_urls
        client = connect(settings.dynamodb_endpoint_url, settings.cache_budget_ms / 1000)
        store = SessionStore(client, settings.session_table, self.report.cache_failure)
        self.viewer_data = ViewerData(self.database, store)
        cache = Cache(store, settings.session_cache_ttl_seconds)
        retrieval = Retrieval(self.database, self.cooldown, settings.fresh_window, self.budget_s)
        ledger = Ledger(self.database, self.budget_s)
        builder = QueueBuilder(retrieval, ledger, self.database, settings.new_post_quota)
        self._preparer = self._new_preparer(settings, postgres, client, cache.ttl_s)
        self.feed = Feed(
            ledger=ledger,
            cache=cache,
            drafter=Drafter(builder, settings.cooldown),
            cooldown=self.cooldown,
        )

    def _new_preparer(
        self, settings: FeedSettings, postgres: Postgres, client: DynamoDB, ttl_s: int
    ) -> Preparer | None:
        if not (budget_s := settings.prepare_budget_ms / 1000):
            return None
        database, table = OptionalWork(postgres), settings.session_table
        client, on_failure = with_budget(client, budget_s / 4), self.report.cache_failure
        retrieval = Retrieval(database, self.cooldown, settings.fresh_window, budget_s)
        ledger = Ledger(database, budget_s)
        return Preparer(
            builder=QueueBuilder(retrieval, ledger, self.database, settings.new_post_quota),
            queues=PreparedQueues(client, table, database, budget_s, ttl_s, on_failure),
            cache=Cache(SessionStore(client, table, on_failure), ttl_s),
            cooldown=settings.cooldown,
            budget_s=budget_s,
            on_ranked=self.report.decided,
        )

    def take_impressions(
        self, viewer: UUID, batch: ImpressionBatch, request_id: str, now: datetime
    ) -> dict[str, Any]:
        """Record a batch of impressions, then prepare the session's next queue where it is time.

        Raises:
            DatabaseUnavailableError: Nothing was recorded, as far as one can tell; send it again.
        """
        database = WithPace(self.database, viewer, session=batch.session_id, post=None)
        done = impressions.record(database, viewer, batch, budget_s=self.budget_s)
        self.report.batch("Impressions", done)
        self._prepare(viewer, database.pace, request_id, now)
        return done

    def take_watches(
        self, viewer: UUID, batch: WatchBatch, request_id: str, now: datetime
    ) -> dict[str, Any]:
        """Record a batch of watches, then prepare the session's next queue where it is time.

        Raises:
            DatabaseUnavailableError: Nothing was recorded, as far as one can tell; send it again.
        """
        database = WithPace(self.database, viewer, session=None, post=batch.last_post)
        of_own = self.report.self_views
        done = watch_progress.record(
            database, viewer, batch, now=now, budget_s=self.budget_s, on_self_views=of_own
        )
        self.report.batch("Watches", done)
        self._prepare(viewer, database.pace, request_id, now)
        return done

    def take_feedback(self, viewer: UUID, given: FeedbackIn, now: datetime) -> dict[str, Any]:
        """Take in that a viewer refuses a post, hides a creator or reports one, or takes it back.

        Raises:
            NotFoundError: There is no such post or creator.
            DatabaseUnavailableError: Nothing changed, as far as one can tell; send it again.
        """
        done = feedback.give(
            self.database, viewer, given, budget_s=self.budget_s, cache=self.feed.cache, now=now
        )
        self.report.feedback(done)
        return done

    def _prepare(self, viewer: UUID, pace: Pace | None, request_id: str, now: datetime) -> None:
        if pace is None or self._preparer is None:
            return
        asked = pace.asked
        moment = Moment.local(now, asked.timezone, asked.device, asked.connection)
        if outcome := self._preparer.prepare(viewer, pace, moment, request_id):
            self.report.preparation(outcome)

    def page(
        self,
        viewer: UUID,
        query: FeedQuery,
        request_id: str,
        now: datetime,
        elapsed_ms: Callable[[], float],
    ) -> dict[str, Any]:
        """Answer one request for a page.

        Raises:
            InvalidInputError: The cursor is not one of this viewer and session.
            UnavailableError: No part that holds a page answers.
        """
        if query.cursor is not None:
            at = cursor.decode(query.cursor, viewer, query.session_id, self._secrets)
        else:
            at = Position(session=query.session_id or uuid4())
        self.telemetry.identify(session_id=at.session)
        request = FeedRequest(
            viewer=viewer,
            at=at,
            resumed=query.cursor is not None or query.session_id is not None,
            page_size=query.page_size,
            moment=Moment.local(now, query.timezone, query.device, query.connection),
            request_id=request_id,
            elapsed_ms=elapsed_ms,
            timezone=query.timezone,
        )
        try:
            served = self.feed.page(request)
        except UnavailableError as error:
            self.report.no_page(at, error.reason)
            raise
        self.report.page(at, served)
        return {
            "request_id": request_id,
            "session_id": str(at.session),
            "posts": render_posts(
                served.page,
                served.content,
                partial(self._urls.of, now_s=now.timestamp()),
                served.page.policy.weights,
            ),
            "next_cursor": cursor.encode(served.page.after, viewer, self._secrets),
            "cache": "hit" if served.from_cache else "miss",
            "stale_cursor": served.queue_expired,
            "degraded": served.degraded,
            "variant": served.page.policy.variant,
        }

    def start_session(
        self,
        viewer: UUID,
        wanted: SessionIn,
        request_id: str,
        now: datetime,
        elapsed_ms: Callable[[], float],
    ) -> dict[str, Any]:
        """Start a session and write its first page, which the next request then finds.

        Raises:
            UnavailableError: No part that holds a page answers.
        """
        page = self.page(viewer, wanted.first_page, request_id, now, elapsed_ms)
        return {
            "session_id": page["session_id"],
            "expires_at": timestamp(now + timedelta(seconds=SESSION_S)),
            "server_time": timestamp(now),
            "cooldown_days": self.cooldown.days,
            "viewability": {"fraction": VIEWABLE_FRACTION, "dwell_ms": VIEWABLE_MS},
            "variant": page["variant"],
        }

    def upkeep(self, seconds_left: float) -> dict[str, Any]:
        """Run the roll-up and retention within `seconds_left`, and return what they did.

        Raises:
            DatabaseUnavailableError: No answer in time; the next run goes on.
        """
        budget_s = min(seconds_left, self._settings.upkeep_budget_s)
        begun = time.monotonic()
        done = asdict(upkeep.run(self.database, self._settings.upkeep, budget_s))
        removed = done.pop("removed")
        self.report.work("RollUp", done)
        self.report.work("Removed", removed)
        self.report.learnt(self.database.ranking)
        left = budget_s - (time.monotonic() - begun)
        if left > 0:
            self.report.durations(upkeep.server_durations(self.database, left))
        return {**done, "removed": removed}
