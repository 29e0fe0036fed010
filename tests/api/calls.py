"""The API as its users call it: raw answers for what is refused, the client's for the usual ways."""

from collections.abc import AsyncGenerator, Mapping
from contextlib import asynccontextmanager
from dataclasses import dataclass
from datetime import UTC, datetime
from decimal import Decimal
from itertools import count
from pathlib import Path
from typing import Any, Literal
from uuid import uuid4

import httpx
import orjson
import psycopg
from psycopg.rows import dict_row

from senda.client import ImportStatus, PaymentResult, Posting, SendaClient, signed_headers
from senda.stack import Endpoints
from senda.stack.folder import read_json
from tests.eventually import assert_eventually
from tests.ledger.given import START, ZONE, playbook

Role = Literal["operator", "agent", "supervisor", "compliance", "processor", "admin"]

NDJSON = {"content-type": "application/x-ndjson"}
CSV = {"content-type": "text/csv"}
NOTHING: Mapping[str, str] = {}


@dataclass
class Api:
    """An installation as an administrator sees it."""

    stack: Endpoints
    http: httpx.AsyncClient
    client: SendaClient
    numbers: Any

    async def key(self, role: Role) -> tuple[str, dict[str, str]]:
        """A new API key's id, and the header that carries it."""
        answer = await self.http.post("/v1/keys", json={"name": f"{role} {uuid4().hex[:6]}", "role": role})
        assert answer.status_code == 201, answer.text
        return answer.json()["key"], {"authorization": f"Bearer {answer.json()['token']}"}

    async def playbook(self, **changes: Any) -> str:
        """A playbook of the test's own: its key."""
        book = playbook(f"libro-{uuid4().hex[:12]}", **changes)
        answer = await self.http.put(f"/v1/playbooks/{book.key}", json=book.model_dump(mode="json"))
        assert answer.status_code == 200, answer.text
        return book.key

    async def creditor(self, at: datetime | None = START, **changes: Any) -> "Creditor":
        """A creditor of the test's own under a test clock; `at` none: the real clock."""
        key = f"acreedor-{uuid4().hex[:12]}"
        body = {
            "name": "Crédito Amable",
            "pack": "CO",
            "currency": "COP",
            "playbook": changes.pop("playbook", None) or await self.playbook(),
            "test_clock": at.isoformat() if at else None,
            "time_zone": ZONE,
            **changes,
        }
        answer = await self.http.put(f"/v1/creditors/{key}", json=body)
        assert answer.status_code == 200, answer.text
        return Creditor(self, key)

    async def rows(self, query: str, *values: object) -> list[dict[str, Any]]:
        """Rows straight from the database."""
        async with (
            await psycopg.AsyncConnection.connect(self.stack.postgres) as connection,
            connection.cursor(row_factory=dict_row) as cursor,
        ):
            await cursor.execute(query.encode(), values)
            return await cursor.fetchall()

    async def audit(self, actor: str, action: str) -> list[dict[str, Any]]:
        """The lines of the audit trail for an actor and an action, in order."""
        return await self.rows("SELECT * FROM audit WHERE actor = %s AND action = %s ORDER BY id", actor, action)

    async def mail(self, **filters: str) -> list[dict[str, Any]]:
        """All that the sandbox holds, newest first; `to` an address."""
        found: list[dict[str, Any]] = []
        async with httpx.AsyncClient(base_url=self.stack.sandbox, transport=plain()) as sandbox:
            page: dict[str, Any] = {"next_cursor": ""}
            while page["next_cursor"] is not None:
                cursor = {"cursor": page["next_cursor"]} if page["next_cursor"] else {}
                page = (await sandbox.get("/messages", params={"limit": "500", **filters, **cursor})).json()
                found += page["items"]
        return found

    async def inbox(self) -> list[dict[str, Any]]:
        """Every message and call that the sandbox got from the product, over all channels."""
        found: list[dict[str, Any]] = []
        async with httpx.AsyncClient(base_url=self.stack.sandbox, transport=plain()) as sandbox:
            cursor: str | None = ""
            while cursor is not None:
                params = {"limit": "500", **({"cursor": cursor} if cursor else {})}
                page = (await sandbox.get("/inbox", params=params)).json()
                found += page["items"]
                cursor = page["next_cursor"]
        return found


def plain() -> httpx.AsyncHTTPTransport:
    """For http:// addresses: no certificates are read, which would take longer than most tests."""
    return httpx.AsyncHTTPTransport(verify=False)


