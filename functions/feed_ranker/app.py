"""The feed function: GET /v1/feed and POST /v1/impressions."""

from __future__ import annotations

import os
import time
from datetime import UTC, datetime
from functools import lru_cache
from typing import TYPE_CHECKING, Any

from aws_lambda_powertools import Logger

from functions.feed_ranker import impressions
from functions.feed_ranker.container import Container
from functions.feed_ranker.requests import FeedQuery, ImpressionBatch
from functions.feed_ranker.settings import FeedSettings
from shared.http import answer, create_app, parse_body, parse_query, request_id, viewer_of
from shared.settings import at_cold_start, load

if TYPE_CHECKING:
    from aws_lambda_powertools.event_handler import Response
    from aws_lambda_powertools.utilities.typing import LambdaContext

logger = Logger(service="feed_ranker")
app = create_app(logger)


@lru_cache(maxsize=1)
def container() -> Container:
    """What is kept from one request to the next; made at cold start."""
    return Container(load(FeedSettings, os.environ), logger)


if at_cold_start():
    container()


@app.get("/v1/feed")
def get_feed() -> Response[str]:
    """A page of the viewer's feed."""
    started = time.perf_counter()
    viewer = viewer_of(app.current_event)
    query = parse_query(FeedQuery, app.current_event)
    return answer(
        container().page(
            viewer,
            query,
            request_id(app),
            datetime.now(UTC),
            lambda: (time.perf_counter() - started) * 1000,
        )
    )


@app.post("/v1/impressions")
def post_impressions() -> Response[str]:
    """A batch of impressions."""
    viewer = viewer_of(app.current_event)
    batch = parse_body(ImpressionBatch, app.current_event, viewer)
    kept = container()
    return answer(
        impressions.record(
            kept.database,
            viewer,
            batch,
            now=datetime.now(UTC),
            cooldown=kept.cooldown,
            budget_s=kept.budget_s,
        )
    )


def lambda_handler(event: dict[str, Any], context: LambdaContext) -> dict[str, Any]:
    """Answer one API Gateway event."""
    return app.resolve(event, context)
