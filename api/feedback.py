"""For operators: the webhook by which a creditor's own system hears what happens to its accounts."""

from datetime import datetime
from typing import Annotated

from fastapi import APIRouter, Query, Request, Response
from fastapi.responses import JSONResponse
from pydantic import BaseModel, Field, StringConstraints

from api.context import IdempotencyKey, Manager, Operator, PartsOf, Recorded, once
from api.problems import Problem
from api.shapes import Instant, PageOf, Shape, Slug
from ledger import feedback, views
from ledger.access import Answer
from ledger.creditors import creditor as creditor_of
from ledger.feedback import Status, Webhook
from policy.errors import SendaError

router = APIRouter(
    prefix="/v1/creditors/{creditor}/webhook",
    tags=["feedback"],
    route_class=Recorded,
    responses={"4XX": {"model": Problem}, "5XX": {"model": Problem}},
)

Limit = Annotated[int, Query(ge=1, le=views.LONGEST_PAGE)]
EventName = Annotated[str, StringConstraints(min_length=1, max_length=64, pattern=r"^[a-z_]+\.([a-z_]+|\*)$")]


class WebhookIn(Shape):
    """Where a creditor's system is told, and of what. `events`: types or families; null: all."""

    url: str = Field(min_length=1, max_length=500, examples=["https://core.amable.example/senda"])
    events: list[EventName] | None = Field(
        default=None, min_length=1, max_length=64, examples=[["promise.*", "credit.blocked", "credit.released"]]
    )


class WebhookOut(BaseModel):
    """A creditor's webhook. `retry_at`: nobody answered there, and nothing is tried until then."""

    creditor: str
    url: str
    events: list[str] | None
    created_at: datetime
    retry_at: datetime | None


class WebhookMade(WebhookOut):
    """`secret`: shown this once, when the webhook is made; null when it was there already."""

    secret: str | None = Field(examples=["whsec_…"])


class SecretOut(BaseModel):
    """A new secret, shown this once. Those before it sign, too, for a day longer."""

    secret: str = Field(examples=["whsec_…"])


class ReplayIn(Shape):
    """What to send again: events that happened from `from` on, before `until`, of these types or families."""

    since: Instant = Field(alias="from", examples=["2026-03-01T00:00:00-05:00"])
    until: Instant | None = Field(default=None, examples=["2026-03-02T00:00:00-05:00"])
    types: list[EventName] | None = Field(default=None, min_length=1, max_length=64, examples=[["journey.closed"]])


class Queued(BaseModel):
    """How many events are sent again."""

    queued: int


class DeliveryOut(BaseModel):
    """An event and how its delivery stands. `id` is its `webhook-id`; `dead`: tried for three days, and given up."""

    id: str = Field(examples=["evt_5f0c…"])
    type: str = Field(examples=["journey.closed"])
    account: str
    at: datetime
    status: Status
    attempts: int
    last_status: int | None = Field(description="of the last answer; null: none came")
    last_error: str | None
    next_at: datetime | None
    delivered_at: datetime | None


@router.put("", responses={201: {"model": WebhookMade}})
async def put_webhook(
    creditor: Slug, body: WebhookIn, here: PartsOf, actor: Operator, response: Response
) -> WebhookMade:
    """Make or change a creditor's webhook. 201 with its secret where it is new: the secret is not shown again.

    422 for an address that is not https, or none of the public internet.
    """
    await here.targets.resolve(body.url)
    made, secret = await feedback.put_webhook(here.ledger, here.sealer, creditor, body.url, body.events)
    response.status_code = 201 if secret else 200
    return WebhookMade(**_shown(creditor, made).model_dump(), secret=secret)


@router.get("")
async def get_webhook(creditor: str, here: PartsOf, actor: Manager) -> WebhookOut:
    """A creditor's webhook, without its secrets."""
    return _shown(creditor, await feedback.webhook_of(here.ledger, creditor))


@router.delete("", status_code=204)
async def delete_webhook(creditor: str, here: PartsOf, actor: Operator) -> Response:
    """End a creditor's webhook. What waits is given up."""
    await feedback.delete_webhook(here.ledger, creditor)
    return Response(status_code=204)


@router.post("/rotate")
async def rotate_secret(creditor: str, here: PartsOf, actor: Operator) -> SecretOut:
    """A new secret, shown this once. For a day deliveries are signed with it and with the one before."""
    return SecretOut(secret=await feedback.rotate(here.ledger, here.sealer, creditor))


@router.post("/replay", status_code=202, response_model=Queued)
async def replay(
    request: Request,
    creditor: str,
    body: ReplayIn,
    here: PartsOf,
    actor: Operator,
    idempotency_key: IdempotencyKey = None,
) -> JSONResponse:
    """Send again what was sent or given up, under the same ids."""
    if body.until is not None and body.until <= body.since:
        raise SendaError("replay.backwards", "'until' must come after 'from'", "until")

    async def work(command: str) -> Answer:
        queued = await feedback.replay(here.ledger, creditor, body.since, body.until, body.types)
        return Answer(202, {"queued": queued})

    return await once(request, here, actor, idempotency_key, work)


@router.get("/deliveries")
async def list_deliveries(
    creditor: str,
    here: PartsOf,
    actor: Manager,
    status: Status | None = None,
    cursor: str | None = None,
    limit: Limit = 100,
) -> PageOf[DeliveryOut]:
    """What the creditor's system was told or is to be told, in order."""
    await creditor_of(here.ledger, creditor)
    page = await feedback.list_deliveries(here.ledger, creditor, status, cursor, limit)
    return PageOf[DeliveryOut].model_validate(page, from_attributes=True)


def _shown(creditor: str, webhook: Webhook) -> WebhookOut:
    return WebhookOut(
        creditor=creditor,
        url=webhook.url,
        events=webhook.events,
        created_at=webhook.created_at,
        retry_at=webhook.retry_at,
    )