@asynccontextmanager
async def calling(stack: Endpoints) -> AsyncGenerator[Api]:
    """The API of a running stack, with its admin key."""
    bearer = {"authorization": f"Bearer {stack.api_key}"}
    async with (
        httpx.AsyncClient(base_url=stack.api, headers=bearer, timeout=60, transport=plain()) as http,
        SendaClient(stack, plain()) as client,
    ):
        yield Api(stack, http, client, count())


@dataclass
class Creditor:
    """One creditor, and what its users do."""

    api: Api
    key: str

    async def imports(self, *rows: dict[str, Any]) -> ImportStatus:
        """Accounts brought in and their journeys started."""
        content = b"".join(orjson.dumps(row, option=orjson.OPT_APPEND_NEWLINE) for row in rows)
        return await self.done(await self.posts(content))

    async def posts(
        self, content: bytes, headers: Mapping[str, str] = NDJSON, params: Mapping[str, str] = NOTHING
    ) -> str:
        """An import that arrived: its number."""
        query = {"creditor": self.key, **params}
        answer = await self.api.http.post("/v1/imports", params=query, content=content, headers=headers)
        assert answer.status_code == 202, answer.text
        return answer.json()["import_id"]

    async def done(self, import_id: str, seconds: float = 20) -> ImportStatus:
        """An import's last status, once it is done; `seconds` at most from now."""

        async def is_done() -> ImportStatus:
            status = await self.api.client.import_status(import_id)
            assert status.status == "done"
            return status

        return await assert_eventually(is_done, seconds)

    async def advances(self, to: datetime) -> None:
        """The test clock, and all that falls due on the way."""
        await self.api.client.advance(self.key, to)

    async def pays(self, account: str, amount: str, **changes: Any) -> PaymentResult:
        """A signed payment; `changes` are fields of `Posting`."""
        values: dict[str, Any] = {
            "id": f"{self.key}:{next(self.api.numbers)}",
            "creditor": self.key,
            "account": account,
            "amount": Decimal(amount),
            "currency": "COP",
            "paid_at": START,
        }
        return await self.api.client.pay(Posting(**{**values, **changes}))

    def path(self, account: str, rest: str = "") -> str:
        """The path of an account's journey."""
        return f"/v1/journeys/{self.key}/{account}{rest}"

    async def get(self, account: str, rest: str = "") -> Any:
        """What the API shows of an account's journey."""
        answer = await self.api.http.get(self.path(account, rest))
        assert answer.status_code == 200, answer.text
        return answer.json()

    async def post(self, account: str, rest: str, body: object = None, **headers: str) -> httpx.Response:
        """A command; header names are written with underscores."""
        named = {name.replace("_", "-"): value for name, value in headers.items()}
        return await self.api.http.post(self.path(account, rest), json=body, headers=named)


def payload_keys(stack: Endpoints) -> list[str]:
    """The keys with which a stack seals what it gives the engine, as `activities.engine.connect` takes them."""
    secrets = read_json(Path(stack.data) / "secrets.json") or {}
    return [str(secrets["payload_keys"])]


def payment(creditor: str, account: str, **changes: Any) -> dict[str, Any]:
    """The body of a payment webhook."""
    return {
        "id": uuid4().hex,
        "type": "payment",
        "creditor": creditor,
        "account": account,
        "amount": "1000.00",
        "currency": "COP",
        "paid_at": datetime.now(UTC).isoformat(),
        "reverses": None,
        **changes,
    }


async def webhook(api: Api, content: str | bytes, **headers: str) -> httpx.Response:
    """A correctly signed webhook; `headers` (with underscores) replace what the signature brought."""
    text = content if isinstance(content, str) else content.decode("latin-1")
    signed = signed_headers(uuid4().hex, text, api.stack.processor_secret)
    changed = {name.replace("_", "-"): value for name, value in headers.items()}
    return await api.http.post("/v1/webhooks/payments/generic", content=content, headers={**signed, **changed})


def problem_of(answer: httpx.Response) -> tuple[int, str]:
    """Status and code of an error, which must be problem details that give nothing of the inside away."""
    assert answer.headers["content-type"] == "application/problem+json", answer.text[:500]
    body = answer.json()
    assert {"type", "title", "status", "detail", "code"} <= body.keys()
    assert body["status"] == answer.status_code
    assert body["detail"]
    assert not any(word in answer.text for word in ("Traceback", 'File \\"', ".py", "psycopg", "sqlalchemy"))
    return answer.status_code, body["code"]
