"""The contract that workflows, activities, API and tests share: names, queues, and the shape of every message.

Messages hold ids, amounts and dates: never a name, an address, a number or a text of a person (invariant I8).
"""

from datetime import datetime
from typing import Literal

from pydantic import Field

from journey.playbook import Channel, Values
from journey.state import Deferral, JourneyState, Standing, Terms

QUEUE = "senda"
"""Workflows, and every activity but contacts by a channel that has a queue of its own."""


def channel_queue(channel: Channel) -> str:
    """The queue of contacts by this channel: what is slow or down there holds up nobody else."""
    return f"{QUEUE}-{channel}"


JOURNEY = "Journey"
INTAKE = "Intake"

FACT = "fact"
PAUSE = "pause"
RESUME = "resume"
CLOSE = "close"
TICK = "tick"
APPLIED = "applied"
STATE = "state"

ATTEMPTS = 5
"""How often the engine tries an activity that contacts, before the step is put off."""

CONTACT = "contact"
REPORT = "report"
MERGE_ROWS = "merge_rows"
START_ACCOUNTS = "start_accounts"
FINISH_IMPORT = "finish_import"


class JourneyStart(Values):
    """Input of `Journey`, also when it continues as new. `clock`: the instant of a test clock, none for real time.

    `channel_queues`: contacts run on their channel's own queue; journeys from before these keep to the common one.
    """

    terms: Terms
    state: JourneyState
    clock: datetime | None = None
    channel_queues: bool = Field(default=False, exclude_if=lambda on: not on)


class Tell(Values):
    """Signal `fact`, updates `pause`, `resume`, `close`: what the ledger says of the account now, whole."""

    standing: Standing


class Tick(Values):
    """Update `tick`: the test clock stands at `at`."""

    at: datetime


class Ticked(Values):
    """Answer of `tick`: whether the journey did all that was due; false where it had to hand over to a new run."""

    settled: bool


class ContactOrder(Values):
    """Input of activity `contact`: perform this occurrence of a step, due at this instant.

    `channel`: the one whose queue this is (none: any may be used); `tried`: those that could not take the message.
    """

    journey_id: str
    occurrence: str
    due: datetime
    channels: tuple[Channel, ...]
    channel: Channel | None = Field(default=None, exclude_if=lambda channel: channel is None)
    tried: tuple[Channel, ...] = Field(default=(), exclude_if=lambda tried: not tried)


class ContactAnswer(Values):
    """What came of a contact. `until` is set where it is deferred; `overtaken`: the standing says something new.

    `then`: another step that the record has put off, because the policy would refuse it at its time. `elsewhere`: it
    is to be performed on the queue of that channel, `tried` are those that could not take it.
    """

    status: Literal["sent", "failed", "unknown", "refused", "skipped", "overtaken", "elsewhere"]
    standing: Standing
    until: datetime | None = None
    then: Deferral | None = None
    elsewhere: Channel | None = None
    tried: tuple[Channel, ...] = ()


class ReportOrder(Values):
    """Input of activity `report`: time alone moved the journey by `at`; let the record follow. Answers with `Told`."""

    journey_id: str
    at: datetime


class Told(Values):
    """Answer of `report`: the record's standing after it followed."""

    standing: Standing


class IntakeOrder(Values):
    """Input of `Intake`: merge an import's rows, then start its journeys at `rate` a second (none: unbounded)."""

    import_id: str
    rate: int | None = None
    merged: bool = False


class StartOrder(Values):
    """Input of activity `start_accounts`: start up to `limit` journeys of an import, at most `rate` a second."""

    import_id: str
    rate: int | None
    limit: int


class Progress(Values):
    """Answer of the intake's activities: whether there is more to do."""

    more: bool
