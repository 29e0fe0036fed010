"""What people said about being contacted, through HTTP: recorded with its proof, shown, heeded."""

from datetime import UTC, datetime
from pathlib import Path
from typing import Any
from uuid import uuid4

import httpx
import pytest

from tests.api.calls import Api, Creditor, problem_of
from tests.ledger.given import START, row

PAST_DUE = ("1", "2026-02-01", "100000")
NO: dict[str, Any] = {"origin": "call"}
YES: dict[str, Any] = {"origin": "branch", "document": "rad-2026-0117"}
HOURS = {"days": ["mon", "tue"], "opens": "17:00", "closes": "19:00"}
REQUEST: dict[str, Any] = {
    "hours": [{"days": ["sun", "holidays"], "opens": "10:00", "closes": "12:00"}],
    "channels": ["email"],
    "since": "2026-02-01",
    "until": None,
    "separate": True,
    "solicited": False,
    "document": "rad-2026-0042",
    "dated": "2026-01-30",
}


def request_without(field: str) -> dict[str, Any]:
    return {name: value for name, value in REQUEST.items() if name != field}


class Ana:
    """A debtor of a creditor, and what she says."""

    def __init__(self, api: Api, creditor: Creditor) -> None:
        self.api = api
        self.creditor = creditor
        self.key = f"p-{uuid4().hex}"
        self.path = f"/v1/debtors/{self.key}/preferences"

    async def owes(self, account: str = "A", **debtor: Any) -> None:
        """An account of hers is imported."""
        await self.creditor.imports(row(account, PAST_DUE, person=self.key, **debtor))

    async def put(self, evidence: dict[str, Any] = NO, **body: Any) -> httpx.Response:
        """What she said, to all creditors unless it says otherwise."""
        return await self.api.http.put(self.path, json={"evidence": evidence, **body})

    async def says(self, evidence: dict[str, Any] = NO, **body: Any) -> dict[str, Any]:
        """The same, and what holds then."""
        answer = await self.put(evidence, **body)
        assert answer.status_code == 200, answer.text
        return answer.json()

    async def shown(self, **query: str) -> dict[str, Any]:
        """What the API shows of her preferences."""
        answer = await self.api.http.get(self.path, params=query)
        assert answer.status_code == 200, answer.text
        return answer.json()


@pytest.fixture
async def ana(api: Api, creditor: Creditor) -> Ana:
    """A debtor whose e-mail is authorised by her creditor's file."""
    person = Ana(api, creditor)
    await person.owes()
    return person


def refused(answer: httpx.Response) -> tuple[int, str, str | None]:
    """Status, code and field of an error."""
    return *problem_of(answer), answer.json().get("field")


async def test_what_a_person_said_is_shown_as_it_was_put(ana: Ana) -> None:
    said: dict[str, Any] = {
        "channels": {"email": "revoked", "sms": "authorised"},
        "preferred_channel": "sms",
        "preferred_hours": [HOURS],
        "language": "en",
        "do_not_contact": True,
        "cease": True,
        "represented_by_attorney": True,
        "own_requests": [REQUEST],
    }
    answer = await ana.says(YES, **said)
    assert answer["holds"] == said
    assert await ana.shown() == answer
    (as_debtor,) = answer["creditors"]
    assert as_debtor == {
        **{name: said[name] for name in said if name != "channels"},
        "creditor": ana.creditor.key,
        "authorised_channels": ["sms"],
        "time_zones": ["America/Bogota"],
        "packs": [],
    }


async def test_what_is_not_named_stays_as_it_is(ana: Ana) -> None:
    await ana.says(cease=True, preferred_hours=[HOURS])
    holds = (await ana.says(language="pt"))["holds"]
    assert (holds["cease"], holds["preferred_hours"], holds["language"]) == (True, [HOURS], "pt")


async def test_an_entry_names_whoever_recorded_it_when_and_from_where(ana: Ana) -> None:
    name = f"Luisa {uuid4().hex[:6]}"
    made = await ana.api.http.post("/v1/keys", json={"name": name, "role": "agent"})
    header = {"authorization": f"Bearer {made.json()['token']}"}
    evidence = {**YES, "stated_at": "2026-02-01T10:15:00-05:00"}
    body = {"creditor": ana.creditor.key, "channels": {"sms": "authorised"}, "evidence": evidence}
    before = datetime.now(UTC)
    history = (await ana.api.http.put(ana.path, json=body, headers=header)).json()["history"]
    assert before <= datetime.fromisoformat(history[0].pop("recorded_at")) <= datetime.now(UTC)
    assert history[0].pop("id") > history[1]["id"], "newest first"
    assert history[0] == {
        "creditor": ana.creditor.key,
        "subject": "channel",
        "channel": "sms",
        "value": "authorised",
        "origin": "branch",
        "document": "rad-2026-0117",
        "stated_at": "2026-02-01T15:15:00Z",
        "actor": name,
    }
    assert (history[1]["subject"], history[1]["origin"]) == ("file", "import")
    assert history[1]["value"]["authorised_channels"] == ["email"]


