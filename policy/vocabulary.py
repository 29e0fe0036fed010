"""The words of a contact, spelled as clients, logs and packs spell them."""

from typing import Literal, get_args

from policy.errors import SendaError

Channel = Literal["sms", "whatsapp", "email", "call", "visit", "letter", "push"]
Purpose = Literal["collection", "payment_confirmation", "fraud_alert", "requested_information"]
Role = Literal["debtor", "codebtor", "guarantor", "reference", "other"]
Direction = Literal["outbound", "inbound"]
Weekday = Literal["mon", "tue", "wed", "thu", "fri", "sat", "sun"]

CHANNELS: frozenset[str] = frozenset(get_args(Channel))
PURPOSES: frozenset[str] = frozenset(get_args(Purpose))
ROLES: frozenset[str] = frozenset(get_args(Role))
DIRECTIONS: frozenset[str] = frozenset(get_args(Direction))
WEEKDAYS: tuple[Weekday, ...] = get_args(Weekday)
"""In the order of `date.weekday()`: Monday is 0."""


def require_word(what: str, value: str, words: frozenset[str], field: str) -> None:
    """Error `policy.unknown_<what>`, naming the field, unless the value is one of the words."""
    if value not in words:
        raise SendaError(
            f"policy.unknown_{what}", f"{value[:60]!r} is not a {what}: use {', '.join(sorted(words))}", field
        )
