"""What comes back from providers: receipts, replies and turns of a call, read from callbacks whose signature holds."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import datetime
from typing import Literal, Protocol

from channels.message import Channel
from policy.errors import SendaError


@dataclass(frozen=True, slots=True)
class Callback:
    """An HTTP request of a provider. `url` is the public one, whole, as the provider knows it (signatures cover it);
    `path` what follows the provider's own address in it (no slash in front); names of `headers` in lower case."""

    method: str
    url: str
    path: str
    query: Mapping[str, str]
    headers: Mapping[str, str]
    body: bytes


class CallbackRefused(SendaError):
    """A callback that is not believed (HTTP 403). Codes: `callback.signature_missing`, `callback.signature_invalid`,
    `callback.too_old`."""


class CallbackUnreadable(SendaError):
    """A signed callback of a form that nobody knows (HTTP 400): `callback.unreadable`."""


ReceiptStatus = Literal["sent", "delivered", "read", "failed"]


@dataclass(frozen=True, slots=True)
class Receipt:
    """What a provider says came of a message: `reference` is ours (`Message.reference`), `provider_ref` its own; one
    of them may be missing. `at`: by the provider's clock (aware). `code`: why it failed, stable, without words.
    `bad_address`: there is nobody at the address, for good."""

    status: ReceiptStatus
    reference: str | None = None
    provider_ref: str | None = None
    at: datetime | None = None
    code: str | None = None
    bad_address: bool = False


@dataclass(frozen=True, slots=True)
class Reply:
    """What a person wrote or pressed. `provider_ref` names it at the provider (it may come twice), `sender` is the
    person's address, `choice` the key of a pressed button, `answers` our message (reference or provider's) that it
    answers, `at` by the provider's clock."""

    provider_ref: str
    sender: str
    text: str
    choice: str | None = None
    answers: str | None = None
    at: datetime | None = None


@dataclass(frozen=True, slots=True)
class CallTurn:
    """A moment of a telephone call at which the provider asks what to say next. `call` names the call, `number` is
    the person's; `keys` what was pressed (none: nothing yet, or silence); `reference` is ours where we called."""

    call: str
    number: str
    keys: str | None = None
    reference: str | None = None
    silent: bool = False


Event = Receipt | Reply | CallTurn


@dataclass(frozen=True, slots=True)
class Answer:
    """What the provider expects as the body of a good answer (status 200)."""

    body: str = ""
    content_type: str = "text/plain"


@dataclass(frozen=True, slots=True)
class Heard:
    """What a callback says, and the answer that its provider expects."""

    events: tuple[Event, ...] = ()
    answer: Answer = field(default_factory=Answer)


class Provider(Channel, Protocol):
    """One account at a provider: it sends by one channel, and its callbacks are read.

    `key` names it in the configuration, `channel` is what it sends by.
    """

    @property
    def key(self) -> str: ...
    @property
    def channel(self) -> str: ...

    def read(self, callback: Callback) -> Heard:
        """Check the signature, then read. Raises `CallbackRefused`, `CallbackUnreadable`."""
        ...

    async def close(self) -> None:
        """Let go of connections."""
        ...
