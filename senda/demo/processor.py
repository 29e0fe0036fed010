"""The simulated payment processor: what it reports on each day of the demo."""

from collections import defaultdict
from collections.abc import Iterable, Mapping
from datetime import date, datetime
from datetime import time as clock_time
from decimal import Decimal
from zoneinfo import ZoneInfo

from senda.client import Posting
from senda.demo.portfolio import CURRENCY, ZONE, Account

NOON = clock_time(12)


def noon(day: date) -> datetime:
    """Noon of a day where the debtors live."""
    return datetime.combine(day, NOON, ZoneInfo(ZONE))


def postings_by_day(creditor: str, accounts: Iterable[Account]) -> Mapping[date, list[Posting]]:
    """Every payment and reversal under its day. Ids are the same for the same seed."""
    days: defaultdict[date, list[Posting]] = defaultdict(list)
    for account in accounts:
        for posting in _postings(creditor, account):
            days[posting.paid_at.date()].append(posting)
    return days


def _postings(creditor: str, account: Account) -> Iterable[Posting]:
    paid_on: dict[date, str] = {}
    for number, move in enumerate(account.moves, start=1):
        name = f"{creditor}:{account.key}:{number}"
        if move.returns is None:
            paid_on[move.day] = name
        yield Posting(
            id=name,
            creditor=creditor,
            account=account.key,
            amount=Decimal(move.amount),
            currency=CURRENCY,
            paid_at=noon(move.day),
            reverses=None if move.returns is None else paid_on[move.returns],
        )
