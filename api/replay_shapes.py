"""What the archive, strict replay and the time machine answer with."""

from datetime import datetime, timedelta
from typing import Any, Literal

from pydantic import BaseModel, Field

from api.shapes import Money, NextStep, Strategy
from journey.playbook import Outcome, Stage
from journey.state import Status


class KnownOut(BaseModel):
    """What a journey had heard of its account, and how far its steps had got."""

    seq: int = Field(description="of the last standing heard")
    at: datetime = Field(description="when that standing came about")
    oldest_due: Any = Field(examples=["2026-03-31"])
    holds: list[dict[str, Any]]
    done: list[str] = Field(examples=[["aviso-1@2026-03-31"]])
    deferral: dict[str, Any] | None = Field(description="the step that was put off, and until when")


class StateOut(BaseModel):
    """A journey as it was at an instant, from its replay. `balance`: what the journey knew of it."""

    journey_id: str = Field(examples=["journey:amable:CR-10024:1"])
    creditor: str
    account: str
    episode: int
    at: datetime
    status: Status
    stage: Stage | None
    outcome: Outcome | None
    days_past_due: int
    balance: Money
    next_step: NextStep | None
    strategy: Strategy
    known: KnownOut


class ReplayOut(BaseModel):
    """The journey's state at an instant."""

    state: StateOut


class DecisionOut(BaseModel):
    """The record's decision on a contact, with its reasons. `contact`: its id in `GET …/contacts`."""

    contact: int
    step: str | None
    occurrence: str
    channel: str | None
    decision: Literal["permitted", "refused", "skipped"]
    reason: str | None
    rules: list[str] = Field(examples=[["CO-03"]])
    next_allowed_at: datetime | None
    decided_at: datetime
    packs: list[dict[str, str]] = Field(description="those that judged it: key, version, hash")
    why: str = Field(description="the decision in words, by the packs that made it")


class StepOut(BaseModel):
    """One task of the journey's workflow. `at`: its business instant; `started_at`: the engine's time."""

    run_id: str
    task: int = Field(description="the number of the event with which it started")
    at: datetime
    started_at: datetime
    arrived: list[dict[str, Any]] = Field(
        examples=[[{"kind": "fact", "event": 12, "at": "2026-03-02T14:00:00Z", "data": {"standing": {"seq": 1}}}]]
    )
    decided: list[dict[str, Any]] = Field(examples=[[{"kind": "stage_entered", "stage": "administrative"}]])
    commands: list[dict[str, Any]] = Field(examples=[[{"kind": "timer", "timer": "2", "after": "86400s"}]])
    contacts: list[DecisionOut]
    state: StateOut


class StepsOut(BaseModel):
    """A journey's whole story, over all its runs."""

    journey_id: str
    episode: int
    steps: list[StepOut]


class DifferenceOut(BaseModel):
    """The first place where a history and the code that made it part; `code` also says what else is wrong."""

    run_id: str
    code: str = Field(examples=["replay.differs"])
    message: str
    event: int | None = Field(description="its number in the history")
    path: str = Field(description="where in the command", examples=["input.0.occurrence"])
    recorded: Any
    given: Any


class CheckedOut(BaseModel):
    """An account whose journeys were replayed strictly. `archived`: how many of its runs came from the archive."""

    identical: bool
    journeys: int
    runs: int
    archived: int
    events: int
    commands: int
    difference: DifferenceOut | None


class ArchiveOut(BaseModel):
    """How the archive stands. `lost`: runs that the engine forgot before they were archived."""

    runs: int
    waiting: int
    lost: int
    oldest_waiting_at: datetime | None
    looked_at: datetime | None = Field(description="when closed runs were looked for last")
    retention: timedelta | None = Field(
        examples=["P30D"], description="how long the engine keeps closed runs; null: it does not say"
    )
    at_risk: bool | None = Field(description="a run waits for longer than half of that; null: nobody can tell")


class SampledOut(BaseModel):
    """An account with archived runs."""

    creditor: str
    account: str
