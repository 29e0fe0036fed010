"""Packs through HTTP: Senda's to read, a creditor's own to put beside them."""

from typing import Any
from uuid import uuid4

import httpx
import pytest

from policy import load_pack, pack_keys, pack_text
from tests.api.calls import Api, Creditor, problem_of
from tests.ledger.given import START, ZONE, row
from tests.ledger.own_packs import office_hours, pack_of, seldom

PAST_DUE = ("1", "2026-02-01", "100000")
CALL: dict[str, Any] = {"addresses": {"call": "+573991234567"}, "authorised_channels": ["call"]}
YAML = {"content-type": "application/yaml"}


@pytest.fixture
def key() -> str:
    """The key of a pack of the test's own."""
    return f"propio-{uuid4().hex[:12]}"


async def put(api: Api, key: str, content: str | bytes, **headers: str) -> httpx.Response:
    """A pack put under a key."""
    return await api.http.put(f"/v1/packs/{key}", content=content, headers={**YAML, **headers})


async def follow(creditor: Creditor, *extra: str, **changes: Any) -> httpx.Response:
    """The creditor follows these packs from now on, beside its law."""
    current = (await creditor.api.http.get(f"/v1/creditors/{creditor.key}")).json()
    del current["creditor"]
    body = {**current, "extra_packs": list(extra), **changes}
    return await creditor.api.http.put(f"/v1/creditors/{creditor.key}", json=body)


async def dials(creditor: Creditor, account: str, hour: int) -> httpx.Response:
    """An agent asks for a call at that hour of Monday 2 February in Bogotá."""
    await creditor.advances(START.replace(hour=START.hour + hour))
    body = {"creditor": creditor.key, "account": account, "channel": "call"}
    return await creditor.api.http.post("/v1/contacts/permits", json=body)


async def asked(creditor: Creditor) -> list[list[dict[str, str]]]:
    """The packs that the stored decisions on calls name, in order."""
    query = "SELECT basis FROM contacts WHERE creditor = %s AND request IS NOT NULL ORDER BY id"
    rows = await creditor.api.rows(query, creditor.key)
    assert rows
    return [each["basis"]["verdicts"]["call"]["basis"] for each in rows]


class TestSendasPacks:
    async def test_are_all_listed(self, api: Api) -> None:
        listed = (await api.http.get("/v1/packs")).json()
        theirs = {each["key"]: each for each in listed if not each["own"]}
        assert theirs.keys() == set(pack_keys())
        assert theirs["CO"]["version"] == load_pack("CO").version
        assert theirs["CO"]["hash"] == load_pack("CO").content_hash

    async def test_are_shown_whole_by_key_and_by_hash(self, api: Api) -> None:
        by_key = await api.http.get("/v1/packs/CO")
        by_hash = await api.http.get(f"/v1/packs/{load_pack('CO').content_hash}")
        assert by_key.json() == by_hash.json()
        rules = by_key.json()["content"]["rules"]
        assert [rule["id"] for rule in rules] == [rule.id for rule in load_pack("CO").rules]

    async def test_cannot_be_replaced(self, api: Api) -> None:
        assert problem_of(await put(api, "CO", pack_text("CO"))) == (409, "pack.key_taken")


class TestAnOwnPack:
    async def test_is_answered_and_shown_as_it_was_put(self, api: Api, key: str) -> None:
        answer = await put(api, key, pack_of(key))
        assert answer.status_code == 200, answer.text
        kept = answer.json()
        assert (kept["key"], kept["version"], kept["own"]) == (key, "1", True)
        assert kept["content"]["rules"][0]["id"] == "AM-01"
        for name in (key, kept["hash"]):
            assert (await api.http.get(f"/v1/packs/{name}")).json() == kept
        listed = (await api.http.get("/v1/packs")).json()
        assert kept == {**next(each for each in listed if each["key"] == key), "content": kept["content"]}

    @pytest.mark.parametrize(
        ("content", "expected", "field"),
        [
            ("rules: [", (422, "policy.bad_pack"), None),
            ("", (422, "policy.bad_pack"), None),
            (pack_of("propio", office_hours("16:00", "10:00")), (422, "policy.bad_pack"), "rules.0.window.hours.0"),
            (pack_of("propio", zones=["America/Macondo"]), (422, "policy.bad_pack"), "zones"),
            (pack_of("otro"), (422, "pack.key_mismatch"), "pack"),
            (pack_of("propio", status="draft"), (422, "pack.draft"), "status"),
            (pack_of("propio", seldom(367)), (422, "policy.bad_pack"), "rules.0.cap.next_from_day"),
            (pack_of("propio", version="\0"), (422, "request.value_invalid"), None),
            (pack_of("propio") + "#" * 2**16, (400, "pack.too_long"), "body"),
            ("name: año".encode("latin-1"), (400, "pack.not_utf8"), "body"),
        ],
    )
    async def test_that_cannot_be_followed_is_refused(
        self, api: Api, content: str | bytes, expected: tuple[int, str], field: str | None
    ) -> None:
        answer = await put(api, "propio", content)
        assert problem_of(answer) == expected
        assert answer.json().get("field") == field
        assert problem_of(await api.http.get("/v1/packs/propio")) == (404, "pack.unknown")

    @pytest.mark.parametrize(
        ("role", "expected"),
        [
            ("operator", (200, 200)),
            ("supervisor", (403, 200)),
            ("compliance", (403, 200)),
            ("agent", (403, 200)),
            ("processor", (403, 403)),
        ],
    )
    async def test_is_put_by_operators_and_read_by_all_who_ask_for_contacts(
        self, api: Api, key: str, role: Any, expected: tuple[int, int]
    ) -> None:
        _, header = await api.key(role)
        put_status = (await put(api, key, pack_of(key), **header)).status_code
        assert (put_status, (await api.http.get("/v1/packs/CO", headers=header)).status_code) == expected

    async def test_is_in_the_audit_trail_with_whoever_put_it(self, api: Api, key: str) -> None:
        operator, header = await api.key("operator")
        await put(api, key, pack_of(key), **header)
        (line,) = await api.audit(operator, "PUT /v1/packs/{pack}")
        assert (line["subject"], line["status"]) == (key, 200)


