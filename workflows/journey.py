"""One account's journey as a durable workflow: handlers that only hear, and a loop that does what the plan says."""

import asyncio
from datetime import datetime, timedelta

from temporalio import workflow
from temporalio.common import RetryPolicy
from temporalio.exceptions import ActivityError, ApplicationError

with workflow.unsafe.imports_passed_through():
    from journey.events import Event, StandingChanged, StepDeferred, StepDone, apply
    from journey.planning import Contact, Finished, Wait, settle
    from journey.playbook import Channel, Outcome
    from journey.state import JourneyState, Standing
    from workflows import contract
    from workflows.contract import (
        ContactAnswer,
        ContactOrder,
        JourneyStart,
        ReportOrder,
        Tell,
        Tick,
        Ticked,
        Told,
    )

LONGEST_SLEEP = timedelta(days=30)
"""Sleepers wake at least this often, so that a new version of the code reaches them."""

OUTAGE_PAUSE = timedelta(minutes=15)
"""How long a step waits after its activity failed for good: a provider or the database is down."""

RETRY = RetryPolicy(initial_interval=timedelta(seconds=1), backoff_coefficient=3.0, maximum_attempts=contract.ATTEMPTS)
PATIENT = RetryPolicy(initial_interval=timedelta(seconds=1), maximum_interval=timedelta(seconds=10))
"""Under a test clock: its time stands still while a provider is down, so that no quarter of an hour would pass."""

TIMEOUT = timedelta(seconds=20)


