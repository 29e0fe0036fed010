"""Every error is problem details with a stable code that says what to do, and leaves nothing half written."""

from datetime import UTC, datetime, timedelta
from typing import Any

import pytest

from tests.api.calls import CSV, NDJSON, Api, Creditor, problem_of
from tests.ledger.given import START, playbook, row

PAST_DUE = ("1", "2026-02-01", "100000")
CREDITOR = {"name": "N", "pack": "CO", "currency": "COP", "playbook": "consumo-co"}


class TestACreditor:
    @pytest.mark.parametrize(
        ("changes", "code", "field"),
        [
            ({"playbook": "made-up"}, "playbook.unknown", "playbook"),
            ({"pack": "XX"}, "policy.unknown_pack", "pack"),
            ({"currency": "pesos"}, "currency.unknown", "currency"),
            ({"time_zone": "America/Bogotá"}, "time_zone.unknown", "time_zone"),
            ({"name": ""}, "request.invalid", "name"),
            ({"name": "a\x00b"}, "request.invalid", "name"),
            ({"colour": "red"}, "request.invalid", "colour"),
            ({"test_clock": "tomorrow"}, "request.invalid", "test_clock"),
            ({"test_clock": "2026-02-02T00:00:00"}, "request.invalid", "test_clock"),
            ({"test_clock": "0001-01-01T00:00:00Z"}, "request.invalid", "test_clock"),
        ],
    )
    async def test_with_a_bad_value_is_refused(self, api: Api, changes: dict[str, Any], code: str, field: str) -> None:
        key = await api.playbook()
        answer = await api.http.put("/v1/creditors/no-such", json={**CREDITOR, "playbook": key, **changes})
        assert problem_of(answer) == (422, code)
        assert answer.json()["field"] == field
        assert problem_of(await api.http.get("/v1/creditors/no-such")) == (404, "creditor.unknown")

    async def test_with_a_bad_key_is_refused(self, api: Api) -> None:
        assert problem_of(await api.http.put("/v1/creditors/A:b", json=CREDITOR)) == (422, "request.invalid")

    async def test_keeps_its_currency_once_it_has_accounts(self, api: Api, creditor: Creditor) -> None:
        await creditor.imports(row("A", PAST_DUE))
        known = (await api.http.get(f"/v1/creditors/{creditor.key}")).json()
        body = {name: value for name, value in known.items() if name != "creditor"}
        answer = await api.http.put(f"/v1/creditors/{creditor.key}", json={**body, "currency": "USD"})
        assert problem_of(answer) == (409, "creditor.currency_fixed")


class TestAPlaybook:
    @pytest.mark.parametrize(
        ("change", "place"),
        [
            ({"ends": {"day": 5}}, "ends.day"),
            ({"stages": []}, "stages"),
            ({"colour": "red"}, "colour"),
            ({"stages": [{"stage": "late", "from_day": 1}]}, "stages.0.stage"),
        ],
    )
    async def test_with_a_fault_is_refused_with_the_place(self, api: Api, change: dict[str, Any], place: str) -> None:
        body = {**playbook("roto").model_dump(mode="json"), **change}
        answer = await api.http.put("/v1/playbooks/roto", json=body)
        assert problem_of(answer) == (422, "playbook.invalid")
        assert place in [problem["place"] for problem in answer.json()["problems"]]
        assert problem_of(await api.http.get("/v1/playbooks/roto")) == (404, "playbook.unknown")

    @pytest.mark.parametrize("body", [b"{", b"\xff\xfe", b"", b"- a\n- b", b"a: [", b"key: *nobody"])
    async def test_that_cannot_be_read_is_refused(self, api: Api, body: bytes) -> None:
        assert problem_of(await api.http.put("/v1/playbooks/roto", content=body)) == (422, "playbook.invalid")

    async def test_of_another_key_is_refused(self, api: Api) -> None:
        body = playbook("uno").model_dump(mode="json")
        assert problem_of(await api.http.put("/v1/playbooks/otro", json=body)) == (422, "playbook.key_mismatch")

    async def test_may_be_yaml_and_comes_back_the_same(self, api: Api) -> None:
        key = await api.playbook()
        content = (await api.http.get(f"/v1/playbooks/{key}")).text
        kept = await api.http.put(f"/v1/playbooks/{key}", content=content, headers={"content-type": "application/yaml"})
        assert kept.json()["hash"] == playbook(key).hash

    async def test_with_a_template_that_is_not_here_is_kept_with_a_warning(self, api: Api) -> None:
        book = playbook("con-aviso").model_dump(mode="json")
        book["stages"][0]["steps"][0]["template"] = "made-up"
        answer = await api.http.put("/v1/playbooks/con-aviso", json=book)
        assert answer.status_code == 200
        assert "made-up" in answer.json()["warnings"][0]


