"""What payments and time make of reliefs: granted once their promise is kept, lapsed once it is broken.

A relief with a condition is a promise to pay the rest, and what is forgiven when it is kept. What is forgiven is a
credit, posted in the transaction of the payment that kept the promise, so that the journey hears of both at once.
"""

from collections.abc import Sequence
from dataclasses import dataclass, field
from datetime import datetime
from decimal import Decimal
from typing import Any, Literal

from psycopg.types.json import Jsonb

from journey.keeping import AgreementStatus
from journey.state import Hold
from ledger.book import Account
from ledger.credit_rows import NewCredit, change_credit, write_credit
from ledger.database import Connection
from ledger.keeping import LAST_EVENT, STANDS, after_payment, never_agreed, note
from ledger.record import SYSTEM, Fact, Record
from ledger.standing import Owed
from policy.calendar import local_date, start_of_day

ReliefEvent = Literal["offered", "accepted", "kept", "taken_back", "lapsed", "cancelled"]
ReliefStatus = Literal["offered", "accepted", "kept", "lapsed", "cancelled"]

RELIEF_STANDS: dict[ReliefEvent, ReliefStatus] = {
    "offered": "offered",
    "accepted": "accepted",
    "taken_back": "accepted",
    "kept": "kept",
    "lapsed": "lapsed",
    "cancelled": "cancelled",
}
"""How a relief stands after an event."""

LAST_RELIEF_EVENT = """
LATERAL (SELECT kind, at, data FROM relief_events WHERE relief_id = r.id ORDER BY id DESC LIMIT 1) l ON true"""
"""The last event of a relief `r`, to be joined."""


def turn(status: ReliefStatus, agreement: AgreementStatus) -> ReliefEvent | None:
    """What becomes of a relief by what became of its promise; none: nothing. `taken_back`: it waits again."""
    match status, agreement:
        case ("accepted" | "lapsed", "kept"):
            return "kept"
        case ("kept", "open" | "broken"):
            return "taken_back"
        case ("accepted", "broken"):
            return "lapsed"
        case ("accepted", "cancelled"):
            return "cancelled"
        case _:
            return None


_CONDITIONAL = f"""
SELECT r.id, r.kind, r.relief, r.forgives, r.terms, r.actor, r.made_at, r.journey_id, l.kind AS event, l.data,
    e.kind AS agreement_event, e.data AS agreement_data,
    (SELECT count(*) FROM relief_events WHERE relief_id = r.id) AS events
FROM reliefs r JOIN {LAST_RELIEF_EVENT} JOIN agreements g ON g.id = r.agreement_id JOIN {LAST_EVENT}
WHERE r.account_id = %s ORDER BY r.id"""

_EVENT = """
INSERT INTO relief_events (relief_id, kind, key, actor, data, at) VALUES (%s, %s, %s, %s, %s, %s) RETURNING id"""

_ACCRUED = "SELECT coalesce(sum(amount), 0) AS amount FROM postings WHERE kind = 'interest' AND due_id = ANY(%s)"

_USED = "SELECT coalesce(-sum(amount), 0) AS amount FROM postings WHERE credit_id = %s"

_PAID = "SELECT max(paid_at) AS at FROM payments WHERE creditor = %s AND account = %s AND external_id = ANY(%s)"

_UNDONE = "SELECT FROM credit_events WHERE credit_id = %s AND kind = 'undone'"


async def write_relief_event(
    tx: Connection,
    relief: int,
    kind: ReliefEvent,
    at: datetime,
    about: dict[str, Any],
    *,
    data: dict[str, Any] | None = None,
    actor: str = SYSTEM,
    key: str | None = None,
) -> Fact:
    """Write what became of a relief; returns the fact for the record, which says `about`. `key`: a command's."""
    row = await (await tx.execute(_EVENT, [relief, kind, key, actor, Jsonb(data or {}), at])).fetchone()
    assert row is not None
    return Fact(f"relief:{relief}:{kind}:{row['id']}", f"relief_{kind}", at, {"relief": relief, **about}, actor)


async def settle_money(
    tx: Connection, account: Account, owes: Owed, record: Record | None
) -> tuple[Owed, tuple[Hold, ...] | None]:
    """Let agreements and reliefs know what is owed now. Returns what is owed then, and the holds (none: they stay)."""
    now = record.now if record is not None else account.now
    holds = await after_payment(tx, account.id, owes.balance, record, now)
    if record is not None and never_agreed(record):
        return owes, holds
    after = await _judge(tx, account, owes, record)
    if after is owes:
        return owes, holds
    return after, await after_payment(tx, account.id, after.balance, record, now, holds) or holds


