"""What people said about being contacted: append-only entries with who, when and from where; the last one holds."""

from collections.abc import Sequence
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from typing import Any, Literal

from psycopg.types.json import Jsonb

from ledger.database import Connection, Ledger
from ledger.errors import Conflict, NotFound
from policy import NOBODY_SPOKE, OwnRequest, Person
from policy.errors import SendaError
from policy.rules import Hours

Subject = Literal[
    "channel", "preferred_channel", "preferred_hours", "language", "do_not_contact", "cease", "attorney", "requests"
]
About = tuple[Subject, str | None]
"""What an entry is about: a subject, with the channel where the subject is one."""

Origin = Literal["call", "sms", "whatsapp", "email", "letter", "visit", "branch", "portal", "authority"]
"""By what way the person said it."""

SKEW = timedelta(minutes=1)
"""How far the clock of whoever reports a person's word may run before ours."""

SPOKEN = """
SELECT DISTINCT ON (subject, channel) subject, channel, value
FROM preferences
WHERE person_id = %s AND (creditor IS NULL OR creditor = %s) AND origin <> 'import'
ORDER BY subject, channel, id DESC"""
"""The entries that hold for a person, as one creditor's contacts must heed them."""


@dataclass(frozen=True, slots=True)
class Preferences:
    """What a person said, as it holds for one creditor. `channels`: true authorised, false revoked.

    `requests` are the person's requests for other hours as they were recorded, with their documents.
    """

    channels: dict[str, bool] = field(default_factory=dict[str, bool])
    preferred_channel: str | None = None
    language: str | None = None
    person: Person = NOBODY_SPOKE
    requests: list[dict[str, Any]] = field(default_factory=list[dict[str, Any]])

    def authorised(self, filed: Sequence[str]) -> list[str]:
        """The channels that may be used: those of the creditor's file, corrected by what the person said."""
        granted = [channel for channel, is_authorised in self.channels.items() if is_authorised]
        return [channel for channel in dict.fromkeys((*filed, *granted)) if self.channels.get(channel, True)]


def preferences_of(rows: Sequence[dict[str, Any]]) -> Preferences:
    """What the rows of `SPOKEN` come to."""
    if not rows:
        return _SILENT
    said = {row["subject"]: row["value"] for row in rows if row["subject"] != "channel"}
    requests = said.get("requests", [])
    return Preferences(
        channels={row["channel"]: row["value"] == "authorised" for row in rows if row["subject"] == "channel"},
        preferred_channel=said.get("preferred_channel"),
        language=said.get("language"),
        person=Person(
            do_not_contact=said.get("do_not_contact", False),
            cease=said.get("cease", False),
            attorney=said.get("attorney", False),
            hours=tuple(Hours.model_validate(hours) for hours in said.get("preferred_hours", ())),
            requests=tuple(map(_own_request, requests)),
        ),
        requests=requests,
    )


_SILENT = Preferences()


def _own_request(value: dict[str, Any]) -> OwnRequest:
    """The part of a recorded request for other hours that the policy judges by; its document is evidence."""
    return OwnRequest.model_validate({name: value[name] for name in value if name in OwnRequest.model_fields})


@dataclass(frozen=True, slots=True)
class Statement:
    """What somebody recorded that the person said: JSON-able values by what they are about.

    `creditor`: none where it was said to all of them. `stated_at`: when the person said it (none: now), `document`
    the reference of the proof.
    """

    person: str
    creditor: str | None
    changes: dict[About, Any]
    origin: Origin
    document: str | None
    stated_at: datetime | None
    actor: str


_LOCK = "SELECT id FROM people WHERE key = %s FOR UPDATE"

# By the business time of the creditors that it is said to; of several that live by test clocks, the furthest one.
_CLOCK = """
SELECT count(*) AS creditors, coalesce(max(coalesce(c.test_clock, clock_timestamp())), clock_timestamp()) AS now
FROM debtors d JOIN creditors c ON c.key = d.creditor
WHERE d.person_id = %(person)s AND (%(creditor)s::text IS NULL OR d.creditor = %(creditor)s)"""