class TestACreditorsOwnPack:
    async def test_narrows_the_law_and_is_named_by_the_decision(self, creditor: Creditor, key: str) -> None:
        api = creditor.api
        own = (await put(api, key, pack_of(key))).json()
        assert (await follow(creditor, key)).json()["extra_packs"] == [key]
        await creditor.imports(row("A", PAST_DUE, **CALL))
        refused = await dials(creditor, "A", 9)
        assert problem_of(refused) == (409, "contact.refused")
        assert (refused.json()["rules"], refused.json()["next_allowed_at"]) == (["AM-01"], "2026-02-02T15:00:00Z")
        assert (await dials(creditor, "A", 10)).status_code == 201
        for basis in await asked(creditor):
            assert basis == [
                {"pack": "CO", "version": load_pack("CO").version, "content_hash": load_pack("CO").content_hash},
                {"pack": key, "version": "1", "content_hash": own["hash"]},
            ]

    async def test_has_versions_of_which_the_old_ones_can_still_be_read(self, creditor: Creditor, key: str) -> None:
        api = creditor.api
        old = (await put(api, key, pack_of(key))).json()
        await follow(creditor, key)
        await creditor.imports(row("A", PAST_DUE, **CALL))
        assert (await dials(creditor, "A", 9)).status_code == 409
        new = (await put(api, key, pack_of(key, office_hours("08:00"), version="2"))).json()
        assert (await dials(creditor, "A", 9)).status_code == 201, "the new version holds at once"
        assert (await api.http.get(f"/v1/packs/{key}")).json() == new
        assert (await api.http.get(f"/v1/packs/{old['hash']}")).json() == old
        assert [basis[1]["content_hash"] for basis in await asked(creditor)] == [old["hash"], new["hash"]]

    async def test_must_have_been_put(self, creditor: Creditor, key: str) -> None:
        answer = await follow(creditor, key)
        assert problem_of(answer) == (422, "policy.unknown_pack")
        assert answer.json()["field"] == "extra_packs"

    async def test_may_not_be_its_only_one(self, creditor: Creditor, key: str) -> None:
        """The law comes with Senda; what creditors put only narrows it."""
        await put(creditor.api, key, pack_of(key))
        answer = await follow(creditor, pack=key)
        assert problem_of(answer) == (422, "policy.unknown_pack")
        assert answer.json()["field"] == "pack"

    async def test_is_none_where_nothing_is_said(self, api: Api) -> None:
        body = {"name": "N", "pack": "CO", "currency": "COP", "playbook": await api.playbook(), "time_zone": ZONE}
        answer = await api.http.put(f"/v1/creditors/nuevo-{uuid4().hex[:12]}", json=body)
        assert answer.json()["extra_packs"] == []


async def test_a_debtors_packs_narrow_that_debtor_only(api: Api) -> None:
    creditor = await api.creditor(pack="BR-SP", time_zone="America/Sao_Paulo")
    there: dict[str, Any] = {**CALL, "time_zones": ["America/Sao_Paulo"]}
    await creditor.imports(row("R", PAST_DUE, packs=["BR-RJ"], **there), row("S", PAST_DUE, **there))
    in_rio = await dials(creditor, "R", 6)  # eight in the morning there
    assert (in_rio.status_code, in_rio.json()["next_allowed_at"]) == (409, "2026-02-02T12:00:00Z")
    assert (await dials(creditor, "S", 6)).status_code == 201
