"""Collection fees: which ones a creditor charges, and what must be true before one may be charged. Pure.

A fee is about one due. It pays for one action that was really performed and recorded, after the debtor had been told
of the fee (CO-16: Superintendencia Financiera, CE 048/2008; we ask it everywhere). What all fees of a debt cost
together stays below the ceilings of the packs (CL-05: Ley 19.496, art. 37).
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import date, timedelta
from decimal import ROUND_DOWN, Decimal
from typing import Annotated, Self

from pydantic import Field, StringConstraints, field_validator, model_validator

from journey.playbook import Channel, Key, Values
from policy.costs import CostCeiling
from policy.errors import SendaError

ZERO = Decimal(0)

Code = Annotated[str, StringConstraints(pattern=r"^[a-z][a-z_]{0,62}$")]
Reference = Annotated[str, StringConstraints(min_length=1, max_length=200, pattern=r"^[^\x00-\x1f]+$")]


class Fee(Values):
    """A kind of collection fee. Its price: an amount, or a share; neither: what the packs' cost ceilings leave."""

    key: Key = Field(examples=["llamada"])
    amount: Decimal | None = Field(
        default=None, gt=0, max_digits=20, decimal_places=4, description="in the creditor's currency"
    )
    share: Decimal | None = Field(
        default=None, gt=0, le=1, max_digits=9, decimal_places=4, description="of the open principal of the due"
    )
    channels: tuple[Channel, ...] = Field(default=(), description="a collection contact by one of these bears it")
    dispositions: tuple[Code, ...] = Field(default=(), description="a task that was done with one of these bears it")
    informed_by: Reference = Field(description="the document that told the debtors of the fee, before any action")
    informed_on: date = Field(description="the day on which they were told: only later actions bear it")
    times: int = Field(default=1, ge=1, le=100, description="so often for each due, at most")
    every_days: int = Field(default=0, ge=0, le=365, description="so many days apart, at least, on an account")

    @model_validator(mode="after")
    def _makes_sense(self) -> Self:
        if self.amount is not None and self.share is not None:
            raise ValueError("give an amount or a share, not both")
        if not self.channels and not self.dispositions:
            raise ValueError("name the channels or the dispositions of the actions that bear it")
        return self


class FeeRules(Values):
    """The collection fees of a creditor."""

    kinds: tuple[Fee, ...] = Field(min_length=1, max_length=32)

    @field_validator("kinds")
    @classmethod
    def _each_once(cls, kinds: tuple[Fee, ...]) -> tuple[Fee, ...]:
        if len({fee.key for fee in kinds}) != len(kinds):
            raise ValueError("two kinds of fee have the same key")
        return kinds


@dataclass(frozen=True, slots=True)
class Action:
    """What was done on a local day about the account: a contact by a channel, or a task done with a disposition.

    `performed`: it really took place, for all that is known. `charged`: a fee was charged for it before.
    `reference`: `contact:12`, `task:5`.
    """

    reference: str
    day: date
    performed: bool
    charged: bool = False
    channel: str | None = None
    disposition: str | None = None


@dataclass(frozen=True, slots=True)
class Charged:
    """A fee that was charged before, about a due by its number, on a local day."""

    kind: str
    due: int
    day: date


@dataclass(frozen=True, slots=True)
class OpenPrincipal:
    """A due's principal that is open. `fees`: charged for it so far, without what was taken back."""

    due_date: date
    principal: Decimal
    fees: Decimal = ZERO


@dataclass(frozen=True, slots=True)
class Ceiling:
    """A ceiling of a pack, with the value of its unit on this day; none: nobody has loaded it."""

    law: CostCeiling
    unit_value: Decimal | None


@dataclass(frozen=True, slots=True)
class Ask:
    """A fee that is asked for today (the debtor's local day), about the due numbered `due`.

    `dues`: all of the account that have open principal, by number. `unit`: the smallest amount of the currency.
    """

    today: date
    unit: Decimal
    due: int
    dues: Mapping[int, OpenPrincipal]
    action: Action
    earlier: Sequence[Charged] = ()
    ceilings: Sequence[Ceiling] = ()


@dataclass(frozen=True, slots=True)
class Priced:
    """What a fee costs, and its formula and inputs for the posting (decimals and days as strings)."""

    amount: Decimal
    about: dict[str, str]


