from __future__ import annotations

import os
import signal
import stat
import subprocess
import sys
from contextlib import ExitStack
from typing import TYPE_CHECKING

import psutil
import psycopg
import pytest

from local.errors import StackError
from local.paths import ROOT
from local.services.pgwheel import PSQL
from local.services.postgres import embedded_postgres, end_leftover_server

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

    from local.services.postgres import PostgresInstance


@pytest.fixture
def server(state_dir: Path) -> Iterator[PostgresInstance]:
    with embedded_postgres(state_dir / "postgres", durable=False) as instance:
        yield instance


PYTHON = sys.executable


def ask(url: str, query: str) -> str:
    with psycopg.connect(url, autocommit=True) as connection:
        row = connection.execute(query.encode()).fetchone()
    assert row is not None
    return str(row[0])


def postmaster(server: PostgresInstance) -> psutil.Process:
    pid = (server.data_dir / "postmaster.pid").read_text().split()[0]
    return psutil.Process(int(pid))


def test_the_server_is_postgres_18_on_loopback_only(server: PostgresInstance) -> None:
    assert ask(server.admin_url, "SHOW server_version_num").startswith("18")
    assert ask(server.admin_url, "SHOW listen_addresses") == "127.0.0.1"
    listening = {
        connection.laddr.ip
        for connection in postmaster(server).net_connections()
        if connection.status == psutil.CONN_LISTEN
    }
    assert listening == {"127.0.0.1"}


def test_nobody_gets_in_without_the_password(server: PostgresInstance) -> None:
    wrong = f"postgresql://postgres:wrong@127.0.0.1:{server.port}/vroom"
    with pytest.raises(psycopg.OperationalError, match="password authentication failed"):
        psycopg.connect(wrong)


def test_data_and_port_survive_a_stop(server: PostgresInstance) -> None:
    with psycopg.connect(server.admin_url, autocommit=True) as connection:
        connection.execute("CREATE TABLE kept AS SELECT 42 AS answer")
    url = server.admin_url
    server.stop()
    assert not server.running
    with pytest.raises(psycopg.OperationalError):
        psycopg.connect(url)
    server.start()
    assert server.admin_url == url
    assert ask(url, "SELECT answer FROM kept") == "42"


def test_stop_does_not_wait_for_open_sessions(server: PostgresInstance) -> None:
    with psycopg.connect(server.admin_url) as connection:
        connection.execute("SELECT 1")
        process = postmaster(server)
        server.stop()
        assert not process.is_running()
        server.stop()
        with pytest.raises(psycopg.OperationalError):
            connection.execute("SELECT 1")


def test_data_survives_from_one_run_to_the_next(state_dir: Path) -> None:
    for durable, create in ((True, True), (False, False)):
        with embedded_postgres(state_dir / "postgres", durable=durable) as server:
            assert ask(server.admin_url, "SHOW fsync") == ("on" if durable else "off")
            with psycopg.connect(server.admin_url, autocommit=True) as connection:
                if create:
                    connection.execute("CREATE TABLE kept ()")
                connection.execute("SELECT FROM kept")


def test_two_servers_run_side_by_side(state_dir: Path) -> None:
    with ExitStack() as stack:
        servers = [
            stack.enter_context(embedded_postgres(state_dir / name, durable=False))
            for name in ("a", "b")
        ]
        assert len({ask(s.admin_url, "SHOW data_directory") for s in servers}) == 2


def test_a_second_server_on_the_same_data_is_refused(server: PostgresInstance) -> None:
    with (
        pytest.raises(StackError, match="Another process runs Postgres on"),
        embedded_postgres(server.data_dir, durable=False),
    ):
        pass
    assert ask(server.admin_url, "SELECT 1") == "1"


@pytest.mark.parametrize("left", ["running", "killed"])
def test_what_a_killed_run_left_behind_is_cleaned_up(state_dir: Path, left: str) -> None:
    holder = (
        "import sys, time; from pathlib import Path\n"
        "from local.services.postgres import embedded_postgres\n"
        "with embedded_postgres(Path(sys.argv[1]), durable=True) as server:\n"
        "    print(server.admin_url, flush=True); time.sleep(600)"
    )
    data_dir = state_dir / "postgres"
    run = subprocess.Popen(  # noqa: S603
        [PYTHON, "-c", holder, str(data_dir)], stdout=subprocess.PIPE, text=True
    )
    with run:
        assert run.stdout is not None
        assert run.stdout.readline().startswith("postgresql://")
        processes = psutil.Process(run.pid).children(recursive=True)
        server = psutil.Process(int((data_dir / "postmaster.pid").read_text().split()[0]))
        if left == "killed":
            server.kill()
        run.kill()
    with embedded_postgres(data_dir, durable=False) as again:
        assert ask(again.admin_url, "SELECT 1") == "1"
        assert not server.is_running()
    _, alive = psutil.wait_procs(processes, 120)
    assert alive == []