_CONCERNED = """
person_id = %(person)s AND origin <> 'import'
    AND (%(creditor)s::text IS NULL OR creditor IS NULL OR creditor = %(creditor)s)"""
"""Entries about the person that a statement takes the place of: to all creditors it takes that of every one's."""

_LAST = f"""
SELECT DISTINCT ON (subject, channel) creditor, subject, channel, value, origin, document, stated_at
FROM preferences WHERE {_CONCERNED} ORDER BY subject, channel, id DESC"""

_NO_SINCE = f"""
SELECT FROM preferences
WHERE {_CONCERNED} AND subject = %(subject)s AND channel IS NOT DISTINCT FROM %(channel)s
    AND value = %(no)s AND stated_at > %(stated_at)s LIMIT 1"""

# The instant of recording is read under the lock: permits before it did not know of the entry, those after it did.
_APPEND = """
WITH entry AS (
    INSERT INTO preferences (person_id, creditor, subject, channel, value, origin, document, stated_at, actor,
        recorded_at)
    VALUES (%(person)s, %(creditor)s, %(subject)s, %(channel)s, %(value)s, %(origin)s, %(document)s, %(stated_at)s,
        %(actor)s, clock_timestamp()) RETURNING id)
INSERT INTO journey_events (journey_id, key, kind, actor, data, at)
SELECT j.id, 'preferences:' || entry.id, 'preferences_changed', %(actor)s, %(noted)s,
    coalesce(c.test_clock, clock_timestamp())
FROM entry, journeys j JOIN creditors c ON c.key = j.creditor
WHERE j.person_id = %(person)s AND NOT j.closed AND (%(creditor)s::text IS NULL OR j.creditor = %(creditor)s)"""


async def record_statement(ledger: Ledger, said: Statement) -> int:
    """Append an entry for each thing said, and note it in the open journeys; returns how many.

    What was the last word already, with the same evidence, is not said again. It takes the person's lock: every
    permit from now on heeds it. A no takes a word, a yes takes a proof, and none that is older than a no.
    Errors: `debtor.unknown`, `creditor.unknown`, `preferences.empty`, `preferences.proof_missing`,
    `preferences.in_future`, `preferences.no_since`.
    """
    _require_proof(said)
    async with ledger.transaction() as tx:
        return await write_statement(tx, said)


async def write_statement(tx: Connection, said: Statement) -> int:
    """`record_statement` inside the caller's transaction, for what takes no proof."""
    person = await (await tx.execute(_LOCK, [said.person])).fetchone()
    if person is None:
        raise _unknown_debtor()
    whom = {"person": person["id"], "creditor": said.creditor}
    clock = await (await tx.execute(_CLOCK, whom)).fetchone()
    assert clock is not None
    if said.creditor is not None and not clock["creditors"]:
        raise _unknown_creditor()
    if said.stated_at is not None and said.stated_at > clock["now"] + SKEW:
        raise SendaError("preferences.in_future", "nobody can have said it later than now", "evidence.stated_at")
    rows = await (await tx.execute(_LAST, whom)).fetchall()
    last = {(row["subject"], row["channel"]): row for row in rows}
    new = {about: value for about, value in said.changes.items() if not _is_known(last.get(about), said, value)}
    for about, value in new.items():
        if said.stated_at is not None and _is_yes(about, value):
            await _require_no_later_no(tx, whom, about, said.stated_at)
        await tx.execute(_APPEND, {**whom, **_entry(said, about, value, said.stated_at or clock["now"])})
    return len(new)


def _entry(said: Statement, about: About, value: Any, stated_at: datetime) -> dict[str, Any]:
    subject, channel = about
    return {
        "subject": subject,
        "channel": channel,
        "value": Jsonb(value),
        "origin": said.origin,
        "document": said.document,
        "stated_at": stated_at,
        "actor": said.actor,
        "noted": Jsonb({"subject": subject, "channel": channel, "value": value, "origin": said.origin}),
    }


