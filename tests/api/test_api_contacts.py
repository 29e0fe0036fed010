"""Agents ask before they dial and report after it; compliance reads why, and takes the cases out."""

import asyncio
from datetime import UTC, date, datetime, timedelta
from typing import Any
from uuid import uuid4

import httpx
import orjson
import pytest

from activities.engine import connect
from journey.state import JourneyState
from policy import decide, parse_case
from tests.api.calls import Api, Creditor, Role, payload_keys, problem_of
from tests.ledger.given import local, row
from workflows import contract

PAST_DUE = ("1", "2026-02-01", "100000")
"""Its first notice is due by e-mail on Monday 2 February 2026 at nine."""
NOT_DUE = ("1", "2026-09-01", "100000")
MONDAY = date(2026, 2, 2)
EIGHT = local(MONDAY, 8)
CHANNELS = ["email", "call"]


class Agent:
    """Somebody with an agent's key who calls the debtors of one creditor."""

    def __init__(self, api: Api, creditor: Creditor, name: str, header: dict[str, str]) -> None:
        self.api = api
        self.creditor = creditor
        self.name = name
        self.header = header

    async def asks(self, account: str = "A", key: str | None = None, language: str | None = None, **body: Any) -> Any:
        """The answer to a question for a permit; `key` an Idempotency-Key."""
        return await self.api.http.post(
            "/v1/contacts/permits",
            json={"creditor": self.creditor.key, "account": account, **body},
            params={"language": language} if language else None,
            headers={**self.header, **({"idempotency-key": key} if key else {})},
        )

    async def reports(self, contact: object, disposition: str, **body: Any) -> httpx.Response:
        """The answer to an outcome."""
        return await self.api.http.post(
            f"/v1/contacts/{contact}/outcome", json={"disposition": disposition, **body}, headers=self.header
        )


async def agent_of(api: Api, creditor: Creditor) -> Agent:
    name = f"Marta {uuid4().hex[:6]}"
    answer = await api.http.post("/v1/keys", json={"name": name, "role": "agent"})
    return Agent(api, creditor, name, {"authorization": f"Bearer {answer.json()['token']}"})


@pytest.fixture
async def agent(api: Api) -> Agent:
    """On Monday at eight, an hour before account A's first notice."""
    creditor = await api.creditor(at=EIGHT)
    await creditor.imports(row("A", PAST_DUE, person=f"{creditor.key}-p", authorised_channels=CHANNELS))
    return await agent_of(api, creditor)


async def contacts(agent: Agent, **query: str) -> list[dict[str, Any]]:
    """What GET …/contacts shows of the calls for account A."""
    answer = await agent.api.http.get(agent.creditor.path("A", "/contacts"), params=query)
    assert answer.status_code == 200, answer.text
    return [each for each in answer.json() if each["step"] is None]


class TestAPermit:
    async def test_is_given_for_five_minutes_with_its_reasons(self, agent: Agent) -> None:
        answer = await agent.asks(channel="call")
        assert answer.status_code == 201, answer.text
        permit = answer.json()
        assert {name: permit[name] for name in ("allowed", "channel", "decided_at", "expires_at")} == {
            "allowed": True,
            "channel": "call",
            "decided_at": "2026-02-02T13:00:00Z",
            "expires_at": "2026-02-02T13:05:00Z",
        }
        assert permit["why"].startswith("Contacto permitido: ")

    async def test_ends_with_the_contact_hours(self, agent: Agent) -> None:
        await agent.creditor.advances(local(date(2026, 2, 3), 18, 58))
        assert (await agent.asks(channel="email")).json()["expires_at"] == "2026-02-04T00:00:00Z"

    async def test_and_a_refusal_stand_in_the_accounts_contacts_and_events(self, agent: Agent) -> None:
        permit, refusal = (await agent.asks()).json(), (await agent.asks()).json()
        shown = await contacts(agent)
        assert [(each["id"], each["status"], each["actor"]) for each in shown] == [
            (permit["id"], "permitted", agent.name),
            (refusal["id"], "refused", agent.name),
        ]
        assert [each["why"] for each in shown] == [permit["why"], refusal["why"]]
        events = (await agent.creditor.get("A", "/events"))["items"]
        assert [(each["actor"], each["data"]["status"]) for each in events if each["kind"] == "contact"] == [
            (agent.name, "permitted"),
            (agent.name, "refused"),
        ]


