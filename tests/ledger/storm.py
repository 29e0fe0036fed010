"""A storm on one person: several processes ask for contacts over several accounts at once, round after round.

`make storm` runs a thousand rounds; the test beside it runs some.
"""

import asyncio
import sys
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import date
from multiprocessing import get_context
from time import perf_counter
from typing import Any, Literal
from uuid import uuid4

from ledger.asking import Asked, ask
from ledger.creditors import put_creditor
from ledger.database import Ledger
from ledger.migrate import upgrade
from ledger.permits import Permit, Reach, request_permit
from senda.stack import scratch_postgres
from tests.ledger.given import ZONE, Given, local, row

PROCESSES = 4
AT_ONCE = 64
ACCOUNTS = 4
NINE = local(date(2026, 2, 2), 9)
"""Monday, nine o'clock in Bogotá: every pack's contact hours."""
CHANNELS = ("sms", "whatsapp", "email", "call")

Kind = Literal["CO", "CL", "DO", "GT", "US", "CO and GT"]
CAPS: dict[Kind, int] = {"CO": 1, "CL": 1, "DO": 5, "GT": 2, "US": 7, "CO and GT": 2}
"""How many contacts each law allows the person now: CL and US by telephone, the others by any one channel or more.

Two creditors under CO and GT: whatever comes first, the second contact can only be one under GT.
"""


@dataclass(frozen=True, slots=True)
class Round:
    """One person with some accounts, and how many contacts the law allows."""

    kind: Kind
    person: str
    accounts: tuple[tuple[str, str], ...]

    @property
    def cap(self) -> int:
        """How many permits there must be in the end."""
        return CAPS[self.kind]


async def prepared(url: str, rounds: int) -> list[Round]:
    """That many rounds, with their people and accounts in the ledger; those under CO alone have open journeys."""
    async with Ledger(url) as ledger:
        creditors = {pack: await _creditor(ledger, pack) for pack in ("CO", "CL", "DO", "GT", "US")}
        kinds: list[Kind] = list(CAPS)
        found: list[Round] = []
        rows: dict[str, list[dict[str, Any]]] = {pack: [] for pack in creditors}
        for number in range(rounds):
            kind, person = kinds[number % len(kinds)], f"persona-{uuid4().hex}"
            packs = kind.split(" and ")
            accounts: list[tuple[str, str]] = []
            for each in range(ACCOUNTS):
                pack = packs[each % len(packs)]
                key = f"A-{number}-{each}"
                due = "2026-02-01" if kind == "CO" else "2026-02-20"
                addresses = {"email": "p@correo.invalid", **dict.fromkeys(CHANNELS[:2] + CHANNELS[3:], "+573001234567")}
                more = {"authorised_channels": list(CHANNELS), "addresses": addresses}
                rows[pack].append(row(key, ("1", due, "100000"), person=person, **more))
                accounts.append((creditors[pack].key, key))
            found.append(Round(kind, person, tuple(accounts)))
        for pack, given in creditors.items():
            await given.imported(*rows[pack])
            await given.clock(NINE)
    return found


async def _creditor(ledger: Ledger, pack: str) -> Given:
    given = await Given(ledger).set_up()
    book = f"{given.key}-book"
    await put_creditor(
        ledger,
        given.key,
        name="Crédito Amable",
        pack=pack,
        currency="COP",
        playbook=book,
        test_clock=local(date(2026, 2, 2), 0),
        time_zone=ZONE,
    )
    return given


def storm(url: str, rounds: Sequence[Round]) -> list[int]:
    """Let the processes ask; how many permits each round gave, as those who asked were told."""
    context = get_context("spawn")
    barrier, answers = context.Barrier(PROCESSES), context.Queue()
    workers = [
        context.Process(target=_process, args=(url, list(rounds), seat, barrier, answers)) for seat in range(PROCESSES)
    ]
    for worker in workers:
        worker.start()
    try:
        told = [answers.get(timeout=600) for _ in workers]
    finally:
        for worker in workers:
            worker.join(timeout=10)
            worker.terminate()
    return [sum(each) for each in zip(*told, strict=True)]


def _process(url: str, rounds: list[Round], seat: int, barrier: Any, answers: Any) -> None:
    answers.put(asyncio.run(_asks(url, rounds, seat, barrier)))


async def _asks(url: str, rounds: list[Round], seat: int, barrier: Any) -> list[int]:
    share = range(seat, AT_ONCE, PROCESSES)
    given: list[int] = []
    async with Ledger(url, connections=len(share)) as ledger:
        for each in rounds:
            barrier.wait(timeout=60)
            told = await asyncio.gather(*(_request(ledger, each, number) for number in share))
            given.append(sum(told))
    return given


async def _request(ledger: Ledger, each: Round, number: int) -> bool:
    """Half of the requests are journeys' steps where there are journeys, the others are people's."""
    creditor, account = each.accounts[number % len(each.accounts)]
    if each.kind == "CO" and number % 4 < 2:
        journey = f"journey:{creditor}:{account}:1"
        answer = await request_permit(ledger, journey, "aviso-1@2026-02-01", NINE, Reach(frozenset({"email"})))
        return isinstance(answer, Permit)
    channel = "call" if each.kind in ("CL", "US") else CHANNELS[number // len(each.accounts) % len(CHANNELS)]
    asked = Asked(f"{each.person}:{number}", creditor, account, channel, "collection", "debtor", "tormenta")
    return (await ask(ledger, asked)).allowed


async def stored(url: str, rounds: Sequence[Round]) -> list[int]:
    """How many permits the ledger holds for each round's person."""
    async with Ledger(url) as ledger, ledger.transaction() as tx:
        rows = await (
            await tx.execute(
                """
                SELECT p.key, count(*) FILTER (WHERE c.decision = 'permitted') AS number
                FROM people p JOIN contacts c ON c.person_id = p.id WHERE p.key = ANY(%s) GROUP BY p.key""",
                [[each.person for each in rounds]],
            )
        ).fetchall()
    found = {line["key"]: line["number"] for line in rows}
    return [found[each.person] for each in rounds]


def wrong(rounds: Sequence[Round], told: Sequence[int], kept: Sequence[int]) -> list[str]:
    """The rounds in which the permits were not exactly as many as the caps allow."""
    return [
        f"{each.kind}: {said} told, {held} kept, {each.cap} allowed"
        for each, said, held in zip(rounds, told, kept, strict=True)
        if not said == held == each.cap
    ]


def main(number: int) -> None:
    """Run so many rounds against a Postgres of their own and print what came of them."""
    with scratch_postgres() as url:
        upgrade(url)
        rounds = asyncio.run(prepared(url, number))
        began = perf_counter()
        told = storm(url, rounds)
        seconds = perf_counter() - began
        faults = wrong(rounds, told, asyncio.run(stored(url, rounds)))
    requests = number * AT_ONCE
    what = f"{number} rounds, {requests} requests by {PROCESSES} processes"
    sys.stdout.write(f"{what} in {seconds:.0f} s: {len(faults)} rounds went wrong\n")
    sys.exit("\n".join(faults[:20]) if faults else 0)


if __name__ == "__main__":
    main(int(sys.argv[1]) if len(sys.argv) > 1 else 1000)
