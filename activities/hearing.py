"""What providers and people tell us, kept: receipts, replies, and the mails in a mailbox."""

import structlog

from activities.engine import Engine
from activities.telling import tell_all
from channels.bot.understanding import is_stop
from channels.callbacks import Provider, Receipt, Reply
from channels.mail_back import read_mailbox
from channels.providers import Providers
from ledger import inbound, receipts
from ledger.database import Ledger
from policy.errors import SendaError

log = structlog.get_logger()


class Hearing:
    """Holds the ledger, the engine and the providers. Whatever is heard twice changes nothing the second time."""

    def __init__(self, ledger: Ledger, engine: Engine, providers: Providers) -> None:
        self._ledger = ledger
        self._engine = engine
        self._providers = providers

    async def receipt(self, provider: str, event: Receipt) -> None:
        """Keep a receipt; a journey that re-plans is told. Errors: those of `record_receipt`."""
        receipt = receipts.Receipt(
            provider=provider,
            status=event.status,
            reference=event.reference,
            provider_ref=event.provider_ref,
            at=event.at,
            code=event.code,
            bad_address=event.bad_address,
        )
        told = await receipts.record_receipt(self._ledger, receipt)
        if told is not None:
            await tell_all(self._ledger, self._engine, [told])

    async def reply(self, provider: Provider, event: Reply) -> None:
        """Keep what a person wrote; a stop holds at once, the rest waits for the bot or for people."""
        written = inbound.Written(
            provider=provider.key,
            provider_ref=event.provider_ref,
            channel=provider.channel,
            address=event.sender,
            text=event.text,
            choice=event.choice,
            answers=event.answers,
            at=event.at,
            is_stop=is_stop(event.text) or event.choice == "stop",
        )
        await inbound.take(self._ledger, written, lambda creditor: self._providers.serves(provider.key, creditor))

    async def mailboxes(self) -> None:
        """Read the mailboxes that providers of e-mail have. A mail that is refused is passed over, and logged."""
        for key, folder in self._providers.mailboxes.items():
            provider = self._providers.get(key)
            assert provider is not None
            async for events in read_mailbox(folder):
                for event in events:
                    try:
                        if isinstance(event, Receipt):
                            await self.receipt(key, event)
                        else:
                            await self.reply(provider, event)
                    except SendaError as error:
                        log.warning("mail_refused", provider=key, code=error.code)