class TestAnImport:
    async def test_for_an_unknown_creditor_is_refused(self, api: Api) -> None:
        answer = await api.http.post("/v1/imports", params={"creditor": "nobody"}, content=b"{}", headers=NDJSON)
        assert problem_of(answer) == (404, "creditor.unknown")

    async def test_of_an_unknown_form_is_refused(self, api: Api, creditor: Creditor) -> None:
        answer = await api.http.post(
            "/v1/imports", params={"creditor": creditor.key}, content=b"x", headers={"content-type": "text/html"}
        )
        assert problem_of(answer) == (400, "import.content_type")

    @pytest.mark.parametrize(
        ("header", "code", "field"),
        [
            (b"account,debtor,due_date,amount,saldo\n", "import.column_unknown", "saldo"),
            (b"account,debtor,due_date\n", "import.column_missing", "amount"),
            (b"", "import.empty", None),
        ],
    )
    async def test_with_a_bad_header_is_refused_whole(
        self, api: Api, creditor: Creditor, header: bytes, code: str, field: str | None
    ) -> None:
        content = header + b"A,p,2026-02-01,1000,1\n" if header else b""
        answer = await api.http.post("/v1/imports", params={"creditor": creditor.key}, content=content, headers=CSV)
        assert problem_of(answer) == (422, code)
        assert answer.json().get("field") == field
        assert await api.rows("SELECT FROM accounts WHERE creditor = %s", creditor.key) == []

    async def test_that_nobody_sent_is_unknown(self, api: Api) -> None:
        for rest in ("", "/errors"):
            assert problem_of(await api.http.get(f"/v1/imports/nobody{rest}")) == (404, "import.unknown")

    async def test_at_no_rate_is_refused(self, api: Api, creditor: Creditor) -> None:
        answer = await api.http.post(
            "/v1/imports", params={"creditor": creditor.key, "rate": "0"}, content=b"", headers=NDJSON
        )
        assert problem_of(answer) == (422, "request.invalid")


class TestAJourney:
    @pytest.fixture
    async def creditor(self, creditor: Creditor) -> Creditor:
        await creditor.imports(row("A", PAST_DUE), row("B"))
        return creditor

    @pytest.mark.parametrize("rest", ["", "/contacts", "/events"])
    async def test_of_an_unknown_account_is_unknown(self, api: Api, creditor: Creditor, rest: str) -> None:
        assert problem_of(await api.http.get(creditor.path("NOBODY", rest))) == (404, "account.unknown")

    async def test_of_an_account_that_never_had_one_is_unknown(self, api: Api, creditor: Creditor) -> None:
        assert problem_of(await api.http.get(creditor.path("B"))) == (404, "journey.unknown")

    async def test_of_an_account_that_owes_nothing_cannot_start(self, api: Api, creditor: Creditor) -> None:
        answer = await api.http.post("/v1/journeys", json={"creditor": creditor.key, "account": "B"})
        assert problem_of(answer) == (409, "journey.nothing_due")

    @pytest.mark.parametrize(
        ("command", "body", "expected"),
        [
            ("/pause", {"reason": "because he is ill"}, (422, "request.invalid")),
            ("/pause", {"reason": "hardship", "until": "2026-01-01T00:00:00Z"}, (422, "journey.pause_backwards")),
            ("/pause", {"reason": "hardship", "until": "soon"}, (422, "request.invalid")),
            ("/pause", {}, (422, "request.invalid")),
            ("/resume", None, (409, "journey.not_paused")),
            ("/close", {"outcome": "forgiven"}, (422, "request.invalid")),
            ("/close", {}, (422, "request.invalid")),
        ],
    )
    async def test_refuses_a_bad_command(
        self, creditor: Creditor, command: str, body: object, expected: tuple[int, str]
    ) -> None:
        before = await creditor.get("A")
        assert problem_of(await creditor.post("A", command, body)) == expected
        assert await creditor.get("A") == before

    async def test_that_is_closed_takes_no_command(self, creditor: Creditor) -> None:
        await creditor.post("A", "/close", {"outcome": "withdrawn"})
        for command, body in (("/pause", {"reason": "x"}), ("/resume", None), ("/close", {"outcome": "written_off"})):
            assert problem_of(await creditor.post("A", command, body)) == (409, "journey.not_open")


