"""What somebody does in a person's place, and what the product answered."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any, Literal

from pydantic import BaseModel, ConfigDict, Field, model_validator

from senda.sandbox.callbacks import Delivery


class Impossible(Exception):
    """What cannot be done in a person's place now; the words are for the page, in Spanish."""


class _Order(BaseModel):
    model_config = ConfigDict(extra="ignore", frozen=True)


class Words(_Order):
    """An answer: words, or the key of an offered choice."""

    text: str = Field(default="", max_length=4096)
    choice: str = Field(default="", max_length=256)

    @model_validator(mode="after")
    def _something(self) -> "Words":
        if not self.text.strip() and not self.choice:
            raise ValueError("say text or choice")
        return self


class Report(_Order):
    """`code`: the provider's own code of a failure; each provider has one that it takes where none is given."""

    status: Literal["sent", "delivered", "read", "undelivered", "failed"]
    code: str | None = Field(default=None, pattern=r"^[0-9A-Za-z_.]{1,40}$")


class Bounce(_Order):
    """`status`: RFC 3463. 5.1.1 nobody there, 4.2.2 mailbox full."""

    status: str = Field(default="5.1.1", pattern=r"^[245]\.\d{1,3}\.\d{1,3}$")


class Written(_Order):
    """A person writes first."""

    channel: Literal["sms", "whatsapp", "email"]
    text: str = Field(min_length=1, max_length=4096)
    subject: str = Field(default="", max_length=200)


class Keys(_Order):
    """`keys`: what is pressed; "" is silence."""

    keys: str = Field(default="", pattern=r"^[0-9#*]{0,40}$")


class HangUp(_Order):
    """How a call ends; without a word: `completed` where it was answered, otherwise `busy` (the person refuses it)."""

    outcome: Literal["completed", "busy", "no-answer", "failed", "canceled"] | None = None


@dataclass(frozen=True)
class Outcome:
    """`item`: the entry of what the person sent. `said`: the texts in the product's answer. `call`: the call now."""

    deliveries: Sequence[Delivery]
    item: int | None = None
    said: Sequence[str] = ()
    call: dict[str, Any] | None = None

    def as_json(self) -> dict[str, Any]:
        last = self.deliveries[-1] if self.deliveries else None
        return {
            "id": None if self.item is None else str(self.item),
            "status": last.status if last else None,
            "body": last.body if last else "",
            "said": list(self.said),
            "call": self.call,
            "callbacks": [delivery.as_json() for delivery in self.deliveries],
        }