def _is_known(last: dict[str, Any] | None, said: Statement, value: Any) -> bool:
    """Whether the last word was this very one: the same to the same creditor, by the same evidence."""
    if last is None or said.stated_at not in (None, last["stated_at"]):
        return False
    known = (last["creditor"], last["value"], last["origin"], last["document"])
    return known == (said.creditor, value, said.origin, said.document)


_NOES: dict[Subject, Any] = {"channel": "revoked", "do_not_contact": True, "cease": True, "attorney": True}
"""What a no looks like, by its subject."""


def _is_yes(about: About, value: Any) -> bool:
    return about[0] in _NOES and value != _NOES[about[0]]


def _require_proof(said: Statement) -> None:
    if not said.changes:
        raise SendaError("preferences.empty", "say what the person said: channels, hours, a wish")
    if said.document is not None:
        return
    for about, value in said.changes.items():
        if _is_yes(about, value):
            what = f"authorising {about[1]}" if about[0] == "channel" else f"taking back {about[0]}"
            raise SendaError(
                "preferences.proof_missing", f"{what} needs the reference of its proof", "evidence.document"
            )


async def _require_no_later_no(tx: Connection, whom: dict[str, Any], about: About, stated_at: datetime) -> None:
    subject, channel = about
    values = {**whom, "subject": subject, "channel": channel, "no": Jsonb(_NOES[subject]), "stated_at": stated_at}
    if await (await tx.execute(_NO_SINCE, values)).fetchone() is not None:
        what = f"{channel} was revoked" if subject == "channel" else f"{subject} was said"
        raise Conflict(
            "preferences.no_since", f"{what} later than that: it takes a proof from after it", "evidence.stated_at"
        )


@dataclass(frozen=True, slots=True)
class AsDebtor:
    """How one creditor may contact the person: `file` (columns of its debtor), corrected by what the person `said`."""

    file: dict[str, Any]
    said: Preferences


@dataclass(frozen=True, slots=True)
class Shown:
    """A person's preferences for people to read: what was said (to one creditor or to all of them) and holds, what
    it means for each creditor, and every entry, newest first."""

    holds: Preferences
    creditors: list[AsDebtor]
    history: list[dict[str, Any]]


_FILES = """
SELECT creditor, language, authorised_channels, preferred_channel, time_zones, packs FROM debtors
WHERE person_id = %(person)s AND (%(creditor)s::text IS NULL OR creditor = %(creditor)s) ORDER BY creditor"""

_HISTORY = """
SELECT id, creditor, subject, channel, value, origin, document, stated_at, actor, recorded_at FROM preferences
WHERE person_id = %(person)s AND (%(creditor)s::text IS NULL OR creditor IS NULL OR creditor = %(creditor)s)
ORDER BY id DESC"""


async def show(ledger: Ledger, key: str, creditor: str | None) -> Shown:
    """What a person of this key said: to all creditors, or as it holds for one. Errors: `debtor.unknown`,
    `creditor.unknown`."""
    async with ledger.transaction() as tx:
        person = await (await tx.execute("SELECT id FROM people WHERE key = %s", [key])).fetchone()
        if person is None:
            raise _unknown_debtor()
        whom = {"person": person["id"], "creditor": creditor}
        files = await (await tx.execute(_FILES, whom)).fetchall()
        if creditor is not None and not files:
            raise _unknown_creditor()
        history = await (await tx.execute(_HISTORY, whom)).fetchall()
        creditors = [AsDebtor(file, await _spoken(tx, person["id"], file["creditor"])) for file in files]
        return Shown(await _spoken(tx, person["id"], creditor), creditors, history)


async def _spoken(tx: Connection, person_id: int, creditor: str | None) -> Preferences:
    return preferences_of(await (await tx.execute(SPOKEN, [person_id, creditor])).fetchall())


def _unknown_debtor() -> NotFound:
    return NotFound("debtor.unknown", "no such debtor: use the debtor's key of an import", "key")


def _unknown_creditor() -> NotFound:
    return NotFound("creditor.unknown", "this person is no debtor of that creditor", "creditor")
