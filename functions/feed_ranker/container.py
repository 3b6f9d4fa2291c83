"""Composition: the feed's parts, joined from its settings, and a request carried through them."""

from __future__ import annotations

import time
from dataclasses import asdict
from datetime import datetime, timedelta
from functools import partial
from typing import TYPE_CHECKING, Any
from uuid import UUID, uuid4
from zoneinfo import ZoneInfo

from functions.feed_ranker import upkeep
from functions.feed_ranker.feed.answer import render_posts
from functions.feed_ranker.feed.drafting import Drafter
from functions.feed_ranker.feed.executor import Feed
from functions.feed_ranker.feed.queue_builder import QueueBuilder
from functions.feed_ranker.feed.request import FeedRequest
from functions.feed_ranker.pages import cursor
from functions.feed_ranker.pages.cursor import Position
from functions.feed_ranker.playback import PlaybackTokens, PlaybackUrls
from functions.feed_ranker.requests import VIEWABLE_FRACTION, VIEWABLE_MS
from functions.feed_ranker.retrieval.candidates import Retrieval
from functions.feed_ranker.retrieval.flag_reader import FlagReader
from functions.feed_ranker.sessions.cache import SESSION_S, Cache
from functions.feed_ranker.sessions.ledger import Ledger
from functions.feed_ranker.sessions.session_store import SessionStore
from functions.feed_ranker.telemetry import FeedTelemetry
from functions.feed_ranker.viewer_data import ViewerData
from shared.dynamodb import connect
from shared.errors import UnavailableError
from shared.http import timestamp
from shared.models import Moment
from shared.postgres import Postgres
from shared.ranking_config import RankingConfig
from shared.variants import Policy

if TYPE_CHECKING:
    from collections.abc import Callable

    from functions.feed_ranker.requests import FeedQuery, SessionIn
    from functions.feed_ranker.settings import FeedSettings
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
        self._upkeep = settings.upkeep
        self._upkeep_budget_s = settings.upkeep_budget_s
        self.database = FlagReader(
            Postgres(settings.database_url.get_secret_value(), check_schema=True),
            Policy(exploration_rate=settings.exploration_rate),
            RankingConfig(),
            self.report.flag_fault,
        )
        self._secrets = [s.get_secret_value().encode() for s in settings.cursor_secret]
        self._urls = _playback_urls(settings)
        client = connect(settings.dynamodb_endpoint_url, settings.cache_budget_ms / 1000)
        store = SessionStore(client, settings.session_table, self.report.cache_failure)
        self.viewer_data = ViewerData(self.database, store)
        cache = Cache(store, settings.session_cache_ttl_seconds)
        retrieval = Retrieval(self.database, self.cooldown, settings.fresh_window, self.budget_s)
        ledger = Ledger(self.database, self.budget_s)
        builder = QueueBuilder(retrieval, ledger, self.database, settings.new_post_quota)
        self.feed = Feed(
            ledger=ledger,
            cache=cache,
            drafter=Drafter(builder, settings.cooldown),
            cooldown=self.cooldown,
        )

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
            moment=_moment(query, now),
            request_id=request_id,
            elapsed_ms=elapsed_ms,
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
        budget_s = min(seconds_left, self._upkeep_budget_s)
        begun = time.monotonic()
        done = asdict(upkeep.run(self.database, self._upkeep, budget_s))
        removed = done.pop("removed")
        self.report.work("RollUp", done)
        self.report.work("Removed", removed)
        self.report.mix(self.database.ranking.learnt_mix)
        left = budget_s - (time.monotonic() - begun)
        if left > 0 and (behind := upkeep.lag(self.database, left)) is not None:
            self.report.durations(asdict(behind))
        return {**done, "removed": removed}


def _moment(query: FeedQuery, now: datetime) -> Moment:
    local = now.astimezone(ZoneInfo(query.timezone))
    return Moment(
        now=now,
        hour=local.hour + local.minute / 60,
        device=query.device,
        connection=query.connection,
    )


def _playback_urls(settings: FeedSettings) -> PlaybackUrls:
    key, key_id = settings.mux_signing_key, settings.mux_signing_key_id
    tokens = PlaybackTokens(key_id, key, settings.mux_token_lifetime_s) if key and key_id else None
    return PlaybackUrls(settings.mux_stream_base_url, settings.mux_image_base_url, tokens)
