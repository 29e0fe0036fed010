"""Allocation: which dues a payment pays, and which a reversal opens again. Pure."""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import date
from decimal import Decimal


@dataclass(frozen=True, slots=True)
class OpenDue:
    """A due with something still to pay, in the account's currency."""

    id: int
    due_date: date
    open: Decimal


@dataclass(frozen=True, slots=True)
class Part:
    """A posting to make: an amount on a due, or on the account as unapplied credit where `due_id` is none."""

    due_id: int | None
    amount: Decimal


def allocate(amount: Decimal, dues: Sequence[OpenDue]) -> list[Part]:
    """Oldest due first; what is left over becomes unapplied credit. The parts are negative and sum to -amount."""
    parts: list[Part] = []
    for due in sorted(dues, key=lambda due: (due.due_date, due.id)):
        part = min(amount, due.open)
        if part > 0:
            parts.append(Part(due.id, -part))
            amount -= part
    if amount > 0:
        parts.append(Part(None, -amount))
    return parts


def reverse(amount: Decimal, parts: Sequence[Part]) -> list[Part]:
    """Take back a payment's parts, the last allocated first. The result is positive and sums to at most `amount`."""
    taken: list[Part] = []
    for part in reversed(parts):
        back = min(amount, -part.amount)
        if back > 0:
            taken.append(Part(part.due_id, back))
            amount -= back
    return taken


def open_after(dues: Sequence[OpenDue], parts: Sequence[Part]) -> list[OpenDue]:
    """The open dues once these parts are posted to them. `dues` must hold every due that a part names."""
    change = {due.id: Decimal(0) for due in dues}
    for part in parts:
        if part.due_id is not None:
            change[part.due_id] += part.amount
    after = (OpenDue(due.id, due.due_date, due.open + change[due.id]) for due in dues)
    return [due for due in after if due.open > 0]
