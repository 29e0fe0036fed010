"""An account's book: brings its postings to what `journey.money.reckon` says of all that is known by now.

Postings are never changed. Where something becomes known late (a payment of last week, a payment that is taken back),
what was posted before is put right by further postings of kind `allocation`, so that the sums are what they would have
been had everything come in its order.
"""

from collections import defaultdict
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from datetime import date, datetime
from decimal import Decimal
from functools import partial
from typing import Any, Literal

from psycopg.types.json import Jsonb

from journey.interest import Span, explained, spans
from journey.money import (
    Charge,
    Credit,
    Due,
    Interest,
    MoneyRules,
    Place,
    Reckoning,
    reckon,
)
from ledger.creditors import decimals, money_rules_of
from ledger.database import Connection, Ledger
from ledger.errors import NotFound
from ledger.received import Names, left_of, names_of, target_of
from ledger.reference_values import ceilings
from ledger.standing import OpenDue, Owed
from policy.calendar import local_date

PaymentKind = Literal["payment", "reversal", "chargeback", "refund", "cancellation"]

ACCOUNT = """
SELECT a.id, a.creditor, a.key, a.currency, d.time_zones[1] AS zone, b.hash, b.content::text AS playbook, c.money,
    coalesce(c.test_clock, clock_timestamp()) AS now
FROM accounts a
JOIN people p ON p.id = a.person_id
JOIN debtors d ON d.id = a.debtor_id
JOIN creditors c ON c.key = a.creditor
JOIN current_playbooks b ON b.key = c.playbook
WHERE """

_DUES = "SELECT id, key, due_date FROM dues WHERE account_id = %s"

_PAYMENTS = """
SELECT p.id, p.processor, p.external_id, p.kind, p.amount, p.currency, p.paid_at, p.reverses, p.due,
    (SELECT min(o.booked_at) FROM postings o WHERE o.payment_id = p.id
        AND (%s::timestamptz IS NULL OR o.booked_at <= %s)) AS booked_at
FROM payments p WHERE p.creditor = %s AND p.account = %s ORDER BY p.id"""

_CREDITS = """
SELECT c.id, c.kind, c.amount, c.due_id, c.components, c.effective_at, e.kind AS status, e.at
FROM credits c JOIN LATERAL (
    SELECT kind, at FROM credit_events
    WHERE credit_id = c.id AND (%s::timestamptz IS NULL OR at <= %s) ORDER BY id DESC LIMIT 1) e ON true
WHERE c.account_id = %s ORDER BY c.id"""

_POSTED = """
SELECT due_id, component, kind, payment_id, credit_id, about->>'month' AS month,
    CASE WHEN kind = 'fee' OR about->>'relief' IS NOT NULL THEN effective_at END AS since, sum(amount) AS amount
FROM postings WHERE (%s::timestamptz IS NULL OR booked_at <= %s) AND account_id = %s GROUP BY 1, 2, 3, 4, 5, 6, 7"""

_POSTING = """
INSERT INTO postings (account_id, due_id, component, kind, amount, currency, payment_id, credit_id, effective_at,
    booked_at, about)
VALUES (%s, %s, %s, %s, %s, %s, %s, %s, %s, %s, %s)"""

CHARGES = ("charge", "adjustment")


@dataclass(frozen=True, slots=True)
class Account:
    """An account whose person is locked, and what its money is reckoned by."""

    id: int
    creditor: str
    key: str
    currency: str
    zone: str
    playbook_hash: str
    playbook: str
    rules: MoneyRules
    now: datetime

    @property
    def today(self) -> date:
        """The debtor's local day."""
        return local_date(self.now, self.zone)


def account_of(row: dict[str, Any]) -> Account:
    """The account of a row of `ACCOUNT`."""
    return Account(
        row["id"],
        row["creditor"],
        row["key"],
        row["currency"],
        row["zone"],
        row["hash"],
        row["playbook"],
        money_rules_of(row["money"]),
        row["now"],
    )


