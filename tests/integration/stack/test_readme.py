"""The commands of the README do what it says, and the documents' statements and links hold."""

from __future__ import annotations

import json
import re
import shlex
import shutil
import subprocess
from pathlib import Path
from typing import TYPE_CHECKING, Final
from uuid import uuid4

import httpx
import psycopg
import pytest

from functions.create_upload.settings import UploadSettings
from functions.feed_ranker.settings import FeedSettings
from functions.mux_webhook.settings import WebhookSettings
from local.migrate import ROLES
from tests.integration.stack.commands import run

if TYPE_CHECKING:
    from local.stack import Stack
    from shared.settings import Settings
    from tests.conftest import Database, PostgresServer

ROOT = Path(__file__).parents[3]
README = (ROOT / "README.md").read_text(encoding="utf-8")
OPERATIONS = (ROOT / "docs" / "operations.md").read_text(encoding="utf-8")
PAGES = ["README.md", "CONTRIBUTING.md", *map(str, sorted((ROOT / "docs").rglob("*.md")))]

RUN_HERE: Final = {"migrate", "why", "experiment"}
# Targets that are run elsewhere: what their recipe starts, and who starts the same, by these words.
RUN_ELSEWHERE: Final = {
    "test": ("pytest", ".ci/run", "make test"),
    "demo": ("-m local.demo", "tests/integration/local/demo/test_demo.py", '"local.demo"'),
    "dev": ("-m local.dev", "tests/integration/local/test_stack.py", '"local.dev"'),
    "bench": ("-m evaluation.speed", ".ci/run", "make bench"),
    "deploy-check": ("-m deploy.checks.translation", ".ci/run", "make deploy-check"),
    "sessions": (
        "-m evaluation.speed.sessions",
        "tests/integration/evaluation/speed/test_sessions.py",
        "evaluation.speed.sessions",
    ),
    "simulate": ("-m evaluation.simulation", ".ci/run", "make simulate"),
    "replay": ("-m evaluation.replay", ".ci/run", "make replay"),
    "load-feed": ("tests/load/feed.py", "tests/integration/load/test_load.py", '("feed", '),
    "load-impressions": (
        "/impressions.py",
        "tests/integration/load/test_load.py",
        '("impressions", ',
    ),
    "load-mixed": ("tests/load/mixed.py", "tests/integration/load/test_load.py", '("mixed", '),
}
NOT_RUN: Final = {
    "aws": "needs an AWS account",
    "secret": "calls aws",
    "sam deploy": "needs an AWS account",
    "sam build": "tests/e2e runs it, for the machine that it is on",
    "psql": "its statements are run here, through psycopg",
    "curl": "run here; the one at $API_URL needs an AWS account",
}


def blocks(language: str, text: str = README) -> list[str]:
    return re.findall(rf"```{language}\n(.*?)```", text, flags=re.DOTALL)


def statements(block: str) -> list[str]:
    """The statements of a block of SQL, comments aside."""
    return [s for s in re.sub(r"--.*", "", block).split(";") if s.strip()]


def commands() -> list[list[str]]:
    """The words of each command in the README's blocks."""
    script = "\n".join(blocks("bash")).replace("\\\n", " ")
    lines = [line for line in script.splitlines() if line and not line.startswith("#")]
    parts = [part for line in lines for part in line.split(" && ")]
    return [shlex.split(part) for part in parts if not re.match(r"[A-Z]+=", part)]


def block_with(text: str) -> str:
    (block,) = [b for b in blocks("bash") if text in b]
    return block


def test_every_command_of_the_readme_is_run_or_excused_by_name() -> None:
    makefile = (ROOT / "Makefile").read_text(encoding="utf-8")
    known = RUN_HERE | RUN_ELSEWHERE.keys()
    used = set()
    for words in commands():
        excuse = next((k for k in NOT_RUN if words[: len(k.split())] == k.split()), None)
        if excuse or words[0] == "secret()":
            used.add(excuse or "secret")
        else:
            assert words[0] == "make", words
            used.add(words[1])
        if words[0] == "make":
            assert re.search(rf"^(?:[\w-]+ )*{words[1]}[ :]", makefile, flags=re.MULTILINE), words
    assert used == known | NOT_RUN.keys()


@pytest.mark.parametrize("target", RUN_ELSEWHERE)
def test_what_a_target_starts_is_started_by_the_suite_or_the_gate(target: str) -> None:
    starts, path, words = RUN_ELSEWHERE[target]
    assert starts in run(["make", "--dry-run", target], folder=ROOT)
    assert words in (ROOT / path).read_text(encoding="utf-8")


@pytest.mark.skipif(shutil.which("curl") is None, reason="the README's requests are curl's")
def test_the_readme_s_requests_get_a_page(stack: Stack) -> None:
    block = block_with("BASE=")
    assert "BASE=http://127.0.0.1:8787\n" in block
    script = block.replace("http://127.0.0.1:8787", stack.base_url)
    page = json.loads(run(["bash", "-euo", "pipefail", "-c", script]))
    assert page["session_id"]
    assert page["cache"] == "miss"


