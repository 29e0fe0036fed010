"""Drives the demo: import, then day after day to noon, with the processor's payments of that day."""

from dataclasses import dataclass
from datetime import date, datetime, timedelta
from datetime import time as clock_time
from decimal import Decimal
from importlib.resources import files
from typing import Any
from zoneinfo import ZoneInfo

from journey.playbook import Playbook, read_playbook
from senda.client import Journey, SendaClient, Summary
from senda.demo.portfolio import CURRENCY, ZONE, Account, portfolio
from senda.demo.processor import noon, postings_by_day
from senda.portfolio.accounts import line_of
from senda.portfolio.upload import upload
from senda.rehearsal.board import Board

CREDITOR = "demo"
NAME = "Crédito Andino (demo)"
PACK = "CO"
FIRST_DAY = date(2026, 2, 2)
"""A Monday; Holy Week, San José and May Day lie within the 120 days that follow."""


@dataclass(frozen=True, slots=True)
class Result:
    """What the API says at the end. `portfolio` is the sum of all dues at the start, in pesos."""

    accounts: list[Account]
    portfolio: Decimal
    summary: Summary
    latest: dict[str, Journey]


def demo_playbook() -> Playbook:
    """The playbook that the demo runs, from the folder where a person finds it."""
    return read_playbook(files("journey").joinpath("playbooks/consumo-co.yaml").read_bytes())


async def run_demo(client: SendaClient, seed: int, accounts: int, days: int, board: Board) -> Result:
    """Run the demo against an installation; raises `ApiError`."""
    playbook = demo_playbook()
    made = portfolio(seed, accounts, FIRST_DAY)
    await client.put_playbook(playbook.key, playbook.model_dump(mode="json"))
    await client.put_creditor(CREDITOR, _creditor(playbook))
    await upload(client, CREDITOR, (line_of(account.as_import()) for account in made), board.importing)
    owed = (await client.summary(CREDITOR)).balance.amount

    postings = postings_by_day(CREDITOR, made)
    for number in range(days):
        day = FIRST_DAY + timedelta(days=number)
        await client.advance(CREDITOR, noon(day))
        await client.pay_all(postings.get(day, []))
        board.day(day, await client.summary(CREDITOR))
    # To the end of the last day, so that what its payments set off has happened too.
    await client.advance(CREDITOR, _midnight(FIRST_DAY + timedelta(days=days)))
    latest: dict[str, Journey] = {}
    async for journey in client.journeys(CREDITOR):
        before = latest.get(journey.account)
        if before is None or journey.episode > before.episode:
            latest[journey.account] = journey
    return Result(made, owed, await client.summary(CREDITOR), latest)


def _creditor(playbook: Playbook) -> dict[str, Any]:
    return {
        "name": NAME,
        "pack": PACK,
        "currency": CURRENCY,
        "playbook": playbook.key,
        "time_zone": ZONE,
        "test_clock": _midnight(FIRST_DAY).isoformat(),
        "pay_url": "https://pagos.invalid/{reference}",
    }


def _midnight(day: date) -> datetime:
    return datetime.combine(day, clock_time(), ZoneInfo(ZONE))
