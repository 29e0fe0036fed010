"""Which provider sends by which channel for which creditor: the configuration of channels, read and built."""

from collections.abc import Mapping
from fnmatch import fnmatchcase
from pathlib import Path
from typing import Annotated

from pydantic import BaseModel, ConfigDict, Field, StringConstraints

from channels.breaker import Guarded
from channels.callbacks import Provider
from channels.config_file import read_config
from channels.mail import Mail
from channels.people import People
from channels.provider_kinds import Around, Kind, SmtpKind, WhatsAppKind
from journey.playbook import Channel
from policy.errors import SendaError

EVERYBODY = "*"
"""The routes that hold where no narrower pattern says otherwise."""

Key = Annotated[str, StringConstraints(pattern=r"^[a-z0-9][a-z0-9-]{0,62}$")]


class Lane(BaseModel):
    """How much a channel takes: contacts started a second by all workers (none: as they come), at once by each."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    rate: float | None = Field(default=None, gt=0)
    at_once: int = Field(default=16, ge=1, le=200)


class ChannelsConfig(BaseModel):
    """A file of channels. `routes`: providers by channel, for a creditor's key or a pattern (`"*"`, `"banco-*"`)."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    providers: dict[Key, Kind]
    routes: dict[str, dict[Channel, Key]] = {}
    channels: dict[Channel, Lane] = {}


class Providers:
    """The providers of an installation, and who sends what.

    `approved`: names of WhatsApp templates there; `mailboxes`: where mails come back, by provider.
    """

    def __init__(
        self,
        providers: Mapping[str, Provider],
        routes: Mapping[str, Mapping[Channel, str]],
        lanes: Mapping[Channel, Lane] | None = None,
        approved: Mapping[str, str] | None = None,
        mailboxes: Mapping[str, Path] | None = None,
    ) -> None:
        self._providers = dict(providers)
        self._routes = {who: {channel: providers[key] for channel, key in by.items()} for who, by in routes.items()}
        self._lanes = lanes or {}
        self.approved = approved or {}
        self.mailboxes = mailboxes or {}

    def of(self, creditor: str) -> dict[str, Provider]:
        """A creditor's providers by channel: for each what its own key says, else the longest pattern that fits it."""
        fitting = [who for who in self._routes if who == creditor or fnmatchcase(creditor, who)]
        fitting.sort(key=lambda who: (who == creditor, len(who)))
        return {channel: provider for who in fitting for channel, provider in self._routes[who].items()}

    def get(self, key: str) -> Provider | None:
        """A provider by its key."""
        return self._providers.get(key)

    def serves(self, key: str, creditor: str) -> bool:
        """Whether the creditor's messages go through this provider."""
        return any(provider.key == key for provider in self.of(creditor).values())

    def lane(self, channel: Channel) -> Lane:
        """How much a channel takes."""
        return self._lanes.get(channel, Lane())

    async def close(self) -> None:
        """Let go of all connections."""
        for provider in self._providers.values():
            await provider.close()


def is_by_people(provider: Provider) -> bool:
    """Whether people serve it."""
    return isinstance(provider, People)


def mail_only(url: str, sender: str) -> Providers:
    """Where no configuration is given: e-mail for everybody."""
    return Providers({"email": Guarded(Mail(url, sender))}, {EVERYBODY: {"email": "email"}})


def read_channels(path: Path, environment: Mapping[str, str], public_url: str) -> Providers:
    """The providers of a file of channels (YAML). Raises `SendaError` (`channels.…`), which names the place."""
    config = read_config(path, ChannelsConfig, "channels")
    return build(config, environment, public_url)


def build(config: ChannelsConfig, environment: Mapping[str, str], public_url: str) -> Providers:
    """The providers that a configuration describes."""
    providers = {
        key: kind.build(Around(key, environment, f"{public_url.rstrip('/')}/v1/webhooks/providers/{key}"))
        for key, kind in config.providers.items()
    }
    for who, by in config.routes.items():
        for channel, key in by.items():
            place = f"routes.{who}.{channel}"
            if key not in providers:
                raise SendaError("channels.bad_config", f"{place}: there is no provider {key!r}", place)
            if providers[key].channel != channel:
                raise SendaError("channels.bad_config", f"{place}: {key} sends by {providers[key].channel}", place)
    guarded: dict[str, Provider] = {
        key: provider if is_by_people(provider) else Guarded(provider) for key, provider in providers.items()
    }
    approved = [kind.approved for kind in config.providers.values() if isinstance(kind, WhatsAppKind)]
    names = {name: there for each in approved for name, there in each.items()}
    mailboxes = {
        key: kind.mailbox
        for key, kind in config.providers.items()
        if isinstance(kind, SmtpKind) and kind.mailbox is not None
    }
    return Providers(guarded, config.routes, config.channels, names, mailboxes)
