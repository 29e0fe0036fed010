"""What the bot may know of a person: who writes, what is owed, and what the creditor allows to be agreed."""

from datetime import date
from decimal import Decimal
from typing import Annotated, Literal

from pydantic import Field

from journey.playbook import Values

Language = Literal["es", "en", "pt"]
Money = Annotated[Decimal, Field(max_digits=24)]
"""In the currency of the facts. Bounded, so that no arithmetic on it can fail."""


class Part(Values):
    """A due that is open: its day, and what of it is not paid."""

    due_date: date
    amount: Money


class PromiseLimits(Values):
    """The promises that a creditor takes: from today to `last_day`, of `at_least` up to the balance."""

    last_day: date
    at_least: Money


class PlanLimits(Values):
    """The plans that a creditor takes: in so many `instalments`, one every `every_days` days.

    The first falls on `first_by` and is at least `first_share` (0 to 1) of the balance; none falls after `last_day`.
    """

    instalments: tuple[int, ...]
    every_days: int = Field(default=30, ge=1)
    first_share: Decimal = Field(default=Decimal(0), ge=0, le=1)
    first_by: date
    last_day: date


class Promised(Values):
    """An open promise."""

    amount: Money
    due_date: date


class AccountFacts(Values):
    """One account: `due_date` is the oldest unpaid one. No limits: nothing of the kind can be agreed here.

    `interest` and `fees`: how much of the balance these are.
    """

    account: str
    balance: Money
    past_due: Money
    due_date: date | None
    days_past_due: int
    parts: tuple[Part, ...] = ()
    interest: Money = Decimal(0)
    fees: Money = Decimal(0)
    pay_link: str | None = None
    promise: PromiseLimits | None = None
    plan: PlanLimits | None = None
    promised: Promised | None = None
    disputed: bool = False


class Facts(Values):
    """All that is known at a turn. `today` is the debtor's local day.

    `document_last4`: the last characters of the identity document, upper case; unless they are four letters and digits
    with at least one digit, the person cannot be identified. `interest`: how this creditor computes interest, as the
    key of a sentence (`interest` in `words/`) or as a text in `language`; none: the general explanation.
    """

    creditor_name: str
    language: Language
    today: date
    currency: str
    name: str | None = None
    document_last4: str | None = None
    accounts: tuple[AccountFacts, ...] = ()
    interest: str | None = None
