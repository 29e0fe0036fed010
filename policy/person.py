"""What a person has said about being contacted. It binds whatever the packs say."""

from collections.abc import Iterator
from dataclasses import dataclass
from datetime import date
from typing import Self

from pydantic import Field, model_validator

from policy.rules import Frozen, Hours, OwnHours
from policy.vocabulary import Channel

PERSON_DO_NOT_CONTACT = "person-do-not-contact"
PERSON_CEASE = "person-cease"
PERSON_ATTORNEY = "person-attorney"
PERSON_HOURS = "person-hours"
"""These stand among the blocking rules where it is the person who forbids the contact."""


class OwnRequest(Frozen):
    """The person's own request for other hours (Colombia, Ley 2300 de 2023, art. 3 par.: CO-10).

    `separate`: made in an instrument apart from the contract and after it. `solicited`: the collector asked
    for it. `channels`: none given, all. `since` and `until` are local dates, both included; it lasts where
    no `until` is given.
    """

    hours: tuple[OwnHours, ...] = Field(min_length=1)
    channels: tuple[Channel, ...] | None = Field(default=None, min_length=1)
    since: date
    until: date | None = None
    separate: bool
    solicited: bool

    @model_validator(mode="after")
    def _in_order(self) -> Self:
        if self.until is not None and self.until < self.since:
            raise ValueError(f"a request cannot end on {self.until}, before it begins on {self.since}")
        return self

    @property
    def widens(self) -> bool:
        """Whether the law lets the request count: what the collector solicited, or the contract holds, does not."""
        return self.separate and not self.solicited

    def covers(self, day: date) -> bool:
        """Whether the request holds on that local date."""
        return self.since <= day and (self.until is None or day <= self.until)


@dataclass(frozen=True, slots=True)
class Person:
    """What the person has said.

    `do_not_contact`: nothing but information that the person asked for. `cease` (no collection contact) and
    `attorney` (represented by one: likewise none) concern collection alone, and so do `hours`, the preferred
    hours: collection only within them, in every zone; none given, any. `requests` widen hours.
    """

    do_not_contact: bool = False
    cease: bool = False
    attorney: bool = False
    hours: tuple[Hours, ...] = ()
    requests: tuple[OwnRequest, ...] = ()

    def refusals(self, purpose: str) -> Iterator[str]:
        """The ids of what forbids a contact for this purpose at any time."""
        if self.do_not_contact and purpose != "requested_information":
            yield PERSON_DO_NOT_CONTACT
        if self.cease and purpose == "collection":
            yield PERSON_CEASE
        if self.attorney and purpose == "collection":
            yield PERSON_ATTORNEY


NOBODY_SPOKE = Person()
"""A person who has said nothing."""
