"""Collection fees: charged by people for an action that the record has, and posted with their formula and inputs."""

from collections import defaultdict
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import date, timedelta
from decimal import Decimal
from typing import Any

from babel.numbers import get_territory_currencies
from psycopg.types.json import Jsonb

from journey.fees import Action, Ask, Ceiling, Charged, OpenPrincipal, Priced, check_fee
from ledger.book import Account, Book, bring, locked, read
from ledger.creditors import decimals
from ledger.database import Connection, Ledger
from ledger.errors import NotFound
from ledger.following import Followed, follow
from ledger.packs import OWN_PACKS, packs_of
from ledger.record import Fact
from ledger.reference_values import value_on
from policy.calendar import local_date
from policy.costs import CostCeiling, cost_ceilings
from policy.errors import SendaError

UNIT_KEPT = timedelta(days=31)
"""So many days after its own a unit's value is taken where none is loaded since."""

NOBODY = ("wrong_number", "third_party")
"""What came of calls that reached somebody else."""


@dataclass(frozen=True, slots=True)
class FeeOrder:
    """A fee that people charge. `due`: the due's key (none: the oldest with principal past due).

    The action is a contact or a task by its number, one of the two. `key` names the command.
    """

    kind: str
    key: str
    due: str | None = None
    contact: int | None = None
    task: int | None = None


@dataclass(frozen=True, slots=True)
class FeeCharged:
    """A fee as it was posted, by the posting's number. `followed`: what it means for the journey; none: done before."""

    id: int
    kind: str
    due: str
    amount: Decimal
    currency: str
    about: dict[str, str]
    followed: Followed | None


async def charge_fee(ledger: Ledger, creditor: str, account: str, order: FeeOrder, actor: str) -> FeeCharged:
    """Charge a fee, under the person's lock; the same command again changes nothing.

    Errors: `account.unknown`, `fee.action_unknown`, `fee.due_unknown`, those of `journey.fees.check_fee`.
    """
    async with ledger.transaction() as tx:
        found = await locked(tx, creditor, account)
        if (before := await _earlier(tx, found, order.key)) is not None:
            return before
        book = await read(tx, found)
        due, priced = await _price(tx, book, order)
        row = await (
            await tx.execute(
                _POST,
                {
                    "account": found.id,
                    "due": due["id"],
                    "amount": priced.amount,
                    "currency": found.currency,
                    "now": found.now,
                    "about": Jsonb({**priced.about, "command": order.key, "actor": actor}),
                },
            )
        ).fetchone()
        assert row is not None
        owes = await bring(tx, await read(tx, found))
        about = {"amount": priced.amount, "currency": found.currency, "balance": owes.balance, **priced.about}
        fact = Fact(f"fee:{row['id']}", "fee", found.now, {**about, "due": due["key"]}, actor)
        followed = await follow(tx, found, owes, "fee", [fact])
        return FeeCharged(row["id"], order.kind, due["key"], priced.amount, found.currency, priced.about, followed)


_POST = """
INSERT INTO postings (account_id, due_id, component, kind, amount, currency, effective_at, booked_at, about)
VALUES (%(account)s, %(due)s, 'fees', 'fee', %(amount)s, %(currency)s, %(now)s, %(now)s, %(about)s) RETURNING id"""

_FEES = """
SELECT o.id, o.due_id, d.key AS due, o.amount, o.effective_at, o.about
FROM postings o JOIN dues d ON d.id = o.due_id WHERE o.account_id = %s AND o.kind = 'fee' ORDER BY o.id"""


async def _earlier(tx: Connection, account: Account, command: str) -> FeeCharged | None:
    for row in await (await tx.execute(_FEES, [account.id])).fetchall():
        about = row["about"]
        if about["command"] == command:
            said = {name: value for name, value in about.items() if name not in ("command", "actor")}
            return FeeCharged(row["id"], about["fee"], row["due"], row["amount"], account.currency, said, None)
    return None


async def _price(tx: Connection, book: Book, order: FeeOrder) -> tuple[dict[str, Any], Priced]:
    account = book.account
    dues = _principals(book)
    due = _due(book, dues, order.due)
    ask = Ask(
        today=account.today,
        unit=Decimal(1).scaleb(-decimals(account.currency)),
        due=due["id"],
        dues=dues,
        action=await _action(tx, account, order),
        earlier=[
            Charged(row["about"]["fee"], row["due_id"], local_date(row["effective_at"], account.zone))
            for row in await (await tx.execute(_FEES, [account.id])).fetchall()
        ],
        ceilings=await _ceilings(tx, account),
    )
    return due, check_fee(account.rules.fees, order.kind, ask)


