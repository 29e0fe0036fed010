"""The calls of the HTTP API, with retries of what may be repeated."""

import asyncio
import contextlib
import uuid
from collections.abc import AsyncIterator, Generator, Iterable
from datetime import datetime
from typing import Any, Self

import httpx
import orjson
from pydantic import BaseModel, ValidationError

from policy.errors import SendaError
from senda.client.answers import (
    Advanced,
    Creditor,
    Event,
    ImportStatus,
    Journey,
    PaymentResult,
    RowProblem,
    Summary,
)
from senda.client.endpoints import Endpoints
from senda.client.postings import Posting, signed_headers

ADVANCE_SECONDS = 1800.0
"""A clock may take this long to answer: everything that falls due on the way runs before it does."""
RETRY_SECONDS = 60.0
"""A call that may be repeated is repeated this long while the API, once reached, is being restarted."""
FIRST_SECONDS = 5.0
"""Until it was reached once, a wrong address is likelier than a restart."""
PAYMENTS_IN_FLIGHT = 6


class ApiError(SendaError):
    """The API's problem details: its stable code, what to do, the field at fault; `status` is HTTP's."""

    def __init__(self, status: int, code: str, message: str, field: str | None = None) -> None:
        super().__init__(code, message, field)
        self.status = status


class _Problem(BaseModel):
    """Problem details, RFC 9457."""

    code: str | None = None
    title: str | None = None
    detail: str | None = None
    field: str | None = None


