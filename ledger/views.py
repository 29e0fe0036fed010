"""What is read: journeys, contacts, events, payments, and a creditor's summary. Queries only."""

from base64 import b64decode, urlsafe_b64encode
from dataclasses import dataclass
from datetime import datetime
from decimal import Decimal
from typing import Any

from sqlalchemy import ColumnElement, Select, and_, case, func, literal_column, or_, select
from sqlalchemy.engine import RowMapping

from journey.planning import Contact, Wait, settle, status
from journey.playbook import Playbook, parse_playbook
from journey.state import JourneyState, Terms
from ledger.creditors import decimals
from ledger.database import Ledger
from ledger.schema import (
    accounts,
    contact_events,
    contacts,
    creditors,
    import_errors,
    journey_events,
    journeys,
    payments,
    playbooks,
    postings,
)
from policy.calendar import local_date
from policy.errors import SendaError
from policy.hours import ContactHours

LONGEST_PAGE = 500

NOW: ColumnElement[Any] = func.coalesce(creditors.c.test_clock, func.clock_timestamp())
stage_now: ColumnElement[Any] = case(
    (and_(~journeys.c.closed, journeys.c.next_stage_at <= NOW), journeys.c.next_stage), else_=journeys.c.stage
)
_held: ColumnElement[Any] = literal_column(
    """(SELECT min(CASE split_part(h->>'id', ':', 1) WHEN 'promise' THEN 'promise' WHEN 'plan' THEN 'plan'
            ELSE 'paused' END COLLATE "C")
        FROM jsonb_array_elements(journeys.state->'standing'->'holds') h
        WHERE (h->>'starts')::timestamptz <= coalesce(creditors.test_clock, clock_timestamp())
        AND coalesce((h->>'ends')::timestamptz, 'infinity') > coalesce(creditors.test_clock, clock_timestamp()))"""
)
"""What holds cover this moment, as `journey.planning.status` says it: `paused` comes first by the alphabet, too."""

status_now: ColumnElement[Any] = case((journeys.c.closed, "closed"), else_=func.coalesce(_held, "active"))


@dataclass(frozen=True, slots=True)
class Page:
    """Some items and the cursor of the next page, none at the end."""

    items: list[dict[str, Any]]
    next_cursor: str | None


def money(amount: Decimal, currency: str) -> dict[str, str]:
    """An amount as clients see it: a decimal string with the currency's decimals."""
    return {"amount": plain(amount, currency), "currency": currency}


def plain(amount: Decimal, currency: str) -> str:
    """A decimal string with the currency's decimals."""
    return f"{amount:.{decimals(currency)}f}"


def _cursor(value: object) -> str:
    return urlsafe_b64encode(str(value).encode()).decode()


def _after(cursor: str) -> str:
    try:
        if value := b64decode(cursor, altchars=b"-_", validate=True).decode():
            return value
        raise ValueError(cursor)
    except ValueError:
        raise SendaError("cursor.invalid", "use the next_cursor of the page before", field="cursor") from None


def page_of(rows: list[dict[str, Any]], limit: int, key: str) -> Page:
    """The first `limit` of these rows; the cursor of the next page is made of `key`, which orders them."""
    items = rows[:limit]
    return Page(items, _cursor(items[-1][key]) if len(rows) > limit else None)


def _journeys() -> Select[Any]:
    balance = (
        select(func.coalesce(func.sum(postings.c.amount), 0))
        .where(postings.c.account_id == journeys.c.account_id)
        .scalar_subquery()
    )
    return (
        select(journeys, playbooks.c.content.label("playbook"), NOW.label("now"), balance.label("balance"))
        .join(playbooks, playbooks.c.hash == journeys.c.playbook_hash)
        .join(creditors, creditors.c.key == journeys.c.creditor)
    )


async def journey(ledger: Ledger, creditor: str, account: str) -> dict[str, Any] | None:
    """The last journey of an account, none where it never had one."""
    query = (
        _journeys()
        .where(journeys.c.creditor == creditor, journeys.c.account == account)
        .order_by(journeys.c.episode.desc())
        .limit(1)
    )
    async with ledger.reads.connect() as connection:
        row = (await connection.execute(query)).mappings().first()
    return _journey(row, {}) if row is not None else None


