"""The stand-in for DynamoDB is the benchmark's own, or the one that is given."""

from __future__ import annotations

from typing import TYPE_CHECKING

from evaluation.speed.machine import machine
from evaluation.speed.servers import TABLE, run_dynamodb
from local.services.aws import aws_environment
from local.services.dynamodb import dynamodb_client

if TYPE_CHECKING:
    from pathlib import Path

    import pytest


def tables(url: str) -> list[str]:
    client = dynamodb_client(url, aws_environment(own_endpoint=True))
    names: list[str] = client.list_tables()["TableNames"]
    client.close()
    return names


def test_a_stand_in_that_is_given_is_used(
    dynamodb_endpoint: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("DYNAMODB_ENDPOINT_URL", dynamodb_endpoint)
    with run_dynamodb(tmp_path) as environment:
        assert environment["DYNAMODB_ENDPOINT_URL"] == dynamodb_endpoint
        assert TABLE in tables(dynamodb_endpoint)
    assert machine()["dynamodb"] == "given"
    assert TABLE in tables(dynamodb_endpoint), "it goes on when the benchmark has ended"
    assert not list(tmp_path.iterdir())


def test_without_one_the_benchmark_runs_its_own(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.delenv("DYNAMODB_ENDPOINT_URL", raising=False)
    with run_dynamodb(tmp_path) as environment:
        assert TABLE in tables(environment["DYNAMODB_ENDPOINT_URL"])
    assert machine()["dynamodb"] == "moto"
