"""`senda policy audit` over a running installation: what was decided, judged again."""

import asyncio
import json
from collections.abc import AsyncIterator
from datetime import date, datetime, timedelta
from pathlib import Path
from typing import Any

import orjson
import pytest
from typer.testing import CliRunner, Result

from senda.policy_cli import app
from senda.stack import Endpoints
from tests.api.calls import Api, Creditor, calling
from tests.ledger.given import local, row

RUNNER = CliRunner()
FIRST = local(date(2026, 2, 2), 9)
FEBRUARY = ["--from", "2026-02-01", "--to", "2026-02-28"]

STRICTER = """
pack: tarde
version: "1"
name: {es: Solo por la tarde, en: Afternoons only}
valid_from: 2027-01-01
status: draft
reviewed_by_counsel: false
zones: []
holidays: null
rules:
  - id: TA-01
    kind: window
    hours: [{days: [mon, tue, wed, thu, fri, sat, sun], opens: "14:00", closes: "18:00"}]
    text: {es: Solo de 14:00 a 18:00., en: Only from 14:00 to 18:00.}
    source: proyecto interno
    mark: P
"""
SPACED = """
pack: espaciado
version: "1"
name: {es: Tres semanas, en: Three weeks}
valid_from: 2026-01-01
status: in_force
reviewed_by_counsel: false
zones: []
holidays: null
rules:
  - id: ES-91
    kind: cap
    limit: 1
    period: day
    next_from_day: 21
    text: {es: Uno cada tres semanas., en: One in three weeks.}
    source: proyecto interno
    mark: P
"""


@pytest.fixture
async def api(stack: Endpoints) -> AsyncIterator[Api]:
    async with calling(stack) as opened:
        yield opened


@pytest.fixture
async def creditor(api: Api) -> Creditor:
    """The person's notices of days 1, 5 and 12; the first is refused that day, since another creditor wrote before."""
    found, other = await api.creditor(), await api.creditor()
    person = f"{found.key}-p"
    due = ("1", "2026-02-01", "100000")
    await found.imports(row("A", due, person=person))
    await other.imports(row("B", due, person=person))
    await other.advances(local(date(2026, 2, 2), 12))
    await found.advances(local(date(2026, 2, 20), 12))
    return found


async def audited(creditor: Creditor, *options: str) -> tuple[Result, dict[str, Any]]:
    """The command's result, and what it printed as JSON."""
    stack = creditor.api.stack
    period = options if "--from" in options else (*FEBRUARY, *options)
    command = ["audit", *period, "--api", stack.api, "--api-key", stack.api_key, "--creditor", creditor.key]
    result = await asyncio.to_thread(RUNNER.invoke, app, [*command, "--json"])
    return result, json.loads(result.stdout) if result.stdout else {}


async def decided(creditor: Creditor) -> list[dict[str, Any]]:
    """Every contact that was permitted or refused, in order."""
    query = "SELECT * FROM contacts WHERE creditor = %s AND decision <> 'skipped' ORDER BY id"
    return await creditor.api.rows(query, creditor.key)


async def test_the_record_stands_under_the_packs_that_decided_it(creditor: Creditor) -> None:
    contacts = await decided(creditor)
    result, found = await audited(creditor)
    assert (result.exit_code, found["differing"], found["pack"]) == (0, 0, None)
    assert found["judged"] == len(contacts)
    assert {each["decision"] for each in contacts} == {"permitted", "refused"}


async def test_a_row_that_the_policy_never_decided_so_is_found(creditor: Creditor, tmp_path: Path) -> None:
    (sample,) = await creditor.api.rows(
        "SELECT * FROM contacts WHERE creditor = %s AND decision = 'permitted' ORDER BY id LIMIT 1", creditor.key
    )
    forged = sample["basis"] | {"case": sample["basis"]["case"] | {"at": "2026-02-08T15:00:00+00:00"}}
    await creditor.api.rows(
        """
        WITH forged AS (
            INSERT INTO contacts (person_id, creditor, account_id, request, channel, decision, rules, basis, decided_at)
            VALUES (%s, %s, %s, %s, 'email', 'permitted', '{}', %s, %s) RETURNING id)
        SELECT id FROM forged""",
        sample["person_id"],
        creditor.key,
        sample["account_id"],
        f"forged-{creditor.key}",
        orjson.dumps(forged).decode(),
        FIRST,
    )
    out = tmp_path / "findings.jsonl"
    result, found = await audited(creditor, "--out", str(out))
    assert (result.exit_code, found["differing"], found["by_rule"]) == (1, 1, {"CO-02": 1})
    (finding,) = map(json.loads, out.read_text().splitlines())
    assert (finding["finding"], finding["rules_then"], finding["rules"]) == ("differs", [], ["CO-02"])


