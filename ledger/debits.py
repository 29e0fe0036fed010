"""Debits of instalments by a mandate: which are due, what is asked for under the person's lock, and what came of it.

A debit takes money from nobody's account here: the money is a payment, which the processor's callback brings. What
may have been taken is never tried anew under another key.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from decimal import Decimal
from typing import Any, Literal

from journey.debiting import DebitRules, amount_to_take, ask_again, next_look, next_try
from journey.keeping import Expected
from ledger.creditors import decimals, rules_of
from ledger.database import Connection, Ledger
from ledger.holds import LASTING, holds_on
from ledger.keeping import Agreement, agreements_of, note, poured_for
from ledger.planned_debits import Due
from ledger.processing import DECLINED
from ledger.record import LAST_OUTCOME, Fact, open_record, write_facts
from ledger.standing import owed
from ledger.tasks import NewTask, add_task
from ledger.views import plain
from policy import Pack, load_pack
from policy.calendar import local_date

Stop = Literal["mandate_revoked", "agreement_ended", "amount_changed", "held", "too_long"]
"""Why a debit that was asked for is not asked for again."""


@dataclass(frozen=True, slots=True)
class Ask:
    """What a processor is to be asked for now. `reference`: the account's; `mandate`: the processor's of the mandate.

    `at`: by the creditor's clock.
    """

    debit: int
    key: str
    processor: str
    mandate: str
    creditor: str
    account: str
    reference: str
    amount: Decimal
    currency: str
    description: str
    at: datetime


@dataclass(frozen=True, slots=True)
class Came:
    """What a processor answered. `put_off`: it certainly did not get it; `unanswered`: nobody knows.

    `later`: of one that `failed`, whether another try on another day may work. `reference`: the payment's.
    """

    kind: Literal["put_off", "unanswered", "taken", "pending", "failed"]
    code: str | None = None
    reference: str | None = None
    later: bool = False


_LOCK = """
SELECT a.id FROM agreements g JOIN accounts a ON a.id = g.account_id JOIN people p ON p.id = a.person_id
WHERE g.id = %s FOR UPDATE OF p"""

_PLANNED = f"""
SELECT p.agreement_id, p.number, p.at, p.debit_id, p.creditor, g.kind, g.journey_id, g.currency, g.account_id,
    a.key AS account, a.reference, j.hours->>'zone' AS zone, c.agreements, c.pack, {LAST_OUTCOME},
    coalesce(c.test_clock, clock_timestamp()) AS now,
    m.id AS mandate, m.reference AS token, m.processor, m.most,
    EXISTS (SELECT FROM mandate_events e WHERE e.mandate_id = m.id AND e.kind = 'revoked') AS revoked,
    EXISTS (SELECT FROM disputes d WHERE d.account_id = a.id
        AND NOT EXISTS (SELECT FROM dispute_resolutions r WHERE r.dispute_id = d.id)) AS disputed,
    (SELECT count(*) FROM debits d WHERE d.agreement_id = p.agreement_id AND d.number = p.number) AS tries
FROM planned_debits p JOIN agreements g ON g.id = p.agreement_id JOIN accounts a ON a.id = g.account_id
JOIN mandates m ON m.id = g.mandate_id JOIN journeys j ON j.id = g.journey_id JOIN creditors c ON c.key = p.creditor
WHERE p.agreement_id = %s AND p.number = %s"""
"""Asked once the lock is held."""

_DEBIT = """
SELECT d.id, d.key, d.amount, d.attempt, min(e.at) AS first_asked,
    count(*) FILTER (WHERE e.kind = 'asked') AS asked, count(*) FILTER (WHERE e.kind = 'put_off') AS put_off
FROM debits d JOIN debit_events e ON e.debit_id = d.id WHERE d.id = %s GROUP BY d.id"""

_UNRESOLVED = """
SELECT d.agreement_id, d.number, d.amount FROM debits d
JOIN LATERAL (SELECT kind FROM debit_events WHERE debit_id = d.id ORDER BY id DESC LIMIT 1) e ON true
WHERE d.account_id = %(account)s AND e.kind <> 'failed'
    AND (d.agreement_id, d.number) <> (%(agreement)s, %(number)s)"""

_INSERT = """
INSERT INTO debits (creditor, account_id, mandate_id, agreement_id, number, attempt, processor, key, amount, currency,
    at)