async def lock(tx: Connection, creditor: str, key: str) -> Account | None:
    """Lock an account's person and read the account; none where it is not known."""
    row = await (
        await tx.execute(ACCOUNT + "a.creditor = %s AND a.key = %s FOR UPDATE OF p", [creditor, key])
    ).fetchone()
    return account_of(row) if row else None


async def locked(tx: Connection, creditor: str, key: str) -> Account:
    """`lock`; raises `NotFound` with `account.unknown`."""
    account = await lock(tx, creditor, key)
    if account is None:
        raise NotFound("account.unknown", "no such account: import it first", "account")
    return account


@dataclass(frozen=True, slots=True)
class Source:
    """What a posting comes from: a payment (or what takes it back), or a credit."""

    kind: str
    payment: int | None
    credit: int | None
    at: datetime


@dataclass(slots=True)
class Book:
    """What is known of an account's money. `applied`: payments that are in the postings, or are being posted now."""

    account: Account
    dues: Sequence[dict[str, Any]]
    payments: Mapping[int, dict[str, Any]]
    credits: Mapping[int, dict[str, Any]]
    posted: Sequence[dict[str, Any]]
    interest: Interest | None = None
    applied: set[int] = field(default_factory=set[int])
    names: Names = field(init=False)

    def __post_init__(self) -> None:
        self.names = names_of(self.payments.values())

    def root(self, payment: int) -> int | None:
        """The payment at the end of what a payment takes back (itself, as a rule); none where that is not applied."""
        while (target := self._target(payment)) is not None and target in self.applied:
            payment = target
        return payment if self.payments[payment]["reverses"] is None else None

    def left(self) -> dict[int, Decimal]:
        """What is left of each applied payment, and of each taking back."""
        return left_of((self.payments[number] for number in self.applied), self.names)

    def _target(self, payment: int) -> int | None:
        return target_of(self.payments[payment], self.names)

    def can_apply(self, payment: int) -> bool:
        """Whether a payment, or a taking back, has something to say by now."""
        row = self.payments[payment]
        if row["currency"] != self.account.currency:
            return False
        if row["reverses"] is None:
            return True
        target = self._target(payment)
        return target is not None and self.root(payment) is not None and self.left()[target] > 0

    def waiting(self) -> int | None:
        """The first payment, or taking back, that is not applied and can be; none where nothing waits."""
        return next((each for each in self.payments if each not in self.applied and self.can_apply(each)), None)

    def reckoned(self, on: date | None = None) -> Reckoning:
        """The debt as all that is applied makes it at the end of a local day, of today where none is given."""
        day = on or self.account.today
        credits = [credit for credit in (*self._payments(), *self._credits()) if on is None or credit.day <= on]
        return reckon(
            [Due(row["id"], row["due_date"]) for row in self.dues],
            [charge for charge in self.charges() if on is None or charge.day is None or charge.day <= on],
            credits,
            order=self.account.rules.order,
            interest=self.interest,
            through=min([day, *(credit.day for credit in credits if credit.last)]),
            unit=Decimal(1).scaleb(-decimals(self.account.currency)),
        )

    def _payments(self) -> list[Credit]:
        left = self.left()
        keys = {row["key"]: row["id"] for row in self.dues}
        return [
            Credit(
                key=f"payment:{row['id']}",
                at=(at := self._since(row["paid_at"], row["booked_at"])),
                day=local_date(at, self.account.zone),
                seq=row["id"],
                amount=left[row["id"]],
                due=keys.get(row["due"]),
            )
            for row in self.payments.values()
            if row["reverses"] is None and row["id"] in self.applied
        ]

    def _since(self, said: datetime, booked: datetime | None) -> datetime:
        """From when it counts: from the instant that was said, but no later than it was booked."""
        return min(said, booked or self.account.now)

    def _credits(self) -> list[Credit]:
        return [
            Credit(
                key=f"credit:{row['id']}",
                at=(at := self._since(row["effective_at"], row["at"])),
                day=local_date(at, self.account.zone),
                seq=row["id"],
                amount=row["amount"],
                due=row["due_id"],
                components=tuple(row["components"]),
                lapses=row["kind"] != "credit_note",
                last=row["kind"] == "write_off",
            )
            for row in self.credits.values()
            if row["status"] == "applied"
        ]

    def charges(self) -> list[Charge]:
        """What is charged for the dues, late interest apart: by the creditor's file since ever, else since its day.

        Interest that accrued before the creditor gave it up stays owed.
        """
        kinds = (*CHARGES, "fee") if self.interest is not None else (*CHARGES, "fee", "interest")
        return [
            Charge(
                row["due_id"],
                row["component"],
                row["amount"],
                local_date(row["since"], self.account.zone) if row["since"] is not None else None,
            )
            for row in self.posted
            if row["kind"] in kinds and row["due_id"] is not None
        ]

    def differences(self, reckoning: Reckoning, source: Source | None) -> list[list[Any]]:
        """The postings that are missing; those of `source` and of what it takes back are posted in its name."""
        own = None
        if source is not None and source.payment is not None:
            own = f"payment:{self.root(source.payment)}"
        elif source is not None:
            own = f"credit:{source.credit}"
        missing: list[list[Any]] = []
        lacking = self._posted_by_credit(reckoning)
        if source is not None and source.payment is not None and not any(lacking.get(f"{own}", {}).values()):
            missing.append(self._line(None, Decimal(0), source, None))  # a posting says that it was applied
        for key, places in lacking.items():
            name, _, number = key.partition(":")
            row = (self.payments if name == "payment" else self.credits)[int(number)]
            at = row["paid_at"] if name == "payment" else row["effective_at"]
            by = Source("allocation", int(number) if name == "payment" else None, None, at)
            if name == "credit":
                by = Source("allocation", None, int(number), at)
            if key == own and source is not None:
                by = source
            missing += [self._line(place, amount, by, None) for place, amount in places.items() if amount]
        return missing

    def _posted_by_credit(self, reckoning: Reckoning) -> dict[str, dict[Place | None, Decimal]]:
        """By credit and place, the amount that the postings lack (negative: to be paid)."""
        lacking: defaultdict[str, defaultdict[Place | None, Decimal]] = defaultdict(lambda: defaultdict(Decimal))
        for row in self.posted:
            place = None if row["due_id"] is None else (row["due_id"], row["component"])
            if row["payment_id"] is not None:
                lacking[f"payment:{self.root(row['payment_id'])}"][place] -= row["amount"]
            elif row["credit_id"] is not None:
                lacking[f"credit:{row['credit_id']}"][place] -= row["amount"]
        for key, places in reckoning.paid.items():
            for place, amount in places.items():
                lacking[key][place] -= amount
        return {key: dict(places) for key, places in lacking.items()}

    def accruals(self, reckoning: Reckoning) -> list[list[Any]]:
        """The late interest that the postings lack, by due and month, with formula and inputs."""
        if self.interest is None:
            return []
        posted: defaultdict[tuple[int, date], Decimal] = defaultdict(Decimal)
        for row in self.posted:
            if row["kind"] == "interest":
                posted[row["due_id"], date.fromisoformat(row["month"])] += row["amount"]
        by = Source("interest", None, None, self.account.now)
        lines: list[list[Any]] = []
        for due, month in sorted(posted.keys() | reckoning.accrued.keys()):
            found = reckoning.accrued.get((due, month))
            lacking = (found.amount if found else Decimal(0)) - posted[due, month]
            if lacking:
                about = _about(month, found.spans if found else (), self.account.rules)
                lines.append(self._line((due, "interest"), lacking, by, about))
        return lines

    def _line(self, place: Place | None, amount: Decimal, by: Source, about: dict[str, Any] | None) -> list[Any]:
        due, component = place if place is not None else (None, None)
        return [
            self.account.id,
            due,
            component,
            by.kind,
            amount,
            self.account.currency,
            by.payment,
            by.credit,
            by.at,
            self.account.now,
            Jsonb(about) if about is not None else None,
        ]

    def owed(self, reckoning: Reckoning) -> Owed:
        """Balance and dues with something to claim, after this reckoning."""
        credit = sum((places.get(None, Decimal(0)) for places in reckoning.paid.values()), Decimal(0))
        by_due: defaultdict[int, Decimal] = defaultdict(Decimal)
        principal: defaultdict[int, Decimal] = defaultdict(Decimal)
        for (due, component), amount in reckoning.open.items():
            by_due[due] += amount
            principal[due] += amount if component == "principal" else 0
        dues = sorted(self.dues, key=lambda row: (row["due_date"], row["id"]))
        claimed = tuple(
            OpenDue(row["id"], row["due_date"], by_due[row["id"]])
            for row in dues
            if by_due[row["id"]] > 0 and (not self.account.rules.principal_only or principal[row["id"]] > 0)
        )
        return Owed(sum(by_due.values(), Decimal(0)) - credit, claimed)


