"""The commands of the README do what it says. `make test` and `make check` are run by the gate."""

from __future__ import annotations

import json
import re
import subprocess
from pathlib import Path
from typing import TYPE_CHECKING

import psycopg
import pytest

from local.migrate import ROLES
from tests.integration.stack.commands import run

if TYPE_CHECKING:
    from local.stack import Stack
    from tests.conftest import PostgresServer

ROOT = Path(__file__).parents[3]
README = (ROOT / "README.md").read_text(encoding="utf-8")
PAGES = ["README.md", "CONTRIBUTING.md", *map(str, sorted((ROOT / "docs").rglob("*.md")))]


def blocks(language: str) -> list[str]:
    return re.findall(rf"```{language}\n(.*?)```", README, flags=re.DOTALL)


def block_with(text: str) -> str:
    (block,) = [b for b in blocks("bash") if text in b]
    return block


def test_every_make_target_of_the_readme_exists() -> None:
    commands = [line for block in blocks("bash") for line in block.splitlines()]
    targets = {c.split()[1] for c in commands if c.startswith("make ")}
    assert targets == {"demo", "test", "dev", "migrate"}
    makefile = (ROOT / "Makefile").read_text(encoding="utf-8")
    assert all(f"\n{target}:" in makefile for target in targets)


def test_the_readme_s_requests_get_a_page(stack: Stack) -> None:
    block = block_with("curl")
    assert "BASE=http://127.0.0.1:8787\n" in block
    script = block.replace("http://127.0.0.1:8787", stack.base_url)
    page = json.loads(run(["bash", "-euo", "pipefail", "-c", script]))
    assert page["session_id"]
    assert page["cache"] == "miss"


def test_make_migrate_prepares_a_database_and_does_nothing_the_second_time(
    postgres: PostgresServer,
) -> None:
    with psycopg.connect(postgres.admin_url, autocommit=True) as admin:
        admin.execute("DROP DATABASE IF EXISTS vroom_readme")
        admin.execute("CREATE DATABASE vroom_readme")
    url = postgres.url("vroom_readme")
    command = block_with("make migrate").strip()
    assert command.startswith("make migrate DATABASE_URL=postgresql://")
    first = run(["make", "migrate", f"DATABASE_URL={url}"], folder=ROOT)
    second = run(["make", "migrate", f"DATABASE_URL={url}"], folder=ROOT)
    assert "retrieval" in first
    assert "retrieval" not in second
    with psycopg.connect(url, autocommit=True) as admin:
        (seed,) = blocks("sql")
        for statement in seed.strip().splitlines():
            assert statement.split()[2] in ROLES
            admin.execute(f"BEGIN; {statement} ROLLBACK")
        assert admin.execute("SELECT count(*) FROM posts").fetchone() == (0,)


@pytest.mark.parametrize("page", PAGES)
def test_every_link_to_a_file_leads_somewhere(page: str) -> None:
    path = ROOT / page
    text = path.read_text(encoding="utf-8")
    links = [
        target.partition("#")[0]
        for target in re.findall(r"\]\(([^)\s]+)\)", text)
        if not target.startswith(("http", "#"))
    ]
    missing = [link for link in links if link and not (path.parent / link).exists()]
    assert not missing


def test_make_help_lists_the_targets() -> None:
    listed = run(["make", "help"], folder=ROOT)
    for target in ("demo", "test", "check", "dev", "migrate"):
        assert re.search(rf"^{target} — ", listed, flags=re.MULTILINE)


def test_a_failing_command_is_noticed() -> None:
    with pytest.raises(subprocess.CalledProcessError):
        run(["make", "no-such-target"], folder=ROOT)
