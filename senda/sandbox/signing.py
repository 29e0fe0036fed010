"""How each provider signs what it posts. A signature is made at the moment of posting: some of them cover it."""

import hashlib
import hmac
from collections.abc import Callable, Mapping
from datetime import UTC, datetime
from urllib.parse import urlencode

from standardwebhooks import Webhook
from twilio.request_validator import RequestValidator  # pyright: ignore[reportMissingTypeStubs]

Signer = Callable[[], Mapping[str, str]]
"""Gives the headers that prove where a request comes from."""


def by_twilio(url: str, form: Mapping[str, str], auth_token: str) -> tuple[bytes, Signer]:
    """The body of a form, and its signer: `X-Twilio-Signature` over the address and all fields."""
    signature: str = RequestValidator(auth_token).compute_signature(url, dict(form))  # pyright: ignore
    return urlencode(form).encode(), lambda: {"X-Twilio-Signature": signature}


def by_meta(body: bytes, app_secret: str) -> Signer:
    """`X-Hub-Signature-256`: HMAC-SHA256 of the body."""
    digest = hmac.new(app_secret.encode(), body, hashlib.sha256).hexdigest()
    return lambda: {"X-Hub-Signature-256": f"sha256={digest}"}


def by_standard_webhooks(name: str, body: bytes, secret: str) -> Signer:
    """The three headers of Standard Webhooks; `name` is the same each time the body is posted, the timestamp is not."""
    webhook = Webhook(secret)

    def sign() -> Mapping[str, str]:
        now = datetime.now(UTC)
        return {
            "webhook-id": name,
            "webhook-timestamp": str(int(now.timestamp())),
            "webhook-signature": webhook.sign(name, now, body.decode()),
        }

    return sign
