"""`senda template …` from the command line."""

import hashlib
import json
from pathlib import Path

import pytest
from typer.testing import CliRunner

from channels.approved import approved_bodies
from channels.templating import FOLDER, shipped, source_of
from senda.cli import GROUPS
from senda.template_cli import app

RUNNER = CliRunner()
GOOD = source_of("overdue", "es")
BAD = f"{GOOD}\n¿Por qué no ha pagado? Habrá embargo.\n"


def run(*words: str | Path) -> tuple[int, str, str]:
    result = RUNNER.invoke(app, [str(word) for word in words])
    return result.exit_code, result.stdout, result.stderr


@pytest.fixture
def bad(tmp_path: Path) -> Path:
    path = tmp_path / "aviso.es.txt.j2"
    path.write_text(BAD, encoding="utf-8")
    return path


def test_the_command_is_in_the_table() -> None:
    assert GROUPS["template"] == "senda.template_cli"


def test_all_shipped_templates_are_checked_when_no_file_is_named() -> None:
    code, out, _ = run("check")
    assert (code, out) == (0, f"{len(shipped())} templates, no findings\n")


def test_a_bad_template_is_shown_with_its_lines_and_ends_with_1(bad: Path) -> None:
    code, out, _ = run("check", bad)
    line = str(GOOD.count("\n") + 2)
    rows = [row.split()[:4] for row in out.splitlines()]
    assert code == 1
    assert ["aviso.es", line, "error", "asks_reason"] in rows
    assert ["aviso.es", line, "error", "threat"] in rows
    assert "Ley 2300 de 2023" in " ".join(out.split())
    assert out.endswith("1 template, 2 errors\n")


def test_a_warning_alone_ends_with_0(tmp_path: Path) -> None:
    path = tmp_path / "aviso.es.txt.j2"
    path.write_text(f"{GOOD}\nEs urgente.\n", encoding="utf-8")
    code, out, _ = run("check", path)
    assert code == 0
    assert out.endswith("1 template, 1 warning\n")


def test_programs_get_findings_and_versions(bad: Path) -> None:
    code, out, _ = run("check", bad, FOLDER / "reminder.pt.txt.j2", "--json")
    record = json.loads(out)
    version = hashlib.sha256(BAD.encode()).hexdigest()
    assert code == 1
    assert record["templates"][0] == {"template": "aviso", "language": "es", "channel": None, "version": version}
    assert [entry["template"] for entry in record["templates"]] == ["aviso", "reminder"]
    assert (record["errors"], record["warnings"]) == (2, 0)
    assert {finding["code"] for finding in record["findings"]} == {"asks_reason", "threat"}
    assert set(record["findings"][0]) == {"template", "language", "channel", "line", "code", "message", "level"}


def test_options_say_what_a_files_name_does_not(tmp_path: Path) -> None:
    path = tmp_path / "borrador.txt"
    path.write_text(GOOD, encoding="utf-8")

    assert run("check", path, "--name", "borrador", "--language", "es")[0] == 0

    code, _, problem = run("check", path, "--name", "borrador")
    assert code == 2
    assert problem.startswith("template.unnamed: ")
    assert "--language" in problem


def test_a_file_that_cannot_be_read_is_an_error(tmp_path: Path) -> None:
    path = tmp_path / "aviso.es.txt.j2"
    code, _, problem = run("check", path)
    assert (code, problem.split(":")[0]) == (2, "template.unreadable_file")

    path.write_bytes(b"\xff\xfe")
    code, _, problem = run("check", path)
    assert (code, "UTF-8" in problem) == (2, True)


def test_the_preview_shows_the_subject_and_the_text() -> None:
    code, out, _ = run("show", "overdue", "--language", "es", "--tone", "firm", "--days-past-due", "1")
    assert code == 0
    assert out.startswith("Cuenta MUESTRA-0001: $182.500,00 pendientes desde el 2 de marzo de 2026\n\nHola, Ana:\n\n")
    assert "hace 1 día." in out
    assert "https://pagos.example/muestra" in out
    assert out.endswith("responda BAJA.\n")


def test_the_preview_without_a_link_is_what_goes_out_today() -> None:
    _, out, _ = run("show", "overdue", "--no-link", "--sender", "Cobros Andinos")
    assert "Puede ponerse al día por los medios de pago de Crédito Muestra, a cualquier hora." in out
    assert "Le escribe Cobros Andinos, en nombre de Crédito Muestra." in out


@pytest.mark.parametrize(
    ("name", "words"),
    [
        ("prejuridical-notice", "This is not a court case"),
        ("payment-confirmation", "we received your payment"),
        ("reminder", "with a reminder in good time"),
    ],
)
def test_the_preview_is_of_the_templates_own_stage(name: str, words: str) -> None:
    assert words in run("show", name, "--language", "en")[1]


def test_a_file_can_be_previewed(bad: Path) -> None:
    code, out, _ = run("show", bad)
    assert code == 0
    assert "Habrá embargo." in out


def test_the_preview_of_a_template_with_an_unknown_variable_is_a_clear_error(tmp_path: Path) -> None:
    path = tmp_path / "aviso.es.txt.j2"
    path.write_text("Asunto\n\nSon {{ monto }}\n", encoding="utf-8")
    code, out, problem = run("show", path)
    assert (code, out) == (1, "")
    assert problem.startswith("template.unknown_variable: aviso.es, line 3: unknown variable 'monto': use account, ")


def test_an_unknown_template_is_a_clear_error() -> None:
    code, _, problem = run("show", "cobro")
    assert code == 1
    assert problem.startswith("template.not_found: no template 'cobro' in language 'es'; there are instalment-rem")


def test_a_files_name_says_its_channel(tmp_path: Path) -> None:
    path = tmp_path / "aviso.es.sms.txt.j2"
    path.write_text(source_of("overdue", "es", "sms") + "Gracias. " * 60, encoding="utf-8")
    code, out, _ = run("check", path)
    assert code == 1
    assert "aviso.es.sms" in out
    assert "too_many_segments" in out
    assert run("check", path, "--channel", "call")[0] == 1

    unknown = path.rename(tmp_path / "aviso.es.fax.txt.j2")
    code, _, problem = run("check", unknown)
    assert (code, problem.split(":")[0]) == (2, "template.unnamed")


def test_the_preview_of_an_sms_counts_its_segments() -> None:
    code, out, count = run("show", "overdue", "--channel", "sms", "--accounts", "2")
    assert code == 0
    assert "sus cuentas (MUESTRA-0001 $182.500 y MUESTRA-0002 $182.500)" in out
    assert count.startswith("2 segments (gsm-7, ")


def test_the_preview_of_a_call_tells_no_debt() -> None:
    code, out, count = run("show", "prejuridical-notice", "--channel", "call", "--sender", "Cobros Andinos")
    assert (code, count) == (0, "")
    assert out.startswith("Buen día. Le llama Cobros Andinos, en nombre de Crédito Muestra, para hablar con Ana.\n")
    assert "MUESTRA-0001" not in out


def test_the_texts_to_submit_to_meta_are_listed() -> None:
    code, out, _ = run("approved", "--json")
    record = json.loads(out)
    assert code == 0
    assert len(record) == len(approved_bodies()) == 18
    assert set(record[0]) == {"template", "name", "language", "body", "variables"}
    assert {(each["name"], each["language"]) for each in record} >= {("senda_plan_offer", "pt_BR")}

    code, page, _ = run("approved")
    assert code == 0
    assert all(each["body"] in page for each in record)
