"""Packs in the ledger: every pack that may decide is kept by its hash, and creditors put stricter ones of their own."""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from datetime import datetime
from functools import lru_cache
from typing import Any

import psycopg
from psycopg.types.json import Jsonb

from ledger.database import Connection, Ledger
from ledger.errors import Conflict, NotFound
from policy import Pack, load_pack, memory, pack_keys, parse_pack
from policy.errors import SendaError

_KEEP = """
INSERT INTO packs (hash, key, version, memory_days, content) VALUES (%s, %s, %s, %s, %s) ON CONFLICT DO NOTHING"""


@dataclass(frozen=True, slots=True)
class PackVersion:
    """A pack as it is kept. `own`: a creditor's, not one that comes with Senda."""

    key: str
    version: str
    hash: str
    own: bool
    content: dict[str, Any]
    created_at: datetime


def keep_shipped(url: str) -> None:
    """Keep the packs of this version of the code; whoever migrates does it, before the code decides anything."""
    with psycopg.connect(url) as connection, connection.cursor() as cursor:
        cursor.executemany(_KEEP, [_row(load_pack(key)) for key in pack_keys()])


def _row(pack: Pack) -> tuple[str, str, str, int, Jsonb]:
    return pack.content_hash, pack.key, pack.version, memory([pack]).days, Jsonb(pack)


async def put_pack(ledger: Ledger, text: str, actor: str, key: str) -> Pack:
    """Keep a creditor's own pack (YAML) of this key; from now on its creditors' contacts follow this version.

    Errors: `policy.bad_pack`, `pack.key_mismatch`, `pack.draft`; `pack.key_taken` for a key of Senda's own packs.
    """
    pack = parse_pack(text)
    if pack.key != key:
        raise SendaError("pack.key_mismatch", f"the pack's own key is {pack.key!r}", "pack")
    if pack.key in pack_keys():
        raise Conflict("pack.key_taken", f"{pack.key} comes with Senda: give your own pack a key of its own", "pack")
    if pack.status == "draft":
        raise SendaError(
            "pack.draft",
            "a draft decides nothing: judge the past by it with `senda policy audit --pack FILE`",
            "status",
        )
    async with ledger.transaction() as tx:
        await tx.execute(_KEEP, _row(pack))
        await tx.execute(
            """
            INSERT INTO pack_versions (key, hash, actor) SELECT %(key)s, %(hash)s, %(actor)s
            WHERE NOT EXISTS (SELECT FROM current_packs WHERE key = %(key)s AND hash = %(hash)s)""",
            {"key": pack.key, "hash": pack.content_hash, "actor": actor},
        )
    return pack


async def known_keys(tx: Connection) -> frozenset[str]:
    """The keys that a creditor may name: Senda's packs and those that were put."""
    rows = await (await tx.execute("SELECT DISTINCT key FROM pack_versions")).fetchall()
    return frozenset(pack_keys()) | {row["key"] for row in rows}


async def list_packs(ledger: Ledger) -> list[PackVersion]:
    """The packs that hold now: Senda's of this version, then the creditors' own, each by key."""
    shipped = [load_pack(key).content_hash for key in pack_keys()]
    async with ledger.transaction() as tx:
        rows = await (
            await tx.execute(
                f"{_VERSIONS} WHERE hash = ANY(%s) OR hash IN (SELECT hash FROM current_packs) ORDER BY key", [shipped]
            )
        ).fetchall()
    return sorted(map(_version, rows), key=lambda found: found.own)


async def pack_version(ledger: Ledger, name: str) -> PackVersion:
    """A pack by its key (the version that holds now) or by the hash that a decision names; raises `NotFound`."""
    hash_ = load_pack(name).content_hash if name in pack_keys() else name
    async with ledger.transaction() as tx:
        row = await (
            await tx.execute(
                f"{_VERSIONS} WHERE hash = coalesce((SELECT hash FROM current_packs WHERE key = %(name)s), %(name)s)",
                {"name": hash_},
            )
        ).fetchone()
    if row is None:
        raise NotFound("pack.unknown", f"no pack {name[:70]!r}: use a key or a decision's hash", "pack")
    return _version(row)


_VERSIONS = "SELECT key, version, hash, content, created_at FROM packs"


def _version(row: dict[str, Any]) -> PackVersion:
    return PackVersion(**row, own=row["key"] not in pack_keys())


async def packs_by_hash(tx: Connection, hashes: Iterable[str]) -> dict[str, Pack]:
    """The packs that decisions name, by their hashes."""
    rows = await (
        await tx.execute("SELECT hash, content::text AS content FROM packs WHERE hash = ANY(%s)", [list(set(hashes))])
    ).fetchall()
    return {row["hash"]: _parsed(row["content"]) for row in rows}


@lru_cache(maxsize=64)
def _parsed(content: str) -> Pack:
    return Pack.model_validate_json(content)


OWN_PACKS = """
CASE WHEN c.extra_packs <> '{}' THEN ARRAY(
    SELECT content::text FROM current_packs WHERE key = ANY(c.extra_packs)) END AS own_packs"""
"""Of creditors `c`: the contents of their own packs, as `packs_of` reads them."""


def packs_of(pack: str, extra: Sequence[str], debtor: Sequence[str], own: Sequence[str] | None) -> tuple[Pack, ...]:
    """The packs of a creditor (its main one, those beside it) and of a debtor, each once. `own`: see `OWN_PACKS`."""
    theirs = {found.key: found for found in map(_parsed, own or ())}
    keys = dict.fromkeys((pack, *extra, *debtor))
    return tuple(theirs[key] if key in theirs else load_pack(key) for key in keys)
