"""Clients of DynamoDB, made of what botocore knows: endpoint, credentials, certificates."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, cast
from urllib.parse import urlsplit

import boto3
from botocore.config import Config
from botocore.httpsession import create_urllib3_context, get_cert_path
from botocore.utils import get_environ_proxies

from shared.dynamodb.client import DynamoDB
from shared.dynamodb.connection import Connections

if TYPE_CHECKING:
    import ssl

    from mypy_boto3_dynamodb import DynamoDBClient


def connect_boto3(endpoint_url: str | None, budget_s: float) -> DynamoDBClient:
    """Make a client of boto3 whose calls end within the budget, without retries."""
    config = Config(
        connect_timeout=budget_s,
        read_timeout=budget_s,
        retries={"total_max_attempts": 1},
        tcp_keepalive=True,
        parameter_validation=False,
        user_agent="vroom-feed",  # botocore's own is put together anew for every call
    )
    return boto3.client("dynamodb", endpoint_url=endpoint_url or None, config=config)


def connect(endpoint_url: str | None, budget_s: float) -> DynamoDB:
    """Make a client whose calls end within the budget.

    Args:
        endpoint_url: None takes that of the region.
        budget_s: Seconds within which a call ends.

    Returns:
        The light client; where the environment names a proxy for the endpoint, boto3's, which
        knows how to go through one.
    """
    model: Any = connect_boto3(endpoint_url, budget_s)
    url = model.meta.endpoint_url
    if get_environ_proxies(url):
        return cast("DynamoDB", model)
    session = boto3._get_default_session()  # noqa: SLF001  # what boto3.client itself took
    connections = Connections(url, _tls(session._session.get_config_variable("ca_bundle")))  # noqa: SLF001
    return DynamoDB(
        connections,
        host=urlsplit(url).netloc.rpartition("@")[2],
        region=model.meta.region_name,
        credentials=session.get_credentials(),
        error_class=model.exceptions.from_code,
        budget_s=budget_s,
    )


def with_budget(client: DynamoDB, budget_s: float) -> DynamoDB:
    """Return the same client with another budget for each call; boto3's keeps the one it has."""
    found: object = client  # which may be boto3's, whatever its type says here
    return client.with_budget(budget_s) if isinstance(found, DynamoDB) else client


def _tls(ca_bundle: str | None) -> ssl.SSLContext:
    context: ssl.SSLContext = create_urllib3_context()
    context.load_verify_locations(ca_bundle or get_cert_path(True))
    return context
