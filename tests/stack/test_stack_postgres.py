"""The Postgres of the stack: its settings, who may enter, and a pid file that a dead server has left."""

import os
import subprocess
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import psycopg
import pytest

from senda.stack import Stack, running_stack, scratch_postgres
from tests.stack.waiting import lives


def _ask(url: str, question: str) -> object:
    with psycopg.connect(url, autocommit=True) as connection:
        row = connection.execute(question.encode()).fetchone()
    assert row
    return row[0]


@pytest.fixture(scope="module")
def url() -> Iterator[str]:
    with running_stack(components=("postgres",)) as endpoints:
        yield endpoints.postgres


@pytest.mark.parametrize(
    ("setting", "value"),
    [
        ("fsync", "on"),
        ("full_page_writes", "on"),
        ("listen_addresses", "127.0.0.1"),
        ("max_connections", "100"),
        ("shared_buffers", "128MB"),
        ("server_encoding", "UTF8"),
        ("TimeZone", "UTC"),
        ("data_checksums", "on"),
    ],
)
def test_the_server_is_set_up_to_keep_what_it_acknowledges(url: str, setting: str, value: str) -> None:
    assert _ask(url, f"SHOW {setting}") == value


def test_the_role_of_the_application_is_no_superuser_but_makes_databases(url: str) -> None:
    assert _ask(url, "SELECT rolsuper::int::text || rolcreatedb::int FROM pg_roles WHERE rolname = user") == "01"


def test_letters_of_spanish_change_their_case(url: str) -> None:
    assert _ask(url, "SELECT upper('señor pérez')") == "SEÑOR PÉREZ"


@pytest.mark.parametrize("database", ["senda", "postgres"])
@pytest.mark.parametrize("user", ["senda", "postgres"])
def test_nobody_enters_without_the_password(url: str, user: str, database: str) -> None:
    port = psycopg.conninfo.conninfo_to_dict(url)["port"]
    with pytest.raises(psycopg.OperationalError, match="password"):
        psycopg.connect(host="127.0.0.1", port=port, user=user, dbname=database, password="guess")


@pytest.mark.skipif(os.geteuid() != 0, reason="only root changes accounts")
def test_under_root_the_server_has_no_rights_and_no_groups_of_root(open_folder: Path) -> None:
    with running_stack(open_folder / "data", components=("postgres",)) as endpoints:
        status = Path(f"/proc/{endpoints.pids['postgres']}/status").read_text()
        home = open_folder / "data" / "postgres"
        assert home.stat().st_mode & 0o777 == 0o700
        assert home.stat().st_uid != 0
    fields = dict(line.split(":\t", 1) for line in status.splitlines() if ":\t" in line)
    assert "0" not in fields["Uid"].split()
    assert "0" not in fields["Gid"].split()
    assert fields["Groups"].strip() == ""


async def test_a_pid_file_that_now_names_another_program_does_not_hinder_the_start(open_folder: Path) -> None:
    data = open_folder / "data"
    async with Stack(data, components=("postgres",)) as stack:
        pid_file = data / "postgres" / "cluster" / "postmaster.pid"
        left = _read(pid_file)
        first = stack.endpoints.pids["postgres"]
    with _program_of_the_owner_of(pid_file.parent) as other:
        _write(pid_file, left.replace(str(first), str(other.pid), 1))
        async with Stack(data, components=("postgres",)) as stack:
            assert lives(stack.endpoints.pids["postgres"])
        assert lives(other.pid)


@contextmanager
def _program_of_the_owner_of(folder: Path) -> Iterator["subprocess.Popen[bytes]"]:
    status = folder.stat()
    account: Any = {"user": status.st_uid, "group": status.st_gid} if os.geteuid() == 0 else {}
    with subprocess.Popen(["/bin/sleep", "600"], cwd="/", **account) as process:
        try:
            yield process
        finally:
            process.kill()


def _read(path: Path) -> str:
    return path.read_text()


def _write(path: Path, text: str) -> None:
    path.write_text(text)
    os.chown(path, path.parent.stat().st_uid, path.parent.stat().st_gid)
    path.chmod(0o600)


def test_the_scratch_server_is_empty_and_of_its_own(url: str) -> None:
    with scratch_postgres() as scratch:
        assert _ask(scratch, "SELECT count(*) FROM pg_tables WHERE schemaname = 'public'") == 0
        assert _ask(scratch, "SHOW fsync") == "off"
        assert scratch != url
