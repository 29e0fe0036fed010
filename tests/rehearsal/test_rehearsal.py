"""A rehearsal through the API's contract: the figures come from the journeys that ran, nobody real is reached."""

import io
import json
from datetime import date, datetime, timedelta
from pathlib import Path
from zoneinfo import ZoneInfo

import pytest
from rich.console import Console

from journey.playbook import Playbook, read_playbook
from policy.errors import SendaError
from senda.client import SendaClient
from senda.portfolio.mapping import Mapping
from senda.rehearsal.board import LineBoard, board_on
from senda.rehearsal.report import Report
from senda.rehearsal.run import Rehearsal
from senda.rehearsal.scope import Scope
from tests.portfolio.fake_api import REMOTE, FakeApi

EVERYTHING = Scope()
ROWS = """CLI;EMI;VENC;PAGO;VALOR
1661240395903230676;2019-01-02;2019-02-01;2019-01-15;100.10
1661240395903230676;2019-01-02;2019-02-01;2019-02-01;200.20
2222222222222222222;2019-01-02;2019-02-01;2019-02-02;300.30
3333333333333333333;2019-01-02;2019-02-10;2019-02-17;400.40
3333333333333333333;2019-01-02;2019-02-10;;
4444444444444444444;2019-01-02;2019-03-01;2019-06-01;500.50
5555555555555555555;2019-03-02;2019-03-01;2019-06-01;600.60
6666666666666666666;2019-01-02;2019-03-05;2019-12-01;700.70
"""


@pytest.fixture
def api() -> FakeApi:
    return FakeApi()


@pytest.fixture
def file(tmp_path: Path) -> Path:
    path = tmp_path / "receivables.csv"
    path.write_text(ROWS, encoding="utf-8")
    return path


@pytest.fixture
def mapping() -> Mapping:
    columns = {
        "account": {"row_number": True},
        "debtor": "CLI",
        "issued": "EMI",
        "due_date": "VENC",
        "paid": "PAGO",
        "amount": "VALOR",
    }
    described = {"columns": columns, "separator": ";", "currency": "BRL", "pack": "CO"}
    return Mapping.model_validate({**described, "time_zone": "America/Sao_Paulo"})


@pytest.fixture
def playbook() -> Playbook:
    return read_playbook((Path(__file__).parents[2] / "docs/examples/rehearsal.playbook.yaml").read_bytes())


async def rehearse(api: FakeApi, file: Path, mapping: Mapping, playbook: Playbook, scope: Scope = EVERYTHING) -> Report:
    board = LineBoard(Console(quiet=True), timedelta(days=30))
    async with SendaClient(REMOTE, api.transport()) as client:
        return await Rehearsal(file, mapping, playbook, scope).run(client, board)


async def test_the_figures_of_a_small_file(api: FakeApi, file: Path, mapping: Mapping, playbook: Playbook) -> None:
    figures = (await rehearse(api, file, mapping, playbook)).as_json()
    assert figures.pop("seconds") >= 0
    assert figures == {
        "rows": 8,
        "rejected": 2,
        "accounts": 6,
        "journeys": 4,
        "late": 4,
        "late_amount": "1901.90",
        "cured_within": {"1": 1, "7": 2, "15": 2, "30": 2, "60": 2, "90": 2},
        "contacts": 28,
        "contacts_after_payment": 0,
    }


async def test_the_figures_are_the_apis_not_the_files(
    api: FakeApi, file: Path, mapping: Mapping, playbook: Playbook
) -> None:
    """Given an API that refuses one late account, the rehearsal reports one less."""
    api.refuse_line = {3: ("import.refused", "account")}
    report = await rehearse(api, file, mapping, playbook)
    assert (report.rejected, report.accounts, report.lateness.late) == (3, 5, 3)


async def test_nobody_real_is_named_or_reached(api: FakeApi, file: Path, mapping: Mapping, playbook: Playbook) -> None:
    await rehearse(api, file, mapping, playbook)
    for account in api.accounts.values():
        assert set(account["debtor"]["addresses"]) == {"email"}
        assert account["debtor"]["addresses"]["email"].endswith("@rehearsal.invalid")
    assert "3333333333333333333" not in json.dumps(list(api.accounts.values()))


