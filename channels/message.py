"""What every channel speaks: a message to send, what the provider answered, and the ways in which sending fails."""

from contextlib import AbstractAsyncContextManager
from dataclasses import dataclass
from typing import Protocol


@dataclass(frozen=True, slots=True)
class Choice:
    """An answer that a person can give by one press. `key` comes back with the reply, `label` is what they read."""

    key: str
    label: str


@dataclass(frozen=True, slots=True)
class Approved:
    """A text that the provider approved beforehand (WhatsApp): its name there, and the values of its variables."""

    name: str
    language: str
    values: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class Message:
    """A rendered message. `key` is the permit's stable key: the provider's idempotency key, where it has one.

    `reference` is the contact's number: it says nothing to others, and comes back with the provider's receipts.
    `sender` is who writes, in words (From, letterhead); `recipient` the person's name, for an envelope. `choices` are
    offered where the channel has buttons. `stop_link` stops this channel at one click (RFC 8058). `approved` is what
    WhatsApp needs outside its 24 hours.
    """

    key: str
    to: str
    subject: str
    text: str
    html: str = ""
    language: str = "es"
    reference: str = ""
    sender: str | None = None
    recipient: str | None = None
    choices: tuple[Choice, ...] = ()
    stop_link: str | None = None
    approved: Approved | None = None


class Unreachable(Exception):
    """The provider cannot be reached: nothing was handed over, try again later."""


class Rejected(Exception):
    """The provider refused this message: it has not left. `code` is stable and holds no text of the provider."""

    def __init__(self, code: str) -> None:
        super().__init__(code)
        self.code = code


class BadAddress(Rejected):
    """There is nobody at this address: it is not to be used again (a hard bounce)."""


class NotNow(Rejected):
    """The provider takes no message at this moment (too many, maintenance): it has not left, another try may work."""


class Uncertain(Exception):
    """The line broke after the message was handed over: nobody can tell whether it left."""


class Line(Protocol):
    """An open line to a provider, good for one message."""

    async def send(self, message: Message) -> str:
        """Hand over; returns the provider's reference. Raises `Rejected` (or a kind of it) or `Uncertain`."""
        ...


class Channel(Protocol):
    """A way to reach people. A line is opened before the permit is asked for, so that no permit is wasted."""

    def line(self) -> AbstractAsyncContextManager[Line]:
        """Open a line; raises `Unreachable`."""
        ...
