"""Values that others certify, such as ceilings of interest and units of account: operators load them."""

from datetime import date, datetime
from decimal import Decimal
from typing import Annotated

from fastapi import APIRouter, Path, Query
from pydantic import BaseModel, Field, field_serializer

from api.context import PartsOf, Reader, Recorded, Supervisor
from api.problems import Problem
from api.shapes import Shape, Words
from ledger.reference_values import KeptValue, ReferenceValue, put_values, value_on, values_between

router = APIRouter(
    prefix="/v1/reference-values",
    route_class=Recorded,
    responses={"4XX": {"model": Problem}, "5XX": {"model": Problem}},
    tags=["money"],
)

Key = Annotated[str, Path(examples=["CO.usury"])]
EXAMPLE = date(2026, 1, 1)


class ReferenceValueIn(Shape):
    """A value, and where it is published."""

    value: Decimal = Field(examples=["0.2500"], description="a ceiling is an effective annual rate: 0.25 is 25 %")
    source: Words = Field(examples=["resolution and page where it is published"])


class ReferenceValueOut(BaseModel):
    """A value that holds from a local day on."""

    key: str = Field(examples=["CO.usury"])
    since: date = Field(examples=[EXAMPLE])
    value: Decimal
    source: str
    actor: str
    recorded_at: datetime

    @field_serializer("value")
    def _plain(self, value: Decimal) -> str:
        return f"{value.normalize():f}"


@router.put("/{key}/{since}")
async def put_value(
    key: Key, since: date, body: ReferenceValueIn, here: PartsOf, actor: Supervisor
) -> ReferenceValueOut:
    """Load a value from a day on. Another one for the same day takes its place; the first stays in the record.

    A ceiling (`CO.usury`) is of a month, whose first day is given. A month without one bears no interest.
    """
    await put_values(here.ledger, [ReferenceValue(key, since, body.value, body.source)], actor.name)
    async with here.ledger.transaction() as tx:
        kept = await value_on(tx, key, since)
    assert kept is not None
    return _out(kept)


@router.get("/{key}")
async def get_values(
    key: Key,
    here: PartsOf,
    actor: Reader,
    first: Annotated[date, Query(alias="from")] = date(1900, 1, 1),
    last: Annotated[date, Query(alias="to")] = date(2200, 1, 1),
) -> list[ReferenceValueOut]:
    """The values of a key that begin between two days, both included; none where nobody loaded any."""
    async with here.ledger.transaction() as tx:
        return [_out(each) for each in await values_between(tx, key, first, last)]


def _out(kept: KeptValue) -> ReferenceValueOut:
    return ReferenceValueOut.model_validate(kept, from_attributes=True)
