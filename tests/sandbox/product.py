"""A double of the product's webhooks: believes only what the official libraries verify."""

import asyncio
import hashlib
import hmac
import json
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from typing import Any
from urllib.parse import parse_qsl

import uvicorn
from fastapi import FastAPI, Request
from fastapi.responses import Response
from standardwebhooks import Webhook
from twilio.request_validator import RequestValidator

from senda.sandbox.accounts import Accounts


@dataclass
class Heard:
    """A request whose signature held: the form, the JSON or the mail."""

    path: str
    body: Any
    headers: dict[str, str]


@dataclass
class Product:
    url: str = ""
    accounts: Accounts = field(default_factory=Accounts.invented)
    heard: list[Heard] = field(default_factory=list)
    refused: list[str] = field(default_factory=list)
    answers: dict[str, Callable[[Heard], Response]] = field(default_factory=dict)

    def at(self, path: str) -> list[Any]:
        """The bodies that came to a path, in their order."""
        return [heard.body for heard in self.heard if heard.path == path]

    def sandbox_accounts(self) -> Accounts:
        """The accounts, with this product's addresses."""
        invented = self.accounts
        told = {
            "twilio": {
                "messages_url": f"{self.url}/twilio/messages",
                "voice_url": f"{self.url}/twilio/incoming",
                "voice_status_url": f"{self.url}/twilio/status/incoming",
            },
            "meta": {"webhook_url": f"{self.url}/meta"},
            "aggregator": {
                "status_url": f"{self.url}/aggregator/status",
                "messages_url": f"{self.url}/aggregator/messages",
            },
            "mail": {"webhook_url": f"{self.url}/mail/messages"},
        }
        dumped = invented.model_dump()
        return Accounts.model_validate({name: dumped[name] | urls for name, urls in told.items()})

    async def hear(self, request: Request) -> Response:
        heard = self._believed(request, await request.body())
        if heard is None:
            self.refused.append(request.url.path)
            return Response(status_code=403)
        self.heard.append(heard)
        answer = self.answers.get(request.url.path)
        return answer(heard) if answer else Response()

    def _believed(self, request: Request, raw: bytes) -> Heard | None:
        path, headers = request.url.path, dict(request.headers)
        accounts = self.accounts
        try:
            if path.startswith("/twilio"):
                form = dict(parse_qsl(raw.decode(), keep_blank_values=True))
                validator = RequestValidator(accounts.twilio.auth_token)
                good = validator.validate(str(request.url), form, headers["x-twilio-signature"])
                return Heard(path, form, headers) if good else None
            if path.startswith("/meta"):
                due = hmac.new(accounts.meta.app_secret.encode(), raw, hashlib.sha256).hexdigest()
                good = headers["x-hub-signature-256"] == f"sha256={due}"
                return Heard(path, json.loads(raw), headers) if good else None
            if path.startswith("/aggregator"):
                return Heard(path, Webhook(accounts.aggregator.secret).verify(raw, headers), headers)
            if path.startswith("/mail"):
                Webhook(accounts.mail.secret).verify(raw, headers, json_parse=False)
                return Heard(path, raw, headers)
            return Heard(path, raw, headers)
        except Exception:  # a missing header, a bad signature
            return None


@asynccontextmanager
async def listening(product: Product) -> AsyncIterator[Product]:
    app = FastAPI()
    app.add_api_route("/{path:path}", product.hear, methods=["GET", "POST"])
    server = uvicorn.Server(uvicorn.Config(app, port=0, log_level="error", lifespan="off"))
    socket = server.config.bind_socket()
    product.url = f"http://127.0.0.1:{socket.getsockname()[1]}"
    serving = asyncio.create_task(server._serve([socket]))
    try:
        yield product
    finally:
        server.should_exit = True
        await serving
