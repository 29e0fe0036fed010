"""Activity `contact`: an open line, a permit, the message, the record: one contact, at most once."""

from collections.abc import Mapping
from contextlib import AsyncExitStack

from temporalio import activity

from channels.message import Channel, Line, Rejected, Uncertain, Unreachable
from channels.texts import render
from ledger.database import Ledger
from ledger.foresight import record_failure
from ledger.outcomes import record_outcome
from ledger.permits import Overtaken, Permit, Refusal, Settled, request_permit
from workflows import contract
from workflows.contract import ContactAnswer, ContactOrder


class Contacting:
    """Holds the ledger and the channels that can send."""

    def __init__(self, ledger: Ledger, channels: Mapping[str, Channel]) -> None:
        self._ledger = ledger
        self._channels = channels

    @activity.defn(name=contract.CONTACT)
    async def contact(self, order: ContactOrder) -> ContactAnswer:
        """Perform a step's occurrence. Raises `Unreachable` (before any permit) where no provider answers."""
        async with AsyncExitStack() as open_lines:
            lines: dict[str, Line] = {}
            down: Unreachable | None = None
            for name in order.channels:
                channel = self._channels.get(name)
                if channel is None:
                    continue
                try:
                    lines[name] = await open_lines.enter_async_context(channel.line())
                except Unreachable as error:
                    down = error
            if down is not None and not lines:
                raise down
            answer = await request_permit(
                self._ledger, order.journey_id, order.occurrence, order.due, frozenset(lines), frozenset(self._channels)
            )
            match answer:
                case Overtaken(standing=standing):
                    return ContactAnswer(status="overtaken", standing=standing)
                case Refusal(standing=standing, until=until, skipped=skipped, then=then):
                    status = "skipped" if skipped else "refused"
                    return ContactAnswer(status=status, standing=standing, until=until, then=then)
                case Settled(status=status, standing=standing, then=then):
                    return ContactAnswer.model_validate({"status": status, "standing": standing, "then": then})
                case Permit():
                    return await self._send(answer, lines[answer.channel])

    async def _send(self, permit: Permit, line: Line) -> ContactAnswer:
        text = render(permit, permit.template, permit.tone, permit.stage)
        try:
            ref = await line.send(text.message)
        except Rejected as error:
            standing, then = await record_failure(
                self._ledger,
                permit.contact_id,
                content_sha256=text.sha256,
                template=text.template,
                detail=error.code,
                connected=frozenset(self._channels),
            )
            return ContactAnswer(status="failed", standing=standing, then=then)
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
