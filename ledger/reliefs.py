"""Reliefs for accounts: which may be had now, granting one, taking it back."""

from dataclasses import dataclass
from datetime import date
from decimal import Decimal
from typing import Any

from psycopg.types.json import Jsonb

from journey.relief_rules import GrantingRole, ReliefRules
from journey.reliefs import BeyondAuthority, Grant, Offer, Position, Wish, check, eligible
from ledger.agreement_rows import Word
from ledger.agreements import cancel_within, make_promise
from ledger.book import Account, Book, bring, locked, read
from ledger.credit_rows import NewCredit, change_credit, write_credit
from ledger.creditors import decimals, relief_rules_of
from ledger.database import Connection, Ledger
from ledger.errors import Conflict, NotFound
from ledger.following import Followed, follow
from ledger.keeping import note
from ledger.record import Fact, Record, next_entry, open_record, playbook_of
from ledger.relief_keeping import (
    LAST_RELIEF_EVENT,
    RELIEF_STANDS,
    ReliefEvent,
    about_of,
    take_back,
    write_relief_event,
)
from ledger.standing import Owed


@dataclass(frozen=True, slots=True)
class Granter:
    """Who grants, by which role's authority, and the command's number `key`: the same again changes nothing."""

    key: str
    actor: str
    role: GrantingRole


@dataclass(frozen=True, slots=True)
class Granted:
    """A relief by its number, and what it meant for the journey."""

    id: int
    followed: Followed


_SITUATION = f"""
SELECT c.reliefs, a.facts->>'risk' AS risk,
    EXISTS (SELECT FROM disputes d WHERE d.account_id = a.id
        AND NOT EXISTS (SELECT FROM dispute_resolutions x WHERE x.dispute_id = d.id)) AS disputed,
    EXISTS (SELECT FROM open_agreements o WHERE o.account_id = a.id AND o.until > %(now)s) AS agreement_open,
    EXISTS (SELECT FROM reliefs r JOIN open_agreements o ON o.agreement_id = r.agreement_id
        WHERE r.account_id = a.id AND o.until > %(now)s) AS relief_open,
    ARRAY(SELECT (r.made_at AT TIME ZONE %(zone)s)::date FROM reliefs r JOIN {LAST_RELIEF_EVENT}
        WHERE r.account_id = a.id AND l.kind <> 'cancelled') AS earlier
FROM accounts a JOIN creditors c ON c.key = a.creditor WHERE a.id = %(account)s"""

_INSERT = """
INSERT INTO reliefs (creditor, account_id, journey_id, agreement_id, relief, kind, forgives, currency, terms, role,
    key, actor, made_at)
VALUES (%s, %s, %s, %s, %s, %s, %s, %s, %s, %s, %s, %s, %s) RETURNING id"""

_RELIEF = f"""
SELECT r.id, r.kind, r.relief, r.forgives, r.terms, r.agreement_id, r.journey_id, l.kind AS event, l.data
FROM reliefs r JOIN {LAST_RELIEF_EVENT} WHERE r.account_id = %s AND r.id = %s"""

_MOVE = """
UPDATE dues SET filed_for = coalesce(filed_for, due_date), due_date = %s WHERE id = ANY(%s)"""

_MOVE_BACK = "UPDATE dues SET due_date = filed_for, filed_for = NULL WHERE id = ANY(%s) AND filed_for IS NOT NULL"

_DUE = "INSERT INTO dues (account_id, key, due_date) VALUES (%s, %s, %s) RETURNING id"

_CHARGE = """
INSERT INTO postings (account_id, due_id, component, kind, amount, currency, effective_at, booked_at, about)
VALUES (%s, %s, %s, 'charge', %s, %s, %s, %s, %s)"""

_EARLIER = "SELECT id FROM reliefs WHERE key = %s"

_CANCELLED = "SELECT FROM relief_events WHERE key = %s UNION ALL SELECT FROM agreement_events WHERE key = %s"


@dataclass(frozen=True, slots=True)
class _Seen:
    """What a relief is judged by. `dues`: numbers of those that are past due; `open`: by due, all that is open."""

    book: Book
    record: Record | None
    rules: ReliefRules
    at: Position
    dues: tuple[int, ...]
    open: dict[int, Decimal]


async def offers(ledger: Ledger, creditor: str, key: str, role: GrantingRole) -> list[Offer]:
    """The creditor's reliefs for an account as it stands now. Error: `account.unknown`."""
    async with ledger.transaction() as tx:
        seen = await _see(tx, await locked(tx, creditor, key))
    return eligible(seen.rules, seen.at, role)


