"""The command `senda policy audit`."""

import asyncio
from contextlib import nullcontext
from pathlib import Path
from typing import Annotated, Any

import orjson
import typer

from policy import Language, Pack, SendaError, load_pack, pack_keys, parse_pack
from senda.auditing.period import Period


def audit(
    since: Annotated[str, typer.Option("--from", help="first day (2026-01-01), or an instant with offset")],
    until: Annotated[str, typer.Option("--to", help="last day, or an instant with offset")],
    api: Annotated[str, typer.Option(envvar="SENDA_API", help="address of the API")],
    api_key: Annotated[str, typer.Option(envvar="SENDA_API_KEY", help="a key of compliance, for one")],
    pack: Annotated[str | None, typer.Option(help="a file or a key; none: the packs that decided")] = None,
    creditor: Annotated[str | None, typer.Option(help="only this creditor's contacts")] = None,
    zone: Annotated[str | None, typer.Option(help="of the days; none: the creditor's own")] = None,
    language: Annotated[Language, typer.Option(help="of the explanations")] = "es",
    out: Annotated[Path | None, typer.Option(help="write every finding to this file, a JSON line each")] = None,
    as_json: Annotated[bool, typer.Option("--json", help="print the counts as one JSON object")] = False,
) -> None:
    """Judge every recorded contact again: what would this pack, also one not yet in force, have refused?

    Each is judged on the log as it was. Without --pack by the very packs that decided it: then a difference means
    that the record does not stand, and the exit code is 1; it is 2 where nothing could be judged.
    """
    from senda.auditing.running import (  # the client is loaded for an audit, not for each `senda policy …`
        judge_all,
        show,
    )

    try:
        judged_by = _pack(pack)
        with out.open("wb") if out else nullcontext() as file:
            period = Period(since, until)
            found = asyncio.run(judge_all(api, api_key, judged_by, period, creditor, zone, language, file))
    except (SendaError, OSError) as error:
        typer.echo(f"senda: {error}", err=True)
        raise typer.Exit(2) from None
    if as_json:
        about = {"pack": _named(judged_by), **found.as_json()}
        typer.echo(orjson.dumps(about).decode())
    else:
        show(found, judged_by, out)
    raise typer.Exit(1 if found.differing else 0)


def _pack(name: str | None) -> Pack | None:
    if name is None:
        return None
    if name in pack_keys():
        return load_pack(name)
    try:
        return parse_pack(Path(name).read_text(encoding="utf-8"))
    except (OSError, UnicodeDecodeError) as error:
        raise SendaError(
            "audit.pack_unreadable", f"{name}: neither a pack's key nor a readable file", "--pack"
        ) from error


def _named(pack: Pack | None) -> dict[str, Any] | None:
    if pack is None:
        return None
    return {"pack": pack.key, "version": pack.version, "content_hash": pack.content_hash, "status": pack.status}
