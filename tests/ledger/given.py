"""What ledger tests start from: a creditor of their own, accounts brought in as an import does, a clock, an engine."""

from collections.abc import AsyncIterator, Collection, Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import UTC, date, datetime, timedelta
from decimal import Decimal
from itertools import count
from typing import Any
from uuid import uuid4

import orjson

from journey.planning import Contact
from journey.playbook import Outcome, Playbook, parse_playbook
from ledger import commands, intake
from ledger.asking import Asked, Verdict, ask
from ledger.clock import due_journeys, next_instant, set_clock
from ledger.commands import Pause
from ledger.creditors import creditor, put_creditor, put_playbook
from ledger.database import Ledger
from ledger.merging import merge_batch
from ledger.opening import due_to_enter, mark_launched, open_journeys
from ledger.outbox import bring_up_to_date
from ledger.outcomes import record_outcome
from ledger.payments import Payment, Posted, post_payment
from ledger.permits import Answer, Permit, Reach, request_permit
from ledger.preferences import Statement, record_statement
from ledger.record import Record, open_record_by_id

ZONE = "America/Bogota"
START = datetime(2026, 2, 2, 5, tzinfo=UTC)
"""Monday 2 February 2026, local midnight in Bogotá."""

MAIL = frozenset({"email"})


def playbook(key: str = "corto", **changes: Any) -> Playbook:
    """Reminder on day -3, notices on days 1, 5 and 12, letter on day 61, referred on day 90; all by e-mail at nine."""
    mail = {"channels": ["email"], "at": "09:00"}
    content: dict[str, Any] = {
        "key": key,
        "stages": [
            {
                "stage": "preventive",
                "from_day": -5,
                "steps": [{"key": "recordatorio", "day": -3, "template": "reminder", **mail}],
            },
            {
                "stage": "administrative",
                "from_day": 1,
                "steps": [
                    {"key": "aviso-1", "day": 1, "template": "overdue", **mail},
                    {"key": "aviso-5", "day": 5, "template": "overdue", **mail},
                    {"key": "aviso-12", "day": 12, "template": "overdue", **mail},
                ],
            },
            {
                "stage": "prejuridical",
                "from_day": 61,
                "steps": [{"key": "carta", "day": 61, "template": "prejuridical-notice", "tone": "formal", **mail}],
            },
        ],
        "ends": {"day": 90, "outcome": "referred"},
        "minimum_balance": "1000",
    }
    return parse_playbook({**content, **changes})


def row(account: str, *dues: tuple[str, str, str], person: str | None = None, **debtor: Any) -> dict[str, Any]:
    """An account as an import brings it; `dues` are (key, due date, amount)."""
    person = person or f"persona-{uuid4().hex}"
    return {
        "account": account,
        "debtor": {
            "key": person,
            "name": "Ana Lucía Gómez",
            "language": "es",
            "time_zones": [ZONE],
            "addresses": {"email": f"{person}@correo.invalid"},
            "authorised_channels": ["email"],
            **debtor,
        },
        "dues": [{"key": key, "due_date": day, "amount": amount} for key, day, amount in dues],
    }


async def streamed(lines: Iterable[bytes]) -> AsyncIterator[bytes]:
    """Lines as a request's body brings them."""
    for line in lines:
        yield line


def ndjson(rows: Iterable[dict[str, Any]]) -> AsyncIterator[bytes]:
    """Rows as lines of NDJSON."""
    return streamed(orjson.dumps(each) for each in rows)