def _about(month: date, found: Sequence[Span], rules: MoneyRules) -> dict[str, Any]:
    assert rules.interest is not None
    return {"month": month.isoformat(), "spans": [explained(rules.interest, span) for span in found]}


async def read(tx: Connection, account: Account, known_at: datetime | None = None) -> Book:
    """All that is known of an account's money (that was known at an instant); to post, the person must be locked."""
    at = [known_at, known_at]
    async with tx.pipeline():  # one round trip
        dues = await tx.execute(_DUES, [account.id])
        payments = await tx.execute(_PAYMENTS, [*at, account.creditor, account.key])
        credits = await tx.execute(_CREDITS, [*at, account.id])
        posted = await tx.execute(_POSTED, [*at, account.id])
    paid = {row["id"]: row for row in await payments.fetchall()}
    return Book(
        account,
        await dues.fetchall(),
        paid,
        {row["id"]: row for row in await credits.fetchall()},
        await posted.fetchall(),
        await _interest(tx, account.rules),
        {number for number, row in paid.items() if row["booked_at"] is not None},
    )


async def _interest(tx: Connection, rules: MoneyRules) -> Interest | None:
    if rules.interest is None:
        return None
    ceiling = await ceilings(tx, rules.interest.ceiling) if rules.interest.ceiling else _no_ceiling
    return partial(spans, rules.interest, ceiling)