def test_a_server_without_any_supervisor_is_ended_too(server: PostgresInstance) -> None:
    process = postmaster(server)
    end_leftover_server(server.data_dir)
    assert not process.is_running()


@pytest.mark.parametrize("end", ["stop", "kill"])
def test_a_session_that_outlived_its_postmaster_keeps_no_new_server_from_starting(
    server: PostgresInstance, end: str
) -> None:
    with psycopg.connect(server.admin_url) as connection:
        session = psutil.Process(connection.info.backend_pid)
        session.suspend()  # else it would notice the end of the postmaster, and end itself
        postmaster(server).kill()
        assert session.is_running()
        getattr(server, end)()
        server.start()
        assert ask(server.admin_url, "SELECT 1") == "1"
        assert not session.is_running() or session.status() == psutil.STATUS_ZOMBIE


def test_another_programs_pid_is_left_alone(state_dir: Path) -> None:
    (state_dir / "postmaster.pid").write_text(f"{os.getpid()}\n/elsewhere\n")
    end_leftover_server(state_dir)
    (state_dir / "postmaster.pid").write_text("no number")
    end_leftover_server(state_dir)
    with subprocess.Popen(["sleep", "60"]) as stranger:  # noqa: S607
        (state_dir / "postmaster.pid").write_text(f"{stranger.pid}\n{state_dir}\n")
        end_leftover_server(state_dir)
        assert stranger.poll() is None
        stranger.send_signal(signal.SIGKILL)


def test_a_folder_that_only_its_owner_can_enter_will_do(state_dir: Path) -> None:
    closed = state_dir / "closed" / "with a space"
    closed.mkdir(parents=True)
    closed.parent.chmod(0o700)
    with embedded_postgres(closed / "postgres", durable=False) as server:
        assert ask(server.admin_url, "SELECT 1") == "1"
        mode = stat.S_IMODE(closed.parent.stat().st_mode)
    # As root the server runs as another user, who may pass but not look around.
    assert mode == (0o701 if os.geteuid() == 0 else 0o700)


def test_a_half_made_data_directory_is_made_anew(state_dir: Path) -> None:
    unfinished = state_dir / "postgres.unfinished"
    unfinished.mkdir()
    (unfinished / "PG_VERSION").write_text("18")
    with embedded_postgres(state_dir / "postgres", durable=False) as server:
        assert ask(server.admin_url, "SELECT 1") == "1"
    assert not unfinished.exists()


def test_a_lost_password_or_another_version_is_named(state_dir: Path) -> None:
    data_dir = state_dir / "postgres"
    data_dir.mkdir()
    (data_dir / "PG_VERSION").write_text("16\n")
    with (
        pytest.raises(StackError, match="is gone"),
        embedded_postgres(data_dir, durable=False),
    ):
        pass
    (state_dir / "postgres.password").write_text("p")
    with (
        pytest.raises(StackError, match="is of Postgres 16"),
        embedded_postgres(data_dir, durable=False),
    ):
        pass


@pytest.mark.skipif(os.geteuid() != 0, reason="only root may become another user")
def test_a_plain_user_can_run_it_too(state_dir: Path) -> None:
    state_dir.chmod(0o777)
    script = (
        "import sys; from pathlib import Path; import psycopg\n"
        "from local.services.postgres import embedded_postgres\n"
        "with embedded_postgres(Path(sys.argv[1]), durable=False) as server:\n"
        "    psycopg.connect(server.admin_url).close(); print('worked')"
    )
    packages = [str(ROOT), *(path for path in sys.path if path.endswith("site-packages"))]
    name = f"python{sys.version_info.major}.{sys.version_info.minor}"
    for interpreter in (sys.executable, f"/usr/bin/{name}", f"/usr/local/bin/{name}"):
        try:
            answer = subprocess.run(  # noqa: S603
                [interpreter, "-c", script, str(state_dir / "postgres")],
                user="nobody",
                group="nogroup",
                extra_groups=[],
                cwd="/",
                env={"PATH": os.environ["PATH"], "PYTHONPATH": os.pathsep.join(packages)},
                capture_output=True,
                text=True,
                check=False,
            )
            break
        except OSError:
            continue
    else:
        pytest.skip("no interpreter is within a plain user's reach")
    assert answer.stdout == "worked\n", answer.stderr


def test_psql_of_the_wheel_runs_files(server: PostgresInstance, tmp_path: Path) -> None:
    file = tmp_path / "query.sql"
    file.write_text("SELECT 6 * 7;")
    command = [
        str(PSQL),
        server.admin_url,
        "-X",
        "-A",
        "-t",
        "-v",
        "ON_ERROR_STOP=1",
        "-f",
        str(file),
    ]
    answer = subprocess.run(command, capture_output=True, text=True, check=True)  # noqa: S603
    assert answer.stdout == "42\n"
