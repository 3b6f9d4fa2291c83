"""Logs, metrics and traces: each function makes them here, so that they look alike.

Logs are JSON lines that carry the request's, the session's and the viewer's id. Metrics are
CloudWatch's embedded format in the namespace VroomFeed with the dimension `service`, one line an
invocation, also where it fails. Traces are X-Ray subsegments, one a stage.
"""

from __future__ import annotations

import functools
import hashlib
import logging
import os
import time
from contextlib import contextmanager
from typing import TYPE_CHECKING, Annotated, Any, Final, Literal
from uuid import UUID

from aws_lambda_powertools import Logger, Metrics
from aws_lambda_powertools.metrics import MetricUnit
from pydantic import AfterValidator

from shared.settings import RequestSettings, Secret

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Mapping

    from aws_lambda_powertools.tracing.base import BaseProvider
    from aws_lambda_powertools.utilities.typing import LambdaContext

    Handler = Callable[[dict[str, Any], LambdaContext], dict[str, Any]]

NAMESPACE: Final = "VroomFeed"
_SERVER_ERROR: Final = 500
_CLIENT_ERROR: Final = 400
_UNAVAILABLE: Final = 503
_NOT_DISABLED: Final = {"", "0", "false", "no", "off", "n", "f"}


def _known_level(name: str) -> str:
    if name.upper() not in logging.getLevelNamesMapping():
        raise ValueError("is not a log level")
    return name


class LogSettings(RequestSettings):
    """What is logged, and how viewers are named, by the names of the environment in lower case."""

    powertools_log_level: Annotated[str, AfterValidator(_known_level)] | None = None
    log_viewer_ids: Literal["hashed", "plain"] = "hashed"
    # Without one, whoever holds a list of ids can tell whose lines they are. The same for all
    # functions, so that a viewer's lines can be found together.
    log_id_salt: Secret | None = None

    def log_id(self, viewer: UUID) -> str:
        """The viewer as logs name them."""
        if self.log_viewer_ids == "plain":
            return str(viewer)
        salt = self.log_id_salt.get_secret_value() if self.log_id_salt else ""
        key = hashlib.blake2b(salt.encode()).digest()
        return hashlib.blake2b(viewer.bytes, digest_size=8, key=key).hexdigest()


class Telemetry:
    """The logs and metrics of one function. Outside of an invocation, figures fall away.

    Attributes:
        logger: For everybody in the function.
        metrics: For those that Powertools itself asks for them.
    """

    def __init__(
        self, service: str, operations: Mapping[str, str] | None = None, *, level: str | None = None
    ) -> None:
        """Set up for one function.

        Args:
            service: Its name.
            operations: Route keys and event sources, each with the name of its latency.
            level: The least level that is logged; POWERTOOLS_LOG_LEVEL where it is None.
        """
        self.logger = Logger(service=service, level=level or _level_for_now())
        self.metrics = Metrics(namespace=NAMESPACE, service=service)
        self._operations = operations or {}
        self._settings = LogSettings()
        self._event: Mapping[str, Any] | None = None
        self._invoked = False

    def configure(self, settings: LogSettings) -> None:
        """Take over how viewers are named, once the settings are known."""
        self._settings = settings
        self._name_viewer()

    def identify(self, **ids: object) -> None:
        """Put ids on every line of this invocation from now on."""
        self.logger.append_keys(**{name: str(value) for name, value in ids.items()})

    def _name_viewer(self) -> None:
        if self._event is None:
            return
        viewer = _viewer(self._event, self._settings.viewer_id_claim)
        if viewer is not None:
            self.identify(viewer=self._settings.log_id(viewer))

    def count(self, name: str, value: float = 1) -> None:
        """Add to a count of this invocation."""
        self._add(name, MetricUnit.Count, value)

    def milliseconds(self, name: str, value: float) -> None:
        """Note a duration of this invocation."""
        self._add(name, MetricUnit.Milliseconds, value)

    def _add(self, name: str, unit: MetricUnit, value: float) -> None:
        if self._invoked:
            self.metrics.add_metric(name=name, unit=unit, value=value)

    def handler(self, handle: Handler) -> Handler:
        """Wrap a Lambda handler: ids on its lines, its latency and outcome, one flush."""

        @functools.wraps(handle)
        def observed(event: dict[str, Any], context: LambdaContext) -> dict[str, Any]:
            started = time.perf_counter()
            self.logger.clear_state()
            self.identify(request_id=context.aws_request_id)
            self._event = event
            self._name_viewer()
            self._invoked = True
            try:
                result = handle(event, context)
                # One that raises is among Lambda's own Errors, which the alarm adds to these.
                self._count_outcome(int(result.get("statusCode", 0)))
                return result
            finally:
                called_by = str(event.get("routeKey") or event.get("source"))
                operation = self._operations.get(called_by, "Other")
                elapsed_ms = (time.perf_counter() - started) * 1000
                self.milliseconds(f"{operation}Latency", elapsed_ms)
                self._event, self._invoked = None, False

        flushed: Handler = self.metrics.log_metrics(observed, capture_cold_start_metric=True)
        return flushed

    def _count_outcome(self, status: int) -> None:
        self.count("ServerErrors", status >= _SERVER_ERROR)
        self.count("ClientErrors", _CLIENT_ERROR <= status < _SERVER_ERROR)
        if status == _UNAVAILABLE:
            self.count("Unavailable")


def _level_for_now() -> str | None:
    """None where Powertools can read its level itself: it would raise before settings name it."""
    given = os.environ.get("POWERTOOLS_LOG_LEVEL", "")
    return "INFO" if given and given.upper() not in logging.getLevelNamesMapping() else None


def _viewer(event: Mapping[str, Any], claim: str) -> UUID | None:
    """Whom the authorizer has let in; None where an event has no viewer."""
    try:
        return UUID(str(event["requestContext"]["authorizer"]["jwt"]["claims"][claim]))
    except (KeyError, TypeError, ValueError):
        return None


@contextmanager
def span(stage: str) -> Iterator[None]:
    """Time a stage as a subsegment of the invocation's trace, where X-Ray samples it."""
    if not _sampled():
        yield
        return
    with _recorder().in_subsegment(stage):
        yield


def _sampled() -> bool:
    """Whether this invocation is traced, and a daemon is there to take the trace."""
    # Most are not: this is asked for each stage, and reading the environment takes a while.
    return (
        "Sampled=1" in os.environ.get("_X_AMZN_TRACE_ID", "")
        and "AWS_XRAY_DAEMON_ADDRESS" in os.environ
        and os.environ.get("POWERTOOLS_TRACE_DISABLED", "").lower() in _NOT_DISABLED
    )


@functools.cache
def _recorder() -> BaseProvider:
    # Imported by the first request that is sampled: it takes a tenth of a second, which a cold
    # start whose request nobody traces is spared. Libraries are not patched: the stages say it.
    from aws_lambda_powertools import Tracer  # noqa: PLC0415

    return Tracer(auto_patch=False).provider