def test_make_why_tells_of_a_request(stack: Stack) -> None:
    headers = {"Authorization": f"Bearer {stack.token(str(uuid4()))}"}
    page = httpx.get(f"{stack.base_url}/v1/feed", headers=headers, timeout=60).json()
    url = stack.info["admin_database_url"]
    told = run(["make", "why", f"REQUEST={page['request_id']}", f"DATABASE_URL={url}"], folder=ROOT)
    assert page["request_id"] in told


def test_make_experiment_tells_of_an_experiment(database: Database) -> None:
    printed = [s for block in blocks("sql", OPERATIONS) for s in statements(block)]
    (statement,) = [s for s in printed if "('half_life'" in s]
    with psycopg.connect(database.admin_url) as admin:
        admin.execute(statement.encode())
    given = ["NAME=half_life", f"DATABASE_URL={database.admin_url}"]
    told = run(["make", "experiment", *given], folder=ROOT)
    for variant in ("short", "long", "control"):
        assert variant in told


@pytest.mark.parametrize("target", sorted(RUN_HERE))
def test_a_password_in_the_url_of_the_database_is_not_echoed(target: str) -> None:
    given = "DATABASE_URL=postgresql://owner:hunter2@127.0.0.1:1/vroom?connect_timeout=2"
    done = subprocess.run(  # noqa: S603  # the project's own command
        ["make", target, given, "REQUEST=x", "NAME=x"],  # noqa: S607
        cwd=ROOT,
        check=False,
        capture_output=True,
        text=True,
    )
    assert done.returncode != 0
    assert "hunter2" not in done.stdout + done.stderr


def test_make_migrate_prepares_a_database_and_does_nothing_the_second_time(
    postgres: PostgresServer,
) -> None:
    with psycopg.connect(postgres.admin_url, autocommit=True) as admin:
        admin.execute("DROP DATABASE IF EXISTS vroom_readme")
        admin.execute("CREATE DATABASE vroom_readme")
    url = postgres.url("vroom_readme")
    block = block_with("make migrate")
    assert block.startswith("make migrate DATABASE_URL=postgresql://")
    first = run(["make", "migrate", f"DATABASE_URL={url}"], folder=ROOT)
    second = run(["make", "migrate", f"DATABASE_URL={url}"], folder=ROOT)
    assert "viewers_candidates" in first
    assert "retrieval" not in second
    with psycopg.connect(url, autocommit=True) as admin:
        given = re.findall(r'-c "([^"]*)"', block)
        assert [statement.split()[2] for statement in given] == list(ROLES)
        for statement in given:
            admin.execute(f"BEGIN; {statement}; ROLLBACK".encode())
        assert admin.execute("SELECT count(*) FROM posts").fetchone() == (0,)


@pytest.mark.parametrize("block", blocks("sql", OPERATIONS))
def test_every_statement_for_operators_runs_as_printed(block: str, database: Database) -> None:
    post, creator = uuid4(), uuid4()
    with psycopg.connect(database.admin_url) as admin:
        admin.execute("INSERT INTO posts (id, creator_id) VALUES (%s, %s)", [post, creator])
        assert statements(block)
        for statement in statements(block):
            places = len(set(re.findall(r"\$\d", statement)))
            psycopg.RawCursor(admin).execute(statement.encode(), [post, creator][:places])
        admin.rollback()  # roles belong to the whole server


@pytest.mark.parametrize("model", [FeedSettings, UploadSettings, WebhookSettings])
def test_every_setting_is_explained_to_operators(model: type[Settings]) -> None:
    missing = [name for name in model.model_fields if f"`{name.upper()}`" not in OPERATIONS]
    assert not missing


def test_every_alarm_has_a_runbook() -> None:
    template = (ROOT / "template.yaml").read_text(encoding="utf-8")
    alarms = re.findall(
        r"^  (\w+):\n(?:    .*\n)*?    Type: AWS::CloudWatch::Alarm", template, re.MULTILINE
    )
    assert len(alarms) == template.count("Type: AWS::CloudWatch::Alarm")
    assert not [alarm for alarm in alarms if f"`{alarm}`" not in OPERATIONS]


@pytest.mark.parametrize("page", PAGES)
def test_every_link_leads_somewhere(page: str) -> None:
    path = ROOT / page
    text = path.read_text(encoding="utf-8")
    missing = []
    for link in re.findall(r"\]\(([^)\s]+)\)", text):
        if link.startswith("http"):
            continue
        file, _, section = link.partition("#")
        target = path.parent / file if file else path
        if not target.exists() or (section and section not in sections(target)):
            missing.append(link)
    assert not missing


def sections(page: Path) -> set[str]:
    """The names by which links call a page's headings."""
    headings = re.findall(r"^#+ (.*)$", page.read_text(encoding="utf-8"), flags=re.MULTILINE)
    return {re.sub(r"[^\w\- ]", "", heading).lower().replace(" ", "-") for heading in headings}


def test_make_help_lists_the_targets() -> None:
    listed = run(["make", "help"], folder=ROOT)
    for target in ("demo", "test", "check", "dev", "migrate", "why"):
        assert re.search(rf"^{target} +[A-Z]", listed, flags=re.MULTILINE)


def test_a_failing_command_is_noticed() -> None:
    with pytest.raises(subprocess.CalledProcessError):
        run(["make", "no-such-target"], folder=ROOT)
