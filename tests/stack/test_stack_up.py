"""The command `senda up`: what it prints, how it ends, and what remains when it is killed."""

import os
import shutil
import signal
import subprocess
import sys
import sysconfig
from collections.abc import Callable
from pathlib import Path
from typing import Any

import psycopg
import pytest

from senda.stack import Programs
from tests.stack.running import DATA_COMPONENTS, SENDA, Up, only
from tests.stack.waiting import eventually, lives

StartUp = Callable[..., Up]


def _execute(url: str, statement: str) -> None:
    with psycopg.connect(url, autocommit=True) as connection:
        connection.execute(statement.encode())


def test_it_prints_one_line_and_ends_cleanly_when_told(start_up: StartUp) -> None:
    up = start_up("--ephemeral", *only(*DATA_COMPONENTS))
    assert set(up.endpoints) == {
        *("api", "api_key", "temporal", "temporal_ui", "postgres", "sandbox", "processor_secret"),
        *("sandbox_smtp", "data", "pids"),
    }
    assert set(up.pids) == set(DATA_COMPONENTS)
    assert up.end(signal.SIGTERM) == (0, "", "")
    assert not any(map(lives, up.pids.values()))
    assert not up.data.exists()


def test_a_death_is_one_sentence_on_stderr(start_up: StartUp) -> None:
    up = start_up("--ephemeral", *only("postgres"))
    os.kill(up.pids["postgres"], signal.SIGKILL)
    eventually(lambda: up.pid_now("postgres") != up.pids["postgres"])
    log = up.data / "logs" / "postgres.log"
    code, _, errors = up.end(signal.SIGINT)
    assert code == 0
    assert errors.splitlines() == [
        f"senda: postgres was ended by SIGKILL and is being started again; its log: {log}",
        "senda: postgres is running again.",
    ]


def test_killed_it_leaves_no_process_and_loses_nothing(start_up: StartUp, open_folder: Path) -> None:
    arguments = ("--data", str(open_folder / "data"), *only(*DATA_COMPONENTS))
    first = start_up(*arguments)
    _execute(first.endpoints["postgres"], "CREATE TABLE kept (n int)")
    first.end(signal.SIGKILL)

    second = start_up(*arguments)
    assert not any(map(lives, first.pids.values()))
    _execute(second.endpoints["postgres"], "SELECT n FROM kept")
    assert second.endpoints["api_key"] == first.endpoints["api_key"]


def test_a_second_one_on_the_same_data_says_so_and_shows_where_the_first_is(
    start_up: StartUp, open_folder: Path
) -> None:
    data = open_folder / "data"
    first = start_up("--data", str(data), *only("sandbox"))
    for arguments, expected in ([], f"The stack of {data} is already running."), (["--json"], '{"api": "http://'):
        second = subprocess.run(
            [*SENDA, "up", "--data", str(data), *arguments], capture_output=True, text=True, check=True
        )
        assert second.stdout.startswith(expected)
        assert first.endpoints["sandbox"] in second.stdout


def test_what_cannot_start_is_one_sentence_and_nothing_stays(open_folder: Path) -> None:
    data = open_folder / "data"
    (data / "temporal" / "temporal.db").mkdir(parents=True)
    failed = subprocess.run(
        [*SENDA, "up", "--data", str(data), *only("sandbox", "temporal")],
        capture_output=True,
        text=True,
        check=False,
    )
    assert failed.returncode == 1
    log = data / "logs" / "temporal.log"
    assert failed.stderr == f"senda: temporal could not start: it exited with code 1; its log: {log}\n"


def test_a_component_that_does_not_exist_is_a_usage_error() -> None:
    failed = subprocess.run([*SENDA, "up", "--only", "x"], capture_output=True, text=True, check=False)
    assert failed.returncode == 2
    assert "There is no component x." in failed.stderr


def _python_for_everybody() -> str | None:
    """An interpreter of this version that other accounts can run; the environment's own may lie below /root."""
    names = (os.path.realpath(sys.executable), f"/usr/bin/python{sys.version_info.major}.{sys.version_info.minor}")
    for name in names:
        works = [name, "-c", "import asyncio, ctypes, sqlite3"]
        if shutil.which(name) and _as_daemon(works).returncode == 0:
            return name
    return None


def _as_daemon(command: list[str]) -> "subprocess.CompletedProcess[bytes]":
    try:
        return subprocess.run(command, capture_output=True, cwd="/", check=False, env={}, **_DAEMON)
    except OSError:
        return subprocess.CompletedProcess(command, 1)


_DAEMON: Any = {"user": "daemon", "group": "daemon", "extra_groups": []}


@pytest.mark.skipif(os.geteuid() != 0, reason="an ordinary user runs all these tests anyway")
def test_an_ordinary_user_runs_it_as_well(start_up: StartUp, open_folder: Path) -> None:
    python = _python_for_everybody()
    if python is None:
        pytest.skip("no interpreter of this version is within reach of another account")
    home = open_folder / "home"
    home.mkdir()
    shutil.chown(home, "daemon", "daemon")
    environment = {
        "HOME": str(home),
        "PATH": f"{Programs().temporal.parent}:/usr/bin:/bin",
        "PYTHONPATH": f"{Path(__file__).parents[2]}:{sysconfig.get_path('purelib')}",
    }
    up = start_up(
        *("--data", str(home / "data"), *only(*DATA_COMPONENTS)),
        senda=(python, *SENDA[1:]),
        env=environment,
        cwd="/",
        **_DAEMON,
    )
    _execute(up.endpoints["postgres"], "SELECT 1")
    assert (home / "data").stat().st_mode & 0o777 == 0o700
    assert up.end(signal.SIGTERM) == (0, "", "")
    assert not any(map(lives, up.pids.values()))