async def grant(ledger: Ledger, creditor: str, key: str, wish: Wish, granter: Granter) -> Granted:
    """Offer a relief that is accepted at once: it acts now, or once the promise is kept that is made with it.

    Errors: `account.unknown`, those of `journey.reliefs.check`.
    """
    async with ledger.transaction() as tx:
        account = await locked(tx, creditor, key)
        row = await (await tx.execute(_EARLIER, [granter.key])).fetchone()
        if row is not None:
            return Granted(row["id"], Followed())
        seen = await _see(tx, account)
        granted = check(seen.rules, seen.at, granter.role, wish)
        owes = await bring(tx, seen.book)
        return await _Granting(tx, account, seen, granted, granter).carry_out(owes)


async def cancel(ledger: Ledger, creditor: str, key: str, number: int, granter: Granter) -> Followed:
    """End a relief that waits for its promise, or take back one that had no condition (supervisors).

    Errors: `account.unknown`, `relief.unknown`; conflict `relief.not_open`; `relief.beyond_authority`.
    """
    async with ledger.transaction() as tx:
        account = await locked(tx, creditor, key)
        row = await (await tx.execute(_RELIEF, [account.id, number])).fetchone()
        if row is None:
            raise NotFound("relief.unknown", "the account has no relief of this number", "relief")
        if await (await tx.execute(_CANCELLED, [granter.key, granter.key])).fetchone() is not None:
            return Followed()
        status = RELIEF_STANDS[row["event"]]
        if status == "accepted":
            return await _cancel_promise(tx, account, row["agreement_id"], granter)
        if status != "kept" or row["agreement_id"] is not None or row["kind"] == "refinancing":
            raise Conflict("relief.not_open", f"the relief is {status}: there is nothing to cancel")
        if granter.role != "supervisor":
            raise BeyondAuthority("relief.beyond_authority", "it has acted already: ask a supervisor")
        return await _undo(tx, account, row, granter)


async def _cancel_promise(tx: Connection, account: Account, agreement: int, granter: Granter) -> Followed:
    record = await open_record(tx, account_id=account.id)
    now = record.now if record is not None else account.now
    word = Word(granter.key, granter.actor)
    return Followed(await cancel_within(tx, account.id, record, now, "promise", agreement, word))


async def _undo(tx: Connection, account: Account, row: dict[str, Any], granter: Granter) -> Followed:
    await tx.execute(_MOVE_BACK, [row["terms"]["dues"] if row["kind"] == "new_due_date" else []])
    owes = await bring(tx, await read(tx, account))
    owes, facts = await take_back(tx, account, owes, row["data"].get("credits", []), granter.key)
    fact = await write_relief_event(
        tx, row["id"], "cancelled", account.now, about_of(row), actor=granter.actor, key=granter.key
    )
    return await follow(tx, account, owes, "relief", [*facts, fact])


async def _see(tx: Connection, account: Account) -> _Seen:
    book, record = await read(tx, account), await open_record(tx, account_id=account.id)
    values = {"account": account.id, "now": account.now, "zone": account.zone}
    row = await (await tx.execute(_SITUATION, values)).fetchone()
    assert row is not None
    reckoning = book.reckoned()
    owes = book.owed(reckoning)
    past = tuple(due.id for due in owes.dues if due.due_date < account.today)
    open_: dict[int, Decimal] = {}
    for (due, _), amount in reckoning.open.items():
        open_[due] = open_.get(due, Decimal(0)) + amount

    def sum_of(component: str) -> Decimal:
        parts = (amount for (due, part), amount in reckoning.open.items() if due in past and part == component)
        return sum(parts, Decimal(0))

    at = Position(
        today=account.today,
        decimals=decimals(account.currency),
        balance=owes.balance,
        past_due=owes.past_due(account.today),
        interest=sum_of("interest"),
        fees=sum_of("fees"),
        late_interest=sum((each.amount for (due, _), each in reckoning.accrued.items() if due in past), Decimal(0)),
        days_past_due=max(0, (account.today - owes.oldest_due).days) if owes.oldest_due else 0,
        stage=record.state.stage if record is not None else None,
        journey_open=record is not None,
        risk=row["risk"],
        earlier=tuple(row["earlier"]),
        relief_open=row["relief_open"],
        agreement_open=row["agreement_open"],
        disputed=row["disputed"],
    )
    return _Seen(book, record, relief_rules_of(row["reliefs"]), at, past, open_)