def _principals(book: Book) -> dict[int, OpenPrincipal]:
    """Dues with open principal, and what fees were charged for them, less what was taken back."""
    fees: defaultdict[int, Decimal] = defaultdict(Decimal)
    for row in book.posted:
        if row["component"] == "fees" and row["payment_id"] is None:
            fees[row["due_id"]] += row["amount"]
    open_now = book.reckoned().open
    return {
        row["id"]: OpenPrincipal(row["due_date"], principal, fees[row["id"]])
        for row in book.dues
        if (principal := open_now.get((row["id"], "principal"), Decimal(0))) > 0
    }


def _due(book: Book, dues: dict[int, OpenPrincipal], key: str | None) -> dict[str, Any]:
    candidates: Sequence[dict[str, Any]] = [row for row in book.dues if key is None or row["key"] == key]
    if key is None:
        candidates = sorted(
            (row for row in candidates if row["id"] in dues), key=lambda row: (row["due_date"], row["id"])
        )
    if not candidates:
        if key is None:
            raise SendaError("fee.nothing_past_due", "the account owes no principal: there is nothing to collect")
        raise NotFound("fee.due_unknown", "the account has no due of this key", "due")
    return candidates[0]


_CONTACT = """
SELECT 'contact:' || m.message AS reference, c.channel, told.status, told.detail AS disposition, told.at,
    c.direction = 'outbound' AND c.purpose = 'collection' AND told.status IN ('sent', 'delivered', 'read', 'answered')
        AND coalesce(told.detail, '') <> ALL (%(nobody)s::text[]) AS performed,
    ARRAY(SELECT 'task:' || l.task_id FROM dials l WHERE l.contact_id = m.message) AS same
FROM contacts c
CROSS JOIN LATERAL (SELECT coalesce(c.covered_by, c.id) AS message) m
JOIN LATERAL (
    SELECT e.status, e.detail, min(e.at) OVER () AS at FROM contact_events e WHERE e.contact_id = m.message
    ORDER BY array_position(ARRAY['answered', 'read', 'delivered', 'failed', 'sent', 'unknown'], e.status) LIMIT 1
) told ON true
WHERE c.id = %(id)s AND c.account_id = %(account)s"""

_TASK = """
SELECT 'task:' || t.id AS reference, NULL AS channel, t.disposition, t.done_at AS at, t.status = 'done' AS performed,
    ARRAY(SELECT 'contact:' || l.contact_id FROM dials l WHERE l.task_id = t.id AND l.contact_id IS NOT NULL) AS same
FROM tasks t WHERE t.id = %(id)s AND t.account_id = %(account)s AND t.done_at IS NOT NULL"""

_CHARGED = """
SELECT EXISTS (
    SELECT FROM postings o JOIN accounts a ON a.id = o.account_id JOIN accounts mine ON mine.person_id = a.person_id
    WHERE mine.id = %s AND o.kind = 'fee' AND o.about->>'action' = ANY(%s)) AS charged"""
"""Whether the person was charged for an action, also on another account: a message may speak of several."""


async def _action(tx: Connection, account: Account, order: FeeOrder) -> Action:
    query, number = (_CONTACT, order.contact) if order.contact is not None else (_TASK, order.task)
    values = {"id": number, "account": account.id, "nobody": list(NOBODY)}
    row = await (await tx.execute(query, values)).fetchone()
    if row is None:
        field = "contact" if order.contact is not None else "task"
        raise NotFound("fee.action_unknown", f"the account has no such {field} that was carried out", field)
    charged = await (await tx.execute(_CHARGED, [account.id, [row["reference"], *row["same"]]])).fetchone()
    assert charged is not None
    return Action(
        row["reference"],
        local_date(row["at"], account.zone),
        row["performed"],
        charged["charged"],
        row["channel"],
        row["disposition"],
    )


_LAW = f"""
SELECT c.pack, c.extra_packs, d.packs AS debtor_packs, {OWN_PACKS}
FROM accounts a JOIN creditors c ON c.key = a.creditor JOIN debtors d ON d.id = a.debtor_id WHERE a.id = %s"""


async def _ceilings(tx: Connection, account: Account) -> list[Ceiling]:
    row = await (await tx.execute(_LAW, [account.id])).fetchone()
    assert row is not None
    laws = cost_ceilings(packs_of(row["pack"], row["extra_packs"], row["debtor_packs"], row["own_packs"]))
    return [Ceiling(law, await _unit_value(tx, law, account.currency, account.today)) for law in laws]


async def _unit_value(tx: Connection, law: CostCeiling, currency: str, today: date) -> Decimal | None:
    """What a unit is worth in this currency: `CL.UF` is in pesos, for an account in dollars `CL.UF.USD` is needed."""
    own = get_territory_currencies(law.country) if law.country else [currency]
    found = await value_on(tx, law.unit if currency in own else f"{law.unit}.{currency}", today)
    return found.value if found is not None and today - found.since <= UNIT_KEPT else None
