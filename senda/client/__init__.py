"""The HTTP API as a client sees it: typed answers, retries, signed payment webhooks."""

from senda.client.answers import (
    Advanced,
    ContactCounts,
    Creditor,
    Event,
    ImportStatus,
    Journey,
    Money,
    PaymentResult,
    RowProblem,
    Summary,
)
from senda.client.endpoints import Endpoints, Remote
from senda.client.http import ApiError, SendaClient
from senda.client.postings import Posting, signed_headers

__all__ = [
    "Advanced",
    "ApiError",
    "ContactCounts",
    "Creditor",
    "Endpoints",
    "Event",
    "ImportStatus",
    "Journey",
    "Money",
    "PaymentResult",
    "Posting",
    "Remote",
    "RowProblem",
    "SendaClient",
    "Summary",
    "signed_headers",
]
