"""A payment or its reversal as the generic processor reports it, with its Standard Webhooks signature."""

import json
from dataclasses import dataclass
from datetime import UTC, datetime
from decimal import Decimal

from standardwebhooks import Webhook


@dataclass(frozen=True, slots=True)
class Posting:
    """What a payment processor reports: a payment, or the reversal of the payment whose id is `reverses`."""

    id: str
    creditor: str
    account: str
    amount: Decimal
    currency: str
    paid_at: datetime
    reverses: str | None = None

    def body(self) -> str:
        return json.dumps(
            {
                "id": self.id,
                "type": "payment" if self.reverses is None else "reversal",
                "creditor": self.creditor,
                "account": self.account,
                "amount": str(self.amount),
                "currency": self.currency,
                "paid_at": self.paid_at.isoformat(),
                "reverses": self.reverses,
            },
            separators=(",", ":"),
        )


def signed_headers(posting_id: str, body: str, secret: str) -> dict[str, str]:
    """The headers that the webhook asks for; they hold some minutes. `secret` is `whsec_` and base64.

    Source: the Standard Webhooks specification, https://www.standardwebhooks.com.
    """
    now = datetime.now(UTC)
    return {
        "content-type": "application/json",
        "webhook-id": posting_id,
        "webhook-timestamp": str(int(now.timestamp())),
        "webhook-signature": Webhook(secret).sign(posting_id, now, body),
    }
