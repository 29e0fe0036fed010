"""Invented Colombian debtors: common names, cities, and addresses that reach nobody."""

import unicodedata
from collections.abc import Iterator
from dataclasses import dataclass
from random import Random

DOMAIN = "correo.invalid"
"""`.invalid` never resolves: RFC 2606, section 2."""

FIRST_NAMES = (
    "María Fernanda", "Juan Carlos", "Luz Marina", "Andrés Felipe", "Ana Lucía", "Carlos Alberto",
    "Diana Carolina", "Jorge Eliécer", "Paola Andrea", "Luis Eduardo", "Sandra Milena", "José Gregorio",
    "Claudia Patricia", "Camilo", "Yolanda", "Wilson", "Valentina", "Hernán Darío", "Gloria Inés",
    "Sebastián", "Natalia", "Óscar Iván", "Marcela", "Édgar", "Adriana", "Julián David", "Rosa Elena",
    "Mauricio", "Liliana", "Santiago", "Beatriz", "Fabián", "Daniela", "Álvaro", "Catalina", "Nelson",
    "Viviana", "Gustavo", "Ángela María", "Rubén Darío",
)  # fmt: skip
SURNAMES = (
    "Rodríguez", "Gómez", "González", "Martínez", "García", "López", "Hernández", "Sánchez", "Ramírez",
    "Pérez", "Díaz", "Muñoz", "Rojas", "Moreno", "Jiménez", "Vargas", "Castro", "Ortiz", "Álvarez",
    "Ruiz", "Suárez", "Gutiérrez", "Valencia", "Restrepo", "Quintero", "Cárdenas", "Mejía", "Ospina",
    "Salazar", "Córdoba", "Arango", "Zapata", "Bermúdez", "Caicedo", "Mosquera", "Peña", "Rincón",
    "Pineda", "Acosta", "Beltrán",
)  # fmt: skip
CITIES = (
    "Bogotá", "Medellín", "Cali", "Barranquilla", "Cartagena", "Bucaramanga", "Pereira", "Manizales",
    "Ibagué", "Cúcuta", "Villavicencio", "Pasto", "Neiva", "Armenia", "Montería",
)  # fmt: skip
UNASSIGNED_PREFIX = "399"
"""Colombian mobile numbers start with 3; no operator uses this prefix."""

ONLY_SMS = 0.03
"""Share of the people who authorised SMS alone: the law then forbids every other channel."""

GONE = 0.03
"""Share of the people whose number is somebody's no more: the message comes back, and the step goes another way."""

NOBODY_THERE = "0035"
"""At numbers with this ending the sandbox finds nobody."""

PREFERENCES = {"whatsapp": 45, "sms": 25, "email": 30}
"""How many of a hundred of the others would rather have which channel."""


@dataclass(frozen=True, slots=True)
class Person:
    """A debtor. `authorised` are the channels the person agreed to, the preferred one first."""

    key: str
    name: str
    addresses: dict[str, str]
    authorised: tuple[str, ...]


def people(random: Random) -> Iterator[Person]:
    """Debtors without end; the same ones for the same seed."""
    number = 0
    while True:
        number += 1
        first, surname = random.choice(FIRST_NAMES), random.choice(SURNAMES)
        ending = NOBODY_THERE if random.random() < GONE else str(random.randrange(1000, 10_000))
        phone = f"+57{UNASSIGNED_PREFIX}{random.randrange(1000):03}{ending}"
        mailbox = f"{_plain(first.split()[0])}.{_plain(surname)}{number}"
        street = f"Calle {random.randrange(1, 140)} # {random.randrange(1, 99)}-{random.randrange(1, 99)}"
        authorised = ("sms",) if random.random() < ONLY_SMS else _by_preference(random)
        yield Person(
            key=f"persona-{number:04}",
            name=f"{first} {surname} {random.choice(SURNAMES)}",
            addresses={
                "email": f"{mailbox}@{DOMAIN}",
                "sms": phone,
                "whatsapp": phone,
                "call": phone,
                "letter": f"{street}; {random.choice(CITIES)}",
            },
            authorised=authorised,
        )


def _by_preference(random: Random) -> tuple[str, ...]:
    preferred = random.choices(list(PREFERENCES), list(PREFERENCES.values()))[0]
    return (preferred, *(channel for channel in PREFERENCES if channel != preferred))


def _plain(name: str) -> str:
    """Lower case without accents, for a mailbox."""
    letters = unicodedata.normalize("NFKD", name)
    return "".join(letter for letter in letters if letter.isascii()).lower()