class TestARefusal:
    async def test_is_problem_details_with_rules_next_time_and_reasons(self, agent: Agent) -> None:
        await agent.asks()
        answer = await agent.asks()
        assert problem_of(answer) == (409, "contact.refused")
        body = answer.json()
        assert (body["allowed"], body["rules"], body["reason"]) == (False, ["CO-03"], None)
        assert body["next_allowed_at"] == "2026-02-03T12:00:00Z"
        assert body["why"].startswith("No se contactó: la persona ya fue contactada hoy a las 08:00 por llamada (CO-03")

    async def test_is_explained_in_english_to_whoever_asks_so(self, agent: Agent) -> None:
        await agent.asks()
        assert (await agent.asks(language="en")).json()["why"].startswith("Not contacted: the person was already")
        assert [each["why"].split(":")[0] for each in await contacts(agent, language="en")] == [
            "Contact allowed",
            "Not contacted",
        ]

    async def test_for_a_pause_says_so(self, agent: Agent) -> None:
        await agent.creditor.post("A", "/pause", {"reason": "hardship", "until": local(MONDAY, 15).isoformat()})
        body = (await agent.asks()).json()
        assert (body["reason"], body["rules"]) == ("paused", [])
        assert body["next_allowed_at"] == "2026-02-02T20:00:00Z"
        assert body["why"] == "No se contactó: la gestión de esta cuenta está en pausa."

    async def test_for_a_paid_account_says_so_and_names_no_next_time(self, agent: Agent) -> None:
        await agent.creditor.pays("A", "100000")
        body = (await agent.asks()).json()
        assert (body["reason"], body["next_allowed_at"]) == ("nothing_owed", None)

    @pytest.mark.parametrize(
        ("asked", "rules"),
        [
            ({"role": "reference"}, ["CO-06"]),
            ({"channel": "whatsapp"}, ["CO-05"]),
            ({"channel": "visit"}, ["CO-05", "CO-08"]),
        ],
    )
    async def test_names_the_rule(self, agent: Agent, asked: dict[str, str], rules: list[str]) -> None:
        body = (await agent.asks(**asked)).json()
        assert (body["rules"], body["next_allowed_at"]) == (rules, None)


async def test_an_exempt_purpose_passes_on_sunday(agent: Agent) -> None:
    await agent.creditor.advances(local(date(2026, 2, 8), 11))
    assert (await agent.asks()).json()["rules"] == ["CO-02", "CO-04"]
    answer = await agent.asks(purpose="payment_confirmation")
    assert answer.status_code == 201
    assert "CO-09" in answer.json()["why"]


class TestTheSameQuestionAgain:
    async def test_gets_the_same_answer(self, agent: Agent) -> None:
        for key in (uuid4().hex, uuid4().hex):  # the first is permitted, the second refused
            answers = [await agent.asks(key=key) for _ in range(3)]
            assert answers[0].json() == answers[1].json() == answers[2].json()
            assert len({answer.status_code for answer in answers}) == 1
            assert len({answer.headers["content-type"] for answer in answers}) == 1
            assert [answer.headers.get("idempotent-replayed") for answer in answers] == [None, "true", "true"]
        assert [each["status"] for each in await contacts(agent)] == ["permitted", "refused"]

    async def test_gets_it_after_a_crash_before_the_answer_was_kept(self, agent: Agent) -> None:
        """As the record stands then: the decision is stored, the key has no answer."""
        key = uuid4().hex
        first = await agent.asks(key=key)
        await agent.api.rows("UPDATE idempotency_keys SET status = NULL, answer = NULL WHERE key = %s RETURNING 1", key)
        again = await agent.asks(key=key)
        assert (again.status_code, again.json()) == (first.status_code, first.json())
        assert len(await contacts(agent)) == 1

    async def test_many_times_at_once_is_one_contact(self, agent: Agent) -> None:
        key = uuid4().hex
        answers = await asyncio.gather(*(agent.asks(key=key) for _ in range(5)))
        assert {answer.status_code for answer in answers} == {201}
        assert len({answer.json()["id"] for answer in answers}) == 1

    async def test_with_another_body_is_a_conflict(self, agent: Agent) -> None:
        key = uuid4().hex
        await agent.asks(key=key)
        assert problem_of(await agent.asks(key=key, channel="email")) == (409, "idempotency.key_reused")