async def test_the_same_put_again_adds_nothing(ana: Ana) -> None:
    body: dict[str, Any] = {"channels": {"email": "revoked", "sms": "authorised"}, "own_requests": [REQUEST]}
    first = await ana.says(YES, **body)
    assert await ana.says(YES, **body) == first


async def test_a_word_to_one_creditor_is_shown_for_that_one_only(ana: Ana) -> None:
    other = Ana(ana.api, await ana.api.creditor())
    other.key, other.path = ana.key, ana.path
    await other.owes()
    await ana.says(creditor=ana.creditor.key, cease=True)
    assert (await ana.shown(creditor=ana.creditor.key))["holds"]["cease"]
    assert not (await ana.shown(creditor=other.creditor.key))["holds"]["cease"]
    everybody = await ana.shown()
    assert not everybody["holds"]["cease"]
    assert {each["creditor"]: each["cease"] for each in everybody["creditors"]} == {
        ana.creditor.key: True,
        other.creditor.key: False,
    }


class TestARevokedChannel:
    async def test_is_refused_by_the_next_step_whatever_a_later_import_says(self, ana: Ana) -> None:
        await ana.says(channels={"email": "revoked"})
        await ana.owes()
        await ana.creditor.advances(START.replace(day=3))
        contacts = await ana.creditor.get("A", "/contacts")
        (contact,) = [each for each in contacts if each["step"] == "aviso-1"]
        assert (contact["status"], contact["rules"], contact["next_allowed_at"]) == ("refused", ["CO-05"], None)
        assert await ana.api.mail(to=f"{ana.key}@correo.invalid") == []

    async def test_is_noted_in_the_journey(self, ana: Ana) -> None:
        await ana.says(channels={"email": "revoked"})
        events = (await ana.creditor.get("A", "/events"))["items"]
        (event,) = [event for event in events if event["kind"] == "preferences_changed"]
        assert event["actor"] == "admin"
        assert event["data"] == {"subject": "channel", "channel": "email", "value": "revoked", "origin": "call"}


async def test_a_message_is_written_in_the_language_that_the_person_wants(ana: Ana) -> None:
    await ana.says(language="en")
    await ana.creditor.advances(START.replace(day=3))
    (mail,) = await ana.api.mail(to=f"{ana.key}@correo.invalid")
    assert mail["subject"].startswith("Your instalment")


@pytest.mark.parametrize(
    "body",
    [
        {"channels": {"sms": "authorised"}},
        {"do_not_contact": False},
        {"cease": False},
        {"represented_by_attorney": False},
    ],
)
async def test_a_yes_needs_the_reference_of_its_proof(ana: Ana, body: dict[str, Any]) -> None:
    assert refused(await ana.put(**body)) == (422, "preferences.proof_missing", "evidence.document")
    assert (await ana.put(YES, **body)).status_code == 200


@pytest.mark.parametrize(
    "body",
    [
        {"channels": {"email": "revoked"}},
        {"do_not_contact": True},
        {"cease": True},
        {"represented_by_attorney": True},
        {"preferred_hours": [HOURS]},
        {"preferred_channel": "email", "language": "en"},
    ],
)
async def test_a_no_and_a_wish_need_no_proof(ana: Ana, body: dict[str, Any]) -> None:
    assert (await ana.put(**body)).status_code == 200


async def test_a_yes_that_is_older_than_a_no_is_a_conflict(ana: Ana) -> None:
    await ana.says({**NO, "stated_at": "2026-02-01T10:00:00-05:00"}, channels={"email": "revoked"})
    older = {**YES, "stated_at": "2026-01-31T10:00:00-05:00"}
    answer = await ana.put(older, channels={"email": "authorised"})
    assert refused(answer) == (409, "preferences.no_since", "evidence.stated_at")


