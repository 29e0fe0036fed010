"""The law that contacts follow: Senda's packs, and stricter ones of the creditors' own."""

from datetime import datetime
from typing import Any

from fastapi import APIRouter, Request
from pydantic import BaseModel, Field

from api.context import Operator, PartsOf, Reader, Recorded
from api.problems import BadRequest, Problem
from ledger import packs

router = APIRouter(
    prefix="/v1/packs",
    route_class=Recorded,
    responses={"4XX": {"model": Problem}, "5XX": {"model": Problem}},
    tags=["packs"],
)

LONGEST = 64 * 1024
"""Bytes of a pack's YAML: several times the longest that comes with Senda."""

PACK_BODY: dict[str, Any] = {
    "requestBody": {
        "required": True,
        "content": {
            "application/yaml": {"schema": {"type": "string", "description": "a pack, as policy/packs/*.yaml"}}
        },
    }
}


class PackOut(BaseModel):
    """A pack's version. `own`: put by an operator, not one that comes with Senda."""

    key: str = Field(examples=["CO"])
    version: str = Field(examples=["2026.2"])
    hash: str = Field(description="sha256 of what the pack says; decisions name it")
    own: bool
    created_at: datetime


class PackWhole(PackOut):
    """A pack with all that it says."""

    content: dict[str, Any]


@router.get("")
async def list_packs(here: PartsOf, actor: Reader) -> list[PackOut]:
    """The packs that hold now."""
    return [PackOut.model_validate(each, from_attributes=True) for each in await packs.list_packs(here.ledger)]


@router.get("/{pack}")
async def get_pack(pack: str, here: PartsOf, actor: Reader) -> PackWhole:
    """A pack by its key (the version that holds now), or the very one that a decision names by its hash."""
    return PackWhole.model_validate(await packs.pack_version(here.ledger, pack), from_attributes=True)


@router.put("/{pack}", openapi_extra=PACK_BODY)
async def put_pack(pack: str, request: Request, here: PartsOf, actor: Operator) -> PackWhole:
    """Keep a creditor's own pack (YAML). Among its `extra_packs` it only makes contacts rarer: the strictest wins."""
    kept = await packs.put_pack(here.ledger, await _text(request), actor.name, pack)
    return PackWhole.model_validate(await packs.pack_version(here.ledger, kept.content_hash), from_attributes=True)


async def _text(request: Request) -> str:
    body = b""
    async for chunk in request.stream():
        body += chunk
        if len(body) > LONGEST:
            raise BadRequest("pack.too_long", f"a pack is at most {LONGEST} bytes", "body")
    try:
        return body.decode()
    except UnicodeDecodeError:
        raise BadRequest("pack.not_utf8", "send the pack as UTF-8", "body") from None