@workflow.defn(name=contract.JOURNEY)
class Journey:
    """Sleeps until the plan's next instant, performs what is due, and starts a new run at every change of stage."""

    @workflow.init
    def __init__(self, start: JourneyStart) -> None:
        self._terms = start.terms
        self._state: JourneyState = start.state
        self._clock: datetime | None = start.clock
        self._channel_queues = start.channel_queues
        self._woken = False
        self._settled = False
        self._leaving = False
        self._timer: asyncio.Task[None] | None = None
        self._timer_at: datetime | None = None

    @workflow.run
    async def run(self, start: JourneyStart) -> Outcome:
        stage = start.state.stage
        unreported = False
        while True:
            self._woken = False
            self._state, decided, move = settle(self._terms, self._state, self._now())
            unreported = unreported or bool(decided)
            if isinstance(move, Contact):
                unreported = False
            if unreported:
                await self._report()
                unreported = False
            elif isinstance(move, Finished):
                await self._leave()
                return move.outcome
            elif self._state.stage != stage:
                await self._leave()
                workflow.continue_as_new(
                    JourneyStart(
                        terms=self._terms, state=self._state, clock=self._clock, channel_queues=self._channel_queues
                    )
                )
            elif isinstance(move, Contact):
                await self._contact(move)
            elif isinstance(move, Wait):
                await self._wait(move)

    @workflow.signal(name=contract.FACT)
    def fact(self, tell: Tell) -> None:
        """A payment or a reversal was posted."""
        self._hear(tell.standing)

    @workflow.update(name=contract.PAUSE)
    def pause(self, tell: Tell) -> None:
        """A pause was ordered."""
        self._hear(tell.standing)

    @workflow.update(name=contract.RESUME)
    def resume(self, tell: Tell) -> None:
        """A pause was ended."""
        self._hear(tell.standing)

    @workflow.update(name=contract.CLOSE)
    def close(self, tell: Tell) -> None:
        """People ended the journey."""
        self._hear(tell.standing)

    @pause.validator
    def validate_pause(self, tell: Tell) -> None:
        """Refuse what is known already: it leaves no event in the history."""
        self._refuse_known(tell)

    @resume.validator
    def validate_resume(self, tell: Tell) -> None:
        """See `validate_pause`."""
        self._refuse_known(tell)

    @close.validator
    def validate_close(self, tell: Tell) -> None:
        """See `validate_pause`."""
        self._refuse_known(tell)

    @workflow.update(name=contract.TICK)
    async def tick(self, tick: Tick) -> Ticked:
        """The test clock was advanced; answers once all that is due has been done."""
        if self._clock is None or tick.at > self._clock:
            self._clock = tick.at
        self._settled = False
        self._woken = True
        await workflow.wait_condition(lambda: self._settled or self._leaving)
        return Ticked(settled=self._settled)

    @workflow.query(name=contract.APPLIED)
    def applied(self) -> int:
        """The `seq` of the last standing heard."""
        return self._state.standing.seq

    @workflow.query(name=contract.STATE)
    def state(self) -> JourneyState:
        """The journey's whole state."""
        return self._state

    def _now(self) -> datetime:
        """The business instant: never before the fact that was heard last, whatever the clocks of two machines say."""
        return max(self._clock or workflow.now(), self._state.since)

    def _apply(self, event: Event) -> None:
        self._state = apply(self._state, event)

    def _hear(self, standing: Standing) -> bool:
        """Whether it was new. What follows of it at its own instant, the ledger has recorded with the fact."""
        if standing.seq <= self._state.standing.seq:
            return False
        self._apply(StandingChanged(standing=standing))
        self._state, _, _ = settle(self._terms, self._state, self._state.since)
        self._woken = True
        return True

    def _refuse_known(self, tell: Tell) -> None:
        if tell.standing.seq <= self._state.standing.seq:
            raise ApplicationError("the journey knows this already", type="known", non_retryable=True)

    async def _contact(self, move: Contact) -> None:
        self._disarm()
        try:
            answer = await self._perform(move)
        except ActivityError:
            self._put_off(move)
            return
        heard = self._hear(answer.standing)
        if answer.status in ("overtaken", "elsewhere"):
            if not heard:  # engine and record differ, or no channel takes it: never ask again and again
                self._put_off(move)
            return
        if answer.until is not None:
            self._apply(StepDeferred(occurrence=move.occurrence, until=answer.until))
        else:
            self._apply(StepDone(occurrence=move.occurrence))
            if answer.then is not None:
                self._apply(StepDeferred(occurrence=answer.then.occurrence, until=answer.then.until))

    async def _perform(self, move: Contact) -> ContactAnswer:
        """Run the activity, where channels have queues on that of the channel which is to send."""
        order = ContactOrder(
            journey_id=self._terms.journey_id, occurrence=move.occurrence, due=move.due, channels=move.step.channels
        )
        if not self._channel_queues:
            return await self._execute(order, None)
        answer: ContactAnswer | None = None
        for _ in range(len(move.step.channels) + 1):
            channel = move.step.channels[0] if answer is None else answer.elsewhere
            order = order.model_copy(update={"channel": channel, "tried": answer.tried if answer else ()})
            answer = await self._execute(order, channel)
            if answer.elsewhere is None:
                break
        assert answer is not None
        return answer

    async def _execute(self, order: ContactOrder, channel: Channel | None) -> ContactAnswer:
        return await workflow.execute_activity(
            contract.CONTACT,
            order,
            result_type=ContactAnswer,
            task_queue=contract.channel_queue(channel) if channel else None,
            start_to_close_timeout=TIMEOUT,
            retry_policy=RETRY if self._clock is None else PATIENT,
            summary=order.occurrence,
        )

    def _put_off(self, move: Contact) -> None:
        self._apply(StepDeferred(occurrence=move.occurrence, until=self._now() + OUTAGE_PAUSE))

    async def _report(self) -> None:
        """Let the record follow what time alone has moved. It is repeated until it succeeds: the end must be known."""
        told = await workflow.execute_activity(
            contract.REPORT,
            ReportOrder(journey_id=self._terms.journey_id, at=self._now()),
            result_type=Told,
            start_to_close_timeout=TIMEOUT,
            retry_policy=RetryPolicy(maximum_interval=timedelta(minutes=10)),
        )
        self._hear(told.standing)

    async def _wait(self, move: Wait) -> None:
        """Sleep until the plan's instant or until something is heard; the timer is armed anew only where it changed."""
        self._settled = True
        if self._clock is not None or move.until is None:
            self._disarm()
            await workflow.wait_condition(lambda: self._woken)
        else:
            timer = self._arm(min(move.until, workflow.now() + LONGEST_SLEEP), move.until)
            await workflow.wait_condition(lambda: self._woken or timer.done())
            if timer.done():
                self._timer = None
        self._settled = False

    def _arm(self, at: datetime, until: datetime) -> asyncio.Task[None]:
        if self._timer is None or self._timer_at != until:
            self._disarm()
            self._timer = asyncio.create_task(workflow.sleep(at - workflow.now()))
            self._timer_at = until
        return self._timer

    def _disarm(self) -> None:
        if self._timer is not None:
            self._timer.cancel()
            self._timer = None

    async def _leave(self) -> None:
        """Let the ticks that wait be answered before this run ends."""
        self._leaving = True
        await workflow.wait_condition(workflow.all_handlers_finished)
