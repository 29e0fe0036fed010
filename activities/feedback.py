"""Sending the outbox to creditors' systems: signed as Standard Webhooks, at least once, in each person's order."""

import asyncio
from datetime import UTC, datetime
from functools import cached_property
from ssl import SSLContext

import httpx
import structlog
from standardwebhooks.webhooks import Webhook

from activities.targets import Targets
from ledger.database import Ledger
from ledger.feedback import Attempt, Delivery, claim, conclude, due_creditors, secrets_of
from ledger.sealing import Sealer
from policy.errors import SendaError

TIMEOUT = 10.0
"""Seconds for an attempt, from looking up the name to the answer's status."""

AT_ONCE = 8
"""Requests to one creditor's system at a time, from one worker."""

log = structlog.get_logger()


class Delivering:
    """One task for each creditor that has something to be told, so that none waits for another's endpoint."""

    def __init__(self, ledger: Ledger, sealer: Sealer, targets: Targets, timeout: float = TIMEOUT) -> None:
        self._ledger = ledger
        self._sealer = sealer
        self._targets = targets
        self._timeout = timeout
        self._running: dict[str, asyncio.Task[None]] = {}

    async def deliver(self) -> None:
        """Start sending what is due; returns at once. Called again while something is being sent, it adds the rest."""
        for creditor in await due_creditors(self._ledger):
            if creditor not in self._running:
                task = asyncio.create_task(self._serve(creditor))
                self._running[creditor] = task
                task.add_done_callback(lambda _, key=creditor: self._running.pop(key, None))

    async def settled(self) -> None:
        """Wait until what was started has been sent, or put off."""
        await asyncio.gather(*self._running.values())

    async def close(self) -> None:
        """Stop; what is under way is tried again when its lease is over."""
        running = list(self._running.values())
        for task in running:
            task.cancel()
        await asyncio.gather(*running, return_exceptions=True)

    async def _serve(self, creditor: str) -> None:
        try:
            while batch := await claim(self._ledger, creditor, AT_ONCE):
                attempts = await self._send_all(batch)
                for delivery in await conclude(self._ledger, attempts):
                    log.warning("feedback_dead", creditor=creditor, event=delivery.event, type=delivery.type)
        except Exception as error:  # an outage of ours: the lease runs out, and it is tried again
            log.warning("feedback_failed", creditor=creditor, error=type(error).__name__)

    async def _send_all(self, batch: list[Delivery]) -> list[Attempt]:
        # A client of its own: connections are kept by IP address and must not be shared between hosts' names.
        async with self._client() as client:
            return await asyncio.gather(*(self._send(client, delivery) for delivery in batch))

    def _client(self) -> httpx.AsyncClient:
        # No proxy of the environment: it would reach where `Targets` does not look.
        return httpx.AsyncClient(verify=self._certificates, trust_env=False, follow_redirects=False, timeout=None)

    @cached_property
    def _certificates(self) -> SSLContext:
        return httpx.create_ssl_context(trust_env=False)

    async def _send(self, client: httpx.AsyncClient, delivery: Delivery) -> Attempt:
        try:
            async with asyncio.timeout(self._timeout):
                return await self._post(client, delivery)
        except TimeoutError:
            return Attempt(delivery, None, "timeout")
        except httpx.HTTPError:
            return Attempt(delivery, None, "no_answer")
        except SendaError as error:
            return Attempt(delivery, None, error.code)

    async def _post(self, client: httpx.AsyncClient, delivery: Delivery) -> Attempt:
        now, body = datetime.now(UTC), delivery.body
        signatures = [
            Webhook(secret).sign(delivery.event, now, body.decode())
            for secret in secrets_of(delivery, self._sealer, now)
        ]
        target = await self._targets.resolve(delivery.url)
        headers = {
            "host": target.host,
            "content-type": "application/json",
            "user-agent": "Senda",
            "webhook-id": delivery.event,
            "webhook-timestamp": str(int(now.timestamp())),
            "webhook-signature": " ".join(signatures),
        }
        # The answer's body is of no interest, however long it is.
        async with client.stream(
            "POST", target.url, content=body, headers=headers, extensions={"sni_hostname": target.name}
        ) as answer:
            return Attempt(delivery, answer.status_code, None if answer.is_success else f"http_{answer.status_code}")
