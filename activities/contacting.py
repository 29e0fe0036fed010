"""Activity `contact`: an open line, a permit, the message, the record: one contact, at most once."""

from collections.abc import Mapping
from contextlib import AsyncExitStack

from temporalio import activity

from channels.message import Channel, Line, Rejected, Uncertain, Unreachable
from channels.texts import render
from journey.state import Standing
from ledger.database import Ledger
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
            answer = await request_permit(self._ledger, order.journey_id, order.occurrence, order.due, frozenset(lines))
            match answer:
                case Overtaken(standing=standing):
                    return ContactAnswer(status="overtaken", standing=standing)
                case Refusal(standing=standing, until=until, skipped=skipped):
                    return ContactAnswer(status="skipped" if skipped else "refused", standing=standing, until=until)
                case Settled(status=status, standing=standing):
                    return ContactAnswer.model_validate({"status": status, "standing": standing})
                case Permit():
                    return await self._send(answer, lines[answer.channel])

    async def _send(self, permit: Permit, line: Line) -> ContactAnswer:
        text = render(permit, permit.template, permit.tone, permit.stage)
        ref: str | None = None
        detail: str | None = None
        try:
            ref = await line.send(text.message)
            status = "sent"
        except Rejected as error:
            status, detail = "failed", error.code
        except Uncertain:
            status, detail = "unknown", "line_broke"
        standing: Standing = await record_outcome(
            self._ledger,
            permit.contact_id,
            status,
            provider_ref=ref,
            content_sha256=text.sha256,
            detail=detail,
        )
        return ContactAnswer.model_validate({"status": status, "standing": standing})
