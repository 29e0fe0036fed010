"""A file into the API: what is sent, what is reported with the file's own row numbers, and the exit code."""

import csv
from collections.abc import Callable
from datetime import UTC, datetime
from decimal import Decimal
from functools import partial
from pathlib import Path

import pytest
import yaml
from click.testing import Result
from typer.testing import CliRunner

from policy.errors import SendaError
from senda.client import ApiError, ImportStatus, Posting, Remote, SendaClient
from senda.portfolio import command
from senda.portfolio.importing import FileImport, Imported
from senda.portfolio.mapping import Mapping, MappingError
from senda.portfolio.rejections import LineNumbers, Rejections, collected
from senda.portfolio.rows import BadRow
from tests.portfolio.fake_api import REMOTE, FakeApi

Call = Callable[..., Result]
ROWS = """doc,deudor,vence,pago,valor
A,1,2026-02-01,,10
B,1,2026-02-01,,
C,2,2026-02-01,2026-02-02,10
D,3,2026-02-01,,x
E,3,2026-02-01,,30
F,4,2026-02-01,,40
"""


@pytest.fixture
def mapping() -> Mapping:
    columns = {"account": "doc", "debtor": "deudor", "due_date": "vence", "paid": "pago", "amount": "valor"}
    return Mapping.model_validate({"columns": columns, "currency": "COP", "time_zone": "America/Bogota"})


@pytest.fixture
def file(tmp_path: Path) -> Path:
    path = tmp_path / "file.csv"
    path.write_text(ROWS, encoding="utf-8")
    return path


@pytest.fixture
def api() -> FakeApi:
    creditor = {"currency": "COP", "time_zone": "America/Bogota"}
    return FakeApi(creditor=creditor, clocks=[datetime(2026, 3, 1, tzinfo=UTC)])


async def run(api: FakeApi, file: Path, mapping: Mapping, rejections: Rejections) -> Imported:
    seen: list[ImportStatus] = []
    async with SendaClient(REMOTE, api.transport()) as client:
        return await FileImport(file, mapping, rejections).run(client, "acme", seen.append)


async def test_good_rows_are_sent_and_counts_add_up(api: FakeApi, file: Path, mapping: Mapping) -> None:
    imported = await run(api, file, mapping, Rejections())
    assert (imported.rows, imported.accepted, imported.rejected, imported.settled) == (6, 4, 2, 1)
    assert list(api.accounts) == ["A", "C", "E", "F"]
    assert api.accounts["A"]["dues"] == [{"key": "1", "due_date": "2026-02-01", "amount": "10"}]


async def test_a_document_that_was_paid_owes_nothing(api: FakeApi, file: Path, mapping: Mapping) -> None:
    await run(api, file, mapping, Rejections())
    assert api.accounts["C"]["dues"] == []


async def test_a_document_that_is_paid_after_the_creditors_today_is_still_owed(
    api: FakeApi, file: Path, mapping: Mapping
) -> None:
    api.clocks = [datetime(2026, 2, 1, 12, tzinfo=UTC)]
    imported = await run(api, file, mapping, Rejections())
    assert imported.settled == 0
    assert len(api.accounts["C"]["dues"]) == 1


async def test_rows_that_the_api_refuses_are_told_by_the_files_numbers(
    api: FakeApi, file: Path, mapping: Mapping, tmp_path: Path
) -> None:
    api.refuse_line = {3: ("import.bad_email", "debtor.addresses.email")}
    errors = tmp_path / "errors.csv"
    with collected(errors) as rejections:
        imported = await run(api, file, mapping, rejections)
    assert imported.rejected == 3
    with errors.open(encoding="utf-8", newline="") as written:
        rows = list(csv.DictReader(written))
    assert [(row["row"], row["code"]) for row in rows] == [
        ("2", "amount_missing"),
        ("4", "amount_invalid"),
        ("5", "import.bad_email"),
    ]


