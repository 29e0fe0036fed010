"""The ledger's record in memory: the same pure core behind the two activities, and what was asked of them."""

from dataclasses import dataclass, field
from datetime import date, datetime, timedelta
from decimal import Decimal
from typing import Any

from temporalio import activity
from temporalio.exceptions import ApplicationError

from journey.events import Event, StandingChanged, StepDeferred, StepDone, apply
from journey.planning import Contact, Move, settle
from journey.playbook import Channel
from journey.state import Deferral, Hold, JourneyState, Standing, Terms
from workflows import contract
from workflows.contract import ContactAnswer, ContactOrder, JourneyStart, ReportOrder, Told


@dataclass
class RecordDouble:
    """One open journey's record. Facts are written first, then told to the workflow, as in production."""

    terms: Terms
    state: JourneyState
    clock: datetime | None = None
    channel_queues: bool = False
    sent: list[tuple[datetime, str]] = field(default_factory=list[tuple[datetime, str]])
    """Contacts that left: the instant on which each fell due, and its occurrence."""
    asked: list[tuple[datetime, str]] = field(default_factory=list[tuple[datetime, str]])
    """Every time the workflow asked for a contact: when, and for which occurrence."""
    reported: list[datetime] = field(default_factory=list[datetime])
    """Every instant up to which the workflow let the record follow."""
    put_off: dict[str, timedelta] = field(default_factory=dict[str, timedelta])
    """Steps that the policy refuses once, and for how long."""
    foreseen: dict[str, Deferral] = field(default_factory=dict[str, Deferral])
    """Steps whose contact puts another one off."""
    down: dict[str, int] = field(default_factory=dict[str, int])
    """Steps whose provider is down for so many attempts."""
    lost: set[str] = field(default_factory=set[str])
    """Steps whose first answer is lost after the record was written."""
    queues: list[tuple[str, str]] = field(default_factory=list[tuple[str, str]])
    """The queue of each ask, and its occurrence."""
    dead: dict[str, set[Channel]] = field(default_factory=dict[str, set[Channel]])
    """The channels that cannot take a step's message, by its occurrence."""
    astray: int = 0
    """How many asks the record answers with `elsewhere`, whatever was tried."""
    contrary: int = 0
    """How many asks the record answers with `overtaken` although it has nothing new to say."""

    move: Move = field(init=False)

    def __post_init__(self) -> None:
        self.state, _, self.move = settle(self.terms, self.state, self.state.since)

    @property
    def start(self) -> JourneyStart:
        """The workflow's input."""
        return JourneyStart(terms=self.terms, state=self.state, clock=self.clock, channel_queues=self.channel_queues)

    def tell(self, at: datetime, **changes: Any) -> Standing:
        """Write a fact at an instant; returns the standing that the workflow is to be told."""
        at = max(at, self.state.since)
        last = self.state.standing
        standing = last.model_copy(update={"seq": last.seq + 1, "at": at, **changes})
        self._learn(at, StandingChanged(standing=standing))
        return standing

    def pay(self, at: datetime, balance: str, oldest_due: date | None) -> Standing:
        """A payment (or a reversal) left this balance and this oldest unpaid due date."""
        return self.tell(at, balance=Decimal(balance), oldest_due=oldest_due)

    def pause(self, at: datetime, ends: datetime | None = None) -> Standing:
        """People held the journey."""
        return self.tell(at, holds=(Hold(id="pause-1", starts=max(at, self.state.since), ends=ends),))

    def resume(self, at: datetime) -> Standing:
        """People ended the pause."""
        return self.tell(at, holds=tuple(hold.model_copy(update={"ends": at}) for hold in self.state.standing.holds))

    @activity.defn(name=contract.CONTACT)
    async def contact(self, order: ContactOrder) -> ContactAnswer:
        """As `ledger.permits` and `activities.contacting` answer."""
        now = self._now(order.due)
        self.asked.append((now, order.occurrence))
        self.queues.append((activity.info().task_queue, order.occurrence))
        if self.down.get(order.occurrence, 0) > 0:
            self.down[order.occurrence] -= 1
            raise ApplicationError(f"no provider takes {order.occurrence} of {self.terms.account}")
        if self.state.outcome is not None:
            return ContactAnswer(status="overtaken", standing=self._closing())
        if self.contrary:
            self.contrary -= 1
            return ContactAnswer(status="overtaken", standing=self.state.standing)
        self._learn(now)
        if not isinstance(self.move, Contact) or self.move.occurrence != order.occurrence:
            return self._missed(order, now)
        if order.channel is not None and (moved := self._elsewhere(order, order.channel)) is not None:
            return moved
        delay = self.put_off.pop(order.occurrence, None)
        if delay is None:
            self.sent.append((order.due, order.occurrence))
            self._learn(now, StepDone(occurrence=order.occurrence))
            if then := self.foreseen.get(order.occurrence):
                self._learn(now, StepDeferred(occurrence=then.occurrence, until=then.until))
        else:
            self._learn(now, StepDeferred(occurrence=order.occurrence, until=order.due + delay))
        if order.occurrence in self.lost:
            self.lost.remove(order.occurrence)
            raise ApplicationError("the worker died before it could answer")
        return self._missed(order, now)

    @activity.defn(name=contract.REPORT)
    async def report(self, order: ReportOrder) -> Told:
        """As `ledger.outbox.bring_up_to_date` answers."""
        self.reported.append(order.at)
        if self.state.outcome is None:
            self._learn(self._now(order.at))
        return Told(standing=self._closing() if self.state.outcome else self.state.standing)

    def _elsewhere(self, order: ContactOrder, here: Channel) -> ContactAnswer | None:
        """The channel that takes the message, if it is not the one of this queue. Raises where none takes it."""
        if self.astray:
            self.astray -= 1
            other = next(channel for channel in order.channels if channel != here)
            return ContactAnswer(status="elsewhere", standing=self.state.standing, elsewhere=other)
        dead = self.dead.get(order.occurrence, set())
        tried = (*order.tried, here) if here in dead else order.tried
        channel = next((channel for channel in order.channels if channel not in tried), None)
        if channel == here:
            return None
        if channel is not None:
            return ContactAnswer(status="elsewhere", standing=self.state.standing, elsewhere=channel, tried=tried)
        if activity.info().attempt < contract.ATTEMPTS:
            raise ApplicationError(f"no provider takes {order.occurrence} of {self.terms.account}")
        until = self._now(order.due) + timedelta(minutes=20)
        self._learn(self._now(order.due), StepDeferred(occurrence=order.occurrence, until=until))
        return ContactAnswer(status="refused", standing=self.state.standing, until=until)

    def _missed(self, order: ContactOrder, now: datetime) -> ContactAnswer:
        standing, deferral = self.state.standing, self.state.deferral
        if order.occurrence in self.state.done:
            return ContactAnswer(status="sent", standing=standing, then=deferral)
        if deferral is not None and deferral.occurrence == order.occurrence and deferral.until > now:
            return ContactAnswer(status="refused", standing=standing, until=deferral.until)
        return ContactAnswer(status="overtaken", standing=standing)

    def _now(self, at_least: datetime) -> datetime:
        return max(self.clock or activity.info().started_time, self.state.since, at_least)

    def _learn(self, now: datetime, *events: Event) -> None:
        for event in events:
            self.state = apply(self.state, event)
        self.state, _, self.move = settle(self.terms, self.state, now)

    def _closing(self) -> Standing:
        last = self.state.standing
        return last.model_copy(update={"seq": last.seq + 1, "outcome": self.state.outcome})