async def close_reliefs(tx: Connection, account_id: int, record: Record | None, now: datetime) -> None:
    """Write which reliefs have lapsed or ended with their promises; no money moves. Facts go to the record, if any."""
    for row in await _conditional(tx, account_id):
        kind = turn(RELIEF_STANDS[row["event"]], STANDS[row["agreement_event"]])
        if kind in ("lapsed", "cancelled"):
            await _tell(tx, record, row, await write_relief_event(tx, row["id"], kind, now, about_of(row)))


def about_of(row: dict[str, Any]) -> dict[str, Any]:
    """What a fact says of a relief."""
    return {"kind": row["kind"], "key": row["relief"], "amount": row["forgives"]}


async def take_back(
    tx: Connection, account: Account, owes: Owed, credits: Sequence[int], command: str
) -> tuple[Owed, list[Fact]]:
    """Undo the credits of a relief that stand; what is owed then, and the facts."""
    facts: list[Fact] = []
    for number in credits:
        if await (await tx.execute(_UNDONE, [number])).fetchone() is None:
            changed = await change_credit(tx, account, number, "undone", f"{command}:{number}", SYSTEM)
            owes = changed.owes
            facts.append(changed.fact)
    return owes, facts


async def _conditional(tx: Connection, account_id: int) -> list[dict[str, Any]]:
    return await (await tx.execute(_CONDITIONAL, [account_id])).fetchall()


async def _tell(tx: Connection, record: Record | None, row: dict[str, Any], fact: Fact) -> None:
    if record is not None:
        record.facts.append(fact)
    else:
        await note(tx, row["journey_id"], fact)


async def _judge(tx: Connection, account: Account, owes: Owed, record: Record | None) -> Owed:
    for row in await _conditional(tx, account.id):
        kind = turn(RELIEF_STANDS[row["event"]], STANDS[row["agreement_event"]])
        if kind is None:
            continue
        facts: list[Fact] = []
        data: dict[str, Any] = {}
        if kind == "kept":
            giving = _Giving(tx, account, row, owes)
            await giving.give()
            owes, facts, data = giving.owes, giving.facts, {"credits": giving.credits}
        elif kind == "taken_back":
            command = f"relief:{row['id']}:{row['events']}"
            owes, facts = await take_back(tx, account, owes, row["data"]["credits"], command)
        facts.append(await write_relief_event(tx, row["id"], kind, account.now, about_of(row), data=data))
        for fact in facts:
            await _tell(tx, record, row, fact)
    return owes


@dataclass(slots=True)
class _Giving:
    """Forgives what a kept promise was made for: what was offered, and the late interest that accrued since."""

    tx: Connection
    account: Account
    row: dict[str, Any]
    owes: Owed
    credits: list[int] = field(default_factory=list[int])
    facts: list[Fact] = field(default_factory=list[Fact])

    async def give(self) -> None:
        """Interest is waived as of the day of the relief, so that the payments since paid principal."""
        left: Decimal = self.row["forgives"]
        terms = self.row["terms"]
        if self.row["kind"] == "interest_waived":
            since = start_of_day(local_date(self.row["made_at"], self.account.zone), self.account.zone)
            left -= await self._credit("waiver", left, tuple(terms["components"]), since)
        accrued = (await self._one(_ACCRUED, terms["dues"]))["amount"]
        left += max(Decimal(0), accrued - Decimal(terms["accrued"]))
        still_open = sum((due.open for due in self.owes.dues if due.id in terms["dues"]), Decimal(0))
        if min(left, still_open) > 0:
            await self._credit("discount", min(left, still_open), None, await self._paid_at())

    async def _credit(
        self, kind: Literal["waiver", "discount"], amount: Decimal, components: Any, since: datetime
    ) -> Decimal:
        """Give a credit; returns how much of it was used."""
        key = f"relief:{self.row['id']}:{self.row['events']}:{kind}"
        of = {"components": components} if components else {}
        new = NewCredit(kind, amount, f"relief {self.row['relief']}", key, self.row["actor"], effective_at=since, **of)
        number = await write_credit(self.tx, self.account, new)
        changed = await change_credit(self.tx, self.account, number, "applied", key, self.row["actor"])
        self.owes = changed.owes
        self.credits.append(number)
        self.facts.append(changed.fact)
        return (await self._one(_USED, number))["amount"]

    async def _paid_at(self) -> datetime:
        """When the last payment was made that kept the promise."""
        payments = self.row["agreement_data"].get("payments", [])
        row = await self._one(_PAID, self.account.creditor, self.account.key, payments)
        return row["at"] or self.account.now

    async def _one(self, query: str, *values: Any) -> dict[str, Any]:
        row = await (await self.tx.execute(query.encode(), values)).fetchone()
        assert row is not None
        return row