async def test_nothing_is_sent_for_a_mapping_that_does_not_fit(api: FakeApi, file: Path, mapping: Mapping) -> None:
    columns = mapping.columns.model_copy(update={"amount": "monto"})
    with pytest.raises(SendaError, match="no column 'monto'"):
        await run(api, file, mapping.model_copy(update={"columns": columns}), Rejections())
    assert api.lines == 0


async def test_nothing_is_sent_in_another_currency(api: FakeApi, file: Path, mapping: Mapping) -> None:
    api.creditor["currency"] = "CLP"
    with pytest.raises(SendaError, match="keeps books in CLP") as caught:
        await run(api, file, mapping, Rejections())
    assert caught.value.code == "import.currency_mismatch"
    assert api.lines == 0


async def test_a_server_that_is_starting_is_waited_for(api: FakeApi, file: Path, mapping: Mapping) -> None:
    api.down = 2
    assert (await run(api, file, mapping, Rejections())).accepted == 4


async def test_problem_details_become_an_error_with_its_code(api: FakeApi) -> None:
    stranger = Remote(api=REMOTE.api, api_key="other")
    async with SendaClient(stranger, api.transport()) as client:
        with pytest.raises(SendaError, match="no such API key") as caught:
            await client.summary("acme")
    assert caught.value.code == "auth.unknown_key"


def test_line_numbers_lead_back_to_the_files_rows() -> None:
    numbers = LineNumbers()
    rows = [1, 2, 5, 6, 7, 9, 20]
    for row in rows:
        numbers.sent(row)
    assert [numbers.row_of(line) for line in range(1, len(rows) + 1)] == rows


def test_only_the_first_rejections_are_kept() -> None:
    rejections = Rejections()
    for row in range(1, 101):
        rejections.add(BadRow(row, "amount", "amount_missing", ""))
    assert rejections.count == 100
    assert [bad.row for bad in rejections.first] == list(range(1, 11))


async def test_one_failed_payment_is_told_as_itself(api: FakeApi) -> None:
    wrong = Remote(api=REMOTE.api, api_key="key", processor_secret="whsec_d3Jvbmc=")
    posting = Posting("p1", "acme", "A", Decimal(1), "COP", datetime(2026, 1, 1, tzinfo=UTC))
    async with SendaClient(wrong, api.transport()) as client:
        with pytest.raises(ApiError) as caught:
            await client.pay_all([posting])
    assert (caught.value.status, caught.value.code) == (401, "webhook.bad_signature")


class TestCommand:
    """`senda import` as a person calls it."""

    @pytest.fixture
    def call(self, api: FakeApi, mapping: Mapping, file: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Call:
        described = tmp_path / "mapping.yaml"
        described.write_text(yaml.safe_dump(mapping.model_dump(mode="json", exclude_none=True)))
        monkeypatch.setattr(command, "SendaClient", partial(SendaClient, transport=api.transport()))
        options = ["--creditor", "acme", "--mapping", str(described), "--api", REMOTE.api, "--api-key", "key"]
        return lambda *more: CliRunner().invoke(command.app, [str(file), *options, *more])

    def test_some_bad_rows_are_no_failure(self, call: Call) -> None:
        result = call("--json")
        assert result.exit_code == 0
        assert '"accepted": 4, "rejected": 2' in result.stdout

    def test_a_person_sees_counts_and_reasons(self, call: Call) -> None:
        result = call()
        assert "amount_invalid" in result.stdout
        assert "paid by today" in result.stdout

    def test_nothing_accepted_is_a_failure(self, call: Call, file: Path) -> None:
        file.write_text("doc,deudor,vence,pago,valor\nA,1,2026-02-01,,\n", encoding="utf-8")
        assert call().exit_code == 1

    def test_a_wrong_column_is_named_and_fails(self, call: Call, file: Path) -> None:
        file.write_text("doc,deudor,vence,pago,monto\n", encoding="utf-8")
        result = call()
        assert result.exit_code == 1
        assert isinstance(result.exception, MappingError)
        assert result.exception.field == "columns.amount"
