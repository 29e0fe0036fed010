"""What adapters over HTTP share: a request whose end is known, callbacks whose signature is checked, storable text."""

import asyncio
import base64
import hashlib
import hmac
import re
from datetime import UTC, datetime
from typing import Any, Literal
from urllib.parse import parse_qsl

import httpx
from standardwebhooks.webhooks import Webhook, WebhookVerificationError
from twilio.request_validator import RequestValidator  # pyright: ignore[reportMissingTypeStubs]

from channels.callbacks import Callback, CallbackRefused
from channels.message import NotNow, Uncertain

NOTHING_SENT = (httpx.ConnectError, httpx.ConnectTimeout, httpx.PoolTimeout, httpx.ProxyError)
"""Errors that httpx raises before the first byte of a request is on its way."""

TOLERANCE = 300
"""Seconds by which a signed timestamp may differ from our clock: the default of Standard Webhooks."""


async def post(client: httpx.AsyncClient, url: str, *, prefix: str, **request: Any) -> httpx.Response:
    """POST, whatever the status of the answer; `request` is what `client.post` takes.

    Raises `NotNow("{prefix}_unreachable")` where no connection came about, and `Uncertain` where the line broke or the
    answer did not come. The client's timeout bounds each step; twice of it bounds the whole, however slowly the answer
    trickles in.
    """
    patience = client.timeout.read
    try:
        async with asyncio.timeout(None if patience is None else 2 * patience):
            return await client.post(url, **request)
    except NOTHING_SENT:
        raise NotNow(f"{prefix}_unreachable") from None
    except (httpx.RequestError, TimeoutError):
        raise Uncertain(f"{prefix}: no answer") from None


def storable(text: str) -> str:
    """The text without what Postgres cannot store: U+0000, and halves of surrogate pairs (they become "?")."""
    return text.replace("\0", "").encode("utf-8", "replace").decode()


def require_twilio_signature(callback: Callback, auth_token: str) -> dict[str, str]:
    """The parameters of a form that Twilio signed with the account's token; of a repeated one the last.

    Raises `CallbackRefused`. Source: Twilio, "Webhooks security": HMAC-SHA1 over the public URL and the sorted
    parameters of the form.
    """
    signature = _header(callback, "x-twilio-signature")
    form = _Form()
    for name, value in parse_qsl(callback.body.decode("utf-8", "replace"), keep_blank_values=True):
        form.setdefault(name, []).append(value)
    try:
        signed: object = RequestValidator(auth_token).validate(callback.url, form, signature)  # pyright: ignore
    except ValueError:  # an address whose port is none
        signed = False
    if not signed:
        raise _invalid("X-Twilio-Signature")
    return {name: storable(values[-1]) for name, values in form.items()}


def require_standard_webhook(callback: Callback, webhook: Webhook) -> None:
    """A callback signed as the Standard Webhooks specification says, within `TOLERANCE`. Raises `CallbackRefused`."""
    headers = {name: _header(callback, name) for name in ("webhook-id", "webhook-timestamp", "webhook-signature")}
    try:
        webhook.verify(callback.body, headers, json_parse=False)
    except (WebhookVerificationError, ValueError):
        _require_recent(headers["webhook-timestamp"], TOLERANCE)
        raise _invalid("webhook-signature") from None


def require_hmac(
    callback: Callback,
    secret: str,
    *,
    header: str,
    encoding: Literal["hex", "base64"] = "hex",
    prefix: str = "",
    timestamp_header: str | None = None,
    separator: str = ".",
    tolerance: int = TOLERANCE,
) -> None:
    """A callback whose `header` holds `prefix` and the HMAC-SHA256 of the raw body.

    With `timestamp_header` (Unix time) the signature covers timestamp, separator and body, and a timestamp further
    than `tolerance` seconds from our clock is refused. Raises `CallbackRefused`.
    """
    given = _header(callback, header)
    stamp = _header(callback, timestamp_header) if timestamp_header else None
    covered = callback.body if stamp is None else f"{stamp}{separator}".encode("utf-8", "replace") + callback.body
    digest = hmac.new(secret.encode(), covered, hashlib.sha256).digest()
    expected = prefix + (digest.hex() if encoding == "hex" else base64.b64encode(digest).decode())
    if not _same(given, expected):
        raise _invalid(header)
    if stamp is not None:
        _require_recent(stamp, tolerance)


def require_authorization(callback: Callback, scheme: Literal["basic", "bearer"], secret: str) -> None:
    """A callback that shows our secret: `user:password` with `basic`, the token with `bearer`. Raises
    `CallbackRefused`."""
    given_scheme, _, given = _header(callback, "authorization").partition(" ")
    expected = base64.b64encode(secret.encode()).decode() if scheme == "basic" else secret
    if given_scheme.lower() != scheme or not _same(given.strip(), expected):
        raise _invalid("Authorization")


class _Form(dict[str, list[str]]):
    """A form in which a name may come more than once, as Twilio's validator takes it."""

    def getall(self, name: str) -> list[str]:
        return self[name]


def unix_time(text: str) -> datetime:
    """An instant from 2001 to 2286 written as Unix time, in seconds or milliseconds. Raises ValueError."""
    found = re.fullmatch(r"([1-9][0-9]{9})(?:\.[0-9]+|[0-9]{3})?", text)
    if not found:
        raise ValueError("no Unix time")
    return datetime.fromtimestamp(int(found[1]), UTC)


def _require_recent(stamp: str, tolerance: int) -> None:
    try:
        difference = abs((datetime.now(UTC) - unix_time(stamp)).total_seconds())
    except ValueError:
        raise _invalid("timestamp") from None
    if difference > tolerance:
        raise CallbackRefused("callback.too_old", f"the callback was signed more than {tolerance} seconds from now")


def _header(callback: Callback, name: str) -> str:
    value = callback.headers.get(name.lower())
    if not value:
        raise CallbackRefused("callback.signature_missing", f"the header {name} is missing")
    return value


def _same(given: str, expected: str) -> bool:
    return hmac.compare_digest(given.encode("utf-8", "replace"), expected.encode("utf-8", "replace"))


def _invalid(header: str) -> CallbackRefused:
    return CallbackRefused(
        "callback.signature_invalid", f"{header} does not fit: check the provider's secret and the public URL"
    )
