"""Activity `contact`: an open line, a permit, the message, the record: one contact, at most once."""

from collections.abc import Callable, Mapping
from contextlib import AsyncExitStack
from dataclasses import dataclass, replace
from typing import cast

from temporalio import activity

from channels.callbacks import Provider
from channels.message import BadAddress, Line, NotNow, Rejected, Uncertain, Unreachable
from channels.providers import is_by_people
from channels.texts import Text, render
from journey.playbook import Channel
from journey.state import Standing, creditor_of
from ledger.database import Ledger
from ledger.failing import Failure, put_off, record_failure
from ledger.outcomes import record_outcome
from ledger.permits import Down, Elsewhere, Overtaken, Permit, Reach, Refusal, Settled, request_permit
from policy.errors import SendaError
from workflows import contract
from workflows.contract import ContactAnswer, ContactOrder

Directory = Callable[[str], Mapping[str, Provider]]
"""The providers that send a creditor's messages, by channel."""


@dataclass(frozen=True, slots=True)
class _Order:
    """An order with the providers of its creditor."""

    order: ContactOrder
    providers: Mapping[str, Provider]

    @property
    def connected(self) -> dict[str, str]:
        """The key of each channel's provider."""
        return {channel: provider.key for channel, provider in self.providers.items()}

    def reach(self, way: "_Way", by: str | None) -> Reach:
        """Who can send now, and of these the one that may."""
        by_people = frozenset(channel for channel, provider in self.providers.items() if is_by_people(provider))
        return Reach(self.untried(way.tried), self.connected, by, by_people, frozenset(way.never))

    def untried(self, tried: tuple[str, ...]) -> frozenset[str]:
        """The channels that may still take the message."""
        return frozenset(self.providers).difference(tried)


@dataclass(frozen=True, slots=True)
class _Way:
    """The channel to try next (none: to be decided), and those `tried` in vain: some will `never` take the message.

    `is_refused`: a provider answered that it takes nothing at this moment.
    """

    channel: str | None
    tried: tuple[str, ...]
    never: tuple[str, ...] = ()
    is_refused: bool = False


@dataclass(frozen=True, slots=True)
class _Moved:
    """The step goes on another way."""

    way: _Way
    standing: Standing


class Contacting:
    """Holds the ledger and the providers. `finish` gives a permit the links that only this installation knows;
    `approved`: names that WhatsApp templates have there, where they differ from Senda's rule."""

    def __init__(
        self,
        ledger: Ledger,
        directory: Directory,
        finish: Callable[[Permit], Permit] = lambda permit: permit,
        approved: Mapping[str, str] | None = None,
    ) -> None:
        self._ledger = ledger
        self._directory = directory
        self._finish = finish
        self._approved = approved or {}

    @activity.defn(name=contract.CONTACT)
    async def contact(self, order: ContactOrder) -> ContactAnswer:
        """Perform a step's occurrence. Raises `Unreachable` (before any permit) where no provider answers.

        On a channel's own queue it sends by that channel alone, and says where else the step is to be performed.
        """
        here = _Order(order, self._directory(creditor_of(order.journey_id)))
        way = _Way(order.channel or order.channels[0], order.tried)
        for _ in range(2 * len(order.channels) + 1):
            answer = await self._go(here, way)
            if isinstance(answer, ContactAnswer):
                return answer
            way = answer.way
            if order.channel is not None and way.channel not in (None, order.channel):
                return _elsewhere(answer)
        raise Unreachable("no channel takes this step at this moment")

    async def _go(self, here: _Order, way: _Way) -> ContactAnswer | _Moved:
        """Try one channel, or see which is to be tried."""
        order, provider = here.order, here.providers.get(way.channel or "")
        async with AsyncExitStack() as open_lines:
            line: Line | None = None
            if provider is not None and way.channel not in way.tried:
                try:
                    line = await open_lines.enter_async_context(provider.line())
                except Unreachable:
                    way = replace(way, tried=(*way.tried, provider.channel))
            reach = here.reach(way, way.channel if line is not None else "")
            answer = await request_permit(self._ledger, order.journey_id, order.occurrence, order.due, reach)
            match answer:
                case Overtaken(standing=standing):
                    return ContactAnswer(status="overtaken", standing=standing)
                case Elsewhere(channel=channel, standing=standing):
                    return _Moved(replace(way, channel=channel), standing)
                case Down():
                    return await self._put_off(order, way.is_refused)
                case Refusal():
                    return _refused(answer)
                case Settled(status=status, standing=standing, then=then):
                    return ContactAnswer.model_validate({"status": status, "standing": standing, "then": then})
                case Permit():
                    assert line is not None
                    return await self._send(here, self._finish(answer), line, way)

    async def _put_off(self, order: ContactOrder, is_refused: bool) -> ContactAnswer:
        """The engine tries again; after the last time the step waits, and the record knows of it."""
        if activity.in_activity() and activity.info().attempt >= contract.ATTEMPTS:
            answer = await put_off(self._ledger, order.journey_id, order.occurrence, order.due, is_down=not is_refused)
            if answer is not None:
                return _refused(answer)
        raise Unreachable("the providers of this step take nothing at this moment")

    async def _send(self, here: _Order, permit: Permit, line: Line, way: _Way) -> ContactAnswer | _Moved:
        try:
            text = render(permit, permit.template, permit.tone, permit.stage, approved_names=self._approved)
        except SendaError as error:
            return await self._failed(here, permit, Failure(error.code), way)
        try:
            ref = await line.send(text.message)
        except Rejected as error:
            return await self._failed(here, permit, _failure(error, text), way)
        except Uncertain:
            ref, status, detail = None, "unknown", "line_broke"
        else:
            status, detail = "sent", None
        standing = await record_outcome(
            self._ledger,
            permit.contact_id,
            status,
            provider_ref=ref,
            content_sha256=text.sha256,
            template=text.template,
            detail=detail,
        )
        return ContactAnswer(status=status, standing=standing, then=permit.then)

    async def _failed(self, here: _Order, permit: Permit, failure: Failure, way: _Way) -> ContactAnswer | _Moved:
        tried = (*way.tried, permit.channel)
        failed = await record_failure(
            self._ledger, permit.contact_id, failure, connected=here.connected, others=here.untried(tried)
        )
        if failed.is_open:
            never = (*way.never, permit.channel) if failure.is_over else way.never
            return _Moved(_Way(None, tried, never, way.is_refused or not failure.is_over), failed.standing)
        return ContactAnswer(status="failed", standing=failed.standing, then=failed.then)


def _failure(error: Rejected, text: Text) -> Failure:
    return Failure(
        error.code,
        bad_address=isinstance(error, BadAddress),
        is_over=not isinstance(error, NotNow),
        content_sha256=text.sha256,
        template=text.template,
    )


def _refused(answer: Refusal) -> ContactAnswer:
    status = "skipped" if answer.skipped else "refused"
    return ContactAnswer(status=status, standing=answer.standing, until=answer.until, then=answer.then)


def _elsewhere(moved: _Moved) -> ContactAnswer:
    return ContactAnswer(
        status="elsewhere",
        standing=moved.standing,
        elsewhere=cast("Channel", moved.way.channel),
        tried=cast("tuple[Channel, ...]", moved.way.tried),
    )
