"""Activity `contact`: an open line, a permit, the message, the record: one contact, at most once."""

from collections.abc import Callable, Mapping
from contextlib import AsyncExitStack
from dataclasses import dataclass
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

    def reach(self, tried: tuple[str, ...], by: str | None) -> Reach:
        """Who can send now, and of these the one that may."""
        by_people = frozenset(channel for channel, provider in self.providers.items() if is_by_people(provider))
        return Reach(self.untried(tried), self.connected, by, by_people)

    def untried(self, tried: tuple[str, ...]) -> frozenset[str]:
        """The channels that may still take the message."""
        return frozenset(self.providers).difference(tried)


@dataclass(frozen=True, slots=True)
class _Moved:
    """The step goes on by this channel (none: to be decided); `tried` could not take it."""

    channel: str | None
    tried: tuple[str, ...]
    standing: Standing
    is_refused: bool = False
    """Whether a provider answered that it takes nothing at this moment."""


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
        by, tried, is_refused = order.channel or order.channels[0], tuple(map(str, order.tried)), False
        for _ in range(2 * len(order.channels) + 1):
            answer = await self._by(here, by, tried, is_refused)
            if isinstance(answer, ContactAnswer):
                return answer
            is_refused = is_refused or answer.is_refused
            if order.channel is not None and answer.channel not in (None, order.channel):
                return _elsewhere(answer)
            by, tried = answer.channel, answer.tried
        raise Unreachable("no channel takes this step at this moment")

    async def _by(
        self, here: _Order, by: str | None, tried: tuple[str, ...], is_refused: bool
    ) -> ContactAnswer | _Moved:
        """Try one channel; none: see which."""
        order, provider = here.order, here.providers.get(by or "")
        async with AsyncExitStack() as open_lines:
            line: Line | None = None
            if provider is not None and by not in tried:
                try:
                    line = await open_lines.enter_async_context(provider.line())
                except Unreachable:
                    tried = (*tried, provider.channel)
            reach = here.reach(tried, by if line is not None else "")
            answer = await request_permit(self._ledger, order.journey_id, order.occurrence, order.due, reach)
            match answer:
                case Overtaken(standing=standing):
                    return ContactAnswer(status="overtaken", standing=standing)
                case Elsewhere(channel=channel, standing=standing):
                    return _Moved(channel, tried, standing)
                case Down():
                    return await self._put_off(order, is_refused)
                case Refusal():
                    return _refused(answer)
                case Settled(status=status, standing=standing, then=then):
                    return ContactAnswer.model_validate({"status": status, "standing": standing, "then": then})
                case Permit():
                    assert line is not None
                    return await self._send(here, self._finish(answer), line, tried)

    async def _put_off(self, order: ContactOrder, is_refused: bool) -> ContactAnswer:
        """The engine tries again; after the last time the step waits, and the record knows of it."""
        if activity.in_activity() and activity.info().attempt >= contract.ATTEMPTS:
            answer = await put_off(self._ledger, order.journey_id, order.occurrence, order.due, is_down=not is_refused)
            if answer is not None:
                return _refused(answer)
        raise Unreachable("the providers of this step take nothing at this moment")

    async def _send(self, here: _Order, permit: Permit, line: Line, tried: tuple[str, ...]) -> ContactAnswer | _Moved:
        try:
            text = render(permit, permit.template, permit.tone, permit.stage, approved_names=self._approved)
        except SendaError as error:
            return await self._failed(here, permit, Failure(error.code), tried)
        try:
            ref = await line.send(text.message)
        except Rejected as error:
            return await self._failed(here, permit, _failure(error, text), tried)
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

    async def _failed(
        self, here: _Order, permit: Permit, failure: Failure, tried: tuple[str, ...]
    ) -> ContactAnswer | _Moved:
        tried = (*tried, permit.channel)
        failed = await record_failure(
            self._ledger, permit.contact_id, failure, connected=here.connected, others=here.untried(tried)
        )
        if failed.is_open:
            return _Moved(None, tried, failed.standing, is_refused=not failure.is_over)
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
        elsewhere=cast("Channel", moved.channel),
        tried=cast("tuple[Channel, ...]", moved.tried),
    )