def check_fee(rules: FeeRules | None, kind: str, ask: Ask) -> Priced:
    """The price of a fee, where it may be charged; otherwise it is refused.

    Errors: `fee.not_offered`; `fee.nothing_past_due`; `fee.action_not_performed`, `fee.action_does_not_bear_it`,
    `fee.action_too_old` (before the due was past due), `fee.not_informed`, `fee.action_used`; `fee.too_often`,
    `fee.too_soon`; `fee.too_early`, `fee.unit_unknown`, `fee.beyond_ceiling` (the packs' ceilings), `fee.no_ceiling`.
    """
    fee = next((each for each in rules.kinds if each.key == kind), None) if rules else None
    if fee is None:
        raise SendaError(
            "fee.not_offered", f"the creditor has no fee {kind[:60]!r}: its rules name those it has", "kind"
        )
    due = ask.dues.get(ask.due)
    if due is None or due.principal <= 0 or due.due_date >= ask.today:
        raise SendaError(
            "fee.nothing_past_due", "no principal of this due is past due: there is nothing to collect", "due"
        )
    _check_action(fee, due, ask.action)
    _check_times(fee, ask)
    room = _room(ask, due)
    price = _price(fee, due, ask, room)
    if room is not None and price > room:
        raise SendaError("fee.beyond_ceiling", f"the law leaves {room} for this debt, the fee is {price}", "kind")
    return Priced(price, _about(fee, due, ask, room))


def _check_action(fee: Fee, due: OpenPrincipal, action: Action) -> None:
    if not action.performed:
        raise SendaError(
            "fee.action_not_performed", "a fee needs an action that really took place: this one did not", "action"
        )
    if action.channel not in fee.channels and action.disposition not in fee.dispositions:
        advice = ", ".join((*fee.channels, *fee.dispositions))
        raise SendaError("fee.action_does_not_bear_it", f"this fee is for other actions: {advice}", "action")
    if action.day <= due.due_date:
        raise SendaError("fee.action_too_old", "the action took place before the due was past due", "action")
    if action.day <= fee.informed_on:
        advice = f"debtors were told of this fee on {fee.informed_on}: only later actions bear it"
        raise SendaError("fee.not_informed", advice, "action")
    if action.charged:
        raise SendaError("fee.action_used", "a fee was charged for this action: it bears no other", "action")


def _check_times(fee: Fee, ask: Ask) -> None:
    same = [each for each in ask.earlier if each.kind == fee.key]
    if sum(each.due == ask.due for each in same) >= fee.times:
        raise SendaError("fee.too_often", f"the creditor charges it {fee.times} times for a due, at most", "due")
    free = max((each.day for each in same), default=date.min) + timedelta(days=fee.every_days)
    if ask.today < free:
        raise SendaError("fee.too_soon", f"the creditor charges it again on {free} at the earliest", "kind")


def _room(ask: Ask, due: OpenPrincipal) -> Decimal | None:
    """What the ceilings leave, for the due alone and for all that it is past due with; none without a ceiling."""
    if not ask.ceilings:
        return None
    room: list[Decimal] = []
    for ceiling in ask.ceilings:
        law = ceiling.law
        if (ask.today - due.due_date).days <= law.after_days:
            first = due.due_date + timedelta(days=law.after_days + 1)
            raise SendaError("fee.too_early", f"{law.rule}: no fee for this due before {first}", "due")
        if ceiling.unit_value is None:
            raise SendaError("fee.unit_unknown", f"{law.rule} counts in {law.unit}: load its value of today", None)
        late = [each for each in ask.dues.values() if (ask.today - each.due_date).days > law.after_days]
        for debts in ([due], late):
            principal = sum((each.principal for each in debts), ZERO)
            fees = sum((each.fees for each in debts), ZERO)
            room.append(law.most(principal, ceiling.unit_value) - fees)
    return max(ZERO, min(room).quantize(ask.unit, ROUND_DOWN))


def _price(fee: Fee, due: OpenPrincipal, ask: Ask, room: Decimal | None) -> Decimal:
    if fee.amount is not None:
        return fee.amount.quantize(ask.unit, ROUND_DOWN)
    if fee.share is not None:
        price = (due.principal * fee.share).quantize(ask.unit, ROUND_DOWN)
    elif room is None:
        raise SendaError(
            "fee.no_ceiling", "the fee is what a ceiling leaves, and no pack has one: give it a price", "kind"
        )
    else:
        price = room
    if price <= 0:
        code = "fee.nothing_past_due" if fee.share is not None else "fee.beyond_ceiling"
        raise SendaError(code, "nothing is left to charge", "kind")
    return price


def _about(fee: Fee, due: OpenPrincipal, ask: Ask, room: Decimal | None) -> dict[str, str]:
    formula = "amount" if fee.amount is not None else "principal * share" if fee.share is not None else "ceiling"
    about = {
        "formula": formula,
        "fee": fee.key,
        "principal": f"{due.principal:f}",
        "action": ask.action.reference,
        "action_on": ask.action.day.isoformat(),
        "informed_by": fee.informed_by,
        "informed_on": fee.informed_on.isoformat(),
        "charged_on": ask.today.isoformat(),
    }
    if fee.share is not None:
        about["share"] = f"{fee.share:f}"
    if room is not None:
        about["ceiling"] = f"{room:f}"
        about["rules"] = " ".join(each.law.rule for each in ask.ceilings)
        about |= {each.law.unit: f"{each.unit_value:f}" for each in ask.ceilings}
    return about
