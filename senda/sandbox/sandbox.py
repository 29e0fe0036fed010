"""The sandbox put together: one store, one person's hands, and every provider over it."""

from pydantic import BaseModel

from senda.sandbox.accounts import Accounts
from senda.sandbox.aggregator import Aggregator
from senda.sandbox.callbacks import Callbacks
from senda.sandbox.calls import Calls
from senda.sandbox.entries import Entry, ProviderName
from senda.sandbox.faults import Faults
from senda.sandbox.mail import Mails
from senda.sandbox.meta import WhatsApp
from senda.sandbox.outcomes import Bounce, HangUp, Impossible, Keys, Outcome, Report, Words, Written
from senda.sandbox.payments import Payments
from senda.sandbox.store import Store
from senda.sandbox.twilio import Messages


class Sandbox:
    """Every provider, and what a person can do with what arrived."""

    def __init__(self, store: Store, accounts: Accounts) -> None:
        self.store, self.accounts, self.entries = store, accounts, store.entries
        self.faults = Faults()
        self.callbacks = Callbacks(self.entries)
        shared = self.entries, self.callbacks, self.faults
        self.messages = Messages(accounts.twilio, *shared)
        self.calls = Calls(accounts.twilio, *shared)
        self.whatsapp = WhatsApp(accounts.meta, *shared)
        self.aggregator = Aggregator(accounts.aggregator, *shared)
        self.mails = Mails(accounts.mail, store, self.callbacks)
        self.payments = Payments(accounts.payments, store.payments, self.callbacks, self.faults)

    async def close(self) -> None:
        """Let go of what is under way."""
        self.calls.close()
        await self.callbacks.close()

    async def reply(self, entry: Entry, words: Words) -> Outcome:
        """Answer a message in the person's place. Raises Impossible, as all below."""
        text = words.text or words.choice
        match entry.provider, entry.channel:
            case _, "call":
                raise Impossible("Una llamada se contesta con teclas.")
            case "meta", _:
                return await self.whatsapp.reply(entry, words)
            case "smtp", _:
                return await self.mails.reply(entry, text)
            case provider, _:
                return await self._sms(provider).write(entry.address, text, entry.ref)

    async def report(self, entry: Entry, report: Report) -> Outcome:
        """Have the provider tell what became of a message."""
        match entry.provider, entry.channel:
            case _, "call":
                raise Impossible("Una llamada termina por sí misma: cuelgue o rechácela.")
            case "meta", _:
                return await self.whatsapp.report(entry, report)
            case "smtp", _:
                return await self.mails.report(entry, report)
            case provider, _:
                return await self._sms(provider).report(entry, report)

    async def bounce(self, entry: Entry, bounce: Bounce) -> Outcome:
        """Have a mail server send a mail back; elsewhere, the same as nobody at the address."""
        if entry.channel == "email":
            return await self.mails.bounce(entry, bounce)
        codes: dict[str, str] = {"twilio": "30005", "meta": "131026", "aggregator": "unknown_number"}
        return await self.report(entry, Report(status="undelivered", code=codes[entry.provider]))

    async def unsubscribe(self, entry: Entry, _: BaseModel) -> Outcome:
        """Click on a mail's "unsubscribe"."""
        if entry.channel != "email":
            raise Impossible("Solo un correo trae baja con un clic.")
        return await self.mails.unsubscribe(entry)

    async def answer(self, call: Entry, _: BaseModel) -> Outcome:
        return await self.calls.answer(call)

    async def press(self, call: Entry, keys: Keys) -> Outcome:
        return await self.calls.press(call, keys.keys)

    async def hang_up(self, call: Entry, how: HangUp) -> Outcome:
        return await self.calls.hang_up(call, how)

    async def call_from(self, address: str, _: BaseModel) -> Outcome:
        """A person calls the product's number."""
        if "@" in address:
            raise Impossible("Desde una dirección de correo no se llama.")
        return await self.calls.ring_from(address)

    async def write(self, address: str, written: Written) -> Outcome:
        """A person writes first."""
        if ("@" in address) != (written.channel == "email"):
            raise Impossible("Esa dirección no es de ese canal.")
        if written.channel == "email":
            return await self.mails.write(address, written.text, written.subject)
        if written.channel == "whatsapp":
            return await self.whatsapp.write(address, written.text)
        return await self._sms(self._sms_provider(address)).write(address, written.text)

    def _sms(self, provider: ProviderName) -> Messages | Aggregator:
        return self.aggregator if provider == "aggregator" else self.messages

    def _sms_provider(self, address: str) -> ProviderName:
        """Who carries a person's SMS: whoever carried the last one to them, else whoever has an account."""
        if last := self.entries.last(address, "sms", "out"):
            return last.provider
        return "aggregator" if self.accounts.twilio is None else "twilio"
