"""What processors tell into the ledger: each piece of money once, whatever order it comes in, and nothing unheard."""

from collections.abc import Callable
from dataclasses import dataclass
from datetime import datetime
from decimal import Decimal
from typing import Any, Literal

from channels.processors.events import Declined, Event, Ignored, Money, Whose
from ledger.creditors import decimals
from ledger.database import Ledger
from ledger.debits import Came, decline
from ledger.payments import Payment, Posted, post_payment
from ledger.processing import Keys, Unused, is_known, keep_event, keys_of, waiting_for
from policy.errors import SendaError

Serves = Callable[[str], bool]
"""Whether a creditor's money comes through this processor."""

Status = Literal["applied", "duplicate", "unapplied", "ignored"]


@dataclass(frozen=True, slots=True)
class Taken:
    """What became of an event. `posted`: what the engine must hear, also of money that had waited for this."""

    status: Status
    code: str | None = None
    posted: tuple[Posted, ...] = ()


async def take(ledger: Ledger, processor: str, event: Event, serves: Serves) -> Taken:
    """Take an event in. Money that cannot be placed, or not in this currency, is recorded and answered `unapplied`;
    what came before the money that it takes back is placed together with it."""
    try:
        taken = await take_strictly(ledger, processor, event, serves)
    except SendaError as error:
        assert isinstance(event, Money)
        return await _kept(ledger, processor, event, error.code)
    posted = list(taken.posted)
    if posted:
        for data in await waiting_for(ledger, processor, event.id):
            posted += (await take(ledger, processor, _from_json(data), serves)).posted
    return Taken(taken.status, taken.code, tuple(posted))


async def take_strictly(ledger: Ledger, processor: str, event: Event, serves: Serves) -> Taken:
    """Take in the event of a processor that hears our refusals and names accounts by their keys. Raises
    `payment.currency_mismatch`, `payment.amount_decimals`."""
    if isinstance(event, Ignored):
        await keep_event(ledger, processor, Unused(event.id, event.type))
        return Taken("ignored")
    if isinstance(event, Declined):
        await keep_event(ledger, processor, Unused(event.id, event.type))
        await decline(ledger, processor, Came("failed", event.code, event.payment, later=event.later))
        return Taken("ignored")
    if event.only_after and not await is_known(ledger, processor, event.reverses or ""):
        return Taken("ignored")
    keys = await _keys(ledger, processor, event)
    if keys is None:
        kept = await _kept(ledger, processor, event, "payment.unknown_account")
        keys = await _keys(ledger, processor, event)  # what it waits for may have come meanwhile
        if keys is None:
            return kept
    if not serves(keys.creditor):
        return await _kept(ledger, processor, event, "payment.other_creditor")
    posted = await post_payment(ledger, _payment(processor, event, keys))
    return Taken(posted.status, posted.code, (posted,))


async def _keys(ledger: Ledger, processor: str, money: Money) -> Keys | None:
    whose = money.whose
    if whose.creditor is not None and whose.account is not None:
        return Keys(whose.creditor, whose.account)
    return await keys_of(ledger, processor, reference=whose.reference, link=whose.link, reverses=money.reverses)


async def _kept(ledger: Ledger, processor: str, money: Money, code: str) -> Taken:
    waits_for = money.reverses if code == "payment.unknown_account" else None
    await keep_event(ledger, processor, Unused(money.id, money.type, code, _as_json(money), waits_for))
    return Taken("unapplied", code)


def _payment(processor: str, money: Money, keys: Keys) -> Payment:
    places = decimals(money.currency)
    amount = money.amount.quantize(Decimal(1).scaleb(-places))
    if amount != money.amount:
        raise SendaError("payment.amount_decimals", f"too many decimals for {money.currency}", field="amount")
    return Payment(
        processor=processor,
        id=money.id,
        kind=money.kind,
        creditor=keys.creditor,
        account=keys.account,
        amount=money.amount,
        currency=money.currency,
        paid_at=money.paid_at,
        reverses=money.reverses,
        due=money.due,
    )


def _as_json(money: Money) -> dict[str, Any]:
    whose = money.whose
    return {
        "id": money.id,
        "type": money.type,
        "kind": money.kind,
        "amount": str(money.amount),
        "currency": money.currency,
        "paid_at": money.paid_at.isoformat(),
        "creditor": whose.creditor,
        "account": whose.account,
        "reference": whose.reference,
        "link": whose.link,
        "reverses": money.reverses,
        "due": money.due,
    }


def _from_json(data: dict[str, Any]) -> Money:
    return Money(
        id=data["id"],
        type=data["type"],
        kind=data["kind"],
        amount=Decimal(data["amount"]),
        currency=data["currency"],
        paid_at=datetime.fromisoformat(data["paid_at"]),
        whose=Whose(data["creditor"], data["account"], data["reference"], data["link"]),
        reverses=data["reverses"],
        due=data["due"],
    )
