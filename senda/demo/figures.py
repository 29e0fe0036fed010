"""The demo's summary: tables of accounts, contacts, refusals and money, from what the API reports."""

from collections import Counter
from collections.abc import Iterator, Mapping
from decimal import Decimal

from rich.table import Table

from senda.client import ContactCounts, Journey
from senda.demo.run import Result
from senda.demo.words import in_pesos

CONTACT_STATUSES = ("sent", "consolidated", "refused", "skipped", "failed", "unknown")
SENT = ("sent", "delivered", "read", "answered")


def tables(result: Result, rules: Mapping[str, str]) -> Iterator[Table]:
    """The four tables in the order in which they are read."""
    yield _accounts(result)
    yield _contacts(result.summary.contacts)
    yield _refusals(result.summary.contacts, rules)
    yield _money(result)


def standing_of(journey: Journey | None) -> str:
    """Where an account ended, in a word."""
    if journey is None:
        return "no journey: not due yet"
    return journey.outcome or f"open, {journey.stage}"


def past_due(journey: Journey) -> Decimal:
    """What a journey's account owes when it is past due at the end, otherwise nothing."""
    late = journey.outcome == "referred" or (journey.outcome is None and (journey.days_past_due or 0) > 0)
    return journey.balance.amount if late and journey.balance is not None else Decimal(0)


def _accounts(result: Result) -> Table:
    table = Table("outcome", "accounts", title="Accounts by outcome", min_width=40)
    ends = Counter(standing_of(result.latest.get(account.key)) for account in result.accounts)
    for name, accounts in ends.most_common():
        table.add_row(name, str(accounts))
    return table


def _contacts(contacts: ContactCounts) -> Table:
    table = Table("stage", *CONTACT_STATUSES, title="Contacts by stage and status")
    for stage, counts in contacts.by_stage.items():
        sent = sum(counts.get(status, 0) for status in SENT)
        rest = [counts.get(status, 0) for status in CONTACT_STATUSES[1:]]
        table.add_row(stage, *(str(count) for count in (sent, *rest)))
    return table


def _refusals(contacts: ContactCounts, rules: Mapping[str, str]) -> Table:
    share = f"{contacts.refusal_share:.1%} of what fell due was refused; {contacts.put_off} steps were moved beforehand"
    title = "Refusals by rule: nothing was sent, and why"
    table = Table("rule", "refused", "says", title=title, caption=share)
    for rule, count in sorted(contacts.refusals.items()):
        table.add_row(rule, str(count), rules.get(rule, ""))
    return table


def _money(result: Result) -> Table:
    payments = result.summary.payments
    table = Table("money", "COP", title="Money")
    table.add_row("portfolio at the start", in_pesos(result.portfolio))
    table.add_row("collected", in_pesos(result.portfolio - result.summary.balance.amount))
    table.add_row("still owed", in_pesos(result.summary.balance.amount))
    table.add_row("  of which past due", in_pesos(sum(map(past_due, result.latest.values()), Decimal(0))))
    table.add_row("payments, reversals", f"{payments.count}, {payments.reversals}")
    table.add_row("contacts after the clearing payment", str(result.summary.contacts.after_clearing_payment))
    return table
