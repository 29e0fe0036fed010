"""The real stack: starts, keeps its data, recovers from deaths, stands beside another, and says what is wrong."""

import asyncio
import os
import signal
import subprocess
import tempfile
from pathlib import Path

import aiosmtplib
import httpx
import psycopg
import pytest

from senda.stack import Event, Programs, Stack, StackError
from tests.stack.running import DATA_COMPONENTS
from tests.stack.waiting import eventually_async, lives


async def _execute(url: str, statement: str) -> list[tuple[object, ...]]:
    async with await psycopg.AsyncConnection.connect(url, autocommit=True) as connection:
        cursor = await connection.execute(statement.encode())
        return await cursor.fetchall() if cursor.description else []


def _start_workflow(address: str, name: str) -> None:
    _temporal(address, "workflow", "start", "--type", "t", "--task-queue", "q", "--workflow-id", name)


def _find_workflow(address: str, name: str) -> None:
    """Raises CalledProcessError where the server does not know it."""
    _temporal(address, "workflow", "describe", "--workflow-id", name)


def _temporal(address: str, *arguments: str) -> str:
    command = [str(Programs().temporal), *arguments, "--address", address]
    return subprocess.run(command, check=True, capture_output=True, text=True).stdout


def _read(path: str) -> str:
    return Path(path).read_text()


def _temporary_folders() -> list[Path]:
    return list(Path(tempfile.gettempdir()).iterdir())


async def _send_mail(smtp_url: str, subject: str) -> None:
    host, _, port = smtp_url.removeprefix("smtp://").partition(":")
    await aiosmtplib.send(
        f"Subject: {subject}\r\n\r\nHola",
        sender="a@b.invalid",
        recipients=["c@d.invalid"],
        hostname=host,
        port=int(port),
    )


async def _subjects(url: str) -> list[str]:
    async with httpx.AsyncClient(base_url=url, trust_env=False) as client:
        return [item["subject"] for item in (await client.get("/messages")).json()["items"]]


async def test_everything_survives_deaths_and_a_new_start(open_folder: Path) -> None:
    events: list[Event] = []
    async with Stack(open_folder / "data", components=DATA_COMPONENTS, report=events.append) as stack:
        first = stack.endpoints
        await _execute(first.postgres, "CREATE TABLE kept (n int)")
        await _execute(first.postgres, "INSERT INTO kept VALUES (1)")
        _start_workflow(first.temporal, "kept")
        await _send_mail(first.sandbox_smtp, "kept")

        for name, pid in first.pids.items():
            os.kill(pid, signal.SIGKILL)
            await eventually_async(lambda name=name, pid=pid: stack.endpoints.pids[name] != pid, 20)
            await stack.until_ready(name)
        assert await _execute(first.postgres, "SELECT n FROM kept") == [(1,)]
        _find_workflow(first.temporal, "kept")
        assert await _subjects(first.sandbox) == ["kept"]
        logs = open_folder / "data" / "logs"
        assert {event.sentence for event in events if event.kind == "died"} == {
            f"{name} was ended by SIGKILL and is being started again; its log: {logs / name}.log"
            for name in DATA_COMPONENTS
        }
        last = dict(stack.endpoints.pids)
    assert not any(map(lives, last.values()))

    async with Stack(open_folder / "data", components=DATA_COMPONENTS) as again:
        endpoints = again.endpoints
        assert endpoints.api_key == first.api_key
        assert await _execute(endpoints.postgres, "SELECT n FROM kept") == [(1,)]
        _find_workflow(endpoints.temporal, "kept")
        assert await _subjects(endpoints.sandbox) == ["kept"]


async def test_two_stacks_stand_side_by_side_from_the_same_moment() -> None:
    stacks = [Stack(components=("postgres", "temporal")) for _ in range(2)]
    try:
        await asyncio.gather(*(stack.start() for stack in stacks))
        one, other = (stack.endpoints for stack in stacks)
        assert one.postgres != other.postgres
        await _execute(one.postgres, "CREATE TABLE mine (n int)")
        assert await _execute(other.postgres, "SELECT to_regclass('mine')") == [(None,)]
        _start_workflow(one.temporal, "mine")
        with pytest.raises(subprocess.CalledProcessError):
            _find_workflow(other.temporal, "mine")
    finally:
        await asyncio.gather(*(stack.stop() for stack in stacks))


async def test_a_temporary_stack_leaves_nothing_behind() -> None:
    async with Stack(components=("postgres",)) as stack:
        data = stack.endpoints.data
        assert Path(data) in _temporary_folders()
    assert Path(data) not in _temporary_folders()


async def test_a_failed_start_names_a_log_that_is_kept(open_folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(tempfile, "tempdir", str(open_folder))
    broken = open_folder / "temporal"
    broken.write_text("#!/bin/sh\necho it is broken\nexit 5\n")
    broken.chmod(0o755)
    with pytest.raises(StackError) as caught:
        await Stack(components=("postgres", "temporal"), programs=Programs(temporal=broken)).start()
    told, log = caught.value.message.split("; its log: ")
    assert told == "temporal could not start: it exited with code 5"
    assert _read(log) == "it is broken\n"


async def test_a_missing_program_is_told(open_folder: Path) -> None:
    programs = Programs(postgres=open_folder)
    with pytest.raises(StackError, match=r"^postgres could not start: .*No such file or directory"):
        await Stack(open_folder / "data", components=("postgres",), programs=programs).start()