class TestTheClock:
    @pytest.mark.parametrize(
        ("to", "expected"),
        [
            (START - timedelta(seconds=1), (409, "clock.backwards")),
            (datetime(2300, 1, 1, tzinfo=UTC), (422, "request.invalid")),
        ],
    )
    async def test_does_not_go_there(
        self, api: Api, creditor: Creditor, to: datetime, expected: tuple[int, str]
    ) -> None:
        answer = await api.http.post(f"/v1/creditors/{creditor.key}/clock", json={"advance_to": to.isoformat()})
        assert problem_of(answer) == expected

    async def test_of_a_creditor_that_lives_in_real_time_cannot_be_moved(self, api: Api) -> None:
        real = await api.creditor(at=None)
        answer = await api.http.post(f"/v1/creditors/{real.key}/clock", json={"advance_to": START.isoformat()})
        assert problem_of(answer) == (409, "clock.real")


@pytest.mark.parametrize(
    ("path", "params", "code"),
    [
        ("/v1/journeys", {"limit": "0"}, "request.invalid"),
        ("/v1/journeys", {"limit": "501"}, "request.invalid"),
        ("/v1/journeys", {"cursor": "!!"}, "cursor.invalid"),
        ("/v1/journeys", {"stage": "late"}, "request.invalid"),
        ("/v1/journeys", {"status": "asleep"}, "request.invalid"),
        ("/v1/journeys", {"creditor": "a\x00"}, "request.value_invalid"),
        ("/v1/payments", {"cursor": "eA=="}, "cursor.invalid"),
        ("/v1/payments", {"status": "lost"}, "request.invalid"),
    ],
)
async def test_a_bad_question_is_refused(api: Api, path: str, params: dict[str, str], code: str) -> None:
    assert problem_of(await api.http.get(path, params=params)) == (422, code)


@pytest.mark.parametrize(
    ("method", "path", "status"),
    [
        ("GET", "/nowhere", 404),
        ("GET", "/v1/journeys/a/b/c/d", 404),
        ("PATCH", "/v1/journeys", 405),
        ("GET", "/v1/journeys/%00/%00", 422),
    ],
)
async def test_a_wrong_address_is_problem_details_too(api: Api, method: str, path: str, status: int) -> None:
    assert problem_of(await api.http.request(method, path))[0] == status


@pytest.mark.parametrize(
    ("body", "expected"),
    [
        (b"", (422, "request.invalid")),
        (b"{", (422, "request.invalid")),
        (b"[]", (422, "request.invalid")),
        (b'"x"', (422, "request.invalid")),
        (b"\xff", (400, "http.400")),
    ],
)
async def test_a_body_that_is_no_json_object_is_refused(api: Api, body: bytes, expected: tuple[int, str]) -> None:
    answer = await api.http.post("/v1/journeys", content=body, headers={"content-type": "application/json"})
    assert problem_of(answer) == expected
