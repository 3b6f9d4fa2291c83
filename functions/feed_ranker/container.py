"""Composition: the feed's parts, joined from its settings, and a request carried through them."""

from __future__ import annotations

from datetime import datetime, timedelta
from typing import TYPE_CHECKING, Any
from uuid import UUID, uuid4
from zoneinfo import ZoneInfo

from functions.feed_ranker import cursor
from functions.feed_ranker.answer import PlaybackUrls, render_posts
from functions.feed_ranker.builder import Builder
from functions.feed_ranker.cache import Cache
from functions.feed_ranker.cursor import Position
from functions.feed_ranker.exchange import FeedRequest, Served
from functions.feed_ranker.feed import Feed
from functions.feed_ranker.sources import Sources
from shared.dynamodb import SessionStore, connect
from shared.models import Moment, Source
from shared.postgres import Postgres
from shared.ranking import RankingConfig

if TYPE_CHECKING:
    from collections.abc import Callable

    from aws_lambda_powertools import Logger

    from functions.feed_ranker.requests import FeedQuery
    from functions.feed_ranker.settings import FeedSettings


class Container:
    """What one Lambda container keeps from request to request."""

    def __init__(self, settings: FeedSettings, logger: Logger) -> None:
        self.budget_s = settings.database_budget_ms / 1000
        self.cooldown = timedelta(days=settings.repeat_cooldown_days)
        self.database = Postgres(settings.database_url.get_secret_value())
        self._logger = logger
        self._secrets = [s.get_secret_value().encode() for s in settings.cursor_secret]
        self._urls = PlaybackUrls(settings.mux_stream_base_url, settings.mux_image_base_url)
        client = connect(settings.dynamodb_endpoint_url, settings.cache_budget_ms / 1000)
        store = SessionStore(client, settings.session_table)
        cache = Cache(store, settings.session_cache_ttl_seconds)
        self.feed = Feed(
            database=self.database,
            cache=cache,
            builder=Builder(
                Sources(self.database, self.cooldown, settings.fresh_window, self.budget_s),
                cache,
                RankingConfig(),
                settings.cooldown,
            ),
            exploration_rate=settings.exploration_rate,
            budget_s=self.budget_s,
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
        served = self.feed.page(
            FeedRequest(
                viewer=viewer,
                at=at,
                resumed=query.cursor is not None or query.session_id is not None,
                page_size=query.page_size,
                moment=_moment(query, now),
                request_id=request_id,
                elapsed_ms=elapsed_ms,
            )
        )
        self._log(served, at)
        return {
            "request_id": request_id,
            "session_id": str(at.session),
            "posts": render_posts(
                served.page, served.content, self._urls, self.feed.builder.ranking.weights
            ),
            "next_cursor": cursor.encode(served.page.after, viewer, self._secrets),
            "cache": "hit" if served.hit else "miss",
            "stale_cursor": served.stale,
            "degraded": served.degraded,
            "variant": self.feed.variant,
        }

    def _log(self, served: Served, at: Position) -> None:
        """One line a page; propensities stand in it, so that policies can be compared offline."""
        self._logger.info(
            "page served",
            session_id=str(at.session),
            page_no=at.page_no,
            cache_hit=served.hit,
            stale_cursor=served.stale,
            degraded=served.degraded,
            variant=self.feed.variant,
            explored=[
                {"post_id": str(p.post_id), "position": i, "propensity": p.propensity}
                for i, p in enumerate(served.page.posts)
                if p.source is Source.EXPLORE
            ],
            posts=len(served.page.posts),
        )


def _moment(query: FeedQuery, now: datetime) -> Moment:
    local = now.astimezone(ZoneInfo(query.timezone))
    return Moment(
        now=now,
        hour=local.hour + local.minute / 60,
        device=query.device,
        connection=query.connection,
    )
