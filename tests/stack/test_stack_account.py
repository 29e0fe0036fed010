"""Which account Postgres runs under, and where its files are so that it reaches them."""

import os
import stat
from pathlib import Path

import pytest

from senda.stack import StackError, account
from senda.stack.account import Account, account_beside, can_enter, can_reach, home_of, programs_for

STRANGER = Account("stranger", 54_321, 54_321)
needs_root = pytest.mark.skipif(os.geteuid() != 0, reason="only root changes accounts")


def test_a_file_below_a_closed_folder_is_out_of_reach(open_folder: Path) -> None:
    file = open_folder / "folder" / "file"
    file.parent.mkdir()
    file.touch(mode=0o644)
    assert can_reach(STRANGER, file)
    file.parent.chmod(0o711)
    assert can_reach(STRANGER, file)
    assert not can_reach(STRANGER, file.parent)
    assert can_enter(STRANGER, file.parent)
    file.parent.chmod(0o700)
    assert not can_reach(STRANGER, file)
    assert not can_enter(STRANGER, file.parent)


def test_the_owner_and_the_group_have_their_own_bits(open_folder: Path) -> None:
    mine = Account("me", os.getuid(), os.getgid())
    colleague = Account("colleague", 54_321, os.getgid())
    open_folder.chmod(0o510)
    assert can_reach(mine, open_folder)
    assert can_enter(colleague, open_folder)
    assert not can_reach(colleague, open_folder)


@pytest.mark.skipif(os.geteuid() == 0, reason="what an ordinary user gets")
def test_an_ordinary_user_runs_postgres_as_himself(tmp_path: Path) -> None:
    assert account_beside(tmp_path) is None


@needs_root
def test_root_runs_postgres_as_the_owner_of_the_data_or_as_nobody(tmp_path: Path) -> None:
    nobody = account_beside(tmp_path)
    assert nobody
    assert nobody.name == "nobody"
    os.chown(tmp_path, 1, -1)
    owner = account_beside(tmp_path)
    assert owner
    assert owner.uid == 1


@needs_root
def test_the_home_is_in_the_data_folder_where_the_account_can_enter_it(open_folder: Path) -> None:
    home = home_of(STRANGER, open_folder)
    assert home == open_folder / "postgres"
    assert stat.S_IMODE(home.stat().st_mode) == 0o700
    assert home.stat().st_uid == STRANGER.uid


@needs_root
def test_the_home_is_in_a_shelter_where_it_cannot(open_folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(account, "SHELTER", open_folder / "shelter")
    data = open_folder / "data"
    data.mkdir(mode=0o700)
    home = home_of(STRANGER, data)
    assert home.parent == open_folder / "shelter"
    assert can_enter(STRANGER, home)
    assert home_of(STRANGER, data) == home
    assert stat.S_IMODE(data.stat().st_mode) == 0o700


@needs_root
def test_a_shelter_that_has_gone_is_told(open_folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(account, "SHELTER", open_folder / "shelter")
    data = open_folder / "data"
    data.mkdir(mode=0o700)
    home_of(STRANGER, data).rmdir()
    with pytest.raises(StackError, match=r"^The data of Postgres has gone: "):
        home_of(STRANGER, data)


@needs_root
def test_where_no_shelter_is_reachable_it_says_what_to_do(open_folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    data = open_folder / "data"
    data.mkdir(mode=0o700)
    monkeypatch.setattr(account, "SHELTER", data / "shelter")
    with pytest.raises(StackError, match=r"the account stranger.*use a data folder that other accounts may enter"):
        home_of(STRANGER, data)


def test_programs_out_of_reach_are_copied_with_their_libraries(
    open_folder: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(account, "SHELTER", open_folder / "shelter")
    installed = open_folder / "site" / "package" / "pg"
    (installed / "bin").mkdir(parents=True)
    (installed / "bin" / "postgres").touch(mode=0o700)
    (open_folder / "site" / "package.libs").mkdir()
    (open_folder / "site" / "package.libs" / "libpq.so").touch(mode=0o600)
    copy = programs_for(STRANGER, installed, "18")
    assert copy != installed
    assert can_reach(STRANGER, copy / "bin" / "postgres")
    assert os.access(copy / "bin" / "postgres", os.X_OK)
    assert can_reach(STRANGER, copy.parents[1] / "package.libs" / "libpq.so")
    assert programs_for(STRANGER, installed, "18") == copy


def test_programs_within_reach_are_used_where_they_are(open_folder: Path) -> None:
    program = open_folder / "bin" / "postgres"
    program.parent.mkdir()
    program.touch(mode=0o755)
    assert programs_for(STRANGER, open_folder, "18") == open_folder
    assert programs_for(None, open_folder, "18") == open_folder
