"""The channels of a local stack: every provider is the sandbox, with credentials of this folder's own."""

import base64
import hashlib
import hmac
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

from channels.approved import approved_bodies
from senda.stack.folder import DataFolder, write_json
from senda.stack.keys import Secrets

NUMBERS = {"twilio": "+576013000001", "local": "+576013000002", "whatsapp": "+576013000003"}
ACCOUNT = "AC" + "0" * 31 + "1"
PHONE_NUMBER_ID = "100000000000001"


@dataclass(frozen=True)
class LocalChannels:
    """The two sides of one configuration: what the product is told, and what the sandbox is."""

    folder: DataFolder
    secrets: Secrets
    sandbox_url: str
    smtp_url: str
    api_url: str

    def environment(self) -> Mapping[str, str]:
        """What the product finds in its environment; the secrets that its file of channels names are there."""
        return {
            "SENDA_CHANNELS_FILE": str(self._file("channels.yaml")),
            "SENDA_PUBLIC_URL": self.api_url,
            "SENDA_LINK_KEY": self._secret("links"),
            "SENDA_SMTP_URL": self.smtp_url,
            "TWILIO_AUTH_TOKEN": self._secret("twilio"),
            "AGGREGATOR_TOKEN": self._secret("aggregator"),
            "AGGREGATOR_SIGNING": self._signing("aggregator"),
            "META_TOKEN": self._secret("meta"),
            "META_APP_SECRET": self._secret("meta-app"),
            "META_VERIFY_TOKEN": self._secret("meta-verify"),
            "MAIL_SIGNING": self._signing("mail"),
            "SENDA_PROCESSORS_FILE": str(self._file("processors.yaml")),
            "PROCESSOR_TOKEN": self._secret("payments"),
            "PROCESSOR_SIGNING": self._signing("payments"),
        }

    def write(self) -> Path:
        """Write the files of both sides; returns the sandbox's. YAML takes JSON."""
        write_json(self._file("channels.yaml"), self._product())
        write_json(self._file("processors.yaml"), self._processors())
        write_json(self._file("sandbox.json"), self._sandbox())
        return self._file("sandbox.json")

    def _file(self, name: str) -> Path:
        return self.folder.path / name

    def _callbacks(self, provider: str) -> str:
        return f"{self.api_url}/v1/webhooks/providers/{provider}"

    def _product(self) -> Mapping[str, object]:
        twilio = {
            "account_sid": ACCOUNT,
            "auth_token": "env:TWILIO_AUTH_TOKEN",
            "base_url": f"{self.sandbox_url}/twilio",
        }
        return {
            "providers": {
                "correo": {
                    "kind": "smtp",
                    "url": "env:SENDA_SMTP_URL",
                    "sender": "Cobranza <no-responder@senda.invalid>",
                    "secret": "env:MAIL_SIGNING",
                },
                "sms": {"kind": "twilio-sms", "sender": NUMBERS["twilio"], **twilio},
                "sms-local": {
                    "kind": "http-sms",
                    "sender": NUMBERS["local"],
                    "secrets": {"TOKEN": "env:AGGREGATOR_TOKEN", "SIGNING": "env:AGGREGATOR_SIGNING"},
                    "config": self._aggregator(),
                },
                "whatsapp": {
                    "kind": "whatsapp",
                    "phone_number_id": PHONE_NUMBER_ID,
                    "token": "env:META_TOKEN",
                    "app_secret": "env:META_APP_SECRET",
                    "verify_token": "env:META_VERIFY_TOKEN",
                    "base_url": f"{self.sandbox_url}/meta/v23.0",
                },
                "llamadas": {"kind": "twilio-voice", "sender": NUMBERS["twilio"], **twilio},
                "agentes": {"kind": "people", "channel": "call"},
                "cartas": {
                    "kind": "letter",
                    "folder": str(self._file("letters")),
                    "country": "CO",
                    "sender_address": ["Senda", "Bogotá, Colombia"],
                    "place": "Bogotá",
                    "zone": "America/Bogota",
                },
            },
            "routes": {
                "*": {
                    "email": "correo",
                    "sms": "sms",
                    "whatsapp": "whatsapp",
                    "call": "llamadas",
                    "letter": "cartas",
                },
                "*-agregador": {"sms": "sms-local"},
                "*-agentes": {"call": "agentes"},
            },
        }

    def _processors(self) -> Mapping[str, object]:
        caja = {
            "kind": "generic",
            "secret": "env:PROCESSOR_SIGNING",
            "token": "env:PROCESSOR_TOKEN",
            "url": f"{self.sandbox_url}/payments",
        }
        return {"processors": {"caja": caja}, "routes": {"*": {"links": "caja", "debits": "caja"}}}

    def _aggregator(self) -> Mapping[str, object]:
        return {
            "url": f"{self.sandbox_url}/aggregator/messages",
            "headers": {"Authorization": "Bearer {secret:TOKEN}"},
            "fields": {
                "to": "{to}",
                "text": "{text}",
                "reference": "{reference}",
                "callback": "{callback_url}/status",
            },
            "idempotency_header": "Idempotency-Key",
            "answer": {
                "reference": "id",
                "statuses": [202],
                "outcome": "status",
                "success": ["accepted"],
                "error": "error.code",
                "errors": {
                    "invalid_number": "bad_address",
                    "stopped": "rejected",
                    "too_long": "rejected",
                    "empty": "rejected",
                    "rate_limited": "not_now",
                    "unavailable": "not_now",
                },
            },
            "signature": {"kind": "standard-webhooks", "secret": "SIGNING"},
            "status": {
                "reference": "reference",
                "provider_id": "id",
                "status": "status",
                "error": "error",
                "time": "at",
                "words": {"sent": "sent", "delivered": "delivered", "failed": "failed"},
                "errors": {"unknown_number": "bad_address", "undelivered": "rejected"},
            },
            "replies": {"id": "id", "sender": "from", "text": "text", "time": "at"},
            "country": "CO",
        }

    def _sandbox(self) -> Mapping[str, object]:
        return {
            "twilio": {
                "account_sid": ACCOUNT,
                "auth_token": self._secret("twilio"),
                "number": NUMBERS["twilio"],
                "messages_url": f"{self._callbacks('sms')}/messages",
                "voice_url": f"{self._callbacks('llamadas')}/incoming",
            },
            "meta": {
                "phone_number_id": PHONE_NUMBER_ID,
                "number": NUMBERS["whatsapp"],
                "token": self._secret("meta"),
                "app_secret": self._secret("meta-app"),
                "webhook_url": self._callbacks("whatsapp"),
                "templates": _approved(),
            },
            "aggregator": {
                "token": self._secret("aggregator"),
                "secret": self._signing("aggregator"),
                "status_url": f"{self._callbacks('sms-local')}/status",
                "messages_url": f"{self._callbacks('sms-local')}/messages",
            },
            "mail": {
                "webhook_url": f"{self._callbacks('correo')}/messages",
                "secret": self._signing("mail"),
                "address": "no-responder@senda.invalid",
            },
            "payments": {
                "token": self._secret("payments"),
                "secret": self._signing("payments"),
                "webhook_url": f"{self.api_url}/v1/webhooks/payments/caja",
            },
        }

    def _secret(self, name: str) -> str:
        """A credential of this folder: the same at each start."""
        return hmac.new(self.secrets.payload_keys.encode(), name.encode(), hashlib.sha256).hexdigest()[:32]

    def _signing(self, name: str) -> str:
        """A secret of Standard Webhooks."""
        digest = hmac.digest(self.secrets.payload_keys.encode(), f"{name}-signing".encode(), hashlib.sha256)
        return f"whsec_{base64.b64encode(digest).decode()}"


def _approved() -> Mapping[str, Mapping[str, str]]:
    """Senda's own WhatsApp texts, as Meta would have approved them."""
    texts: dict[str, dict[str, str]] = {}
    for each in approved_bodies():
        texts.setdefault(each.name, {})[each.language] = each.body
    return texts
