"""What people said about being contacted: recorded with its proof, and shown."""

from typing import Any

from fastapi import APIRouter

from api.context import Caller, PartsOf, Reader
from api.looks import Watched, why
from api.people import AsDebtor, EntryOut, Holds, OwnRequestIn, PreferencesIn, PreferencesOut
from api.problems import Problem
from ledger import preferences
from ledger.preferences import About, Preferences, Shown, Statement, Subject

router = APIRouter(
    prefix="/v1/debtors",
    route_class=Watched,
    dependencies=[why],
    responses={"4XX": {"model": Problem}, "5XX": {"model": Problem}},
    tags=["debtors"],
)

SUBJECTS: dict[str, Subject] = {
    "preferred_channel": "preferred_channel",
    "preferred_hours": "preferred_hours",
    "language": "language",
    "do_not_contact": "do_not_contact",
    "cease": "cease",
    "represented_by_attorney": "attorney",
    "own_requests": "requests",
}
"""What each field of a body is about, beside the channels."""


@router.put("/{key}/preferences")
async def put_preferences(key: str, body: PreferencesIn, here: PartsOf, actor: Caller) -> PreferencesOut:
    """Record what a person said. It holds from the next permit on; an import never takes it back."""
    said = Statement(
        person=key,
        creditor=body.creditor,
        changes=_changes(body),
        origin=body.evidence.origin,
        document=body.evidence.document,
        stated_at=body.evidence.stated_at,
        actor=actor.name,
    )
    await preferences.record_statement(here.ledger, said)
    return _shown(key, body.creditor, await preferences.show(here.ledger, key, body.creditor))


@router.get("/{key}/preferences")
async def get_preferences(key: str, here: PartsOf, actor: Reader, creditor: str | None = None) -> PreferencesOut:
    """What a person said and what holds of it, with every entry: who recorded it, when, from where."""
    return _shown(key, creditor, await preferences.show(here.ledger, key, creditor))


def _changes(body: PreferencesIn) -> dict[About, Any]:
    """What the body says, as entries; what it does not name stays as it is."""
    given = body.model_dump(mode="json", include=body.model_fields_set)
    channels: dict[About, Any] = {("channel", channel): said for channel, said in body.channels.items()}
    wishes: dict[About, Any] = {(SUBJECTS[name], None): value for name, value in given.items() if name in SUBJECTS}
    return channels | wishes


def _shown(key: str, creditor: str | None, shown: Shown) -> PreferencesOut:
    return PreferencesOut(
        debtor=key,
        creditor=creditor,
        holds=Holds(
            **_wishes(shown.holds),
            channels={
                channel: "authorised" if is_authorised else "revoked"
                for channel, is_authorised in shown.holds.channels.items()
            },
            preferred_channel=shown.holds.preferred_channel,
            language=shown.holds.language,
        ),
        creditors=[_as_debtor(each) for each in shown.creditors],
        history=[EntryOut.model_validate(entry) for entry in shown.history],
    )


def _as_debtor(known: preferences.AsDebtor) -> AsDebtor:
    file, said = known.file, known.said
    return AsDebtor(
        **_wishes(said),
        creditor=file["creditor"],
        authorised_channels=said.authorised(file["authorised_channels"]),
        preferred_channel=said.preferred_channel or file["preferred_channel"],
        language=said.language or file["language"],
        time_zones=file["time_zones"],
        packs=file["packs"],
    )


def _wishes(said: Preferences) -> dict[str, Any]:
    return {
        "preferred_hours": list(said.person.hours),
        "do_not_contact": said.person.do_not_contact,
        "cease": said.person.cease,
        "represented_by_attorney": said.person.attorney,
        "own_requests": [OwnRequestIn.model_validate(request) for request in said.requests],
    }