class TestAQuestion:
    @pytest.mark.parametrize(
        ("change", "field"),
        [
            ({"channel": "pigeon"}, "channel"),
            ({"purpose": "curiosity"}, "purpose"),
            ({"role": "neighbour"}, "role"),
            ({"account": ""}, "account"),
            ({"account": None}, "account"),
            ({"account": "A\x00"}, "account"),
            ({"creditor": "A:B"}, "creditor"),
            ({"number": "+573991234567"}, "number"),
        ],
    )
    async def test_with_a_bad_value_is_refused_with_its_field(
        self, agent: Agent, change: dict[str, Any], field: str
    ) -> None:
        body = {"creditor": agent.creditor.key, "account": "A", **change}
        answer = await agent.api.http.post("/v1/contacts/permits", json=body, headers=agent.header)
        assert problem_of(answer) == (422, "request.invalid")
        assert answer.json()["field"] == field

    async def test_in_an_unknown_language_is_refused(self, agent: Agent) -> None:
        answer = await agent.asks(language="fr")
        assert problem_of(answer) == (422, "request.invalid")
        assert answer.json()["field"] == "language"

    @pytest.mark.parametrize("body", [{"account": "NOBODY"}, {"creditor": "nobody"}])
    async def test_about_an_unknown_account_is_404(self, agent: Agent, body: dict[str, str]) -> None:
        asked = {"creditor": agent.creditor.key, "account": "A", **body}
        answer = await agent.api.http.post("/v1/contacts/permits", json=asked, headers=agent.header)
        assert problem_of(answer) == (404, "account.unknown")


class TestAnOutcome:
    async def test_is_kept_once_and_told_again_the_same(self, agent: Agent) -> None:
        permit = (await agent.asks()).json()
        answers = [await agent.reports(permit["id"], "right_party_contact") for _ in range(2)]
        assert [answer.status_code for answer in answers] == [201, 201]
        assert (
            answers[0].json()
            == answers[1].json()
            == {
                "id": permit["id"],
                "status": "answered",
                "disposition": "right_party_contact",
                "at": "2026-02-02T13:00:00Z",
                "late": False,
            }
        )
        (shown,) = await contacts(agent)
        assert (shown["status"], shown["disposition"]) == ("answered", "right_party_contact")
        last = (await agent.creditor.get("A", "/events"))["items"][-1]
        assert (last["actor"], last["data"]["detail"], last["data"]["late"]) == (
            agent.name, "right_party_contact", False,
        )  # fmt: skip

    async def test_that_differs_from_the_first_is_a_conflict(self, agent: Agent) -> None:
        permit = (await agent.asks()).json()
        await agent.reports(permit["id"], "voicemail")
        assert problem_of(await agent.reports(permit["id"], "not_dialled")) == (409, "contact.outcome_known")

    async def test_says_that_the_contact_was_late(self, agent: Agent) -> None:
        permit = (await agent.asks()).json()
        await agent.creditor.advances(local(MONDAY, 8, 30))
        at = local(MONDAY, 8, 6).isoformat()
        assert (await agent.reports(permit["id"], "no_answer", at=at)).json()["late"] is True

    async def test_of_a_refused_contact_is_a_conflict(self, agent: Agent) -> None:
        await agent.asks()
        refused = (await agent.asks()).json()
        assert problem_of(await agent.reports(refused["id"], "no_answer")) == (409, "contact.not_permitted")

    async def test_of_a_steps_message_is_a_conflict(self, agent: Agent) -> None:
        await agent.creditor.advances(local(MONDAY, 9))
        step = (await agent.creditor.get("A", "/contacts"))[-1]
        assert step["status"] == "sent"
        assert problem_of(await agent.reports(step["id"], "answered")) == (409, "contact.of_a_step")

    @pytest.mark.parametrize("contact", ["0", "-5", "123456789012", "9" * 30])
    async def test_of_an_unknown_contact_is_404(self, agent: Agent, contact: str) -> None:
        assert problem_of(await agent.reports(contact, "no_answer")) == (404, "contact.unknown")

    async def test_of_something_that_is_no_number_is_refused(self, agent: Agent) -> None:
        answer = await agent.reports("abc", "no_answer")
        assert (*problem_of(answer), answer.json()["field"]) == (422, "request.invalid", "contact")

    @pytest.mark.parametrize("at", ["2026-02-02T12:00:00Z", "2026-02-02T14:00:00Z"])
    async def test_at_an_impossible_time_is_refused(self, agent: Agent, at: str) -> None:
        answer = await agent.reports((await agent.asks()).json()["id"], "no_answer", at=at)
        assert (*problem_of(answer), answer.json()["field"]) == (422, "contact.at_impossible", "at")

    @pytest.mark.parametrize(
        ("body", "field"),
        [
            ({"disposition": "shouted"}, "disposition"),
            ({"disposition": "busy", "at": "2026-02-02T08:00:00"}, "at"),
            ({"disposition": "busy", "note": "he said"}, "note"),
        ],
    )
    async def test_with_a_bad_value_is_refused_with_its_field(
        self, agent: Agent, body: dict[str, str], field: str
    ) -> None:
        answer = await agent.api.http.post("/v1/contacts/1/outcome", json=body, headers=agent.header)
        assert (*problem_of(answer), answer.json()["field"]) == (422, "request.invalid", field)