class SendaClient:
    """An asynchronous client of one installation. Use as `async with SendaClient(endpoints) as senda:`.

    Raises `ApiError` for every answer of 400 and above, and `ApiError` with code `client.unreachable`
    when nobody answers.
    """

    def __init__(self, endpoints: Endpoints, transport: httpx.AsyncBaseTransport | None = None) -> None:
        self._secret = endpoints.processor_secret
        self._http = httpx.AsyncClient(
            base_url=endpoints.api.rstrip("/"),
            transport=transport,
            timeout=httpx.Timeout(60.0, pool=None),
            # Each request looks at every pooled connection and at its age: few connections, of any age, are faster.
            limits=httpx.Limits(max_connections=PAYMENTS_IN_FLIGHT + 4, keepalive_expiry=None),
        )
        self._reached = False
        self._bearer = {"authorization": f"Bearer {endpoints.api_key}"}

    async def __aenter__(self) -> Self:
        return self

    async def __aexit__(self, *exc: object) -> None:
        await self._http.aclose()

    async def put_playbook(self, key: str, playbook: dict[str, Any]) -> None:
        await self._repeatable("PUT", f"/v1/playbooks/{key}", json=playbook)

    async def put_creditor(self, creditor: str, body: dict[str, Any]) -> Creditor:
        return Creditor.model_validate(await self._repeatable("PUT", f"/v1/creditors/{creditor}", json=body))

    async def creditor(self, creditor: str) -> Creditor:
        return Creditor.model_validate(await self._repeatable("GET", f"/v1/creditors/{creditor}"))

    async def pack(self, name: str) -> dict[str, Any]:
        """What a pack says, by its key or by the hash that a decision names."""
        return (await self._repeatable("GET", f"/v1/packs/{name}"))["content"]

    async def cases(
        self, since: datetime, until: datetime, creditor: str | None, days: int
    ) -> AsyncIterator[dict[str, Any]]:
        """The contacts decided in [since, until) as cases that can be judged again, with so many days of log."""
        params = {"from": since.isoformat(), "to": until.isoformat(), "days": str(days)}
        if creditor is not None:
            params["creditor"] = creditor
        async for line in self._lines("/v1/contacts/cases", params):
            yield orjson.loads(line)

    async def start_import(self, creditor: str, lines: AsyncIterator[bytes]) -> ImportStatus:
        """Stream accounts as NDJSON. Not repeated when it breaks: importing again is safe, no row doubles."""
        headers = {
            **self._bearer,
            "content-type": "application/x-ndjson",
            "idempotency-key": str(uuid.uuid4()),
        }
        with _reachable():
            answer = await self._http.post(
                "/v1/imports", params={"creditor": creditor}, content=lines, headers=headers, timeout=None
            )
        return ImportStatus.model_validate({"status": "receiving", **_json(answer)})

    async def import_status(self, import_id: str) -> ImportStatus:
        return ImportStatus.model_validate(await self._repeatable("GET", f"/v1/imports/{import_id}"))

    async def import_errors(self, import_id: str) -> AsyncIterator[RowProblem]:
        async for line in self._lines(f"/v1/imports/{import_id}/errors", {}):
            yield RowProblem.model_validate_json(line)

    async def journeys(self, creditor: str, **filters: str) -> AsyncIterator[Journey]:
        async for item in self._pages("/v1/journeys", {"creditor": creditor, **filters}):
            yield Journey.model_validate(item)

    async def events(self, creditor: str, account: str) -> list[Event]:
        path = f"/v1/journeys/{creditor}/{account}/events"
        return [Event.model_validate(item) async for item in self._pages(path, {})]

    async def replay(self, creditor: str, account: str, at: str) -> dict[str, Any]:
        """A journey's state as it was at an instant (RFC 3339), from its replay."""
        path = f"/v1/journeys/{creditor}/{account}/replay"
        return (await self._repeatable("GET", path, params={"at": at}))["state"]

    async def check_replay(self, creditor: str, account: str) -> dict[str, Any]:
        """An account's journeys replayed strictly."""
        return await self._repeatable("GET", f"/v1/journeys/{creditor}/{account}/replay/check", timeout=600.0)

    async def archived_accounts(self, size: int) -> list[tuple[str, str]]:
        """(creditor, account) of accounts with archived runs, at random."""
        found: Any = await self._repeatable("GET", "/v1/compliance/archive/sample", params={"size": str(size)})
        return [(one["creditor"], one["account"]) for one in found]

    async def summary(self, creditor: str) -> Summary:
        return Summary.model_validate(await self._repeatable("GET", f"/v1/creditors/{creditor}/summary"))

    async def advance(self, creditor: str, to: datetime) -> Advanced:
        """Move the creditor's test clock; answers once every journey has settled. Safe to repeat."""
        path, body = f"/v1/creditors/{creditor}/clock", {"advance_to": to.isoformat()}
        while True:
            try:
                answer = await self._repeatable("POST", path, json=body, timeout=ADVANCE_SECONDS)
            except ApiError as error:
                # The same call is still at work on the other side of a connection that broke.
                if error.code != "clock.busy":
                    raise
                await asyncio.sleep(1.0)
            else:
                return Advanced.model_validate(answer)

    async def pay(self, posting: Posting) -> PaymentResult:
        """Report a posting as the generic processor does: Standard Webhooks over the raw body."""
        body = posting.body()
        answer = await self._repeatable(
            "POST",
            "/v1/webhooks/payments/generic",
            content=body,
            headers=signed_headers(posting.id, body, self._secret),
        )
        return PaymentResult.model_validate(answer)

    async def pay_all(self, postings: Iterable[Posting]) -> list[PaymentResult]:
        """Report postings concurrently, at most `PAYMENTS_IN_FLIGHT` at once, taking them as they go."""
        queue = iter(postings)
        results: list[PaymentResult] = []

        async def one_after_the_other() -> None:
            for posting in queue:
                results.append(await self.pay(posting))

        try:
            async with asyncio.TaskGroup() as group:
                for _ in range(PAYMENTS_IN_FLIGHT):
                    group.create_task(one_after_the_other())
        except ExceptionGroup as failed:
            raise failed.exceptions[0] from None  # one is enough to know why
        return results

    async def _lines(self, path: str, params: dict[str, str]) -> AsyncIterator[str]:
        """The lines of a streamed answer. Not repeated when it breaks."""
        with _reachable():
            async with self._http.stream("GET", path, params=params, headers=self._bearer, timeout=None) as answer:
                if answer.is_error:
                    await answer.aread()
                    _json(answer)
                async for line in answer.aiter_lines():
                    if line.strip():
                        yield line

    async def _pages(self, path: str, params: dict[str, str]) -> AsyncIterator[dict[str, Any]]:
        cursor: dict[str, str] = {}
        while True:
            page = await self._repeatable("GET", path, params={"limit": "500", **params, **cursor})
            for item in page["items"]:
                yield item
            if not page.get("next_cursor"):
                return
            cursor = {"cursor": page["next_cursor"]}

    async def _repeatable(self, method: str, path: str, **options: Any) -> dict[str, Any]:
        """Send a request that is idempotent by its key, id or nature; try again while nobody is there."""
        headers = options.pop("headers", self._bearer)
        loop = asyncio.get_running_loop()
        give_up, pause = loop.time() + (RETRY_SECONDS if self._reached else FIRST_SECONDS), 0.1
        while True:
            with _reachable():
                try:
                    answer = await self._http.request(method, path, headers=headers, **options)
                    self._reached = True
                    if answer.status_code not in (502, 503, 504) or loop.time() > give_up:
                        return _json(answer)
                except httpx.TransportError:
                    if loop.time() > give_up:
                        raise
            await asyncio.sleep(pause)
            pause = min(pause * 2, 2.0)


@contextlib.contextmanager
def _reachable() -> Generator[None]:
    try:
        yield
    except httpx.TransportError as error:
        text = f"No answer from the API ({type(error).__name__}): is it running, is its address right?"
        raise ApiError(0, "client.unreachable", text) from error


def _json(answer: httpx.Response) -> dict[str, Any]:
    if not answer.is_error:
        return answer.json()
    try:
        problem = _Problem.model_validate_json(answer.content)
    except ValidationError:
        problem = _Problem()
    code = problem.code or f"http.{answer.status_code}"
    message = problem.detail or problem.title or answer.reason_phrase
    raise ApiError(answer.status_code, code, message, problem.field)
