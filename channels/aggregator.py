"""The channel `sms` through any provider over HTTP, as an `AggregatorConfig` describes it."""

import hashlib
import json
import re
from collections.abc import AsyncGenerator, Mapping
from contextlib import asynccontextmanager
from datetime import UTC, datetime
from typing import cast
from urllib.parse import parse_qsl

import httpx
import phonenumbers
from standardwebhooks.webhooks import EmptyWebhookSecretError, Webhook

from channels.aggregator_config import (
    AggregatorConfig,
    AnswerFields,
    Hmac,
    Refusal,
    ReplyFields,
    StandardWebhooks,
    StatusFields,
    filled,
    filled_text,
    placeholders,
)
from channels.callbacks import Callback, CallbackUnreadable, Heard, Receipt, Reply
from channels.message import BadAddress, Line, Message, NotNow, Rejected, Uncertain
from channels.segments import segments_of
from channels.signing import (
    post,
    require_authorization,
    require_hmac,
    require_standard_webhook,
    storable,
    unix_time,
)
from policy.errors import SendaError

IN_HEADERS = frozenset({"reference", "sender", "callback_url", "token"})
"""Placeholders that a header may hold: it has no room for a text, and needs no address."""

IN_BODY = IN_HEADERS | {"to", "to_digits", "text"}

REFUSALS: dict[Refusal, type[Rejected]] = {"bad_address": BadAddress, "not_now": NotNow, "rejected": Rejected}


class Aggregator:
    """One account at a provider; itself the line, since HTTP needs none open.

    `secrets` by the names that the configuration uses. `timeout`: seconds for each step of a request. Raises
    `SendaError("channels.bad_config")` for a placeholder or a secret that does not exist.
    """

    channel = "sms"

    def __init__(
        self,
        key: str,
        config: AggregatorConfig,
        *,
        secrets: Mapping[str, str],
        callback_url: str,
        sender: str,
        timeout: float = 8.0,
        transport: httpx.AsyncBaseTransport | None = None,
    ) -> None:
        self.key = key
        self._config = config
        self._secrets = {f"secret:{name}": secret for name, secret in secrets.items()}
        self._fixed = {**self._secrets, "callback_url": callback_url, "sender": sender}
        self._require_known()
        self._webhook = self._standard_webhook()
        self._client = httpx.AsyncClient(timeout=timeout, transport=transport)

    @asynccontextmanager
    async def line(self) -> AsyncGenerator[Line]:
        """This very object: a connection is made, or found open, when something is sent."""
        yield self

    async def send(self, message: Message) -> str:
        """Hand over; returns the provider's id of the message."""
        if not message.text.strip():
            raise Rejected("sms_empty")
        if segments_of(message.text).segments > self._config.max_segments:
            raise Rejected("sms_too_long")
        token = hashlib.sha256(message.key.encode()).hexdigest()
        values = {
            **self._fixed,
            "to": message.to,
            "to_digits": message.to.removeprefix("+"),
            "text": message.text,
            "reference": message.reference,
            "token": token,
        }
        headers = {name: filled_text(text, values).encode() for name, text in self._config.headers.items()}
        if self._config.idempotency_header:
            headers[self._config.idempotency_header] = token.encode()
        body = {"json" if self._config.body == "json" else "data": filled(self._config.fields, values)}
        response = await post(self._client, self._config.url, prefix="aggregator", headers=headers, **body)
        return _taken(response, self._config.answer)

    def read(self, callback: Callback) -> Heard:
        """Receipts under `status`, replies under `messages`. Raises `CallbackRefused`, `CallbackUnreadable`."""
        self._require_believable(callback)
        status, replies = self._config.status, self._config.replies
        if callback.path == "status" and status:
            receipts = [_receipt(told, status) for told in self._told(callback, status.each)]
            return Heard(tuple(receipt for receipt in receipts if receipt))
        if callback.path == "messages" and replies:
            return Heard(
                tuple(_reply(told, replies, self._config.country) for told in self._told(callback, replies.each))
            )
        raise _unreadable("unknown path: status and messages are read where the configuration describes them")

    async def close(self) -> None:
        await self._client.aclose()

    def _require_known(self) -> None:
        for name, template in self._config.fields.items():
            self._require_names(f"fields.{name}", placeholders(template) - IN_BODY)
        for name, template in self._config.headers.items():
            self._require_names(f"headers.{name}", placeholders(template) - IN_HEADERS)
        self._require_names("signature.secret", {f"secret:{self._config.signature.secret}"})
        for name, secret in self._secrets.items():
            if not (secret and secret.isprintable()):
                raise self._bad(name, "a secret is one line, and not empty")

    def _require_names(self, field: str, names: set[str]) -> None:
        if unknown := names - self._secrets.keys():
            raise self._bad(field, f"no such placeholder or secret here: {', '.join(sorted(unknown))}")

    def _bad(self, field: str, message: str) -> SendaError:
        return SendaError("channels.bad_config", f"{self.key}, {field}: {message}", field)

    def _standard_webhook(self) -> Webhook | None:
        signature = self._config.signature
        if not isinstance(signature, StandardWebhooks):
            return None
        try:
            return Webhook(self._secrets[f"secret:{signature.secret}"])
        except (EmptyWebhookSecretError, ValueError):
            raise self._bad("signature.secret", f"{signature.secret} is no secret of Standard Webhooks") from None

    def _require_believable(self, callback: Callback) -> None:
        signature = self._config.signature
        secret = self._secrets[f"secret:{signature.secret}"]
        if self._webhook:
            require_standard_webhook(callback, self._webhook)
        elif isinstance(signature, Hmac):
            require_hmac(
                callback,
                secret,
                header=signature.header,
                encoding=signature.encoding,
                prefix=signature.prefix,
                timestamp_header=signature.timestamp_header,
                separator=signature.separator,
                tolerance=signature.tolerance,
            )
        elif not isinstance(signature, StandardWebhooks):
            require_authorization(callback, signature.kind, secret)

    def _told(self, callback: Callback, each: str | None) -> list[object]:
        if self._config.callbacks == "form":
            told: object = dict(parse_qsl(callback.body.decode("utf-8", "replace"), keep_blank_values=True))
        else:
            told = _parsed(callback.body)
        told = _at(told, each) if each else told
        several = cast(list[object], told) if isinstance(told, list) else [told]
        if not all(isinstance(one, dict) for one in several):
            raise _unreadable("the body is not of the form that the configuration says")
        return several