def _no_ceiling(_month: date) -> Decimal | None:
    return None


async def bring(tx: Connection, book: Book, source: Source | None = None) -> Owed:
    """Post what the postings lack; `source` is what has just become known. Returns what is owed then."""
    reckoning = book.reckoned()
    lines = book.accruals(reckoning) + book.differences(reckoning, source)
    if lines:
        async with tx.cursor() as cursor:
            await cursor.executemany(_POSTING, lines)
    return book.owed(reckoning)


async def apply(tx: Connection, book: Book, payment: int) -> tuple[Owed, list[int]]:
    """Post a payment (or a taking back) that can be applied, and all that can be because of it, in their order."""
    done: list[int] = []
    while True:
        row = book.payments[payment]
        book.applied.add(payment)
        owed = await bring(tx, book, Source(row["kind"], payment, None, row["paid_at"]))
        done.append(payment)
        following = book.waiting()
        if following is None:
            return owed, done
        payment = following
        book.posted = await (await tx.execute(_POSTED, [None, None, book.account.id])).fetchall()


async def owed_now(ledger: Ledger, creditor: str, key: str) -> Owed:
    """What an account owes, interest of today included."""
    async with ledger.transaction() as tx:
        account = await locked(tx, creditor, key)
        return await bring(tx, await read(tx, account))
