"""A journey in memory: it goes from one instant of its plan to the next and writes down what happens."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from datetime import datetime, timedelta

from journey.events import Event, StageEntered, StandingChanged, StepDeferred, StepDone, StepSkipped, apply
from journey.planning import Contact, Finished, Wait, settle
from journey.playbook import Outcome
from journey.state import JourneyState, Standing, Terms

LIMIT = 500
"""More turns than any journey of the tests can take: one that takes more goes round in circles."""

Answer = Callable[[Contact, datetime], timedelta | None]
"""What the policy says to a contact: none to let it go, or by how long it is deferred."""

Late = Callable[[], timedelta]
"""By how long the next waking is late."""


def let_go(_contact: Contact, _now: datetime) -> None:
    """Every contact may leave."""


def in_time() -> timedelta:
    """Every waking is in time."""
    return timedelta(0)


@dataclass
class Run:
    """What happened, in order, each with the instant at which it was decided."""

    log: list[tuple[datetime, Event | Contact]] = field(default_factory=list[tuple[datetime, Event | Contact]])
    states: list[JourneyState] = field(default_factory=list[JourneyState])
    outcome: Outcome | None = None

    @property
    def contacts(self) -> list[tuple[datetime, Contact]]:
        """Contacts that left."""
        return [(at, entry) for at, entry in self.log if isinstance(entry, Contact)]

    @property
    def stages(self) -> list[StageEntered]:
        """Stages entered."""
        return [entry for _, entry in self.log if isinstance(entry, StageEntered)]

    @property
    def skipped(self) -> list[StepSkipped]:
        """Steps skipped."""
        return [entry for _, entry in self.log if isinstance(entry, StepSkipped)]


def simulate(
    terms: Terms,
    state: JourneyState,
    now: datetime,
    *,
    facts: Sequence[Standing] = (),
    answer: Answer = let_go,
    late: Late = in_time,
) -> Run:
    """Run a journey from `now` to its end, or to where nothing would ever wake it again.

    `facts` are heard at their own instants (in order); between them the journey sleeps until its plan's next instant.
    """
    run, waiting = Run(), list(facts)
    for _ in range(LIMIT):
        while waiting and waiting[0].at <= now:
            state = apply(state, StandingChanged(standing=waiting.pop(0)))
        now = max(now, state.since)
        state, events, move = settle(terms, state, now)
        run.log += [(now, event) for event in events]
        run.states.append(state)
        if isinstance(move, Finished):
            run.outcome = move.outcome
            return run
        if isinstance(move, Contact):
            put_off = answer(move, now)
            if put_off is None:
                run.log.append((now, move))
                state = apply(state, StepDone(occurrence=move.occurrence))
            else:
                state = apply(state, StepDeferred(occurrence=move.occurrence, until=now + put_off))
            continue
        assert isinstance(move, Wait), "settle leaves nothing to decide"
        assert move.until is None or move.until > now, "the plan waits for an instant that has passed"
        wake = [move.until + late()] if move.until is not None else []
        wake += [waiting[0].at] if waiting else []
        if not wake:
            return run
        now = min(wake)
    raise AssertionError("the journey goes round in circles")
