"""Failures on command: for a whole provider by the control, for one address by its last four digits or its domain.

| telephone number ends in | Twilio SMS | Twilio call | Meta | aggregator |
|---|---|---|---|---|
| 0404 | 400, 21211 invalid number | 400, 21217 | accepted, then `failed` 131026 | 422 `invalid_number` |
| 0429 | 429, always | 429 | 429, 130429 | 429 |
| 0500 | 500, nothing kept | 500 | 500 | 500 |
| 0503 | 503, nothing kept | 503 | 503 | 503 |
| 0408 | never answered, nothing kept | the same | the same | the same |
| 0499 | kept, the line cut before the answer | the same | the same | the same |
| 0030 | accepted, then `undelivered` 30003 | `failed` | then `failed` 131000 | then `failed` `undelivered` |
| 0035 | accepted, then `undelivered` 30005 | `failed` | then `failed` 131026 | then `failed` `unknown_number` |
| 0610 | 400, 21610 stopped at the provider | rings | accepted, then `failed` 131050 | 422 `stopped` |
| 0486 | as any other | `busy` | as any other | as any other |
| 0487 | as any other | `no-answer` | as any other | as any other |

| recipient of a mail | what happens |
|---|---|
| `…@reject.invalid` | refused for good: 550 |
| `…@tempfail.invalid` | refused for now: 451 |
| `…@hang.invalid` | the message is not kept and never answered: the client runs into its timeout |
| `…@lost.invalid` | the message is kept, and the connection cut before the answer: the sender cannot know |
| `…@bounce.invalid` | accepted, then a hard bounce: 5.1.1 |
| `…@full.invalid` | accepted, then a bounce of a full mailbox: 4.2.2 |
"""

import asyncio
from collections.abc import Awaitable, Callable
from typing import Literal

from pydantic import BaseModel, ConfigDict, Field
from starlette.responses import Response

from senda.sandbox.connections import Cut, Silence
from senda.sandbox.entries import PROVIDERS, ProviderName

FaultMode = Literal["none", "timeout", "429", "500", "503", "drop", "refuse", "slow"]


class Fault(BaseModel):
    """What a provider does instead of its work, to the next `count` messages (None: until told otherwise).

    `share` of them is struck, evenly, beginning with the first. `timeout`: nothing kept, no answer. `429`, `500`,
    `503`: nothing kept. `drop`: kept, the line cut without an answer. `refuse`: no connection at all; where the
    provider has no port of its own, a connection cut before anything was kept. `slow`: kept, answered after `seconds`.
    """

    model_config = ConfigDict(extra="forbid", frozen=True)

    mode: FaultMode = "none"
    count: int | None = Field(default=None, ge=1)
    share: float = Field(default=1.0, gt=0, le=1)
    seconds: float = Field(default=2.0, ge=0, le=600)


NO_FAULT = Fault()

_BY_NUMBER: dict[str, Fault] = {
    "0429": Fault(mode="429"),
    "0500": Fault(mode="500"),
    "0503": Fault(mode="503"),
    "0408": Fault(mode="timeout"),
    "0499": Fault(mode="drop"),
}


class Faults:
    """The faults that are set, one a provider."""

    def __init__(self) -> None:
        self._set = dict.fromkeys(PROVIDERS, NO_FAULT)
        self._due = dict.fromkeys(PROVIDERS, 0.0)
        self.changed: Callable[[ProviderName, Fault], Awaitable[None]] = _nothing

    async def set(self, provider: ProviderName, fault: Fault) -> None:
        self._set[provider] = fault
        self._due[provider] = 1.0 - fault.share
        await self.changed(provider, fault)

    def as_json(self) -> dict[str, object]:
        return {provider: fault.model_dump() for provider, fault in self._set.items()}

    def current(self, provider: ProviderName) -> Fault:
        return self._set[provider]

    def take(self, provider: ProviderName, address: str = "") -> Fault:
        """What strikes the next message: the provider's fault, else that of the address. Counts it."""
        fault = self._set[provider]
        self._due[provider] += fault.share
        if fault.mode != "none" and self._due[provider] >= 1.0 - 1e-9:
            self._due[provider] -= 1.0
            if fault.count is not None:
                left = fault.count - 1
                self._set[provider] = fault.model_copy(update={"count": left}) if left else NO_FAULT
            return fault
        return _BY_NUMBER.get(address[-4:], NO_FAULT)


def instead(fault: Fault, refusal: Callable[[int], Response]) -> Response | None:
    """The answer of a provider that keeps nothing because of the fault; None: it does its work."""
    if fault.mode == "timeout":
        return Silence()
    if fault.mode == "refuse":
        return Cut()
    if fault.mode in ("429", "500", "503"):
        return refusal(int(fault.mode))
    return None


async def after(fault: Fault, answer: Response) -> Response:
    """The answer of a provider that did its work in spite of the fault."""
    if fault.mode == "drop":
        return Cut()
    if fault.mode == "slow":
        await asyncio.sleep(fault.seconds)
    return answer


async def _nothing(provider: ProviderName, fault: Fault) -> None:
    """Nobody listens for changes."""