async def test_one_debtor_stays_one_person(api: FakeApi, file: Path, mapping: Mapping, playbook: Playbook) -> None:
    await rehearse(api, file, mapping, playbook)
    people = [account["debtor"]["key"] for account in api.accounts.values()]
    assert people[0] == people[1]
    assert len(set(people)) == 5


async def test_payments_come_at_noon_of_their_days_from_the_first_to_the_last(
    api: FakeApi, file: Path, mapping: Mapping, playbook: Playbook
) -> None:
    await rehearse(api, file, mapping, playbook)
    zone = ZoneInfo("America/Sao_Paulo")
    assert api.clocks[0] == datetime(2019, 1, 15, tzinfo=zone)
    noons = [clock.astimezone(zone) for clock in api.clocks[1:-1]]
    assert {clock.hour for clock in noons} == {12}
    assert [clock.date() for clock in noons] == [
        date(2019, 1, 15),
        date(2019, 2, 1),
        date(2019, 2, 2),
        date(2019, 2, 17),
        date(2019, 6, 1),
        date(2019, 12, 1),
    ]
    assert [len(api.payments), api.open] == [6, {account: [] for account in api.accounts}]


@pytest.mark.parametrize(
    ("scope", "rows", "accounts"),
    [
        (Scope(due_from=date(2019, 2, 10)), 5, 3),
        (Scope(due_to=date(2019, 2, 1)), 3, 3),
        (Scope(due_from=date(2019, 2, 10), due_to=date(2019, 2, 10)), 2, 1),
        (Scope(limit=4), 4, 4),
        (Scope(due_from=date(2019, 2, 10), limit=2), 3, 2),
    ],
)
async def test_a_part_of_the_file(
    api: FakeApi,
    file: Path,
    mapping: Mapping,
    playbook: Playbook,
    scope: Scope,
    rows: int,
    accounts: int,
) -> None:
    report = await rehearse(api, file, mapping, playbook, scope)
    assert (report.rows, report.accounts) == (rows, accounts)
    assert report.rows - report.rejected == report.accounts


async def test_an_account_that_is_never_paid_runs_to_the_end_of_the_timeline(
    api: FakeApi, tmp_path: Path, mapping: Mapping, playbook: Playbook
) -> None:
    unpaid = tmp_path / "unpaid.csv"
    unpaid.open("w").write("CLI;EMI;VENC;PAGO;VALOR\n1;2019-01-02;2019-02-01;;10.00\n")
    await rehearse(api, unpaid, mapping, playbook)
    assert api.journeys[0].outcome == "referred"


async def test_no_usable_row_is_an_error(api: FakeApi, file: Path, mapping: Mapping, playbook: Playbook) -> None:
    with pytest.raises(SendaError) as caught:
        await rehearse(api, file, mapping, playbook, Scope(due_from=date(2030, 1, 1)))
    assert caught.value.code == "rehearsal.no_rows"
    assert api.creditor == {}


async def test_a_server_that_restarts_meanwhile_costs_nothing(
    api: FakeApi, file: Path, mapping: Mapping, playbook: Playbook
) -> None:
    api.down = 3
    assert (await rehearse(api, file, mapping, playbook)).lateness.late == 4


async def test_without_a_terminal_a_line_comes_now_and_then(
    api: FakeApi, file: Path, mapping: Mapping, playbook: Playbook
) -> None:
    out = io.StringIO()
    console = Console(file=out, width=200)
    async with SendaClient(REMOTE, api.transport()) as client:
        with board_on(console, timedelta(days=30)) as board:
            await Rehearsal(file, mapping, playbook, EVERYTHING).run(client, board)
    lines = out.getvalue().splitlines()
    assert lines[0].startswith("Import done: 6 accounts")
    assert lines[-1].startswith("2019-12-01  journeys open: 0")