@pytest.mark.parametrize(
    ("role", "may_ask", "may_read"),
    [("agent", True, True), ("supervisor", True, True), ("compliance", False, True), ("processor", False, False)],
)
async def test_compliance_may_read_and_not_call_and_a_processor_neither(
    api: Api, agent: Agent, role: Role, may_ask: bool, may_read: bool
) -> None:
    _, header = await api.key(role)
    permit = (await agent.asks()).json()
    someone = Agent(api, agent.creditor, role, header)
    for answer in (await someone.asks(), await someone.reports(permit["id"], "busy")):
        assert (answer.status_code != 403) is may_ask
    read = [
        await api.http.get(agent.creditor.path("A", "/contacts"), headers=header),
        await api.http.get("/v1/contacts/cases", params=SINCE_THEN, headers=header),
    ]
    assert [answer.status_code for answer in read] == [200 if may_read else 403] * 2


class TestAJourneyAndACall:
    async def test_for_one_person_heed_each_other(self, api: Api, agent: Agent) -> None:
        """Two creditors; the call comes first, so the other one's notice does not leave that day."""
        other = await api.creditor(at=EIGHT)
        await other.imports(row("B", PAST_DUE, person=f"{agent.creditor.key}-p", authorised_channels=CHANNELS))
        assert (await agent.asks()).status_code == 201
        await other.advances(local(MONDAY, 9))
        (refused,) = [each for each in await other.get("B", "/contacts") if each["status"] == "refused"]
        assert (refused["step"], refused["rules"]) == ("aviso-1", ["CO-03", "CO-04"])
        assert "hoy a las 08:00 por llamada" in refused["why"]

    async def test_put_the_journey_off_from_its_start_in_record_and_engine_alike(self, api: Api) -> None:
        """Called three days before it opens: by CO-04 no e-mail for a week, and none is refused."""
        creditor = await api.creditor(at=local(date(2026, 2, 6), 10))
        for account, due in (("A", ("1", "2026-02-18", "100000")), ("OTHER", NOT_DUE)):
            await creditor.imports(row(account, due, person=f"{creditor.key}-p", authorised_channels=CHANNELS))
        agent = await agent_of(api, creditor)
        await creditor.advances(local(date(2026, 2, 10), 10))
        assert (await agent.asks("OTHER")).status_code == 201
        await creditor.advances(local(date(2026, 2, 13), 12))
        journey = await creditor.get("A")
        assert journey["next_step"] == {"key": "recordatorio", "due_at": "2026-02-17T14:00:00Z"}
        engine = await connect(api.stack.temporal, "default", payload_keys(api.stack))
        handle = engine.client.get_workflow_handle(journey["journey_id"])
        state = await handle.query(contract.STATE, result_type=JourneyState)
        (kept,) = await api.rows("SELECT state FROM journeys WHERE id = %s", journey["journey_id"])
        assert state == JourneyState.model_validate(kept["state"])
        await creditor.advances(local(date(2026, 2, 18), 0))
        made = [(each["step"], each["status"], each["sent_at"]) for each in await creditor.get("A", "/contacts")]
        assert made == [("recordatorio", "sent", "2026-02-17T14:00:00Z")]

    async def test_a_second_notice_that_day_leaves_the_next_one_without_a_refusal(self, api: Api) -> None:
        """The whole of it, over the real engine and the real mail."""
        notice = {"channels": ["email"], "template": "overdue"}
        steps = [
            {"key": "manana", "day": 1, "at": "09:00", **notice},
            {"key": "tarde", "day": 1, "at": "15:00", **notice},
        ]
        stages = [{"stage": "administrative", "from_day": 1, "steps": steps}]
        creditor = await api.creditor(at=EIGHT, playbook=await api.playbook(stages=stages))
        await creditor.imports(row("A", PAST_DUE))
        await creditor.advances(local(MONDAY, 12))
        assert (await creditor.get("A"))["next_step"] == {"key": "tarde", "due_at": "2026-02-03T20:00:00Z"}
        await creditor.advances(local(date(2026, 2, 5), 12))
        assert [
            (each["step"], each["status"], each["decided_at"]) for each in await creditor.get("A", "/contacts")
        ] == [
            ("manana", "sent", "2026-02-02T14:00:00Z"),
            ("tarde", "sent", "2026-02-03T20:00:00Z"),
        ]
        put_off = [each for each in (await creditor.get("A", "/events"))["items"] if each["kind"] == "step_deferred"]
        assert [(each["data"]["step"], each["data"]["rules"]) for each in put_off] == [("tarde", ["CO-03"])]


