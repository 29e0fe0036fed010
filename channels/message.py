"""What every channel speaks: a message to send, what the provider answered, and the ways in which sending fails."""

from contextlib import AbstractAsyncContextManager
from dataclasses import dataclass
from typing import Protocol


@dataclass(frozen=True, slots=True)
class Message:
    """A rendered message. `key` is the permit's stable key: the provider's idempotency key."""

    key: str
    to: str
    subject: str
    text: str
    html: str


class Unreachable(Exception):
    """The provider cannot be reached: nothing was handed over, try again later."""


class Rejected(Exception):
    """The provider refused this message for good or for now: it has not left. `code` is stable and holds no text."""

    def __init__(self, code: str) -> None:
        super().__init__(code)
        self.code = code


class Uncertain(Exception):
    """The line broke after the message was handed over: nobody can tell whether it left."""


class Line(Protocol):
    """An open line to a provider, good for one message."""

    async def send(self, message: Message) -> str:
        """Hand over; returns the provider's reference. Raises `Rejected` or `Uncertain`."""
        ...


class Channel(Protocol):
    """A way to reach people. A line is opened before the permit is asked for, so that no permit is wasted."""

    def line(self) -> AbstractAsyncContextManager[Line]:
        """Open a line; raises `Unreachable`."""
        ...
