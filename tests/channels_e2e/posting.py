"""Callbacks to the product as its providers make them: signed with a stack's own secrets, or wrongly."""

import json
import time
from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from pathlib import Path
from types import SimpleNamespace
from typing import Any, cast
from urllib.parse import urlencode
from uuid import uuid4

import httpx
from standardwebhooks import Webhook
from twilio.request_validator import RequestValidator  # pyright: ignore[reportMissingTypeStubs]

from senda.sandbox.returned_mail import written
from senda.sandbox.signing import by_meta
from senda.stack.channels import LocalChannels
from senda.stack.folder import DataFolder, read_json
from senda.stack.keys import Secrets
from tests.api.calls import Api

Headers = Mapping[str, str]


@dataclass(frozen=True)
class Post:
    """A callback: the provider's key in the product, what follows it in the address, and the request."""

    provider: str
    path: str
    body: bytes
    headers: Headers = field(default_factory=dict[str, str])

    async def to(self, api: Api, **changed: str | None) -> httpx.Response:
        """The product's answer; `changed` headers (with underscores) replace, or with None drop, the provider's."""
        headers = dict(self.headers)
        for name, value in changed.items():
            headers.pop(name.replace("_", "-"), None)
            if value is not None:
                headers[name.replace("_", "-")] = value
        address = "/".join(filter(None, ("/v1/webhooks/providers", self.provider, self.path)))
        return await api.http.post(address, content=self.body, headers=headers)


class Providers:
    """All providers of a running stack, with the secrets that they share with it."""

    def __init__(self, api: Api) -> None:
        self._api = api
        self._accounts: Any = read_json(Path(api.stack.data) / "sandbox.json")

    def twilio(self, path: str, provider: str = "sms", **form: str) -> Post:
        """Twilio's form, with the signature over the public address."""
        url = f"{self._api.stack.api}/v1/webhooks/providers/{provider}/{path}"
        token = self._accounts["twilio"]["auth_token"]
        signature: str = RequestValidator(token).compute_signature(url, form)  # pyright: ignore
        headers = {"content-type": "application/x-www-form-urlencoded", "x-twilio-signature": signature}
        return Post(provider, path, urlencode(form).encode(), headers)

    def sms_status(self, reference: object, status: str = "delivered") -> Post:
        return self.twilio(f"status/{reference}", MessageSid=f"SM{uuid4().hex}", MessageStatus=status)

    def meta(self, number: str | None = None, **value: object) -> Post:
        """Meta's webhook about statuses or messages; `number`: another one than ours."""
        account = self._accounts["meta"]
        metadata = {"phone_number_id": number or account["phone_number_id"], "display_phone_number": "1"}
        told = {"messaging_product": "whatsapp", "metadata": metadata, **value}
        entry = {"id": "1", "changes": [{"field": "messages", "value": told}]}
        return self.meta_raw(json.dumps({"object": "whatsapp_business_account", "entry": [entry]}).encode())

    def meta_raw(self, body: bytes) -> Post:
        signature = by_meta(body, self._accounts["meta"]["app_secret"])()
        return Post("whatsapp", "", body, {"content-type": "application/json", **lower(signature)})

    def meta_status(self, reference: object, status: str = "delivered", ago: timedelta = timedelta()) -> Post:
        told = {
            "id": f"wamid.{uuid4().hex}",
            "status": status,
            "timestamp": str(int(time.time() - ago.total_seconds())),
            "biz_opaque_callback_data": str(reference),
        }
        return self.meta(statuses=[told])

    def aggregator(self, path: str, body: object, ago: timedelta = timedelta()) -> Post:
        """The generic HTTP provider's JSON, signed as Standard Webhooks says; `ago`: when."""
        content = body if isinstance(body, bytes) else json.dumps(body).encode()
        headers = {"content-type": "application/json", **self._standard("aggregator", content, ago)}
        return Post("sms-local", path, content, headers)

    def aggregator_status(self, reference: object, status: str = "delivered", ago: timedelta = timedelta()) -> Post:
        told = {"id": uuid4().hex, "reference": str(reference), "status": status}
        return self.aggregator("status", told, ago)

    def mail(
        self, sender: str, text: str, headers: Headers | None = None, ago: timedelta = timedelta(), raw: bytes = b""
    ) -> Post:
        """A mail that somebody wrote to us, or `raw` bytes, as a mail server posts it."""
        content = raw or written(sender, self._accounts["mail"]["address"], "Re: su cuenta", text, headers)
        return Post(
            "correo", "messages", content, {"content-type": "message/rfc822", **self._standard("mail", content, ago)}
        )

    def verify_token(self) -> str:
        """What the product's side and Meta's agreed on; the sandbox never asks for it."""
        data = Path(self._api.stack.data)
        secrets = Secrets(**(read_json(data / "secrets.json") or {}))  # pyright: ignore[reportArgumentType]
        folder = cast("DataFolder", SimpleNamespace(path=data))  # a real one would be held by the stack
        return LocalChannels(folder, secrets, "", "", "").environment()["META_VERIFY_TOKEN"]

    def _standard(self, account: str, content: bytes, ago: timedelta) -> dict[str, str]:
        name, at = f"msg_{uuid4().hex}", datetime.now(UTC) - ago
        signature = Webhook(self._accounts[account]["secret"]).sign(name, at, content.decode("latin-1"))
        return {"webhook-id": name, "webhook-timestamp": str(int(at.timestamp())), "webhook-signature": signature}


def lower(headers: Headers) -> dict[str, str]:
    return {name.lower(): value for name, value in headers.items()}