VALUES (%s, %s, %s, %s, %s, %s, %s, %s, %s, %s, %s) RETURNING id"""

_EVENT = "INSERT INTO debit_events (debit_id, kind, code, reference, at) VALUES (%s, %s, %s, %s, %s)"

_WAITING = """
SELECT d.id, d.agreement_id, d.number FROM debit_events e JOIN debits d ON d.id = e.debit_id
WHERE d.processor = %s AND e.reference = %s AND e.kind = 'pending'"""

_WAITS_NO_MORE = """
INSERT INTO planned_debits (agreement_id, number, creditor, at, debit_id)
SELECT d.agreement_id, d.number, d.creditor, d.at, d.id FROM debits d
WHERE d.id = %s AND (SELECT kind FROM debit_events WHERE debit_id = d.id ORDER BY id DESC LIMIT 1) = 'pending'
ON CONFLICT DO NOTHING"""

_PLAN = "UPDATE planned_debits SET at = %s, debit_id = %s WHERE agreement_id = %s AND number = %s"
_DONE = "DELETE FROM planned_debits WHERE agreement_id = %s AND number = %s"


@dataclass(frozen=True, slots=True)
class _At:
    """Where a planned debit stands, under the lock. `amount`: what may be taken now, zero where nothing is wanted."""

    row: dict[str, Any]
    instalment: Expected
    is_open: bool
    is_held: bool
    amount: Decimal

    @property
    def now(self) -> datetime:
        return self.row["now"]

    @property
    def rules(self) -> DebitRules:
        return rules_of(self.row["agreements"]).debit

    @property
    def pack(self) -> Pack:
        return load_pack(self.row["pack"])

    @property
    def place(self) -> tuple[int, int]:
        return self.row["agreement_id"], self.row["number"]

    @property
    def stop(self) -> Stop | None:
        """What forbids it for good, and what for now."""
        if self.row["revoked"]:
            return "mandate_revoked"
        if not self.is_open:
            return "agreement_ended"
        return "held" if self.is_held else None

    def later(self) -> datetime | None:
        """When it is looked at again."""
        zone: str = self.row["zone"]
        return next_look(self.pack, zone, local_date(self.now, zone), self.instalment.until)

    def retry(self) -> datetime | None:
        """When it is tried again after a failure."""
        zone: str = self.row["zone"]
        failed_on = local_date(self.now, zone)
        return next_try(self.rules, self.pack, zone, failed_on, self.row["tries"], self.instalment.until)


async def begin_debit(ledger: Ledger, due: Due) -> Ask | None:
    """Decide a debit in one transaction under the person's lock; what is returned is to be asked for at once.

    None: nothing is to be taken, now or at all. The same debit is returned again, under the same key, where its
    processor gave no answer, also because the process that asked died.
    """
    async with ledger.transaction() as tx:
        at = await _stand(tx, due.agreement, due.number)
        if at is None or at.row["at"] > at.now:
            return None
        if at.row["debit_id"] is not None:
            return await _again(tx, at)
        if at.stop == "held":
            await _plan(tx, at, at.later())
            return None
        if at.stop is not None or at.amount <= 0:
            await tx.execute(_DONE, at.place)
            return None
        return await _first(tx, at)


async def _stand(tx: Connection, agreement_id: int, number: int) -> _At | None:
    account = await (await tx.execute(_LOCK, [agreement_id])).fetchone()
    assert account is not None
    row = await (await tx.execute(_PLANNED, [agreement_id, number])).fetchone()
    if row is None:
        return None
    known = await agreements_of(tx, [account["id"]])
    lacking = await _lacking(tx, known)
    agreement = next(each for each in known if each.id == agreement_id)
    instalment = agreement.instalments[number - 1]
    awaited = await _awaited(tx, row, lacking)
    owes = (await owed(tx, account["id"])).balance - awaited
    lacks = lacking.get((agreement_id, number), Decimal(0))
    is_open = (
        agreement.status == "open"
        and row["now"] < min(agreement.until, instalment.until)
        and row["last_outcome"] in (None, "cured", "paid")
        and lacks > instalment.amount * (1 - agreement.threshold)
    )
    held = any(each.kind in LASTING and each.hold.covers(row["now"]) for each in await holds_on(tx, account["id"]))
    amount = amount_to_take(lacks, owes, row["most"], decimals(row["currency"]))
    return _At(row, instalment, is_open, held or row["disputed"], amount)


async def _lacking(tx: Connection, known: Sequence[Agreement]) -> dict[tuple[int, int], Decimal]:
    """What is lacking of each instalment of open agreements; `known` must be all that their accounts have."""
    poured = await poured_for(tx, known)
    return {
        (each.agreement, each.number): each.amount
        - sum(poured.get((each.agreement, each.number), {}).values(), Decimal(0))
        for agreement in known
        if agreement.status == "open"
        for each in agreement.instalments
    }


async def _awaited(tx: Connection, row: Mapping[str, Any], lacking: Mapping[tuple[int, int], Decimal]) -> Decimal:
    """What debits of the account's other instalments may still bring: it is not taken twice."""
    about = {"account": row["account_id"], "agreement": row["agreement_id"], "number": row["number"]}
    rows = await (await tx.execute(_UNRESOLVED, about)).fetchall()
    parts = (min(each["amount"], lacking.get((each["agreement_id"], each["number"]), Decimal(0))) for each in rows)
    return sum(parts, Decimal(0))


