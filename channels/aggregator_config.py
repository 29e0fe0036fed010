"""How an SMS provider is described, so that `channels.aggregator` speaks to it without code of its own."""

import re
from collections.abc import Mapping
from typing import Annotated, Literal

import phonenumbers
from pydantic import BaseModel, ConfigDict, Field, JsonValue, field_validator, model_validator

from channels.callbacks import ReceiptStatus
from channels.signing import TOLERANCE

Path = Annotated[str, Field(min_length=1)]
"""Where a value is in a JSON answer: names and places in lists, with dots between (`messages.0.id`)."""

SecretName = Annotated[str, Field(pattern=r"^[A-Za-z0-9_-]+$")]
"""The name of a secret. Secrets themselves are given apart and stand in no configuration."""

HeaderName = Annotated[str, Field(pattern=r"^[A-Za-z0-9_-]+$")]

HeaderText = Annotated[str, Field(pattern=r"^[^\x00-\x1f]*$")]

Refusal = Literal["bad_address", "not_now", "rejected"]

PLACEHOLDER = re.compile(r"\{\{|\}\}|\{([^{}]*)\}|[{}]")


class Part(BaseModel):
    """A part of the description: what it does not know, it refuses."""

    model_config = ConfigDict(frozen=True, extra="forbid")


class AnswerFields(Part):
    """How the provider's answer to a message is read.

    Taken is what has a status of `statuses` and, where `outcome` is given, one of the words of `success` there.
    `errors` says what a value at `error` (else at `outcome`) means, whatever the status.
    """

    reference: Path
    statuses: tuple[int, ...] = (200, 201, 202)
    outcome: Path | None = None
    success: tuple[str, ...] = ()
    error: Path | None = None
    errors: dict[str, Refusal] = {}

    @model_validator(mode="after")
    def _complete(self) -> "AnswerFields":
        if (self.outcome is None) == bool(self.success):
            raise ValueError("outcome and success belong together")
        if self.errors and not (self.error or self.outcome):
            raise ValueError("errors needs error or outcome: where the value is")
        return self


class StandardWebhooks(Part):
    """Signed as the Standard Webhooks specification says; the secret as `whsec_…` or in base64."""

    kind: Literal["standard-webhooks"]
    secret: SecretName


class Hmac(Part):
    """HMAC-SHA256 of the raw body in a header. With `timestamp_header`: of timestamp, `separator` and body."""

    kind: Literal["hmac-sha256"]
    secret: SecretName
    header: HeaderName
    encoding: Literal["hex", "base64"] = "hex"
    prefix: str = ""
    timestamp_header: HeaderName | None = None
    separator: str = "."
    tolerance: int = Field(default=TOLERANCE, ge=1)


class Authorization(Part):
    """No signature, but our own secret in the header Authorization: `user:password`, or a token."""

    kind: Literal["basic", "bearer"]
    secret: SecretName


class StatusFields(Part):
    """How a report on a message is read. `each`: where the list of reports is, if there are several.

    `words` says what the provider's statuses mean; one that is not there makes the callback unreadable, so that
    nothing is lost unseen. `errors` as in `AnswerFields`.
    """

    each: Path | None = None
    reference: Path | None = None
    provider_id: Path | None = None
    status: Path
    error: Path | None = None
    time: Path | None = None
    words: dict[str, ReceiptStatus | Literal["ignored"]] = Field(min_length=1)
    errors: dict[str, Refusal] = {}

    @model_validator(mode="after")
    def _names_a_message(self) -> "StatusFields":
        if not (self.reference or self.provider_id):
            raise ValueError("reference or provider_id: a report names its message")
        return self


class ReplyFields(Part):
    """How a reply is read. `each`: where the list of replies is, if there are several."""

    each: Path | None = None
    id: Path
    sender: Path
    text: Path
    time: Path | None = None


class AggregatorConfig(Part):
    """A provider of SMS over HTTP.

    `fields` is the body: texts in it, at any depth, are templates with the placeholders {to}, {to_digits} (without +),
    {text}, {reference}, {sender}, {callback_url}, {token} (the same for the same permit) and {secret:NAME}; `{{` and
    `}}` stand for braces. `headers` are templates without {to}, {to_digits} and {text}. `idempotency_header` carries
    {token}. `callbacks` is the form of their bodies; they come to `{callback_url}/status` and `…/messages`. `country`
    (ISO 3166) reads numbers without a country code. A longer text than `max_segments` is not sent.
    """

    method: Literal["POST"] = "POST"
    url: str = Field(pattern=r"^https?://[^\s{}]+$")
    headers: dict[HeaderName, HeaderText] = {}
    body: Literal["json", "form"] = "json"
    fields: dict[str, JsonValue] = Field(min_length=1)
    idempotency_header: HeaderName | None = None
    max_segments: int = Field(default=10, ge=1, le=255)
    answer: AnswerFields
    signature: Annotated[StandardWebhooks | Hmac | Authorization, Field(discriminator="kind")]
    callbacks: Literal["json", "form"] = "json"
    status: StatusFields | None = None
    replies: ReplyFields | None = None
    country: str

    @field_validator("country")
    @classmethod
    def _known(cls, country: str) -> str:
        if country not in phonenumbers.SUPPORTED_REGIONS:
            raise ValueError("country is a code of two capitals, such as CO")
        return country

    @model_validator(mode="after")
    def _flat(self) -> "AggregatorConfig":
        if self.body == "form" and not all(isinstance(value, str) for value in self.fields.values()):
            raise ValueError("the fields of a form are texts")
        return self


def filled(template: JsonValue, values: Mapping[str, str]) -> JsonValue:
    """The template with its placeholders replaced, at any depth; what is put in is not looked at again."""
    if isinstance(template, str):
        return filled_text(template, values)
    if isinstance(template, list):
        return [filled(item, values) for item in template]
    if isinstance(template, dict):
        return {name: filled(item, values) for name, item in template.items()}
    return template


def filled_text(template: str, values: Mapping[str, str]) -> str:
    """As `filled`, for one text."""
    return PLACEHOLDER.sub(lambda found: found[0][0] if found[1] is None else values[found[1]], template)


def placeholders(template: JsonValue) -> set[str]:
    """The names between braces, at any depth; a brace that stands alone counts as a name that nobody knows."""
    if isinstance(template, str):
        found = PLACEHOLDER.finditer(template)
        return {one[0] if one[1] is None else one[1] for one in found if one[0] not in ("{{", "}}")}
    if isinstance(template, list):
        return {name for item in template for name in placeholders(item)}
    if isinstance(template, dict):
        return {name for item in template.values() for name in placeholders(item)}
    return set()
