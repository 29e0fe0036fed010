"""The question put to the policy: who, where, by which channel, what for, and what happened before.

Plain dataclasses, cheap to build: a permit builds one for every contact. Values from outside are validated by
`policy.case.parse_case`; `decide` refuses words that it does not know.
"""

from collections.abc import Collection
from dataclasses import dataclass
from datetime import datetime
from typing import Literal

from policy.person import NOBODY_SPOKE, Person


@dataclass(frozen=True, slots=True)
class LoggedContact:
    """One contact of the person's log, whichever account or creditor it was for.

    `at` is an aware instant. `two_way`: a call or message that the person answered.
    """

    at: datetime
    channel: str
    direction: Literal["outbound", "inbound"]
    purpose: str
    two_way: bool


@dataclass(frozen=True, slots=True)
class Query:
    """One contact to be judged.

    `zones` are all plausible time zones of the debtor (IANA names; none known means blocked), `at` an aware
    instant, `contacts` the person's log in any order, `person` what the person has said about being contacted.
    """

    zones: tuple[str, ...]
    at: datetime
    channel: str
    purpose: str
    role: str
    authorised_channels: Collection[str]
    contacts: tuple[LoggedContact, ...] = ()
    person: Person = NOBODY_SPOKE
