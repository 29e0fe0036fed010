"""The data folder: one holder at a time, secrets made once, long logs set aside, leftovers ended."""

import os
import subprocess
import tempfile
from collections.abc import Iterator
from pathlib import Path

import psutil
import pytest

from senda.stack import AlreadyRunningError, StackError
from senda.stack.folder import DataFolder, temporary_folder, write_json
from senda.stack.keys import secrets_of
from senda.stack.leftovers import ProcessRecord, clear_abandoned_folders
from tests.stack.waiting import lives


@pytest.fixture
def folder(tmp_path: Path) -> Iterator[DataFolder]:
    folder = DataFolder(tmp_path / "data")
    yield folder
    folder.close()


def test_a_folder_that_is_held_names_its_endpoints(folder: DataFolder) -> None:
    with pytest.raises(AlreadyRunningError) as starting:
        DataFolder(folder.path)
    write_json(folder.endpoints, {"api": "http://127.0.0.1:1"})
    with pytest.raises(AlreadyRunningError) as running:
        DataFolder(folder.path)
    assert starting.value.message == f"The stack of {folder.path} is already being started."
    assert starting.value.endpoints is None
    assert running.value.message == f"The stack of {folder.path} is already running."
    assert running.value.endpoints == {"api": "http://127.0.0.1:1"}


def test_a_file_in_the_place_of_the_folder_is_told(tmp_path: Path) -> None:
    (tmp_path / "data").touch()
    with pytest.raises(StackError, match=r"^The data folder .*/data cannot be used: File exists\.$"):
        DataFolder(tmp_path / "data")


def test_secrets_are_made_once_and_for_the_owner_alone(folder: DataFolder) -> None:
    first = secrets_of(folder)
    assert secrets_of(folder) == first
    assert folder.secrets.stat().st_mode & 0o777 == 0o600
    assert folder.path.stat().st_mode & 0o066 == 0


def test_secrets_of_two_folders_differ(folder: DataFolder, tmp_path: Path) -> None:
    other = DataFolder(tmp_path / "other")
    assert not set(vars(secrets_of(folder)).values()) & set(vars(secrets_of(other)).values())
    other.close()


@pytest.mark.parametrize("content", ["", "[]", '{"postgres": "x"}'])
def test_damaged_secrets_are_told_and_not_made_anew(folder: DataFolder, content: str) -> None:
    folder.secrets.write_text(content)
    with pytest.raises(StackError, match=r"secrets\.json is damaged"):
        secrets_of(folder)
    assert folder.secrets.read_text() == content


def test_secrets_that_are_missing_beside_data_are_not_made_anew(folder: DataFolder) -> None:
    (folder.path / "postgres").mkdir()
    with pytest.raises(StackError, match=r"secrets\.json is missing"):
        secrets_of(folder)


def test_a_long_log_is_set_aside(folder: DataFolder) -> None:
    log = folder.log("thing")
    log.write_bytes(b"x" * (10 * 1024 * 1024 + 1))
    assert folder.log("thing") == log
    assert not log.exists()
    assert (folder.logs / "thing.log.1").stat().st_size > 10 * 1024 * 1024


def test_a_leftover_is_ended_by_the_next_start(folder: DataFolder) -> None:
    with subprocess.Popen(["/bin/sleep", "600"]) as leftover:
        ProcessRecord(folder.processes).note("thing", leftover.pid)
        ProcessRecord(folder.processes).end_leftovers()
        assert not lives(leftover.pid)


def test_a_process_that_only_has_the_pid_of_a_leftover_is_left_alone(folder: DataFolder) -> None:
    myself = os.getpid()
    write_json(folder.processes, {"thing": [myself, psutil.Process().create_time() - 60], "other": "?"})
    ProcessRecord(folder.processes).end_leftovers()
    assert lives(myself)


def test_temporary_folders_that_nobody_holds_any_more_are_removed(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(tempfile, "tempdir", str(tmp_path))
    abandoned, held = DataFolder(temporary_folder()), DataFolder(temporary_folder())
    just_made, foreign = temporary_folder(), tmp_path / "senda-notes"
    foreign.mkdir()
    for folder in (abandoned, held):
        secrets_of(folder)
    abandoned.close()
    clear_abandoned_folders()
    assert set(tmp_path.iterdir()) == {held.path, just_made, foreign}
    held.close()
