"""The demo against the API's contract: every day is lived once, and its figures are the API's."""

import io
from datetime import timedelta

from rich.console import Console

from senda.client import SendaClient
from senda.demo.figures import tables
from senda.demo.run import FIRST_DAY, Result, run_demo
from senda.demo.stories import choose_stories
from senda.rehearsal.board import LineBoard
from tests.portfolio.fake_api import REMOTE, FakeApi

EVENTS = [{"seq": 1, "at": "2026-02-03T14:00:00Z", "kind": "closed", "data": {"outcome": "paid"}}]


async def run(api: FakeApi, accounts: int, days: int) -> Result:
    board = LineBoard(Console(quiet=True), timedelta(days=10))
    async with SendaClient(REMOTE, api.transport()) as client:
        return await run_demo(client, 7, accounts, days, board)


async def test_the_clock_moves_to_noon_of_each_day_and_to_the_end() -> None:
    api = FakeApi()
    await run(api, 10, 5)
    moved = [clock - api.clocks[0] for clock in api.clocks[1:]]
    assert moved == [timedelta(days=day, hours=12) for day in range(5)] + [timedelta(days=5)]


async def test_the_result_is_what_the_api_reports() -> None:
    api = FakeApi()
    result = await run(api, 60, 120)
    assert result.portfolio == sum(due.amount for account in result.accounts for due in account.dues)
    last = FIRST_DAY + timedelta(days=119)
    moves = sum(move.day <= last for account in result.accounts for move in account.moves)
    assert len(api.payments) == moves
    assert set(result.latest) <= {account.key for account in result.accounts}


async def test_the_summary_names_outcomes_rules_and_money() -> None:
    result = await run(FakeApi(), 60, 120)
    refusals = result.summary.contacts.model_copy(update={"refusals": {"CO-03": 4}})
    summary = result.summary.model_copy(update={"contacts": refusals})
    out = io.StringIO()
    console = Console(file=out, width=120)
    for table in tables(Result(result.accounts, result.portfolio, summary, result.latest), {"CO-03": "Una vez"}):
        console.print(table)
    text = out.getvalue()
    assert "referred" in text
    assert "paid" in text
    assert "Una vez" in text
    assert "collected" in text


async def test_stories_are_of_different_outcomes() -> None:
    api = FakeApi()
    result = await run(api, 60, 120)
    api.events = {account.key: EVENTS for account in result.accounts}
    async with SendaClient(REMOTE, api.transport()) as client:
        stories = await choose_stories(client, result)
    outcomes = [story.journey.outcome for story in stories]
    assert len(outcomes) == len(set(outcomes))
    assert outcomes[:2] == ["referred", "paid"]
