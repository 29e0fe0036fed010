"""The kinds of providers that a configuration may name, with what each needs. Secrets stand in the environment only."""

from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Annotated, Literal

from pydantic import BaseModel, ConfigDict, Field

from channels.aggregator import Aggregator
from channels.aggregator_config import AggregatorConfig
from channels.callbacks import Provider
from channels.mail import Mail
from channels.meta import WhatsApp
from channels.people import People
from channels.twilio_sms import TwilioSms
from channels.voice import Voice
from policy.errors import SendaError

FromEnvironment = Annotated[str, Field(pattern=r"^env:[A-Z][A-Z0-9_]*$", examples=["env:TWILIO_AUTH_TOKEN"])]
"""A secret: the name of the variable that holds it."""


@dataclass(frozen=True, slots=True)
class Around:
    """What surrounds a provider: its key, the environment, and where its callbacks come to."""

    key: str
    environment: Mapping[str, str]
    callback_url: str

    def value(self, text: str) -> str:
        """The text itself, or where it is `env:NAME`, what that variable holds. Error: `channels.no_secret`."""
        if not text.startswith("env:"):
            return text
        name = text.removeprefix("env:")
        if not self.environment.get(name):
            raise SendaError("channels.no_secret", f"provider {self.key}: the variable {name} is not set", self.key)
        return self.environment[name]


class _Kind(BaseModel):
    model_config = ConfigDict(frozen=True, extra="forbid")


class SmtpKind(_Kind):
    """E-mail through an SMTP server; `url` as `channels.mail` reads it, with its password: from the environment."""

    kind: Literal["smtp"]
    url: FromEnvironment
    sender: str
    reply_to: str | None = None
    secret: FromEnvironment | None = Field(default=None, description="signs the mails that are posted back")
    mailbox: Path | None = Field(default=None, description="a Maildir of what comes back, read by the worker")

    def build(self, around: Around) -> Provider:
        """The provider."""
        secret = around.value(self.secret) if self.secret else None
        sender = around.value(self.sender)
        return Mail(around.value(self.url), sender, key=around.key, reply_to=self.reply_to, secret=secret)


class _TwilioKind(_Kind):
    account_sid: str
    auth_token: FromEnvironment
    sender: str
    base_url: str = "https://api.twilio.com"

    def _build(self, provider: type[TwilioSms] | type[Voice], around: Around) -> Provider:
        return provider(
            around.key,
            account_sid=around.value(self.account_sid),
            auth_token=around.value(self.auth_token),
            sender=self.sender,
            callback_url=around.callback_url,
            base_url=self.base_url,
        )


class TwilioSmsKind(_TwilioKind):
    """SMS through Twilio; `sender`: a number, or a messaging service."""

    kind: Literal["twilio-sms"]

    def build(self, around: Around) -> Provider:
        """The provider."""
        return self._build(TwilioSms, around)


class HttpSmsKind(_Kind):
    """SMS through any aggregator with an HTTP interface, described by `config`."""

    kind: Literal["http-sms"]
    sender: str
    config: AggregatorConfig
    secrets: dict[str, FromEnvironment] = {}

    def build(self, around: Around) -> Provider:
        """The provider."""
        secrets = {name: around.value(secret) for name, secret in self.secrets.items()}
        return Aggregator(
            around.key, self.config, secrets=secrets, callback_url=around.callback_url, sender=self.sender
        )


class WhatsAppKind(_Kind):
    """WhatsApp through Meta's Cloud API. `approved`: names of templates there that differ from Senda's rule."""

    kind: Literal["whatsapp"]
    phone_number_id: str
    token: FromEnvironment
    app_secret: FromEnvironment
    verify_token: FromEnvironment
    base_url: str = "https://graph.facebook.com/v23.0"
    approved: dict[str, str] = {}

    def build(self, around: Around) -> Provider:
        """The provider."""
        return WhatsApp(
            around.key,
            phone_number_id=self.phone_number_id,
            token=around.value(self.token),
            app_secret=around.value(self.app_secret),
            verify_token=around.value(self.verify_token),
            base_url=self.base_url,
        )


class VoiceKind(_TwilioKind):
    """Calls by the bot, through Twilio."""

    kind: Literal["twilio-voice"]

    def build(self, around: Around) -> Provider:
        """The provider."""
        return self._build(Voice, around)


class LetterKind(_Kind):
    """Letters as files for a print shop, in `folder`; `country` (ISO 3166) tells what is abroad."""

    kind: Literal["letter"]
    folder: Path
    country: str = Field(pattern=r"^[A-Z]{2}$")
    sender_address: list[str] = []
    place: str = Field(default="", description="where letters are dated")
    zone: str = Field(default="UTC", description="whose day they bear (IANA)")
    secret: FromEnvironment | None = None

    def build(self, around: Around) -> Provider:
        """The provider."""
        from channels.letters import Letters  # what writes PDFs is slow to load: only where letters are sent

        secret = around.value(self.secret) if self.secret else None
        return Letters(
            around.key,
            folder=self.folder,
            country=self.country,
            sender_address=self.sender_address,
            place=self.place,
            zone=self.zone,
            secret=secret,
        )


class PeopleKind(_Kind):
    """A channel that people serve: their dialer and their tasks."""

    kind: Literal["people"]
    channel: Literal["call", "visit"] = "call"

    def build(self, around: Around) -> Provider:
        """The provider."""
        return People(around.key, self.channel)


Kind = Annotated[
    SmtpKind | TwilioSmsKind | HttpSmsKind | WhatsAppKind | VoiceKind | LetterKind | PeopleKind,
    Field(discriminator="kind"),
]
