"""How debtors of the demo pay: each behaviour turns instalments into payments and reversals on their days."""

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from datetime import date, timedelta
from random import Random


@dataclass(frozen=True, slots=True)
class Instalment:
    """What falls due on a day, in whole pesos."""

    due_date: date
    amount: int


@dataclass(frozen=True, slots=True)
class Move:
    """Money on a day: a payment, or the return of the payment of the earlier day that `returns` names."""

    day: date
    amount: int
    returns: date | None = None


Moves = Callable[[Random, Sequence[Instalment], date], Iterator[Move]]
"""Moves for an account's instalments; nothing happens before the demo's first day, the last argument."""


@dataclass(frozen=True, slots=True)
class Behaviour:
    """`weight` is its share; `first_due` bounds the first due date, in days from the demo's first."""

    name: str
    weight: float
    first_due: tuple[int, int]
    moves: Moves


def _later(day: date, days: int, first_day: date) -> date:
    return max(day + timedelta(days=days), first_day)


def _on_time(random: Random, dues: Sequence[Instalment], first_day: date) -> Iterator[Move]:
    for due in dues:
        yield Move(_later(due.due_date, random.randint(-3, 0), first_day), due.amount)


def _forgetful(random: Random, dues: Sequence[Instalment], first_day: date) -> Iterator[Move]:
    """Pays within two days of one of the first contacts: the playbook has them on days 1, 5, 10 and 18."""
    for due in dues:
        contact = random.choices((0, 1, 5, 10, 18), (3, 4, 3, 2, 1))[0]
        yield Move(_later(due.due_date, contact + random.randint(0, 2), first_day), due.amount)


def _in_parts(random: Random, dues: Sequence[Instalment], first_day: date) -> Iterator[Move]:
    for due in dues:
        part = due.amount * random.randint(30, 60) // 100 // 1000 * 1000
        yield Move(_later(due.due_date, random.randint(2, 9), first_day), part)
        yield Move(_later(due.due_date, random.randint(14, 32), first_day), due.amount - part)


def _late(random: Random, dues: Sequence[Instalment], first_day: date) -> Iterator[Move]:
    """Pays everything past due at once after the prejuridical letter, and the rest on its days."""
    settles = _later(dues[0].due_date, random.randint(62, 98), first_day)
    owed = sum(due.amount for due in dues if due.due_date <= settles)
    yield Move(settles, owed)
    for due in dues:
        if due.due_date > settles:
            yield Move(due.due_date, due.amount)


def _never(random: Random, dues: Sequence[Instalment], first_day: date) -> Iterator[Move]:
    yield from ()


def _returned(random: Random, dues: Sequence[Instalment], first_day: date) -> Iterator[Move]:
    """The first payment comes back from the bank three days later and is made again after two weeks."""
    first, *rest = dues
    paid = _later(first.due_date, 6, first_day)
    yield Move(paid, first.amount)
    yield Move(paid + timedelta(days=3), first.amount, returns=paid)
    yield Move(paid + timedelta(days=17), first.amount)
    yield from _on_time(random, rest, first_day)


BEHAVIOURS = (
    Behaviour("on time", 0.44, (1, 24), _on_time),
    Behaviour("forgetful", 0.22, (-3, 20), _forgetful),
    Behaviour("in parts", 0.11, (-8, 15), _in_parts),
    Behaviour("late", 0.09, (-40, 10), _late),
    Behaviour("never", 0.14, (-45, 15), _never),
    Behaviour("returned", 0.0, (-2, 6), _returned),
)
"""The last one is rare: the portfolio gives it to one account in a hundred."""
