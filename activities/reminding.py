"""Reminders of instalments at work: a permit, the message, the record; each leaves once at most."""

import asyncio
from collections import defaultdict
from collections.abc import Mapping, Sequence
from dataclasses import replace
from datetime import timedelta

import structlog

from channels.callbacks import Provider
from channels.links import Links
from channels.message import NotNow, Rejected, Uncertain, Unreachable
from channels.providers import Providers, is_by_people
from channels.texts import Text, render
from ledger import reminders
from ledger.database import Ledger
from ledger.permits import Permit
from ledger.reminder_outcomes import Came, CameStatus, give_up_forgotten, record_reminder
from ledger.reminders import CHANNELS, Due
from policy.errors import SendaError

BATCH = 200
AT_ONCE = 16
FORGOTTEN = timedelta(minutes=2)

log = structlog.get_logger()


class Reminding:
    """Holds the ledger, the providers, and the links that messages get (none: without a link to stop)."""

    def __init__(self, ledger: Ledger, providers: Providers, links: Links | None = None) -> None:
        self._ledger = ledger
        self._providers = providers
        self._links = links

    async def remind(self, creditor: str | None = None) -> None:
        """Send the reminders that are due: of one creditor, or of all on the real clock.

        Those of one person go in turn, so that a run comes out the same each time. What cannot be sent by a mistake
        of ours waits longer, and stops nothing else.
        """
        await give_up_forgotten(self._ledger, FORGOTTEN)
        while due := await reminders.due_reminders(self._ledger, creditor, BATCH):
            people: defaultdict[int, list[Due]] = defaultdict(list)
            for each in due:
                people[each.person].append(each)
            free = asyncio.Semaphore(AT_ONCE)
            async with asyncio.TaskGroup() as group:
                for one in people.values():
                    group.create_task(self._in_turn(free, one))

    async def _in_turn(self, free: asyncio.Semaphore, due: Sequence[Due]) -> None:
        async with free:
            for each in due:
                try:
                    await self._remind(each)
                except Exception as error:  # whatever it is: the others' reminders go on
                    log.warning("reminder_failed", agreement=each.agreement, error=type(error).__name__)
                    await reminders.put_off(self._ledger, each)

    async def _remind(self, due: Due) -> None:
        """Try the channels that the policy allows, until one takes it."""
        providers = self._of(due.creditor)
        connected = {channel: provider.key for channel, provider in providers.items()}
        tried: list[str] = []
        may_be_later = False
        while True:
            permit = await reminders.request_reminder(self._ledger, due, connected, tried)
            if permit == "done":
                return
            if permit == "exhausted":
                await (reminders.put_off if may_be_later else reminders.give_up)(self._ledger, due)
                return
            came, is_over = await self._send(permit, providers[permit.channel])
            await record_reminder(self._ledger, permit.contact_id, came)
            if came.status != "failed":
                return
            tried.append(permit.channel)
            may_be_later = may_be_later or not is_over

    def _of(self, creditor: str) -> Mapping[str, Provider]:
        """The creditor's providers that send messages by themselves."""
        of = self._providers.of(creditor)
        return {channel: of[channel] for channel in CHANNELS if channel in of and not is_by_people(of[channel])}

    async def _send(self, permit: Permit, provider: Provider) -> tuple[Came, bool]:
        """What came of it, and whether its provider will not take it later, either."""
        if self._links is not None:
            permit = replace(permit, stop_link=self._links.stop(permit.contact_id))
        try:
            text = render(permit, permit.template, permit.tone, permit.stage, approved_names=self._providers.approved)
        except SendaError as error:
            return Came("failed", detail=error.code), True
        try:
            async with provider.line() as line:
                ref = await line.send(text.message)
        except (NotNow, Unreachable) as error:
            return _came("failed", text, error.code if isinstance(error, NotNow) else "unreachable"), False
        except Rejected as error:
            return _came("failed", text, error.code), True
        except Uncertain:
            return _came("unknown", text, "line_broke"), True
        except Exception as error:  # a mistake of ours: nobody can tell how far it got
            log.warning("sending_failed", contact=permit.contact_id, error=type(error).__name__)
            return _came("unknown", text, "sending_failed"), True
        return Came("sent", ref, text.sha256, text.template), True


def _came(status: CameStatus, text: Text, detail: str) -> Came:
    return Came(status, None, text.sha256, text.template, detail)
