"""The demo's accounts: who owes what by when, and when each of them will pay, from one seed."""

from collections.abc import Iterator
from dataclasses import dataclass
from datetime import date, timedelta
from random import Random
from typing import Any

from senda.demo.behaviour import BEHAVIOURS, Behaviour, Instalment, Move
from senda.demo.people import Person, people

CURRENCY = "COP"
ZONE = "America/Bogota"
WITH_TWO, WITH_THREE = 0.065, 0.015
"""Shares of the people with two and with three accounts."""
SAME_PAYDAY = 0.7
"""Share of the further accounts that fall due on the same days as the person's first."""


@dataclass(frozen=True, slots=True)
class Account:
    """One loan. `dues` in order; `moves` are what its debtor will do, in order of days."""

    key: str
    person: Person
    behaviour: str
    dues: tuple[Instalment, ...]
    moves: tuple[Move, ...]

    def as_import(self) -> dict[str, Any]:
        """The account as the API imports it."""
        return {
            "account": self.key,
            "debtor": {
                "key": self.person.key,
                "name": self.person.name,
                "language": "es",
                "time_zones": [ZONE],
                "addresses": self.person.addresses,
                "authorised_channels": list(self.person.authorised),
                "preferred_channel": self.person.authorised[0],
            },
            "dues": [
                {"key": f"cuota-{number}", "due_date": due.due_date.isoformat(), "amount": str(due.amount)}
                for number, due in enumerate(self.dues, start=1)
            ],
            "facts": {"product": "consumo"},
        }


def portfolio(seed: int, accounts: int, first_day: date) -> list[Account]:
    """So many accounts, always the same for a seed. `first_day` is the day on which the demo starts."""
    random = Random(seed)
    made: list[Account] = []
    for person in people(random):
        for account in _loans(random, person, len(made), first_day):
            if len(made) == accounts:
                return made
            made.append(account)
    raise AssertionError("people never end")


def _loans(random: Random, person: Person, made: int, first_day: date) -> Iterator[Account]:
    chance = random.random()
    loans = 3 if chance < WITH_THREE else 2 if chance < WITH_THREE + WITH_TWO else 1
    payday: date | None = None
    for number in range(made + 1, made + loans + 1):
        behaviour = _behaviour(random, number)
        first_due = first_day + timedelta(days=random.randint(*behaviour.first_due))
        if payday is not None and random.random() < SAME_PAYDAY:
            first_due = payday
        payday = payday or first_due
        dues = _dues(random, first_due)
        yield Account(
            key=f"credito-{number:04}",
            person=person,
            behaviour=behaviour.name,
            dues=dues,
            moves=tuple(sorted(behaviour.moves(random, dues, first_day), key=lambda move: move.day)),
        )


def _behaviour(random: Random, number: int) -> Behaviour:
    """Every hundredth account, from the fiftieth, has the rare behaviour, so that each demo shows it."""
    *common, rare = BEHAVIOURS
    if number % 100 == 50:
        return rare
    return random.choices(common, [behaviour.weight for behaviour in common])[0]


def _dues(random: Random, first_due: date) -> tuple[Instalment, ...]:
    """Two to four equal monthly instalments of 80,000 to 950,000 COP."""
    amount = random.randrange(80_000, 950_001, 500)
    return tuple(Instalment(_months_later(first_due, n), amount) for n in range(random.randint(2, 4)))


def _months_later(day: date, months: int) -> date:
    """The same day of a later month, at most the 28th, which every month has."""
    month = day.month - 1 + months
    return date(day.year + month // 12, month % 12 + 1, min(day.day, 28))
