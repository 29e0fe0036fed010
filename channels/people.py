"""A channel that people serve: its steps become tasks for them, each with a permit of its own right before the call."""

from collections.abc import AsyncGenerator
from contextlib import asynccontextmanager

from channels.callbacks import Callback, CallbackUnreadable, Heard
from channels.message import Line, Message, Rejected


class People:
    """Nothing is sent here, and nobody calls back."""

    def __init__(self, key: str, channel: str) -> None:
        self.key = key
        self.channel = channel

    @asynccontextmanager
    async def line(self) -> AsyncGenerator[Line]:
        """A line that nothing goes through."""
        yield self

    async def send(self, message: Message) -> str:
        """Refuses: people are given tasks."""
        raise Rejected("people_only")

    def read(self, callback: Callback) -> Heard:
        """People have no callbacks."""
        raise CallbackUnreadable("callback.unreadable", "this provider has no callbacks")

    async def close(self) -> None:
        """Nothing to let go of."""