def _taken(response: httpx.Response, fields: AnswerFields) -> str:
    told = _parsed(response.content)
    outcome = _word(told, fields.outcome)
    error = _word(told, fields.error or fields.outcome)
    if error in fields.errors:
        raise REFUSALS[fields.errors[error]](_code(error))
    code = f"aggregator_http_{response.status_code}"
    if response.status_code in (429, 503):
        raise NotNow(code)
    if response.status_code in fields.statuses and (fields.outcome is None or outcome in fields.success):
        reference = _word(told, fields.reference)
        if reference:
            return reference
        raise Uncertain("aggregator: a good answer without the message's id")
    if response.is_success or response.is_server_error:  # an outcome that the configuration does not know
        raise Uncertain(code)
    raise Rejected(code)


def _receipt(told: object, fields: StatusFields) -> Receipt | None:
    word = _word(told, fields.status)
    reference, provider_id = _word(told, fields.reference), _word(told, fields.provider_id)
    if not word or not (reference or provider_id):
        raise _unreadable("a report names its message and its status")
    status = fields.words.get(word)
    if status is None:
        raise _unreadable("a status that the configuration does not know: add it to status.words")
    if status == "ignored":
        return None
    at = _instant(told, fields.time)
    if status != "failed":
        return Receipt(status, reference, provider_id, at)
    error = _word(told, fields.error) or ""
    known = error in fields.errors or re.fullmatch("[0-9]{1,6}", error)
    code = _code(error) if known else "aggregator_failed"
    return Receipt("failed", reference, provider_id, at, code, fields.errors.get(error) == "bad_address")


def _reply(told: object, fields: ReplyFields, country: str) -> Reply:
    provider_ref, sender = _word(told, fields.id), _word(told, fields.sender)
    if not provider_ref or not sender:
        raise _unreadable("a reply names itself and its sender")
    return Reply(provider_ref, _number(sender, country), _word(told, fields.text) or "", at=_instant(told, fields.time))


def _number(sender: str, country: str) -> str:
    """In E.164; what is no telephone number (a short code, a name) as it came.

    Without a plus it is read as a number of the country, then as one that begins with a country code.
    """
    dialled = "+" + sender[2:] if sender.startswith("00") else sender
    national, foreign = _read_number(dialled, country), _read_number("+" + dialled, country)
    for number, holds in (
        (national, phonenumbers.is_valid_number),
        (foreign, phonenumbers.is_valid_number),
        (national, phonenumbers.is_possible_number),
    ):
        if number and holds(number):
            return phonenumbers.format_number(number, phonenumbers.PhoneNumberFormat.E164)
    return sender


def _read_number(text: str, country: str) -> phonenumbers.PhoneNumber | None:
    try:
        return phonenumbers.parse(text, country)
    except phonenumbers.NumberParseException:
        return None


def _parsed(body: bytes) -> object:
    """The JSON value, or None."""
    try:
        return cast(object, json.loads(body))
    except (ValueError, RecursionError):
        return None


def _at(told: object, path: str) -> object:
    if isinstance(told, dict):
        named = cast(dict[str, object], told)
        if path in named:  # a name that has dots itself
            return named[path]
    for step in path.split("."):
        if isinstance(told, dict):
            told = cast(dict[str, object], told).get(step)
        elif isinstance(told, list) and step.isdecimal():
            told = next(iter(cast(list[object], told)[int(step) :]), None)
        else:
            return None
    return cast(object, told)


def _word(told: object, path: str | None) -> str | None:
    value = _at(told, path) if path else None
    if isinstance(value, bool):
        return "true" if value else "false"
    if isinstance(value, int):
        return str(value)
    return storable(value).strip() or None if isinstance(value, str) else None


def _instant(told: object, path: str | None) -> datetime | None:
    """In UTC: ISO 8601 with an offset, or Unix time; anything else tells no time."""
    word = _word(told, path) or ""
    try:
        return unix_time(word)
    except ValueError:
        pass
    try:
        at = datetime.fromisoformat(word)
        return at.astimezone(UTC) if at.tzinfo else None
    except (ValueError, OverflowError):
        return None


def _code(error: str) -> str:
    """A code of ours from a value that the configuration knows."""
    return "aggregator_" + re.sub("[^a-z0-9]+", "_", error.lower()).strip("_")[:40]


def _unreadable(message: str) -> CallbackUnreadable:
    return CallbackUnreadable("callback.unreadable", message)
