"""The contract that workflows, activities, API and tests share: names, queues, and the shape of every message.

Messages hold ids, amounts and dates: never a name, an address, a number or a text of a person (invariant I8).
"""

from datetime import datetime
from typing import Literal

from journey.playbook import Channel, Values
from journey.state import Deferral, JourneyState, Standing, Terms

QUEUE = "senda"

JOURNEY = "Journey"
INTAKE = "Intake"

FACT = "fact"
PAUSE = "pause"
RESUME = "resume"
CLOSE = "close"
TICK = "tick"
APPLIED = "applied"
STATE = "state"

CONTACT = "contact"
REPORT = "report"
MERGE_ROWS = "merge_rows"
START_ACCOUNTS = "start_accounts"
FINISH_IMPORT = "finish_import"


class JourneyStart(Values):
    """Input of `Journey`, also when it continues as new. `clock`: the instant of a test clock, none for real time."""

    terms: Terms
    state: JourneyState
    clock: datetime | None = None


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
    """Input of activity `contact`: perform this occurrence of a step, due at this instant."""

    journey_id: str
    occurrence: str
    due: datetime
    channels: tuple[Channel, ...]


class ContactAnswer(Values):
    """What came of a contact. `until` is set where it is deferred; `overtaken`: the standing says something new.

    `then`: another step that the record has put off, because the policy would refuse it at its time.
    """

    status: Literal["sent", "failed", "unknown", "refused", "skipped", "overtaken"]
    standing: Standing
    until: datetime | None = None
    then: Deferral | None = None


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
