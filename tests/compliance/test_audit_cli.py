"""`senda audit` says whether the record stands, in words, in JSON and by its exit code."""

from pathlib import Path

import orjson
import psycopg
import pytest
from typer.testing import CliRunner, Result

from ledger.database import Ledger
from senda.audit_cli import app
from tests.compliance.test_chain import KEY, OTHER, TODAY, closed


def senda_audit(*arguments: str) -> Result:
    return CliRunner().invoke(app, list(arguments))


@pytest.fixture
async def day(own: Ledger, url: str) -> str:
    """A database with one closed day."""
    await closed(own, TODAY)
    return url


def test_what_is_sound_ends_with_0(day: str) -> None:
    told = senda_audit("verify", "--database", day, "--processes", "1", "--trust", KEY.public_key.hex())
    assert told.exit_code == 0
    assert "108 entries, 108 rows, 1 closed days" in told.stdout
    assert told.stdout.endswith("sound\n")


def test_exported_roots_find_a_day_that_was_signed_again(day: str, tmp_path: Path) -> None:
    file = tmp_path / "roots.jsonl"
    file.write_text(senda_audit("roots", "--database", day).stdout)
    with psycopg.connect(day) as connection:
        connection.execute("ALTER TABLE daily_roots DISABLE TRIGGER USER")
        connection.execute("UPDATE daily_roots SET leaves = 3")
    told = senda_audit("verify", "--database", day, "--roots", str(file), "--processes", "1", "--json")
    report = orjson.loads(told.stdout)
    assert told.exit_code == 1
    assert (report["sound"], report["notarised"], report["counts"]) == (False, 1, {"root": 3})


def test_roots_are_printed_for_a_period(day: str) -> None:
    assert len(senda_audit("roots", "--database", day).stdout.splitlines()) == 1
    assert senda_audit("roots", "--database", day, "--from", TODAY.date().isoformat()).stdout == ""


@pytest.mark.parametrize(
    "arguments",
    [
        ("verify", "--person", "nobody-has-it"),
        ("verify", "--trust", "x"),
        ("verify", "--trust", OTHER.public_key.hex() + "00"),
        ("verify", "--roots", "/nowhere/roots.jsonl"),
        ("verify", "--roots", __file__),
        ("roots", "--from", "yesterday"),
    ],
)
def test_what_cannot_be_done_ends_with_2_and_a_sentence(day: str, arguments: tuple[str, ...]) -> None:
    told = senda_audit(*arguments, "--database", day)
    assert told.exit_code == 2
    assert told.stderr.startswith("senda: ")
