"""What one journey knows: its fixed terms, what the ledger last said of the account, and how far the timeline got."""

from collections.abc import Collection
from datetime import date, datetime
from decimal import Decimal
from typing import Literal

from pydantic import Field

from journey.playbook import Outcome, Playbook, Stage, Values
from policy.hours import ContactHours

Status = Literal["active", "paused", "promise", "plan", "closed"]


class Hold(Values):
    """A pause: no step is performed from `starts` (UTC) until `ends` (UTC), or until resumed where there is none."""

    id: str
    starts: datetime
    ends: datetime | None = None

    def covers(self, instant: datetime) -> bool:
        """Whether this instant falls within the hold; its end does not."""
        return self.starts <= instant and (self.ends is None or instant < self.ends)


class Standing(Values):
    """What the ledger says of the account, whole, as of its `seq`.

    A message carries the whole standing instead of a change, so that messages may be lost, repeated or
    overtake each other: the one with the highest `seq` is the truth. `again`: occurrences whose message came back,
    so that their step is to be tried once more.
    """

    seq: int
    at: datetime
    balance: Decimal
    oldest_due: date | None
    holds: tuple[Hold, ...] = ()
    outcome: Outcome | None = None
    again: tuple[str, ...] = Field(default=(), exclude_if=lambda names: not names)


class Deferral(Values):
    """A step that the policy (or a provider's outage) put off until an instant."""

    occurrence: str
    until: datetime


class Terms(Values):
    """What does not change while a journey runs; it travels in the workflow's input: replay needs nothing else."""

    creditor: str
    account: str
    episode: int
    currency: str
    playbook: Playbook
    hours: ContactHours

    @property
    def journey_id(self) -> str:
        """The workflow's id and the ledger's key: `journey:{creditor}:{account}:{episode}`."""
        return f"journey:{self.creditor}:{self.account}:{self.episode}"

    @property
    def zone(self) -> str:
        """The zone in which days of this journey are counted."""
        return self.hours.zone


class JourneyState(Values):
    """How far a journey got. `done` holds occurrences (`step@anchor`) that were contacted, skipped or given up."""

    standing: Standing
    stage: Stage | None = None
    since: datetime
    done: tuple[str, ...] = ()
    deferral: Deferral | None = None
    outcome: Outcome | None = None


def creditor_of(journey_id: str) -> str:
    """The creditor's key in `Terms.journey_id`."""
    return journey_id.split(":", 2)[1]


def occurrence(step: str, anchor: date, again: Collection[str] = ()) -> str:
    """Names a step under one anchor (the oldest unpaid due date): it happens at most once.

    A step to be tried `again` (`Standing.again`) has a new name: `aviso-1@2026-03-01~2`, then `…~3`.
    """
    first = name = f"{step}@{anchor.isoformat()}"
    attempt = 1
    while name in again:
        attempt += 1
        name = f"{first}~{attempt}"
    return name
