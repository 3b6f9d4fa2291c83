from __future__ import annotations

import os
import shutil
import tempfile
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

import httpx
import pytest

from local.gateway.app import GatewayConfig
from local.gateway.authorizer import Authorizer, load_key
from local.services import parts

if TYPE_CHECKING:
    from collections.abc import Iterator

    from local.services.processes import Part

TEMPLATE = Path(__file__).with_name("template.yaml")
PARAMETERS = {"JwtIssuer": "https://issuer", "JwtAudience": "viewers", "SessionTable": "sessions"}


@dataclass(frozen=True)
class RunningGateway:
    """A gateway over the handlers of this folder: Echo has two workers, the others one."""

    part: Part
    url: str
    logs: Path
    authorizer: Authorizer

    def get(self, path: str, *, token: str | None = None, **query: str) -> httpx.Response:
        headers = {} if token is None else {"authorization": f"Bearer {token}"}
        return httpx.get(f"{self.url}{path}", params=query, headers=headers, timeout=60)

    def token(self, user_id: str = "7", expires_in: int = 60) -> str:
        return self.authorizer.issue_token(user_id, expires_in=expires_in)


@pytest.fixture
def state_dir() -> Iterator[Path]:
    """A folder for a stack's state that another system user can reach."""
    folder = Path(tempfile.mkdtemp(prefix="vroom-stack-"))
    try:
        yield folder
    finally:
        shutil.rmtree(folder, ignore_errors=True)


@pytest.fixture(scope="module")
def gateway(tmp_path_factory: pytest.TempPathFactory) -> Iterator[RunningGateway]:
    running = start_gateway(tmp_path_factory.mktemp("gateway"))
    try:
        yield running
    finally:
        running.part.stop()


def start_gateway(folder: Path) -> RunningGateway:
    (folder / "logs").mkdir()
    config = GatewayConfig(
        template=str(TEMPLATE),
        parameters=PARAMETERS,
        key=str(folder / "key.pem"),
        logs=str(folder / "logs"),
        environments={"Echo": {"GREETING": "hello"}, "Hasty": {}, "Broken": {}},
        workers={"Echo": 2, "Hasty": 1, "Broken": 1},
        tolerant=True,
    )
    with parts.listen(0) as listener:
        part = parts.start_gateway(listener, config, run_dir=folder, base=os.environ)
    url = part.wait_ready()
    key = load_key(folder / "key.pem")
    authorizer = Authorizer(key, PARAMETERS["JwtIssuer"], [PARAMETERS["JwtAudience"]])
    return RunningGateway(part, url, folder / "logs", authorizer)


@pytest.fixture
def own_gateway(tmp_path: Path) -> Iterator[RunningGateway]:
    """A gateway that the test may ruin."""
    running = start_gateway(tmp_path)
    try:
        yield running
    finally:
        running.part.stop()
