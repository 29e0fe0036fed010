"""What can happen to a journey, and `apply`, which says what it then knows."""

from datetime import datetime
from typing import Annotated, Literal

from pydantic import Field

from journey.playbook import Outcome, Stage, Values
from journey.state import Deferral, JourneyState, Standing

SkipReason = Literal["day_passed", "stage_over", "overtaken", "condition"]


class StandingChanged(Values):
    """The ledger told the account's standing: after a payment, a reversal, a pause, a command."""

    kind: Literal["standing"] = "standing"
    standing: Standing


class StageEntered(Values):
    """The journey entered a stage at this instant."""

    kind: Literal["stage_entered"] = "stage_entered"
    stage: Stage
    at: datetime


class StepSkipped(Values):
    """A step will not be performed: its day or stage is over, a later step is due, or its condition does not hold."""

    kind: Literal["step_skipped"] = "step_skipped"
    step: str
    occurrence: str
    reason: SkipReason


class StepDone(Values):
    """A step's contact came to its end: sent, failed for good, unknown, or nothing to send by."""

    kind: Literal["step_done"] = "step_done"
    occurrence: str


class StepDeferred(Values):
    """A step may not be performed before `until`."""

    kind: Literal["step_deferred"] = "step_deferred"
    occurrence: str
    until: datetime


class Ended(Values):
    """The journey is over."""

    kind: Literal["ended"] = "ended"
    outcome: Outcome
    at: datetime


Event = Annotated[
    StandingChanged | StageEntered | StepSkipped | StepDone | StepDeferred | Ended,
    Field(discriminator="kind"),
]


def apply(state: JourneyState, event: Event) -> JourneyState:
    """The state after an event. Total, and idempotent: the same event twice changes nothing more."""
    match event:
        case StandingChanged(standing=standing):
            if standing.seq <= state.standing.seq:
                return state
            return state.model_copy(
                update={
                    "standing": standing,
                    "since": max(state.since, standing.at),
                    "outcome": state.outcome or standing.outcome,
                }
            )
        case StageEntered(stage=stage, at=at):
            return state.model_copy(update={"stage": stage, "since": max(state.since, at)})
        case StepSkipped(occurrence=name) | StepDone(occurrence=name):
            return state.model_copy(
                update={"done": _with(state.done, name), "deferral": _without(state.deferral, name)}
            )
        case StepDeferred(occurrence=name, until=until):
            if name in state.done:
                return state
            return state.model_copy(update={"deferral": Deferral(occurrence=name, until=until)})
        case Ended(outcome=outcome):
            return state.model_copy(update={"outcome": state.outcome or outcome})


def _with(done: tuple[str, ...], name: str) -> tuple[str, ...]:
    return done if name in done else (*done, name)


def _without(deferral: Deferral | None, name: str) -> Deferral | None:
    return None if deferral is not None and deferral.occurrence == name else deferral