SINCE_THEN = {"from": "2026-02-01T00:00:00-05:00", "to": "2026-03-01T00:00:00-05:00"}


class TestTheCases:
    async def cases(self, agent: Agent, **query: str) -> list[dict[str, Any]]:
        params = {**SINCE_THEN, "creditor": agent.creditor.key, **query}
        lines: list[dict[str, Any]] = []
        async with agent.api.http.stream("GET", "/v1/contacts/cases", params=params) as answer:
            assert answer.status_code == 200
            assert answer.headers["content-type"] == "application/x-ndjson"
            assert "content-length" not in answer.headers, "it is streamed"
            async for line in answer.aiter_lines():
                lines.append(orjson.loads(line))
        return lines

    async def test_have_every_decision_in_a_form_that_can_be_judged_again(self, agent: Agent) -> None:
        await agent.asks()
        await agent.asks()
        await agent.creditor.advances(local(MONDAY, 9))
        found = await self.cases(agent)
        assert [(each["step"], each["decision"], each["actor"]) for each in found] == [
            (None, "permitted", agent.name),
            (None, "refused", agent.name),
            ("aviso-1", "refused", "senda"),
        ]
        for each in found:
            packs, query = parse_case(each["case"])
            decision = decide(packs, query)
            assert (decision.allowed, list(decision.rules)) == (each["decision"] == "permitted", each["rules"])
            assert [basis["content_hash"] for basis in each["packs"]] == [pack.content_hash for pack in packs]

    async def test_name_nobody(self, agent: Agent) -> None:
        addresses = {"email": "baltasara@correo.invalid", "call": "+573991112233"}
        await agent.creditor.imports(
            row("Z", PAST_DUE, name="Baltasara Quux", addresses=addresses, authorised_channels=CHANNELS)
        )
        await agent.asks("Z")
        text = orjson.dumps(await self.cases(agent)).decode()
        assert '"Z"' in text
        assert not any(trace in text for trace in ("altasara", "Quux", "3991112233", "correo.invalid"))

    async def test_are_those_of_the_time_and_the_decision_that_were_asked_for(self, agent: Agent) -> None:
        await agent.asks()
        await agent.asks()
        assert [each["decision"] for each in await self.cases(agent, decision="refused")] == ["refused"]
        exactly = {"from": EIGHT.isoformat(), "to": (EIGHT + timedelta(microseconds=1)).isoformat()}
        assert len(await self.cases(agent, **exactly)) == 2
        assert await self.cases(agent, to=EIGHT.isoformat()) == []

    @pytest.mark.parametrize(
        ("query", "field"),
        [
            ({"from": "yesterday"}, "from"),
            ({"to": ""}, "to"),
            ({"days": "0"}, "days"),
            ({"decision": "skipped"}, "decision"),
            ({"creditor": "a\x00"}, "creditor"),
        ],
    )
    async def test_asked_for_with_a_bad_value_are_refused(
        self, agent: Agent, query: dict[str, str], field: str
    ) -> None:
        answer = await agent.api.http.get("/v1/contacts/cases", params={**SINCE_THEN, **query})
        assert (*problem_of(answer), answer.json()["field"]) == (422, "request.invalid", field)


async def test_on_the_real_clock_a_permit_begins_now(api: Api) -> None:
    """Whether the law allows it now or not: the answer carries the real instant."""
    creditor = await api.creditor(at=None)
    await creditor.imports(row("A", NOT_DUE, authorised_channels=["call"]))
    agent = await agent_of(api, creditor)
    answer = await agent.asks(purpose="payment_confirmation")
    assert answer.status_code == 201
    decided = datetime.fromisoformat(answer.json()["decided_at"])
    assert abs(decided - datetime.now(UTC)) < timedelta(minutes=1)
