"""Which processors there are, whose money comes through them, who makes links and takes debits: a file, read."""

from collections.abc import Mapping
from fnmatch import fnmatchcase
from pathlib import Path
from typing import Annotated, Literal

from pydantic import BaseModel, ConfigDict, Field

from channels.config_file import read_config
from channels.processors.events import Processor, ProcessorUnable
from channels.processors.generic import Generic
from channels.processors.protocol import TOLERANCE
from channels.provider_kinds import Around, FromEnvironment
from channels.providers import EVERYBODY, Key
from policy.errors import SendaError

GENERIC = "generic"
"""The processor that is always there, signed with SENDA_PROCESSOR_SECRET; a file may say more of it."""

Ask = Literal["links", "debits"]

RETRIED = 25 * 3600
"""Wompi tells again for up to a day, and does not say whether with a new timestamp: no money may be lost by that."""

Tolerance = Annotated[
    int, Field(ge=60, le=172_800, description="seconds by which a signed timestamp may differ from our clock")
]


class _Kind(BaseModel):
    model_config = ConfigDict(frozen=True, extra="forbid")

    creditors: list[str] = Field(
        default=[EVERYBODY], min_length=1, description="whose money comes through it: keys or patterns"
    )


class GenericKind(_Kind):
    """A processor of Senda's own format (`channels.processors.generic`)."""

    kind: Literal["generic"]
    secret: FromEnvironment
    url: str | None = None
    token: FromEnvironment | None = None

    def build(self, around: Around) -> Processor:
        """The processor."""
        token = around.value(self.token) if self.token else ""
        return Generic(around.key, around.value(self.secret), url=self.url, token=token)


class StripeKind(_Kind):
    """A Stripe account; `secret`: of the webhook endpoint."""

    kind: Literal["stripe"]
    secret: FromEnvironment
    api_key: FromEnvironment
    return_url: str
    base_url: str = "https://api.stripe.com"

    def build(self, around: Around) -> Processor:
        """The processor."""
        from channels.processors.stripe import Stripe  # its library is slow to load: only where it is used

        return Stripe(
            around.key,
            secret=around.value(self.secret),
            api_key=around.value(self.api_key),
            return_url=self.return_url,
            base_url=self.base_url,
        )


class WompiKind(_Kind):
    """A Wompi merchant."""

    kind: Literal["wompi"]
    events_secret: FromEnvironment
    integrity_secret: FromEnvironment
    private_key: FromEnvironment
    receipts_to: str
    base_url: str = "https://production.wompi.co/v1"
    checkout_url: str = "https://checkout.wompi.co"
    tolerance: Tolerance = RETRIED

    def build(self, around: Around) -> Processor:
        """The processor."""
        from channels.processors.wompi import Wompi

        return Wompi(
            around.key,
            events_secret=around.value(self.events_secret),
            integrity_secret=around.value(self.integrity_secret),
            private_key=around.value(self.private_key),
            base_url=self.base_url,
            checkout_url=self.checkout_url,
            receipts_to=self.receipts_to,
            tolerance=self.tolerance,
        )


class MercadoPagoKind(_Kind):
    """A Mercado Pago application."""

    kind: Literal["mercadopago"]
    secret: FromEnvironment
    access_token: FromEnvironment
    return_url: str
    base_url: str = "https://api.mercadopago.com"
    tolerance: Tolerance = TOLERANCE

    def build(self, around: Around) -> Processor:
        """The processor."""
        from channels.processors.mercadopago import MercadoPago

        return MercadoPago(
            around.key,
            secret=around.value(self.secret),
            access_token=around.value(self.access_token),
            base_url=self.base_url,
            callback_url=around.callback_url,
            return_url=self.return_url,
            tolerance=self.tolerance,
        )


Kind = Annotated[GenericKind | StripeKind | WompiKind | MercadoPagoKind, Field(discriminator="kind")]


class ProcessorsConfig(BaseModel):
    """A file of processors. `routes`: who makes links and takes debits, for a creditor's key or a pattern."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    processors: dict[Key, Kind]
    routes: dict[str, dict[Ask, Key]] = {}


class Processors:
    """The processors of an installation."""

    def __init__(
        self,
        processors: Mapping[str, Processor],
        creditors: Mapping[str, list[str]] | None = None,
        routes: Mapping[str, Mapping[Ask, str]] | None = None,
    ) -> None:
        self._processors = dict(processors)
        self._creditors = creditors or {}
        self._routes = routes or {}

    def get(self, key: str) -> Processor | None:
        """A processor by its key."""
        return self._processors.get(key)

    def serves(self, key: str, creditor: str) -> bool:
        """Whether the creditor's money comes through this processor."""
        return any(fnmatchcase(creditor, pattern) for pattern in self._creditors.get(key, [EVERYBODY]))

    def asked(self, ask: Ask, creditor: str) -> Processor:
        """Who makes the creditor's links, or takes its debits: what its own key says, else the longest pattern that
        fits it. Raises `ProcessorUnable`: `processor.no_links`, `processor.no_debits`."""
        fitting = [who for who, by in self._routes.items() if ask in by and fnmatchcase(creditor, who)]
        if not fitting:
            text = f"no processor is routed for the {ask} of {creditor}: name one in SENDA_PROCESSORS_FILE"
            raise ProcessorUnable(f"processor.no_{ask}", text, "creditor")
        longest = max(fitting, key=lambda who: (who == creditor, len(who)))
        return self._processors[self._routes[longest][ask]]

    async def close(self) -> None:
        """Let go of all connections."""
        for processor in self._processors.values():
            await processor.close()


def generic_only(secret: str) -> Processors:
    """Where no file is given: payments are told in Senda's own format, and no links are made."""
    return Processors({GENERIC: Generic(GENERIC, secret)})


def read_processors(path: Path, environment: Mapping[str, str], public_url: str, secret: str) -> Processors:
    """The processors of a file (YAML); `secret` is the generic one's where the file says nothing of it. Raises
    `SendaError` (`processors.…`, `channels.no_secret`), which names the place."""
    config = read_config(path, ProcessorsConfig, "processors")
    return build(config, environment, public_url, secret)


def build(config: ProcessorsConfig, environment: Mapping[str, str], public_url: str, secret: str) -> Processors:
    """The processors that a configuration describes, and the generic one."""
    built = {
        key: kind.build(Around(key, environment, f"{public_url.rstrip('/')}/v1/webhooks/payments/{key}"))
        for key, kind in config.processors.items()
    }
    for who, by in config.routes.items():
        for ask, key in by.items():
            if key not in built:
                place = f"routes.{who}.{ask}"
                raise SendaError("processors.bad_config", f"{place}: there is no processor {key!r}", place)
    built.setdefault(GENERIC, Generic(GENERIC, secret))
    return Processors(built, {key: kind.creditors for key, kind in config.processors.items()}, config.routes)