async def _first(tx: Connection, at: _At) -> Ask:
    """A new try, under a key of its own."""
    row, (agreement, number) = at.row, at.place
    attempt: int = row["tries"] + 1
    key = f"debit:{agreement}:{number}:{attempt}"
    values = (row["creditor"], row["account_id"], row["mandate"], agreement, number, attempt, row["processor"], key)
    debit = await (await tx.execute(_INSERT, [*values, at.amount, row["currency"], at.now])).fetchone()
    assert debit is not None
    return await _ask(tx, at, {"id": debit["id"], "key": key, "amount": at.amount}, ask_again(1, at.now, at.now))


async def _ask(tx: Connection, at: _At, debit: Mapping[str, Any], again: datetime | None) -> Ask:
    row, (agreement, number) = at.row, at.place
    assert again is not None
    await tx.execute(_EVENT, [debit["id"], "asked", None, None, at.now])
    await tx.execute(_PLAN, [again, debit["id"], agreement, number])
    return Ask(
        debit=debit["id"],
        key=debit["key"],
        processor=row["processor"],
        mandate=row["token"],
        creditor=row["creditor"],
        account=row["account"],
        reference=row["reference"],
        amount=round(debit["amount"], decimals(row["currency"])),
        currency=row["currency"],
        description=f"{row['kind']}-{agreement}-{number}",
        at=at.now,
    )


async def _again(tx: Connection, at: _At) -> Ask | None:
    """The same debit once more, if all still allows just this one; otherwise it is over."""
    debit = await (await tx.execute(_DEBIT, [at.row["debit_id"]])).fetchone()
    assert debit is not None
    again = ask_again(debit["asked"] + 1, debit["first_asked"], at.now)
    stop: Stop | None = at.stop
    if stop is None and at.amount < debit["amount"]:
        stop = "amount_changed"
    if stop is None and again is None:
        stop = "too_long"
    if stop is None:
        return await _ask(tx, at, debit, again)
    if debit["asked"] > debit["put_off"]:  # it may have been taken: nobody takes it anew
        await _ends(tx, at, debit, Came("pending", stop))
        if at.amount > 0:
            await _case(tx, at, "debit_unknown", f"No sabemos si el débito de la cuota {at.place[1]} se cobró")
    else:
        await _ends(tx, at, debit, Came("failed", stop, later=True))
    return None