@dataclass(frozen=True, slots=True)
class _Granting:
    """Carries out what was checked, in the caller's transaction."""

    tx: Connection
    account: Account
    seen: _Seen
    grant: Grant
    granter: Granter

    async def carry_out(self, owes: Owed) -> Granted:
        """Whatever the kind; `owes` is what is owed before."""
        if self.grant.condition is not None:
            return await self._promised(self.grant.condition.amount, self.grant.condition.due_date)
        if self.grant.due_date is not None:
            return await self._moved(self.grant.due_date)
        if self.grant.parts:
            return await self._refinanced(owes)
        return await self._waived()

    async def _promised(self, amount: Decimal, day: date) -> Granted:
        record = self.seen.record
        assert record is not None
        word = Word(f"relief:{self.granter.key}", self.granter.actor, origin="relief", beyond_limits=True, in_full=True)
        made = await make_promise(self.tx, record, amount, day, word)
        number, facts = await self._noted(made.id, pays=amount, due_date=day)
        for fact in facts:  # the record was written with the promise
            await note(self.tx, record.id, fact)
        return Granted(number, Followed(made.told))

    async def _waived(self) -> Granted:
        number, facts = await self._noted()
        key = f"relief:{number}:waiver"
        new = NewCredit(
            "waiver",
            self.grant.forgives,
            f"relief {self.grant.rule.key}",
            key,
            self.granter.actor,
            components=self.grant.components,
        )
        credit = await write_credit(self.tx, self.account, new)
        changed = await change_credit(self.tx, self.account, credit, "applied", key, self.granter.actor)
        facts += [changed.fact, await self._event(number, "kept", {"credits": [credit]})]
        return Granted(number, await follow(self.tx, self.account, changed.owes, "relief", facts))

    async def _moved(self, day: date) -> Granted:
        number, facts = await self._noted(due_date=day)
        moved = [
            {"due": row["key"], "from": row["due_date"], "to": day}
            for row in self.seen.book.dues
            if row["id"] in self.seen.dues
        ]
        await self.tx.execute(_MOVE, [day, list(self.seen.dues)])
        owes = await bring(self.tx, await read(self.tx, self.account))
        facts.append(await self._event(number, "kept", {"moved": moved}))
        return Granted(number, await follow(self.tx, self.account, owes, "relief", facts))

    async def _refinanced(self, owes: Owed) -> Granted:
        """Every due is credited with what is open of it; each instalment becomes a due."""
        total = sum((part.principal + part.interest for part in self.grant.parts), Decimal(0))
        number, facts = await self._noted(total=total)
        await self._charge(number)
        keys = {row["id"]: row["key"] for row in self.seen.book.dues}
        credits: list[int] = []
        for due, amount in self.seen.open.items():
            key = f"relief:{number}:{due}"
            new = NewCredit("credit_note", amount, "refinanced", key, self.granter.actor, due=keys[due])
            credits.append(await write_credit(self.tx, self.account, new))
            changed = await change_credit(self.tx, self.account, credits[-1], "applied", key, self.granter.actor)
            owes = changed.owes
            facts.append(changed.fact)
        facts.append(await self._event(number, "kept", {"credits": credits}))
        followed = await follow(self.tx, self.account, owes, "relief", facts, outcome="restructured")
        book = playbook_of(self.account.playbook_hash, self.account.playbook)
        enters_at = next_entry(book, self.account.zone, owes.balance, owes.oldest_due, "cured")
        await self.tx.execute("UPDATE accounts SET enters_at = %s WHERE id = %s", [enters_at, self.account.id])
        return Granted(number, followed)

    async def _charge(self, number: int) -> None:
        now = self.account.now
        for each, part in enumerate(self.grant.parts, 1):
            key = f"refinanced-{number}-{each}"
            row = await (await self.tx.execute(_DUE, [self.account.id, key, part.due_date])).fetchone()
            assert row is not None
            for component, amount in (("principal", part.principal), ("interest", part.interest)):
                if amount:
                    about = Jsonb({"relief": number})
                    values = [self.account.id, row["id"], component, amount, self.account.currency, now, now, about]
                    await self.tx.execute(_CHARGE, values)

    async def _noted(self, agreement: int | None = None, **about: Any) -> tuple[int, list[Fact]]:
        """The relief and its first events: offered, accepted."""
        rule, record = self.grant.rule, self.seen.record
        terms = {
            "rule": rule,
            "dues": self.seen.dues,
            "accrued": self.seen.at.late_interest,
            "components": self.grant.components,
            **about,
        }
        values = [
            self.account.creditor,
            self.account.id,
            record.id if record is not None else None,
            agreement,
            rule.key,
            rule.kind,
            self.grant.forgives,
            self.account.currency,
            Jsonb(terms),
            self.granter.role,
            self.granter.key,
            self.granter.actor,
            self.account.now,
        ]
        row = await (await self.tx.execute(_INSERT, values)).fetchone()
        assert row is not None
        return row["id"], [await self._event(row["id"], "offered"), await self._event(row["id"], "accepted")]

    async def _event(self, number: int, kind: ReliefEvent, data: dict[str, Any] | None = None) -> Fact:
        rule = self.grant.rule
        about = {"kind": rule.kind, "key": rule.key, "amount": self.grant.forgives, **(data or {})}
        return await write_relief_event(
            self.tx, number, kind, self.account.now, about, data=data, actor=self.granter.actor
        )