class TestRefused:
    async def test_is_whoever_nobody_knows(self, api: Api, creditor: Creditor) -> None:
        nobody = Ana(api, creditor)
        assert refused(await nobody.put(cease=True)) == (404, "debtor.unknown", "key")
        assert refused(await api.http.get(nobody.path)) == (404, "debtor.unknown", "key")

    async def test_is_a_creditor_that_does_not_know_the_person(self, ana: Ana) -> None:
        stranger = await ana.api.creditor()
        assert refused(await ana.put(creditor=stranger.key, cease=True)) == (404, "creditor.unknown", "creditor")
        answer = await ana.api.http.get(ana.path, params={"creditor": stranger.key})
        assert refused(answer) == (404, "creditor.unknown", "creditor")

    @pytest.mark.parametrize("body", [{}, {"channels": {}}])
    async def test_is_a_body_that_says_nothing(self, ana: Ana, body: dict[str, Any]) -> None:
        assert refused(await ana.put(YES, **body)) == (422, "preferences.empty", None)

    async def test_is_what_was_said_tomorrow(self, ana: Ana) -> None:
        tomorrow = {**NO, "stated_at": START.replace(day=3).isoformat()}
        assert refused(await ana.put(tomorrow, cease=True)) == (
            422, "preferences.in_future", "evidence.stated_at",
        )  # fmt: skip

    @pytest.mark.parametrize(
        ("body", "field"),
        [
            ({"wishes": True}, "wishes"),
            ({"channels": {"fax": "revoked"}}, "channels.fax.[key]"),
            ({"channels": {"sms": "maybe"}}, "channels.sms"),
            ({"preferred_channel": "fax"}, "preferred_channel"),
            ({"language": "qu"}, "language"),
            ({"cease": "perhaps"}, "cease"),
            ({"preferred_hours": [{**HOURS, "opens": "19:00", "closes": "17:00"}]}, "preferred_hours.0"),
            ({"preferred_hours": [{**HOURS, "opens": "7:00"}]}, "preferred_hours.0.opens"),
            ({"preferred_hours": [{**HOURS, "days": ["holidays"]}]}, "preferred_hours.0.days.0"),
            ({"own_requests": [{**REQUEST, "hours": [{**HOURS, "closes": "25:00"}]}]}, "own_requests.0.hours.0.closes"),
            ({"own_requests": [{**REQUEST, "channels": ["fax"]}]}, "own_requests.0.channels.0"),
            ({"own_requests": [{**REQUEST, "until": "2026-01-31"}]}, "own_requests.0"),
            ({"own_requests": [{**REQUEST, "dated": "2026-02-02"}]}, "own_requests.0"),
            ({"own_requests": [request_without("document")]}, "own_requests.0.document"),
            ({"own_requests": [request_without("dated")]}, "own_requests.0.dated"),
            ({"own_requests": [request_without("since")]}, "own_requests.0.since"),
            ({"own_requests": [request_without("separate")]}, "own_requests.0.separate"),
            ({"own_requests": [request_without("solicited")]}, "own_requests.0.solicited"),
        ],
    )
    async def test_is_what_nobody_can_mean(self, ana: Ana, body: dict[str, Any], field: str) -> None:
        assert refused(await ana.put(YES, **body)) == (422, "request.invalid", field)
        assert len((await ana.shown())["history"]) == 1, "only what the file said"

    @pytest.mark.parametrize(
        ("evidence", "field"),
        [
            ({}, "evidence.origin"),
            ({"origin": "import"}, "evidence.origin"),
            ({**NO, "stated_at": "2026-02-01T10:00:00"}, "evidence.stated_at"),
            ({**NO, "document": ""}, "evidence.document"),
        ],
    )
    async def test_is_evidence_that_is_none(self, ana: Ana, evidence: dict[str, Any], field: str) -> None:
        assert refused(await ana.put(evidence, cease=True)) == (422, "request.invalid", field)


@pytest.mark.parametrize(
    ("role", "put", "get"),
    [
        ("agent", 200, 200),
        ("operator", 200, 200),
        ("supervisor", 200, 200),
        ("compliance", 403, 200),
        ("processor", 403, 403),
    ],
)
async def test_those_who_talk_to_people_record_and_those_who_check_read(
    ana: Ana, role: Any, put: int, get: int
) -> None:
    _, header = await ana.api.key(role)
    body = {"cease": True, "evidence": NO}
    assert (await ana.api.http.put(ana.path, json=body, headers=header)).status_code == put
    assert (await ana.api.http.get(ana.path, headers=header)).status_code == get


async def test_neither_logs_nor_the_audit_trail_repeat_what_was_said(ana: Ana) -> None:
    secret = f"secreto-{uuid4().hex}"
    key, header = await ana.api.key("agent")
    for body in (
        {"cease": False, "evidence": {**YES, "document": secret}},
        {"cease": True, "evidence": {"origin": secret}},
        {secret: True, "evidence": {**NO, "document": secret}},
        {"own_requests": [{**REQUEST, "document": secret}], "evidence": {**NO, "document": secret}},
    ):
        await ana.api.http.put(ana.path, json=body, headers=header)
    action = "PUT /v1/debtors/{key}/preferences"
    assert [line["status"] for line in await ana.api.audit(key, action)] == [200, 422, 422, 200]
    assert {line["subject"] for line in await ana.api.audit(key, action)} == {ana.key}
    (found,) = await ana.api.rows("SELECT coalesce(string_agg(a::text, ''), '') AS all FROM audit a")
    assert secret not in found["all"]
    for log in (Path(ana.api.stack.data) / "logs").iterdir():
        assert secret.encode() not in log.read_bytes(), log.name
