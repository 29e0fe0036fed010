"""`senda policy …` from the command line."""

import json

import pytest
from policy_cases import ALL_KEYS
from typer.testing import CliRunner

from senda.policy_cli import app

RUNNER = CliRunner()
CASE = {
    "pack": "CO",
    "zones": ["America/Bogota"],
    "at": "2026-07-13T10:00:00-05:00",
    "channel": "sms",
    "purpose": "collection",
    "role": "debtor",
    "authorised_channels": ["sms"],
    "contacts": [],
}


def test_check_answers_line_by_line_in_order() -> None:
    lines = [json.dumps(CASE), "no JSON", json.dumps(CASE | {"at": "2026-07-14T10:00:00-05:00"})]

    result = RUNNER.invoke(app, ["check"], input="\n".join(lines) + "\n")

    holiday, bad, tuesday = (json.loads(line) for line in result.stdout.splitlines())
    assert result.exit_code == 0
    assert holiday == {
        "allowed": False,
        "rules": ["CO-02"],
        "next_allowed_at": "2026-07-14T12:00:00+00:00",
    }
    assert bad["error"]["code"] == "policy.bad_json"
    assert tuesday["allowed"]


def test_packs_lists_every_pack_for_programs() -> None:
    result = RUNNER.invoke(app, ["packs", "--json"])

    assert [entry["pack"] for entry in json.loads(result.stdout)] == list(ALL_KEYS)


def test_packs_lists_every_pack_for_people() -> None:
    result = RUNNER.invoke(app, ["packs"])

    assert "República Dominicana" in " ".join(result.stdout.split())


@pytest.mark.parametrize("key", ALL_KEYS)
def test_show_prints_every_rule_with_wording_and_source(key: str) -> None:
    page = RUNNER.invoke(app, ["show", key]).stdout
    content = json.loads(RUNNER.invoke(app, ["show", key, "--json"]).stdout)

    # Words, since a page breaks its lines where they end.
    words = set(page.split())
    for rule in content["rules"]:
        assert rule["id"] in words
        assert set(rule["text"]["es"].split()) <= words
        assert set(rule["text"]["en"].split()) <= words
        assert set(rule["source"].split()) <= words


def test_show_of_an_unknown_pack_names_the_error() -> None:
    result = RUNNER.invoke(app, ["show", "ZZ"])

    assert result.exit_code == 2
    assert "policy.unknown_pack" in result.stderr