async def list_journeys(
    ledger: Ledger,
    *,
    creditor: str | None = None,
    stage: str | None = None,
    status: str | None = None,
    outcome: str | None = None,
    cursor: str | None = None,
    limit: int = 100,
) -> Page:
    """Journeys in the order of their ids, filtered."""
    query = _journeys().order_by(journeys.c.id).limit(limit + 1)
    if creditor is not None:
        query = query.where(journeys.c.creditor == creditor)
    if stage is not None:
        query = query.where(stage_now == stage)
    if outcome is not None:
        query = query.where(journeys.c.outcome == outcome)
    if status == "closed":
        query = query.where(journeys.c.closed)
    elif status is not None:
        query = query.where(~journeys.c.closed, status_now == status)
    if cursor is not None:
        query = query.where(journeys.c.id > _after(cursor))
    async with ledger.reads.connect() as connection:
        rows = (await connection.execute(query)).mappings().all()
    books: dict[str, Playbook] = {}
    return page_of([_journey(row, books) for row in rows], limit, "journey_id")


def _journey(row: RowMapping, books: dict[str, Playbook]) -> dict[str, Any]:
    book = books.setdefault(row["playbook_hash"], parse_playbook(row["playbook"]))
    terms = Terms.model_construct(
        creditor=row["creditor"],
        account=row["account"],
        episode=row["episode"],
        currency=row["currency"],
        playbook=book,
        hours=ContactHours.model_validate(row["hours"]),
    )
    state = JourneyState.model_validate(row["state"])
    closed_at = row["closed_at"]
    days_at_closing = (local_date(closed_at, terms.zone) - row["due_date"]).days if closed_at else None
    return {
        "journey_id": row["id"],
        "creditor": row["creditor"],
        "account": row["account"],
        "episode": row["episode"],
        **as_of(terms, state, row["now"]),
        "balance": money(row["balance"], row["currency"]),
        "strategy": {"playbook": book.key, "hash": row["playbook_hash"]},
        "due_date": row["due_date"],
        "opening_balance": money(row["opening_balance"], row["currency"]),
        "opened_at": row["opened_at"],
        "closed_at": closed_at,
        "closed_days_past_due": days_at_closing,
    }


def as_of(terms: Terms, state: JourneyState, now: datetime) -> dict[str, Any]:
    """How a journey stands at an instant by what it knows: what time alone has brought by then is taken."""
    state, _, move = settle(terms, state, now)
    due = state.standing.oldest_due
    owes = due is not None and state.outcome not in ("cured", "paid")
    step: dict[str, Any] | None = None
    if isinstance(move, Contact):
        step = {"key": move.step.key, "due_at": move.due}
    elif isinstance(move, Wait) and move.step is not None:
        step = {"key": move.step, "due_at": move.due}
    return {
        "status": status(state, now),
        "stage": state.stage,
        "outcome": state.outcome,
        "days_past_due": max(0, (local_date(now, terms.zone) - due).days) if due is not None and owes else 0,
        "next_step": step if state.outcome is None else None,
    }


async def account_exists(ledger: Ledger, creditor: str, account: str) -> int | None:
    """The account's row, none where there is no such account."""
    query = select(accounts.c.id).where(accounts.c.creditor == creditor, accounts.c.key == account)
    async with ledger.reads.connect() as connection:
        return (await connection.execute(query)).scalar()


MADE = ("sent", "delivered", "read", "answered")
"""Statuses by which a contact happened."""

MOST_TELLING: ColumnElement[Any] = literal_column("ARRAY['answered', 'read', 'delivered', 'failed', 'sent', 'unknown']")
"""What a contact's status is, of all that was told of it."""


def _told(value: ColumnElement[Any], *conditions: ColumnElement[bool]) -> ColumnElement[Any]:
    """Something of all that was told of a contact."""
    return select(value).where(contact_events.c.contact_id == contacts.c.id, *conditions).scalar_subquery()


def _told_most(column: ColumnElement[Any]) -> ColumnElement[Any]:
    """What says most of a contact: receipts may come late, twice and out of order."""
    message = func.coalesce(contacts.c.covered_by, contacts.c.id)
    query = select(column).where(contact_events.c.contact_id == message)
    return query.order_by(func.array_position(MOST_TELLING, contact_events.c.status)).limit(1).scalar_subquery()