async def record_answer(ledger: Ledger, debit: int, came: Came) -> None:
    """Store what a processor answered; of a debit that is over, nothing more."""
    async with ledger.transaction() as tx:
        found = await (await tx.execute("SELECT agreement_id, number FROM debits WHERE id = %s", [debit])).fetchone()
        assert found is not None
        at = await _stand(tx, found["agreement_id"], found["number"])
        if at is None or at.row["debit_id"] != debit:
            return
        if came.kind == "pending" and await _is_declined(tx, at.row["processor"], came.reference):
            came = Came("failed", "declined", came.reference, later=True)
        known = await (await tx.execute(_DEBIT, [debit])).fetchone()
        assert known is not None
        if came.kind in ("put_off", "unanswered"):
            await tx.execute(_EVENT, [debit, came.kind, came.code, None, at.now])
        else:
            await _ends(tx, at, known, came)


async def decline(ledger: Ledger, processor: str, came: Came) -> None:
    """The payment that a pending debit waits for will not come, as its processor told; of any other, nothing."""
    async with ledger.transaction() as tx:
        debit = await (await tx.execute(_WAITING, [processor, came.reference])).fetchone()
        if debit is None:
            return
        await tx.execute(_LOCK, [debit["agreement_id"]])
        if (await tx.execute(_WAITS_NO_MORE, [debit["id"]])).rowcount == 0:
            return
        at = await _stand(tx, debit["agreement_id"], debit["number"])
        known = await (await tx.execute(_DEBIT, [debit["id"]])).fetchone()
        assert at is not None
        assert known is not None
        await _ends(tx, at, known, came)


async def _is_declined(tx: Connection, processor: str, payment: str | None) -> bool:
    """Whether the processor told so before it answered."""
    if payment is None:
        return False
    query = "SELECT FROM processor_events WHERE processor = %s AND event_id = %s"
    return await (await tx.execute(query, [processor, f"{payment}{DECLINED}"])).fetchone() is not None


async def _ends(tx: Connection, at: _At, debit: Mapping[str, Any], came: Came) -> None:
    """A debit is over: what came of it, and the instalment's next try, if there is one."""
    await tx.execute(_EVENT, [debit["id"], came.kind, came.code, came.reference, at.now])
    may_go_on = at.stop in (None, "held")
    again = at.retry() if came.kind == "failed" and came.later and may_go_on else None
    await _plan(tx, at, again)
    if came.kind == "pending":
        return
    data = {
        at.row["kind"]: at.place[0],
        "instalment": at.place[1],
        "mandate": at.row["mandate"],
        "attempt": debit["attempt"],
        "amount": plain(debit["amount"], at.row["currency"]),
        "code": came.code,
        "next_try_at": again,
    }
    await _note(tx, at, Fact(f"debit:{debit['id']}:{came.kind}", f"debit_{came.kind}", at.now, data))
    if came.kind == "failed" and again is None and may_go_on:
        tries = f"tras {at.row['tries']} intentos" if at.row["tries"] > 1 else "al primer intento"
        await _case(tx, at, "debit_failed", f"El débito de la cuota {at.place[1]} no pasó {tries} ({came.code})")


async def _plan(tx: Connection, at: _At, again: datetime | None) -> None:
    if again is None:
        await tx.execute(_DONE, at.place)
    else:
        await tx.execute(_PLAN, [again, None, *at.place])


async def _case(tx: Connection, at: _At, reason: str, note: str) -> None:
    """People talk with the debtor; nothing more is taken by itself."""
    row, (agreement, number) = at.row, at.place
    advice = f"{note}. Revise el cobro con el procesador y converse con la persona sobre cómo prefiere pagar."
    key = f"debit:{agreement}:{number}:{reason}"
    await add_task(tx, NewTask(key, "case", reason, row["creditor"], account_id=row["account_id"], note=advice))


async def _note(tx: Connection, at: _At, fact: Fact) -> None:
    record = await open_record(tx, account_id=at.row["account_id"])
    if record is None:
        await note(tx, at.row["journey_id"], fact)
        return
    record.facts.append(fact)
    await write_facts(tx, record)
