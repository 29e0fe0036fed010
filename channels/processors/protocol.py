"""What the protocols of processors share: signatures and their time, JSON without floats, minor units, requests."""

import hmac
import json
from collections.abc import Mapping
from datetime import UTC, datetime
from decimal import Decimal
from typing import Any, cast

import httpx

from channels.callbacks import CallbackRefused, CallbackUnreadable
from channels.message import NotNow, Uncertain
from channels.processors.events import DebitAnswer, ProcessorDown, ProcessorRefused
from channels.signing import post, unix_time

TOLERANCE = 300
"""Seconds by which a signed timestamp may differ from our clock: the default of Stripe and of Standard Webhooks."""

TIMEOUT = 15.0


def missing(header: str) -> CallbackRefused:
    """The error of a callback without a signature."""
    return CallbackRefused("signature.missing", f"{header} is missing: only signed callbacks are heard")


def invalid(what: str) -> CallbackRefused:
    """The error of a callback whose signature does not fit."""
    return CallbackRefused("signature.invalid", f"{what} does not fit: check the processor's secret")


def unreadable(what: str) -> CallbackUnreadable:
    """The error of a signed callback of a form that nobody knows."""
    return CallbackUnreadable("callback.unreadable", f"{what} is not of the form that this processor's documents show")


def require_same(given: str, expected: str, what: str) -> None:
    """Compare signatures in constant time. Raises `CallbackRefused`."""
    if not hmac.compare_digest(given.encode("utf-8", "replace"), expected.encode()):
        raise invalid(what)


def require_recent(stamp: str, tolerance: int) -> datetime:
    """The instant of a signed Unix time (seconds or milliseconds) near our clock. Raises `CallbackRefused`."""
    try:
        signed_at = unix_time(stamp)
    except ValueError:
        raise invalid("the timestamp") from None
    age = (datetime.now(UTC) - signed_at).total_seconds()
    if age > tolerance:
        raise CallbackRefused("signature.too_old", f"signed more than {tolerance} seconds ago: sign anew")
    if age < -tolerance:
        raise CallbackRefused("signature.from_future", "the signature's time lies in the future")
    return signed_at


def parsed(body: bytes) -> dict[str, Any]:
    """A JSON object; numbers with a point are Decimal. Raises `CallbackUnreadable`."""
    try:
        told: Any = json.loads(body, parse_float=Decimal)
    except (ValueError, RecursionError):
        raise unreadable("the body") from None
    if not isinstance(told, dict):
        raise unreadable("the body")
    return cast("dict[str, Any]", told)


def inner(told: Mapping[str, Any], *path: str) -> dict[str, Any]:
    """An object within an object, by the names on the way. Raises `CallbackUnreadable`."""
    found: Any = told
    for name in path:
        found = cast("dict[str, Any]", found).get(name) if isinstance(found, dict) else None
    if not isinstance(found, dict):
        raise unreadable(".".join(path))
    return cast("dict[str, Any]", found)


def table(value: object) -> dict[str, Any]:
    """The value where it is an object; otherwise one without fields."""
    return cast("dict[str, Any]", value) if isinstance(value, dict) else {}


def tables(value: object) -> list[dict[str, Any]]:
    """The objects of a list; of anything else none."""
    return [table(each) for each in cast("list[Any]", value) if table(each)] if isinstance(value, list) else []


def text(value: object) -> str | None:
    """Text of one line; none where the value is none, or empty."""
    return value if isinstance(value, str) and value and value.isprintable() else None


def words(told: Mapping[str, Any], name: str) -> str:
    """A field that must hold text of one line, or a whole number. Raises `CallbackUnreadable`."""
    value = told.get(name)
    if isinstance(value, int) and not isinstance(value, bool):
        value = str(value)
    if not isinstance(value, str) or not value.isprintable() or not 0 < len(value) <= 200:
        raise unreadable(name)
    return value


def instant(value: object, name: str) -> datetime:
    """An ISO 8601 instant with its offset, as UTC. Raises `CallbackUnreadable`."""
    try:
        read = datetime.fromisoformat(value) if isinstance(value, str) else None
    except ValueError:
        read = None
    if read is None or read.tzinfo is None or not 1970 <= read.year < 2200:
        raise unreadable(name)
    return read.astimezone(UTC)


def from_minor(value: object, exponent: int, name: str) -> Decimal:
    """An amount from a whole number of the processor's smallest unit. Raises `CallbackUnreadable`."""
    if not isinstance(value, int) or isinstance(value, bool) or value <= 0:
        raise unreadable(name)
    return Decimal(value).scaleb(-exponent)


def to_minor(amount: Decimal, exponent: int, currency: str) -> int:
    """The whole number of the processor's smallest unit. Raises `ProcessorRefused` where it is none."""
    minor = amount.scaleb(exponent)
    if minor != minor.to_integral_value():
        raise ProcessorRefused("processor.refused", f"the processor takes no such fraction of {currency}", "amount")
    return int(minor)


async def ask(client: httpx.AsyncClient, url: str, **request: Any) -> httpx.Response:
    """POST for a link: the answer of a processor that works. Raises `ProcessorDown`, `ProcessorRefused`."""
    try:
        response = await post(client, url, prefix="processor", **request)
    except (NotNow, Uncertain):
        raise down() from None
    if response.status_code >= 500 or response.status_code == 429:
        raise down()
    if response.status_code >= 400:
        raise refused()
    return response


async def ask_debit(client: httpx.AsyncClient, url: str, **request: Any) -> httpx.Response | DebitAnswer:
    """POST for a debit: the processor's answer, or what an answer that did not come means."""
    try:
        response = await post(client, url, prefix="processor", **request)
    except NotNow:
        return DebitAnswer("failed", code="processor.unreachable", retryable=True)
    except Uncertain:
        return DebitAnswer("pending", code="processor.no_answer", retryable=True)
    if response.status_code == 429:
        return DebitAnswer("failed", code="processor.busy", retryable=True)
    if response.status_code >= 500:
        return DebitAnswer("pending", code="processor.no_answer", retryable=True)
    return response


def answered(response: httpx.Response) -> dict[str, Any]:
    """The JSON object in a processor's answer; empty where there is none."""
    try:
        told: Any = json.loads(response.content, parse_float=Decimal)
    except (ValueError, RecursionError):
        return {}
    return table(told)


def down() -> ProcessorDown:
    """The error of a processor that does not answer."""
    return ProcessorDown("processor.unreachable", "the payment processor does not answer: try again in a moment")


def refused() -> ProcessorRefused:
    """The error of a processor that says no."""
    return ProcessorRefused("processor.refused", "the payment processor refused: check its configuration")
