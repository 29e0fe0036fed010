"""What a processor tells and what it is asked for: the same words for every processor."""

import re
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from decimal import Decimal
from typing import Literal, Protocol

from channels.callbacks import Callback
from ledger.book import PaymentKind
from ledger.processing import DECLINED
from policy.errors import SendaError

_REFERENCE = re.compile(r"([0-9a-f]{32})(?:\.[A-Za-z0-9_-]*)?")


class ProcessorUnable(SendaError):
    """A processor that does not do what it is asked for. Codes: `processor.no_links`, `processor.no_debits`."""


class ProcessorRefused(SendaError):
    """The processor said no to a link (HTTP 502): `processor.refused`. Its own words are not repeated."""


class ProcessorDown(SendaError):
    """The processor does not answer (HTTP 503): `processor.unreachable`. The same request may be made again."""


@dataclass(frozen=True, slots=True)
class Whose:
    """Whose account money is for. Known by `creditor` and `account` (their keys), by the account's `reference`
    (`accounts.reference`), or by `link`, a payment link of the same processor; by none: by the payment taken back."""

    creditor: str | None = None
    account: str | None = None
    reference: str | None = None
    link: str | None = None

    @staticmethod
    def read(text: object, link: object = None) -> "Whose":
        """From what was given to the processor with a link or a debit: a reference (what follows a dot only makes it
        unique), or `creditor/account`."""
        known_link = link if isinstance(link, str) and link else None
        if not isinstance(text, str) or "\0" in text:
            return Whose(link=known_link)
        if found := _REFERENCE.fullmatch(text):
            return Whose(reference=found[1], link=known_link)
        creditor, slash, account = text.partition("/")
        if slash and creditor and account:
            return Whose(creditor, account, link=known_link)
        return Whose(link=known_link)


@dataclass(frozen=True, slots=True)
class Money:
    """Money that moved. `id` is the processor's, the same each time it tells of it; `type` the processor's own word.

    `amount` is above zero, in `currency`; `paid_at` aware. All kinds but `payment` name in `reverses` the id of what
    they take back. `due`: the key of the due that a payment is meant for. `only_after`: it counts only where what it
    takes back is known already.
    """

    id: str
    type: str
    kind: PaymentKind
    amount: Decimal
    currency: str
    paid_at: datetime
    whose: Whose = field(default_factory=Whose)
    reverses: str | None = None
    due: str | None = None
    only_after: bool = False


@dataclass(frozen=True, slots=True)
class Ignored:
    """An event that moves no money of ours: acknowledged and recorded. `id` names it at the processor."""

    id: str
    type: str


@dataclass(frozen=True, slots=True)
class Declined:
    """A payment that was not known yet and will not come. `payment` is its name at the processor, as a debit's answer
    had it; `type` the processor's own word, `code` stable; `later`: another try on another day may work."""

    payment: str
    type: str
    code: str
    later: bool = True

    @property
    def id(self) -> str:
        """Names the event: the payment's, and that it was declined."""
        return f"{self.payment}{DECLINED}"


Event = Money | Ignored | Declined


@dataclass(frozen=True, slots=True)
class LinkWanted:
    """A link where a debtor pays. `key` makes it once at the processor; `reference` is the account's, all that a
    processor of another format learns of it; `name` is what the payer reads: the creditor's. It holds for `lifetime`,
    or for less where the processor says so."""

    key: str
    creditor: str
    account: str
    reference: str
    name: str
    amount: Decimal
    currency: str
    due: str | None = None
    lifetime: timedelta = timedelta(days=7)


@dataclass(frozen=True, slots=True)
class PaymentLink:
    """A link at a processor; `id` is its own name for it. `expires_at` none: it does not end."""

    url: str
    id: str
    expires_at: datetime | None


@dataclass(frozen=True, slots=True)
class DebitWanted:
    """Money to be taken by a mandate. The same `key` is taken once, however often it is asked for. `mandate` is the
    processor's reference of the mandate; `reference` the account's; `description` a code, no words about the debt;
    `at`: when it is to be taken, by the creditor's clock."""

    key: str
    creditor: str
    account: str
    reference: str
    mandate: str
    amount: Decimal
    currency: str
    description: str
    due: str | None = None
    at: datetime | None = None


@dataclass(frozen=True, slots=True)
class DebitAnswer:
    """What became of a debit. `id`: the payment's at the processor, where it has one; the money itself is told by a
    callback. `pending`: not known yet; `retryable`: asking again with the same key may help. `code` says why,
    stable."""

    status: Literal["taken", "pending", "failed"]
    id: str | None = None
    code: str | None = None
    retryable: bool = False


class Processor(Protocol):
    """One account at a payment processor. `key` names it in the configuration and in the record."""

    @property
    def key(self) -> str: ...

    async def read(self, callback: Callback) -> list[Event]:
        """Check the signature, then read. Raises `CallbackRefused` (`signature.missing`, `signature.invalid`,
        `signature.too_old`, `signature.from_future`), `CallbackUnreadable`, `ProcessorDown`."""
        ...

    async def link(self, wanted: LinkWanted) -> PaymentLink:
        """Make a payment link. Raises `ProcessorUnable`, `ProcessorRefused`, `ProcessorDown`."""
        ...

    async def debit(self, wanted: DebitWanted) -> DebitAnswer:
        """Take money by a mandate. Raises `ProcessorUnable`; whatever else happens is an answer."""
        ...

    async def close(self) -> None:
        """Let go of connections."""
        ...


def no_links(key: str) -> ProcessorUnable:
    """The error of a processor that makes no links."""
    return ProcessorUnable("processor.no_links", f"the processor {key} makes no payment links: route links elsewhere")


def no_debits(key: str) -> ProcessorUnable:
    """The error of a processor that takes no debits."""
    return ProcessorUnable("processor.no_debits", f"the processor {key} takes no debits: route debits elsewhere")
