"""The feed function: pages, what viewers did and asked for, and the upkeep of all that."""

from __future__ import annotations

import gc
import os
import time
from datetime import UTC, datetime
from functools import lru_cache
from http import HTTPStatus
from typing import TYPE_CHECKING, Any

from functions.feed_ranker.container import Container
from functions.feed_ranker.requests import (
    FeedbackIn,
    FeedQuery,
    ImpressionBatch,
    SessionIn,
    WatchBatch,
)
from functions.feed_ranker.settings import FeedSettings
from shared.http import answer, create_app, parse_body, parse_query, request_id, viewer_of
from shared.observability import Telemetry
from shared.settings import at_cold_start, load
from shared.snapshot import renew_after_restore

if TYPE_CHECKING:
    from uuid import UUID

    from aws_lambda_powertools.event_handler import Response
    from aws_lambda_powertools.utilities.typing import LambdaContext

telemetry = Telemetry(
    "feed_ranker",
    {
        "POST /v1/sessions": "Session",
        "GET /v1/feed": "Feed",
        "POST /v1/impressions": "Impressions",
        "POST /v1/watch-progress": "WatchProgress",
        "POST /v1/feedback": "Feedback",
        "GET /v1/me/data": "ExportViewer",
        "DELETE /v1/me": "EraseViewer",
        "DELETE /v1/me/history": "ResetViewer",
        "aws.events": "Upkeep",
        "aws.scheduler": "Upkeep",
    },
)
app = create_app(telemetry.logger)

_TIMEZONE = "Vroom-Timezone"  # which one was taken: clients name zones that there are not
_SPARE_S = 2.0  # of the function's time, to end the upkeep in order
_NEW_OBJECTS = 10_000  # that are left before the garbage collector looks for cycles among them


@lru_cache(maxsize=1)
def container() -> Container:
    """Return what is kept from one request to the next; it is made at cold start."""
    return Container(load(FeedSettings, os.environ), telemetry)


# A page makes a few thousand objects at once and leaves next to none behind. By default the
# collector would look through the young ones several times for each page, and now and then through
# all of them.
gc.set_threshold(_NEW_OBJECTS)
if at_cold_start():
    container()
    renew_after_restore(container)


@app.get("/v1/feed")
def get_feed() -> Response[str]:
    """Answer a page of the viewer's feed."""
    started = time.perf_counter()
    viewer = _viewer()
    query = parse_query(FeedQuery, app.current_event)
    response = answer(
        container().page(
            viewer,
            query,
            request_id(app),
            datetime.now(UTC),
            lambda: (time.perf_counter() - started) * 1000,
        )
    )
    response.headers[_TIMEZONE] = query.timezone
    return response


@app.post("/v1/sessions")
def post_sessions() -> Response[str]:
    """Start a session, and write its first page."""
    started = time.perf_counter()
    viewer = _viewer()
    wanted = parse_body(SessionIn, app.current_event, viewer, optional=True)
    response = answer(
        container().start_session(
            viewer,
            wanted,
            request_id(app),
            datetime.now(UTC),
            lambda: (time.perf_counter() - started) * 1000,
        ),
        HTTPStatus.CREATED,
    )
    response.headers[_TIMEZONE] = wanted.timezone
    return response


@app.post("/v1/impressions")
def post_impressions() -> Response[str]:
    """Take in a batch of impressions."""
    viewer = _viewer()
    batch = parse_body(ImpressionBatch, app.current_event, viewer)
    kept = container()
    kept.telemetry.identify(session_id=batch.session_id)
    return answer(kept.take_impressions(viewer, batch, request_id(app), datetime.now(UTC)))


@app.post("/v1/watch-progress")
def post_watch_progress() -> Response[str]:
    """Take in a batch of watches."""
    viewer = _viewer()
    batch = parse_body(WatchBatch, app.current_event, viewer)
    return answer(container().take_watches(viewer, batch, request_id(app), datetime.now(UTC)))


@app.post("/v1/feedback")
def post_feedback() -> Response[str]:
    """Take in that a viewer refuses a post, hides a creator or reports one, or takes that back."""
    viewer = _viewer()
    given = parse_body(FeedbackIn, app.current_event, viewer)
    return answer(container().take_feedback(viewer, given, datetime.now(UTC)))


@app.get("/v1/me/data")
def get_my_data() -> Response[str]:
    """Answer all that is kept of the viewer."""
    return answer(container().viewer_data.export(_viewer(), datetime.now(UTC)))


@app.delete("/v1/me/history")
def delete_my_history() -> Response[str]:
    """Forget the viewer's history."""
    return answer(container().viewer_data.reset(_viewer()))


@app.delete("/v1/me")
def delete_me() -> Response[str]:
    """Erase all that is kept of the viewer."""
    return answer(container().viewer_data.erase(_viewer()))


def _viewer() -> UUID:
    return viewer_of(app.current_event, container().viewer_claim)


@telemetry.handler
def lambda_handler(event: dict[str, Any], context: LambdaContext) -> dict[str, Any]:
    """Answer an event of API Gateway v2; on an event of EventBridge do the upkeep."""
    if event.get("source") in {"aws.events", "aws.scheduler"}:
        return container().upkeep(context.get_remaining_time_in_millis() / 1000 - _SPARE_S)
    return app.resolve(event, context)