async def list_contacts(ledger: Ledger, creditor: str, account: str) -> list[dict[str, Any]]:
    """Every decision on a contact of an account, in order, with what came of it."""
    query = (
        select(
            contacts.c.id,
            contacts.c.step,
            contacts.c.stage,
            contacts.c.actor,
            contacts.c.channel,
            contacts.c.direction,
            contacts.c.purpose,
            func.coalesce(_told_most(contact_events.c.status), contacts.c.decision).label("status"),
            contacts.c.reason,
            contacts.c.decided_at,
            _told(func.min(contact_events.c.at), contact_events.c.status.in_(MADE)).label("sent_at"),
            contacts.c.rules,
            contacts.c.next_allowed_at,
            contacts.c.basis,
            _told(func.max(contact_events.c.content_sha256)).label("content_sha256"),
            _told(func.max(contact_events.c.template)).label("template"),
            contacts.c.covered_by,
            _told_most(contact_events.c.detail).label("disposition"),
        )
        .join(accounts, accounts.c.id == contacts.c.account_id)
        .where(accounts.c.creditor == creditor, accounts.c.key == account)
        .order_by(contacts.c.id)
    )
    async with ledger.reads.connect() as connection:
        return [dict(row) for row in (await connection.execute(query)).mappings()]


async def list_events(ledger: Ledger, creditor: str, account: str, cursor: str | None, limit: int) -> Page:
    """Everything that happened to an account's journeys, in order."""
    query = (
        select(
            journey_events.c.id.label("seq"),
            journeys.c.episode,
            journey_events.c.at,
            journey_events.c.recorded_at,
            journey_events.c.kind,
            journey_events.c.actor,
            journey_events.c.data,
        )
        .join(journeys, journeys.c.id == journey_events.c.journey_id)
        .where(journeys.c.creditor == creditor, journeys.c.account == account)
        .order_by(journey_events.c.id)
        .limit(limit + 1)
    )
    if cursor is not None:
        query = query.where(journey_events.c.id > number_after(cursor))
    async with ledger.reads.connect() as connection:
        rows = [dict(row) for row in (await connection.execute(query)).mappings()]
    return page_of(rows, limit, "seq")


def number_after(cursor: str) -> int:
    """The number after which a page begins; raises `cursor.invalid`."""
    value = _after(cursor)
    if not value.isdecimal():
        raise SendaError("cursor.invalid", "use the next_cursor of the page before", field="cursor")
    return int(value)


async def list_payments(
    ledger: Ledger, creditor: str | None, applied: str | None, cursor: str | None, limit: int
) -> Page:
    """Payments and reversals in the order in which they came; `applied`: "applied", "unapplied" or both."""
    posted = select(postings.c.id).where(postings.c.payment_id == payments.c.id).exists()
    query = select(payments, case((posted, "applied"), else_="unapplied").label("status")).order_by(payments.c.id)
    if creditor is not None:
        query = query.where(payments.c.creditor == creditor)
    if applied is not None:
        query = query.where(posted if applied == "applied" else ~posted)
    if cursor is not None:
        query = query.where(payments.c.id > number_after(cursor))
    async with ledger.reads.connect() as connection:
        rows = (await connection.execute(query.limit(limit + 1))).mappings().all()
    items = [
        {
            "seq": row["id"],
            "processor": row["processor"],
            "id": row["external_id"],
            "type": row["kind"],
            "creditor": row["creditor"],
            "account": row["account"],
            "amount": plain(row["amount"], row["currency"]),
            "currency": row["currency"],
            "paid_at": row["paid_at"],
            "reverses": row["reverses"],
            "received_at": row["received_at"],
            "status": row["status"],
        }
        for row in rows
    ]
    return page_of(items, limit, "seq")


async def import_faults(ledger: Ledger, import_id: str, after: tuple[int, int], limit: int) -> list[dict[str, Any]]:
    """The faults of an import's rows, in the order of the rows, after (row, id)."""
    row, seq = after
    query = (
        select(import_errors)
        .where(
            import_errors.c.import_id == import_id,
            or_(import_errors.c.row > row, and_(import_errors.c.row == row, import_errors.c.id > seq)),
        )
        .order_by(import_errors.c.row, import_errors.c.id)
        .limit(limit)
    )
    async with ledger.reads.connect() as connection:
        return [dict(line) for line in (await connection.execute(query)).mappings()]
