"""Evidence for compliance: the signed roots of closed days, and a person's chain with the proof that they hold it."""

from datetime import date, datetime
from typing import Annotated, Any

from fastapi import APIRouter, Query
from pydantic import BaseModel, Field

from api.context import Manager, PartsOf
from api.looks import Watched, why
from api.problems import Problem
from api.shapes import PageOf, Slug
from compliance.chains import Proof, Shown, chain_of, roots_between
from compliance.roots import DailyRoot
from ledger.views import LONGEST_PAGE, number_after, page_of

router = APIRouter(
    prefix="/v1/compliance",
    route_class=Watched,
    dependencies=[why],
    responses={"4XX": {"model": Problem}, "5XX": {"model": Problem}},
    tags=["compliance"],
)

Limit = Annotated[int, Query(ge=1, le=LONGEST_PAGE)]
Hex = Annotated[str, Field(examples=["9f" * 32])]
DAY = date(2026, 3, 1)


class RootOut(BaseModel):
    """A closed day (UTC), as `senda audit roots` prints it. All but the signature is what is signed."""

    day: date = Field(examples=[DAY])
    upto: int = Field(description="the last entry that it covers")
    leaves: int = Field(description="chains")
    root: Hex
    previous: Hex = Field(description="the root before it; zeros: it is the first")
    closed_at: str = Field(examples=["2026-03-02T00:01:12.345678+00:00"], description="as it was signed")
    key_id: str
    public_key: Hex
    signature: str


class RootsOut(BaseModel):
    """The roots of a period, by day."""

    items: list[RootOut]


class EntryOfChain(BaseModel):
    """An entry: the hash of a row's content, and its place after the entry before."""

    id: int = Field(description="1, 2, 3 … over all chains")
    seq: int = Field(description="1, 2, 3 … in this one")
    source: str = Field(examples=["contacts"], description="the table of the row")
    row_id: int
    recorded_at: datetime | None
    version: int
    row_hash: Hex
    previous: Hex
    hash: Hex


class ProofOut(BaseModel):
    """That a day's root commits to the chain up to `seq`: an inclusion proof of RFC 9162, section 2.1.3."""

    root: RootOut
    seq: int
    hash: Hex
    index: int = Field(description="of the leaf, from 0")
    path: list[Hex]


class ChainOut(PageOf[EntryOfChain]):
    """A page of a person's chain, and the proof of the last closed day; none: no day with an entry is closed yet."""

    person: int = Field(description="the number that the hashes contain")
    proof: ProofOut | None


@router.get("/roots")
async def get_roots(
    here: PartsOf,
    actor: Manager,
    since: Annotated[date | None, Query(alias="from", description="first day", examples=[DAY])] = None,
    until: Annotated[date | None, Query(alias="to", description="last day", examples=[DAY])] = None,
) -> RootsOut:
    """The signed roots of closed days. Keep them elsewhere: they show that nothing before them was rewritten."""
    return RootsOut(items=[_root(each) for each in await roots_between(here.ledger, since, until)])


@router.get("/chain/{debtor}")
async def get_chain(
    debtor: str,
    here: PartsOf,
    actor: Manager,
    creditor: Slug | None = None,
    cursor: str | None = None,
    limit: Limit = 500,
) -> ChainOut:
    """A person's chain from its first entry: hashes and places, no contents. docs/evidence.md says how to check it."""
    after = number_after(cursor) if cursor is not None else 0
    chain = await chain_of(here.ledger, debtor, creditor, after=after, limit=limit + 1)
    page = page_of([_entry(each) for each in chain.entries], limit, "seq")
    items = [EntryOfChain.model_validate(each) for each in page.items]
    return ChainOut(
        items=items, next_cursor=page.next_cursor, person=chain.person_id, proof=chain.proof and _proof(chain.proof)
    )


def _root(root: DailyRoot) -> RootOut:
    return RootOut.model_validate(root.line())


def _entry(entry: Shown) -> dict[str, Any]:
    said: dict[str, Any] = {name: getattr(entry, name) for name in Shown.__slots__}
    return {name: value.hex() if isinstance(value, bytes) else value for name, value in said.items()}


def _proof(proof: Proof) -> ProofOut:
    path = [each.hex() for each in proof.path]
    return ProofOut(root=_root(proof.root), seq=proof.seq, hash=proof.hash.hex(), index=proof.index, path=path)