async def test_a_pack_not_yet_in_force_says_what_it_would_have_refused(creditor: Creditor, tmp_path: Path) -> None:
    pack, out = tmp_path / "tarde.yaml", tmp_path / "findings.jsonl"
    pack.write_text(STRICTER)
    made = [each for each in await decided(creditor) if each["decision"] == "permitted"]
    result, found = await audited(creditor, "--pack", str(pack), "--out", str(out), "--language", "en")
    assert result.exit_code == 0
    assert (found["would_refuse"], found["by_rule"]) == (len(made), {"TA-01": len(made)})
    assert (found["pack"]["pack"], found["pack"]["status"]) == ("tarde", "draft")
    findings = [json.loads(line) for line in out.read_text().splitlines()]
    assert {each["id"] for each in findings} == {each["id"] for each in made}
    assert all("TA-01" in each["why"] and each["why"].startswith("Not contacted") for each in findings)


async def test_a_laxer_pack_says_what_it_would_have_allowed(creditor: Creditor) -> None:
    refused = [each for each in await decided(creditor) if each["decision"] == "refused"]
    assert refused, "the notice of the same day"
    _, found = await audited(creditor, "--pack", "US")
    assert found["would_allow"] == len(refused)
    assert found["by_rule"] == {"US-01": 1}, "it left at seven the next day, an hour too early there"


async def test_a_pack_that_looks_back_further_than_the_stored_log_sees_further(
    creditor: Creditor, tmp_path: Path
) -> None:
    pack = tmp_path / "espaciado.yaml"
    pack.write_text(SPACED)
    made = [each for each in await decided(creditor) if each["decision"] == "permitted"]
    assert made[-1]["decided_at"] - made[0]["decided_at"] > stored_log(made[-1]), "or nothing is shown"
    _, found = await audited(creditor, "--pack", str(pack))
    assert found["would_refuse"] == len(made), "each comes within three weeks of another"


def stored_log(contact: dict[str, Any]) -> timedelta:
    """How far back the log reaches that was stored with a decision."""
    log = contact["basis"]["case"]["contacts"]
    return contact["decided_at"] - min(datetime.fromisoformat(each["at"]) for each in log)


async def test_only_the_period_asked_for_is_judged(creditor: Creditor) -> None:
    day = [each for each in await decided(creditor) if each["decided_at"].date() == FIRST.date()]
    _, found = await audited(creditor, "--from", "2026-02-02", "--to", "2026-02-02")
    assert found["judged"] == len(day)
    _, found = await audited(creditor, "--from", "2026-02-02T14:00:01Z", "--to", "2026-02-02T23:00:00Z")
    assert found["judged"] == 0


@pytest.mark.parametrize(
    ("options", "advice"),
    [
        (["--from", "2 de febrero", "--to", "2026-02-28"], "--from: write a day"),
        (["--from", "2026-02-01T00:00:00", "--to", "2026-02-28"], "--from: write a day"),
        (["--from", "2026-02-01", "--to", "2026-02-28"], "give --zone or --creditor"),
        (["--from", "2026-02-01", "--to", "2026-02-28", "--zone", "Bogota"], "no IANA time zone"),
        ([*FEBRUARY, "--zone", "America/Bogota", "--pack", "no-such.yaml"], "neither a pack's key nor"),
    ],
)
def test_what_cannot_be_read_is_one_sentence(stack: Endpoints, options: list[str], advice: str) -> None:
    command = ["audit", *options, "--api", stack.api, "--api-key", stack.api_key]
    result = RUNNER.invoke(app, command)
    assert (result.exit_code, result.stdout) == (2, "")
    assert advice in result.stderr
