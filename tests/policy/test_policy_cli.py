"""`senda policy …` from the command line."""

import json
from pathlib import Path

import pytest
import yaml
from policy_cases import ALL_KEYS
from typer.testing import CliRunner

from policy import load_pack, pack_text
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


def test_show_prints_a_pack_from_a_file(tmp_path: Path) -> None:
    own = tmp_path / "own.yaml"
    own.write_text(pack_text("PE").replace("pack: PE", "pack: PE-own"), encoding="utf-8")

    page = RUNNER.invoke(app, ["show", str(own)])
    content = json.loads(RUNNER.invoke(app, ["show", str(own), "--json"]).stdout)

    assert page.exit_code == 0
    assert page.stdout.startswith("PE-own · Perú / Peru")
    assert content["pack"] == "PE-own"


@pytest.mark.parametrize(
    ("content", "error"),
    [
        (None, "policy.unreadable_file: cannot read {file}: No such file or directory\n"),
        (b"\xff\xfe", "policy.unreadable_file: {file} is not text in UTF-8\n"),
        (b"- a", "policy.bad_pack: "),
        (b"pack: [", "policy.bad_pack: not YAML: "),
    ],
)
def test_show_of_a_file_that_holds_no_pack_is_one_sentence(tmp_path: Path, content: bytes | None, error: str) -> None:
    file = tmp_path / "own.yaml"
    if content is not None:
        file.write_bytes(content)

    result = RUNNER.invoke(app, ["show", str(file)])

    assert result.exit_code == 2
    assert result.stderr.startswith(error.format(file=file))
    assert result.stderr.count("\n") == 1


def test_show_prints_what_a_duty_and_an_own_request_hold() -> None:
    page = " ".join(RUNNER.invoke(app, ["show", "CO"]).stdout.split())

    assert "CO-10 · horario que la persona pidió / hours at the person's own request ES" in page
    assert "widens: CO-01, CO-02" in page
    assert "CO-13 · deber, no decide contactos / duty, decides no contact: reporte a centrales de riesgo" in page
    assert "amount: 262635.75 currency: COP" in page
    assert "parameters" not in page


def test_explain_answers_line_by_line_in_order() -> None:
    lines = [json.dumps(CASE), "no JSON", json.dumps(CASE | {"at": "2026-07-14T10:00:00-05:00"})]

    result = RUNNER.invoke(app, ["explain"], input="\n".join(lines) + "\n")

    holiday, bad, tuesday = (json.loads(line) for line in result.stdout.splitlines())
    pack = load_pack("CO")
    assert result.exit_code == 0
    assert list(holiday) == [
        *("allowed", "rules", "next_allowed_at", "explanation", "packs", "holidays_version", "tzdata_version")
    ]
    assert holiday["allowed"] is False
    assert holiday["rules"] == ["CO-02"]
    assert holiday["next_allowed_at"] == "2026-07-14T12:00:00+00:00"
    assert holiday["explanation"].startswith("No se contactó: en America/Bogota es lunes 13 de julio, festivo (")
    assert holiday["packs"] == [{"pack": "CO", "version": pack.version, "content_hash": pack.content_hash}]
    assert bad["error"]["code"] == "policy.bad_json"
    assert tuesday["explanation"].startswith("Contacto permitido: martes 14 de julio de 2026, 10:00")


def test_explain_prints_only_the_sentences_in_the_language_asked_for() -> None:
    lines = [json.dumps(CASE), json.dumps(CASE | {"zones": ["America/Macondo"]})]

    result = RUNNER.invoke(app, ["explain", "--language", "en", "--text"], input="\n".join(lines) + "\n")

    refused, bad = result.stdout.splitlines()
    assert refused.startswith("Not contacted: in America/Bogota it is Monday 13 July, a holiday (")
    assert bad.startswith("policy.unknown_zone: 'America/Macondo' is not a known time zone")


def test_explain_knows_no_other_language() -> None:
    assert RUNNER.invoke(app, ["explain", "--language", "pt"], input="").exit_code == 2


def test_check_says_no_more_than_the_verdict() -> None:
    result = RUNNER.invoke(app, ["check"], input=json.dumps(CASE) + "\n")

    assert list(json.loads(result.stdout)) == ["allowed", "rules", "next_allowed_at"]


def test_lint_finds_nothing_wrong_with_the_packs_of_senda() -> None:
    result = RUNNER.invoke(app, ["lint", "--on", "2026-11-23"])

    assert result.exit_code == 0
    assert result.stdout == "15 packs, no findings; none is reviewed by counsel\n"


def own_pack(folder: Path, name: str, **changes: object) -> str:
    file = folder / name
    file.write_text(yaml.safe_dump(yaml.safe_load(pack_text("PE")) | changes), encoding="utf-8")
    return str(file)


def test_lint_of_files_tells_each_finding_and_fails_where_there_are_errors(tmp_path: Path) -> None:
    draft, old = own_pack(tmp_path, "a.yaml", status="draft"), own_pack(tmp_path, "b.yaml", valid_to="2026-11-22")

    warned = RUNNER.invoke(app, ["lint", draft, "--on", "2026-11-23"])
    failed = RUNNER.invoke(app, ["lint", draft, old, "--on", "2026-11-23"])

    assert warned.exit_code == 0
    assert warned.stdout.endswith("1 pack, 1 warning; none is reviewed by counsel\n")
    assert failed.exit_code == 1
    assert failed.stdout.endswith("2 packs, 1 error, 1 warning; none is reviewed by counsel\n")
    assert {"draft", "expired", "valid_to"} <= set(failed.stdout.split())


def test_lint_for_programs_names_the_source_of_each_finding(tmp_path: Path) -> None:
    old = own_pack(tmp_path, "b.yaml", valid_to="2026-11-22")

    result = RUNNER.invoke(app, ["lint", old, "--on", "2026-11-23", "--json"])

    assert result.exit_code == 1
    assert json.loads(result.stdout) == {
        "packs": 1,
        "errors": 1,
        "warnings": 0,
        "reviewed_by_counsel": 0,
        "findings": [
            {
                "source": old,
                "pack": "PE",
                "place": "valid_to",
                "code": "expired",
                "message": "the pack expired on 2026-11-22",
                "level": "error",
            }
        ],
    }


def test_lint_judges_by_the_present_day_unless_told_another(tmp_path: Path) -> None:
    long_gone = own_pack(tmp_path, "a.yaml", valid_from="2020-01-01", valid_to="2020-12-31")

    assert RUNNER.invoke(app, ["lint", long_gone]).exit_code == 1
    assert RUNNER.invoke(app, ["lint", long_gone, "--on", "2020-12-31"]).exit_code == 0


def test_lint_of_a_file_that_cannot_be_read_is_one_sentence(tmp_path: Path) -> None:
    result = RUNNER.invoke(app, ["lint", str(tmp_path / "none.yaml")])

    assert result.exit_code == 2
    assert result.stderr == f"policy.unreadable_file: cannot read {tmp_path}/none.yaml: No such file or directory\n"
    assert result.stdout == ""
