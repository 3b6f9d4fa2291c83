"""Call Mux's API through mux_python. No other module imports it.

mux_python is imported when the first call is made. Most webhooks and every bad signature are
answered without a call, and the import takes about 0.2 s.
"""

from __future__ import annotations

import threading
from http import HTTPStatus
from typing import TYPE_CHECKING, Any, TypeVar

from shared.mux import (
    MuxBusyError,
    MuxError,
    MuxNotSentError,
    MuxRefusedError,
    MuxUnknownOutcomeError,
)
from shared.observability import span

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping

    from shared.mux import AssetSettings, Json

T = TypeVar("T")

_MAX_CONNECT_S = 1.0
_MAX_MESSAGE = 500


class MuxClient:
    """Call Mux through mux_python, without retries: the caller decides what to repeat."""

    def __init__(self, base_url: str, token_id: str, token_secret: str) -> None:
        self._base_url = base_url.rstrip("/")
        self._credentials = (token_id, token_secret)
        self._lock = threading.Lock()
        self._apis: tuple[Any, Any] | None = None

    def create_upload(
        self, settings: AssetSettings, *, cors_origin: str, timeout_s: int, budget_s: float
    ) -> Json:
        """Create a direct upload, whose file has to arrive within `timeout_s` seconds."""
        body = {
            "timeout": timeout_s,
            "cors_origin": cors_origin,
            "new_asset_settings": settings.fields(),
        }
        return self._data(lambda: self._uploads.create_direct_upload(body, **_timeout(budget_s)))

    def get_upload(self, upload_id: str, *, budget_s: float) -> Json | None:
        """Get an upload; None where Mux has none."""
        return self._or_none(
            lambda: self._uploads.get_direct_upload(upload_id, **_timeout(budget_s))
        )

    def list_uploads(self, page: int, limit: int, *, budget_s: float) -> list[Json]:
        """List uploads, newest first. Pages count from 1."""
        return self._list(
            lambda: self._uploads.list_direct_uploads(page=page, limit=limit, **_timeout(budget_s))
        )

    def cancel_upload(self, upload_id: str, *, budget_s: float) -> bool:
        """Cancel an upload. False means that it no longer waits for its file."""
        try:
            self._data(lambda: self._uploads.cancel_direct_upload(upload_id, **_timeout(budget_s)))
        except MuxRefusedError as error:
            if error.code in {HTTPStatus.FORBIDDEN, HTTPStatus.NOT_FOUND}:
                return False
            raise
        return True

    def create_clip(
        self, settings: AssetSettings, source_asset_id: str, end_s: float, *, budget_s: float
    ) -> Json:
        """Create an asset from the first `end_s` seconds of another one."""
        body = {
            **settings.fields(),
            "inputs": [
                {"url": f"mux://assets/{source_asset_id}", "start_time": 0.0, "end_time": end_s}
            ],
        }
        return self._data(lambda: self._assets.create_asset(body, **_timeout(budget_s)))

    def create_asset(self, settings: AssetSettings, url: str, *, budget_s: float) -> Json:
        """Create an asset of the file at an address, which Mux fetches by itself."""
        body = {**settings.fields(), "inputs": [{"url": url}]}
        return self._data(lambda: self._assets.create_asset(body, **_timeout(budget_s)))

    def get_asset(self, asset_id: str, *, budget_s: float) -> Json | None:
        """Get an asset; None where Mux has none."""
        return self._or_none(lambda: self._assets.get_asset(asset_id, **_timeout(budget_s)))

    def list_assets(self, page: int, limit: int, *, budget_s: float) -> list[Json]:
        """List assets, newest first. Pages count from 1."""
        return self._list(
            lambda: self._assets.list_assets(page=page, limit=limit, **_timeout(budget_s))
        )

    def delete_asset(self, asset_id: str, *, budget_s: float) -> bool:
        """Delete an asset, or find it gone. False means that Mux is still preparing it."""
        try:
            self._call(lambda: self._assets.delete_asset(asset_id, **_timeout(budget_s)))
        except MuxRefusedError as error:
            if error.code == HTTPStatus.BAD_REQUEST:
                return False
            if error.code != HTTPStatus.NOT_FOUND:
                raise
        return True

    @property
    def _uploads(self) -> Any:  # noqa: ANN401  # mux_python has no types
        return self._connected()[0]

    @property
    def _assets(self) -> Any:  # noqa: ANN401  # mux_python has no types
        return self._connected()[1]

    def _connected(self) -> tuple[Any, Any]:
        with self._lock:
            if self._apis is None:
                # The module's docstring says why this is imported here.
                import mux_python  # noqa: PLC0415
                import urllib3  # noqa: PLC0415

                token_id, token_secret = self._credentials
                config = mux_python.Configuration(
                    host=self._base_url, username=token_id, password=token_secret
                )
                # urllib3's retries would repeat without a pause, or sleep for as long as Mux says.
                config.retries = urllib3.Retry(0)
                # A value that Mux adds to an enumeration must not fail the answer that holds it.
                config.client_side_validation = False
                mux_python.Configuration.set_default(config)
                client = mux_python.ApiClient(config)
                self._apis = (mux_python.DirectUploadsApi(client), mux_python.AssetsApi(client))
            return self._apis

    def _or_none(self, request: Callable[[], Any]) -> Json | None:
        try:
            return self._data(request)
        except MuxRefusedError as error:
            if error.code == HTTPStatus.NOT_FOUND:
                return None
            raise

    def _data(self, request: Callable[[], Any]) -> Json:
        data = getattr(self._call(request), "data", None)
        if data is None:
            raise MuxUnknownOutcomeError
        return dict(data.to_dict())

    def _list(self, request: Callable[[], Any]) -> list[Json]:
        return [dict(one.to_dict()) for one in self._call(request).data or []]

    def _call(self, request: Callable[[], T]) -> T:
        self._connected()
        from mux_python.exceptions import ApiException, OpenApiException  # noqa: PLC0415
        from urllib3 import exceptions as http  # noqa: PLC0415

        try:
            with span("mux"):
                return request()
        except ApiException as error:
            raise error_of_status(error.status or 0, str(error.body or error.reason)) from error
        except (http.NewConnectionError, http.ConnectTimeoutError) as error:
            raise MuxNotSentError from error
        except http.MaxRetryError as error:
            not_sent = isinstance(error.reason, (http.NewConnectionError, http.ConnectTimeoutError))
            raise (MuxNotSentError if not_sent else MuxUnknownOutcomeError) from error
        except (http.HTTPError, OpenApiException, ValueError) as error:
            # The answer broke off, or it is not from Mux. Mux may have done what was asked.
            raise MuxUnknownOutcomeError from error


def error_of_status(status: int, text: str) -> MuxError:
    """Make the error that an HTTP status and its body mean."""
    if status == HTTPStatus.TOO_MANY_REQUESTS:
        return MuxBusyError()
    if HTTPStatus.BAD_REQUEST <= status < HTTPStatus.INTERNAL_SERVER_ERROR:
        return MuxRefusedError(status, text[:_MAX_MESSAGE])
    return MuxUnknownOutcomeError()


def _timeout(budget_s: float) -> Mapping[str, tuple[float, float]]:
    # Without a timeout mux_python waits for ever.
    connect = min(_MAX_CONNECT_S, budget_s / 2)
    return {"_request_timeout": (connect, budget_s - connect)}