@dataclass
class Given:
    """One creditor under a test clock, and what happens to it. Call `set_up` first."""

    ledger: Ledger
    key: str = field(default_factory=lambda: f"creditor-{uuid4().hex[:12]}")
    numbers: Any = field(default_factory=count)

    async def set_up(self, book: Playbook | None = None, at: datetime | None = START) -> "Given":
        """The creditor with its playbook and its test clock; `at` none: the real clock."""
        book = book or playbook(f"{self.key}-book")
        await put_playbook(self.ledger, book)
        await put_creditor(
            self.ledger,
            self.key,
            name="Crédito Amable",
            pack="CO",
            currency="COP",
            playbook=book.key,
            test_clock=at,
            time_zone=ZONE,
        )
        return self

    async def received(self, lines: AsyncIterator[bytes], shape: str = "ndjson") -> str:
        """An import that arrived: its number."""
        import_id = uuid4().hex
        await intake.begin(self.ledger, import_id, self.key, shape, None)
        await intake.receive(self.ledger, import_id, await creditor(self.ledger, self.key), shape, lines)
        return import_id

    async def merged(self, import_id: str) -> None:
        """All rows of an import in the ledger."""
        more = True
        while more:
            more, _ = await merge_batch(self.ledger, import_id)

    async def imported(self, *rows: dict[str, Any]) -> str:
        """An import from its rows to its journeys; its number."""
        return await self.finished(await self.received(ndjson(rows)))

    async def finished(self, import_id: str) -> str:
        """What the intake's workflow does with an import that arrived."""
        await self.merged(import_id)
        while due := await intake.to_start(self.ledger, import_id, 500):
            await self.opened(due)
        await intake.finish(self.ledger, import_id)
        return import_id

    async def opened(self, accounts: Sequence[int]) -> list[str]:
        """Journeys opened for accounts by their numbers; the journeys' ids."""
        launches = await open_journeys(self.ledger, accounts)
        ids = [launch.terms.journey_id for launch in launches]
        await mark_launched(self.ledger, ids)
        return ids

    def journey(self, account: str, episode: int = 1) -> str:
        """A journey's id."""
        return f"journey:{self.key}:{account}:{episode}"

    async def number(self, account: str) -> int:
        """An account's row."""
        return (await self.one("SELECT id FROM accounts WHERE creditor = %s AND key = %s", self.key, account))["id"]

    async def clock(self, at: datetime) -> None:
        """The test clock stands at `at`, and nothing else happened."""
        await set_clock(self.ledger, self.key, at)

    async def pays(self, account: str, amount: str | int | Decimal, **changes: Any) -> Posted:
        """A payment; `changes` are fields of `Payment`."""
        values: dict[str, Any] = {
            "processor": "generic",
            "id": f"{self.key}:{next(self.numbers)}",
            "kind": "payment",
            "creditor": self.key,
            "account": account,
            "amount": Decimal(amount),
            "currency": "COP",
            "paid_at": START,
        }
        return await post_payment(self.ledger, Payment(**{**values, **changes}))

    async def reverses(self, account: str, payment: str, amount: str | int | Decimal, **changes: Any) -> Posted:
        """A payment is taken back, by its id."""
        return await self.pays(account, amount, **{"kind": "reversal", "reverses": payment, **changes})

    async def pauses(self, account: str, **changes: Any) -> None:
        """People hold the open journey, from now on without an end; `changes` are fields of `Pause`."""
        values: dict[str, Any] = {"id": uuid4().hex, "starts": None, "ends": None, "reason": "hardship", **changes}
        await commands.pause(self.ledger, self.key, account, Pause(**values), "Luisa")

    async def resumes(self, account: str, *, id: str | None = None) -> None:
        """People end the pause that holds."""
        await commands.resume(self.ledger, self.key, account, id or uuid4().hex, "Luisa")

    async def closes(self, account: str, outcome: Outcome, *, id: str | None = None) -> None:
        """People end the open journey."""
        await commands.close(self.ledger, self.key, account, outcome, id or uuid4().hex, "Luisa")

    async def record(self, journey_id: str) -> Record:
        """An open journey as the record plans it now."""
        async with self.ledger.transaction() as tx:
            record = await open_record_by_id(tx, journey_id)
        assert record is not None, f"{journey_id} is not open"
        record.learn()
        return record

    async def due_contact(self, journey_id: str) -> Contact:
        """The contact that a journey asks for; the clock is moved to it."""
        while not isinstance(move := (await self.record(journey_id)).move, Contact):
            at = await next_instant(self.ledger, self.key)
            assert at is not None, "nothing falls due any more"
            await self.clock(at)
            await bring_up_to_date(self.ledger, journey_id, at)
        return move

    async def asks(self, journey_id: str, contact: Contact, channels: Collection[str] = MAIL) -> Answer:
        """What the permit transaction answers to this contact; `channels` can send."""
        reach = Reach(frozenset(channels))
        return await request_permit(self.ledger, journey_id, contact.occurrence, contact.due, reach)

    async def lives(self, to: datetime) -> list[Permit]:
        """Let everything happen until `to`, as the engine would; every permit is sent. Returns the permits."""
        permits: list[Permit] = []
        while (at := await next_instant(self.ledger, self.key)) is not None and at <= to:
            await self.clock(at)
            await self.opened(await due_to_enter(self.ledger, self.key, 500))
            for due in await due_journeys(self.ledger, self.key, at):
                permits += await self._acts(due.journey_id, at)
        await self.clock(to)
        return permits

    async def _acts(self, journey_id: str, at: datetime) -> list[Permit]:
        move = (await self.record(journey_id)).move
        if not isinstance(move, Contact):
            await bring_up_to_date(self.ledger, journey_id, at)
            return []
        answer = await self.asks(journey_id, move)
        if not isinstance(answer, Permit):
            return []
        await record_outcome(self.ledger, answer.contact_id, "sent", provider_ref="<1@x>", content_sha256="0" * 64)
        return [answer]

    async def all(self, query: str, *values: object) -> list[dict[str, Any]]:
        """The rows of a query."""
        async with self.ledger.transaction() as tx:
            return await (await tx.execute(query.encode(), values)).fetchall()

    async def one(self, query: str, *values: object) -> dict[str, Any]:
        """The only row of a query."""
        (found,) = await self.all(query, *values)
        return found

    async def balance(self, account: str) -> Decimal:
        """The sum of an account's postings."""
        query = "SELECT coalesce(sum(amount), 0) AS sum FROM postings WHERE account_id = %s"
        return (await self.one(query, await self.number(account)))["sum"]

    async def open_dues(self, account: str) -> dict[str, Decimal]:
        """What is still to pay on each due, by its key, where there is something."""
        rows = await self.all(
            """SELECT d.key, sum(p.amount) AS open FROM dues d JOIN postings p ON p.due_id = d.id
            WHERE d.account_id = %s GROUP BY d.id HAVING sum(p.amount) <> 0 ORDER BY d.due_date""",
            await self.number(account),
        )
        return {each["key"]: each["open"] for each in rows}

    async def journeys(self, account: str) -> list[dict[str, Any]]:
        """All journeys of an account in order."""
        return await self.all(
            "SELECT * FROM journeys WHERE creditor = %s AND account = %s ORDER BY episode", self.key, account
        )

    async def decisions(self, account: str) -> list[dict[str, Any]]:
        """What was decided on contacts that fell due, in order; not the steps whose time had passed."""
        query = """SELECT * FROM contacts WHERE account_id = %s AND (decision <> 'skipped' OR reason = 'no_channel')
            ORDER BY id"""
        return await self.all(query, await self.number(account))

    async def events(self, account: str) -> list[dict[str, Any]]:
        """All facts of an account's journeys in order."""
        return await self.all(
            """SELECT e.* FROM journey_events e JOIN journeys j ON j.id = e.journey_id
            WHERE j.creditor = %s AND j.account = %s ORDER BY e.id""",
            self.key,
            account,
        )

    async def says(self, person: str, changes: Mapping[Any, Any], **evidence: Any) -> int:
        """A person's word, said by telephone to this creditor, is recorded; `evidence` are fields of `Statement`."""
        values: dict[str, Any] = {"creditor": self.key, "origin": "call", "document": None, "stated_at": None}
        values |= {"person": person, "changes": dict(changes), "actor": "Luisa", **evidence}
        return await record_statement(self.ledger, Statement(**values))

    async def dials(self, account: str, channel: str = "call", **changes: Any) -> Verdict:
        """What an agent hears who asks for a collection contact now; `changes` are fields of `Asked`."""
        values: dict[str, Any] = {"purpose": "collection", "role": "debtor", "actor": "Luisa", "request": uuid4().hex}
        asked = {**values, "creditor": self.key, "account": account, "channel": channel, **changes}
        return await ask(self.ledger, Asked(**asked))


def local(day: date, hour: int, minute: int = 0) -> datetime:
    """An instant of a local day in Bogotá (UTC-5 all year)."""
    return datetime(day.year, day.month, day.day, tzinfo=UTC) + timedelta(hours=hour + 5, minutes=minute)
