"""What providers post to the product: in order, twice, in the wrong order, or not before they are told."""

import asyncio
import itertools
import time
from collections import deque
from collections.abc import Coroutine, Sequence
from dataclasses import dataclass, field
from datetime import UTC, datetime
from typing import Any, Literal

import httpx
from pydantic import BaseModel, ConfigDict, Field

from senda.sandbox.entries import PROVIDERS, Entries, ProviderName
from senda.sandbox.signing import Signer

PAUSES = (0.2, 0.6)
"""Seconds before the second and the third try."""

_TIMEOUT = 15.0
"""Seconds for which Twilio waits for an answer."""

_KEPT = 1000
"""How many deliveries are remembered."""

CallbackMode = Literal["auto", "manual", "repeat", "reorder", "hold"]


class Manner(BaseModel):
    """`auto`: a message's receipts follow it after `delay` seconds. `manual`: only those that are ordered. `repeat`:
    each twice. `reorder`: those of a message in the wrong order. `hold`: none before they are released."""

    model_config = ConfigDict(extra="forbid", frozen=True)

    mode: CallbackMode = "auto"
    delay: float = Field(default=0.05, ge=0, le=60)


@dataclass(frozen=True)
class Post:
    """A request to the product. `kind` says what it tells (`delivered`, `reply`, …), `entry` of which entry; none
    where it is about money."""

    provider: ProviderName
    kind: str
    url: str
    body: bytes
    content_type: str
    sign: Signer
    entry: int | None


@dataclass
class Delivery:
    """What came of a post: the outcome, and of each try its instant with the status or the kind of error."""

    id: int
    post: Post
    created_at: datetime
    outcome: Literal["held", "waiting", "delivered", "failed"] = "waiting"
    tries: list[dict[str, Any]] = field(default_factory=list[dict[str, Any]])
    status: int | None = None
    body: str = ""

    def as_json(self) -> dict[str, Any]:
        return {
            "id": str(self.id),
            "provider": self.post.provider,
            "kind": self.post.kind,
            "item": None if self.post.entry is None else str(self.post.entry),
            "url": self.post.url,
            "created_at": self.created_at.isoformat(),
            "outcome": self.outcome,
            "status": self.status,
            "body": self.body,
            "tries": self.tries,
        }


class Callbacks:
    """Posts to the product, and remembers what came of it; the queue is in memory."""

    def __init__(self, entries: Entries) -> None:
        self._entries = entries
        self._client = httpx.AsyncClient(timeout=_TIMEOUT, trust_env=False)
        self._manners = {provider: Manner() for provider in PROVIDERS}
        self._held: dict[ProviderName, list[Delivery]] = {provider: [] for provider in PROVIDERS}
        self._log: deque[Delivery] = deque(maxlen=_KEPT)
        self._numbers = itertools.count(1)
        self._tasks: set[asyncio.Task[None]] = set()
        self._lanes = asyncio.Semaphore(8)

    def manner(self, provider: ProviderName) -> Manner:
        return self._manners[provider]

    async def set(self, provider: ProviderName, manner: Manner) -> None:
        """From now on in this manner; what is held goes out, unless it is to be held further."""
        self._manners[provider] = manner
        if manner.mode != "hold":
            await self.release(provider)

    async def release(self, provider: ProviderName) -> list[Delivery]:
        """Post what is held, in its order."""
        held, self._held[provider] = self._held[provider], []
        for delivery in held:
            await self._deliver(delivery)
        return held

    def log(self, provider: str, limit: int) -> list[Delivery]:
        """The last deliveries, newest first; "" is any provider."""
        chosen = (delivery for delivery in reversed(self._log) if provider in ("", delivery.post.provider))
        return list(itertools.islice(chosen, limit))

    def as_json(self) -> dict[str, Any]:
        return {
            provider: {**self._manners[provider].model_dump(), "held": len(self._held[provider])}
            for provider in PROVIDERS
        }

    @property
    def pending(self) -> int:
        """How many messages have receipts that are still on their way."""
        return len(self._tasks)

    async def send(self, posts: Sequence[Post]) -> list[Delivery]:
        """Post now, in the provider's manner, and wait for the answers."""
        if not posts:
            return []
        mode = self._manners[posts[0].provider].mode
        if mode == "reorder":
            posts = posts[::-1]
        if mode == "repeat":
            posts = [post for post in posts for _ in range(2)]
        deliveries = [self._new(post) for post in posts]
        for delivery in deliveries:
            if mode == "hold":
                delivery.outcome = "held"
                self._held[delivery.post.provider].append(delivery)
            else:
                await self._deliver(delivery)
        return deliveries

    def later(self, posts: Sequence[Post]) -> None:
        """Post after the provider's delay, while others go on."""
        if posts:
            self.background(self._after_delay(posts))

    async def ask(self, post: Post) -> Delivery:
        """Post now whatever the manner: a call that waits for what to say next is no callback."""
        delivery = self._new(post)
        await self._deliver(delivery)
        return delivery

    def background(self, work: Coroutine[Any, Any, None]) -> None:
        """Let something happen by itself, until `close`."""
        task = asyncio.get_running_loop().create_task(work)
        self._tasks.add(task)
        task.add_done_callback(self._tasks.discard)

    async def close(self) -> None:
        for task in tuple(self._tasks):
            task.cancel()
        await asyncio.gather(*self._tasks, return_exceptions=True)
        await self._client.aclose()

    async def _after_delay(self, posts: Sequence[Post]) -> None:
        await asyncio.sleep(self._manners[posts[0].provider].delay)
        async with self._lanes:
            await self.send(posts)

    def _new(self, post: Post) -> Delivery:
        delivery = Delivery(next(self._numbers), post, datetime.now(UTC))
        self._log.append(delivery)
        return delivery

    async def _deliver(self, delivery: Delivery) -> None:
        delivery.outcome = "waiting"
        for pause in (0.0, *PAUSES):
            await asyncio.sleep(pause)
            if await self._try(delivery):
                break
        good = delivery.status is not None and delivery.status < 300
        delivery.outcome = "delivered" if good else "failed"
        post, outcome = delivery.post, delivery.outcome
        if post.entry is not None:
            self._entries.note(post.entry, "callback", kind=post.kind, outcome=outcome, status=delivery.status)

    async def _try(self, delivery: Delivery) -> bool:
        """One try; False: another one may help."""
        post = delivery.post
        tried: dict[str, Any] = {"at": datetime.now(UTC).isoformat(), "status": None, "error": None}
        started = time.monotonic()
        delivery.tries.append(tried)
        try:
            answer = await self._client.post(
                post.url, content=post.body, headers={"Content-Type": post.content_type, **post.sign()}
            )
        except (httpx.HTTPError, httpx.InvalidURL) as error:
            tried["error"] = type(error).__name__
            delivery.status = None
            return False
        finally:
            tried["seconds"] = round(time.monotonic() - started, 3)
        tried["status"] = delivery.status = answer.status_code
        delivery.body = answer.text
        return answer.status_code < 500 and answer.status_code != 429
