"""Shapes of tasks for people, and of the calls that a dialer takes and reports."""

from datetime import datetime
from typing import Annotated, Any, Literal, Self

from pydantic import BaseModel, Field, StringConstraints, WithJsonSchema, model_validator

from api.shapes import Instant, Money, Shape, Slug, Words
from ledger.asking import Disposition
from ledger.task_commands import Resolution
from ledger.tasks import EventKind, Kind, TaskStatus

Prose = Annotated[str, StringConstraints(min_length=1, max_length=2000, pattern=r"^[^\x00]+$")]
"""Text of people, of several lines."""


class TaskOut(BaseModel):
    """A task without names or numbers. Amount, stage and the like are the account's, none where it has none."""

    id: int
    kind: Kind
    reason: str = Field(examples=["call_step"], description="a stable code")
    creditor: str
    account: str | None
    stage: str | None = Field(description="of the open journey", examples=["administrative"])
    days_past_due: int | None
    balance: Money | None
    priority: int = Field(examples=[163], description="100 a stage, 10 a digit of the balance, 1 a day of waiting")
    best_hour: int | None = Field(examples=[18], description="local hour at which the person was reached before")
    not_before: datetime | None
    status: TaskStatus
    owner: str | None
    created_at: datetime


class TaskEvent(BaseModel):
    """Something done about a task. `detail` is a code, `note` what people wrote."""

    id: int
    kind: EventKind
    actor: str
    detail: str | None
    note: str | None
    at: datetime


class Line(BaseModel):
    """A line of the conversation that led to a task. `choice`: a button or key that was pressed."""

    said_by: Literal["person", "senda"]
    channel: str | None
    text: str
    choice: str | None
    at: datetime


class Whom(BaseModel):
    """Whom to call, and where."""

    name: str | None
    number: str | None


class TaskDetail(TaskOut):
    """A task with all that was done and said. `debtor` is for whoever claimed it alone."""

    step: str | None
    disposition: str | None
    claimed_at: datetime | None
    done_at: datetime | None
    debtor: Whom | None
    events: list[TaskEvent]
    lines: list[Line]


class ClaimIn(Shape):
    """Who shall work on it: whoever asks, or, where a supervisor says so, somebody else."""

    owner: Words | None = Field(default=None, max_length=100, examples=["Marta"], description="a key's name")


class NoteIn(Shape):
    """What whoever takes it up next should know."""

    text: Prose = Field(examples=["Pide que la llamen después de las seis."])


class DoneIn(Shape):
    """How it ended: of a call a contact's disposition, of a case a resolution."""

    disposition: Literal[Disposition, Resolution] | None = Field(default=None, examples=["resolved"])
    note: Prose | None = Field(default=None, examples=["Se le envió el detalle del saldo."])


class BatchIn(Shape):
    """The calls that a dialer wants."""

    creditor: Slug = Field(examples=["amable"])
    size: int = Field(ge=1, le=100, examples=[20])
    campaign: Words | None = Field(
        default=None, max_length=64, examples=["call_step"], description="a step's key or a task's reason; none: all"
    )


class CallOut(BaseModel):
    """A call to make before `expires_at`, and to report: by its permit, or its task."""

    task: int
    permit: int
    creditor: str
    account: str
    number: str | None = Field(examples=["+573001234567"], description="none: it has become invalid meanwhile")
    language: str
    expires_at: datetime


class BatchOut(BaseModel):
    """Calls, the most pressing first. `refused` were not lawful now; `waiting` are open calls, for now or for later."""

    calls: list[CallOut]
    waiting: int
    refused: int


class ResultIn(Shape):
    """What came of a call, named by `permit` or by `task`: its try that is out, or else the last one."""

    permit: int | None = Field(default=None, ge=1, examples=[17])
    task: int | None = Field(default=None, ge=1, examples=[None])
    disposition: Disposition = Field(examples=["no_answer"])
    at: Instant | None = Field(default=None, examples=["2026-03-05T10:02:00-05:00"], description="none: now")
    talk_seconds: int | None = Field(default=None, ge=0, le=86_400, examples=[0])
    note: Prose | None = Field(default=None, examples=[None])
    call_at: Instant | None = Field(
        default=None, examples=[None], description="with `callback_requested`: when the person wants to be called"
    )

    @model_validator(mode="after")
    def _names_one_call(self) -> Self:
        if (self.permit is None) == (self.task is None):
            raise ValueError("name the call by its permit or by its task")
        if self.call_at is not None and self.disposition != "callback_requested":
            raise ValueError("call_at goes with callback_requested alone")
        return self


class ResultsIn(Shape):
    """Results, each on its own: a bad one never stops the good."""

    results: Annotated[
        list[Any],
        WithJsonSchema(
            {"type": "array", "minItems": 1, "maxItems": 500, "items": ResultIn.model_json_schema(mode="validation")}
        ),
    ] = Field(min_length=1, max_length=500, examples=[[{"permit": 17, "disposition": "no_answer"}]])


class ResultOut(BaseModel):
    """Whether a result was kept; otherwise why not, by a code and the field at fault."""

    index: int
    status: Literal["kept", "error"]
    code: str | None = None
    field: str | None = None


class ResultsOut(BaseModel):
    """An answer for each result, in their order."""

    results: list[ResultOut]
