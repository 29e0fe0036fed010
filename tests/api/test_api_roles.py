"""Who may do what: nobody without a key, everybody only what the role allows, and all of it in the audit trail."""

from typing import get_args
from uuid import uuid4

import pytest

from tests.api.calls import Api, Creditor, Role, problem_of
from tests.ledger.given import row

READERS = {"operator", "agent", "supervisor", "compliance"}
MANAGERS = {"operator", "supervisor", "compliance"}
SUPERVISORS = {"operator", "supervisor"}
OPERATORS = {"operator"}
CALLERS = {"agent", "operator", "supervisor"}
ADMINS: set[str] = set()
"""Beside those named here, an admin may do everything."""

JOURNEY = "/v1/journeys/{creditor}/{account}"
WEBHOOK = "/v1/creditors/{creditor}/webhook"
ACCOUNT = "/v1/accounts/{creditor}/{account}"
WHO = {
    ("put", "/v1/creditors/{creditor}"): OPERATORS,
    ("get", "/v1/creditors/{creditor}"): READERS,
    ("get", "/v1/creditors/{creditor}/summary"): READERS,
    ("post", "/v1/creditors/{creditor}/clock"): OPERATORS,
    ("put", WEBHOOK): OPERATORS,
    ("get", WEBHOOK): MANAGERS,
    ("delete", WEBHOOK): OPERATORS,
    ("post", f"{WEBHOOK}/rotate"): OPERATORS,
    ("post", f"{WEBHOOK}/replay"): OPERATORS,
    ("get", f"{WEBHOOK}/deliveries"): MANAGERS,
    ("put", "/v1/playbooks/{key}"): OPERATORS,
    ("get", "/v1/playbooks/{key}"): READERS,
    ("post", "/v1/imports"): OPERATORS,
    ("get", "/v1/imports/{import_id}"): READERS,
    ("get", "/v1/imports/{import_id}/errors"): READERS,
    ("post", "/v1/keys"): ADMINS,
    ("delete", "/v1/keys/{key}"): ADMINS,
    ("post", "/v1/journeys"): SUPERVISORS,
    ("get", "/v1/journeys"): READERS,
    ("get", JOURNEY): READERS,
    ("get", f"{JOURNEY}/contacts"): READERS,
    ("get", f"{JOURNEY}/events"): READERS,
    ("get", f"{JOURNEY}/holds"): READERS,
    ("get", f"{JOURNEY}/replay"): READERS,
    ("get", f"{JOURNEY}/replay/steps"): MANAGERS,
    ("get", f"{JOURNEY}/replay/check"): MANAGERS,
    ("get", "/v1/compliance/archive"): MANAGERS,
    ("get", "/v1/compliance/archive/sample"): MANAGERS,
    ("post", f"{JOURNEY}/pause"): MANAGERS,
    ("post", f"{JOURNEY}/resume"): MANAGERS,
    ("post", f"{JOURNEY}/close"): SUPERVISORS,
    ("post", f"{JOURNEY}/promises"): CALLERS,
    ("post", f"{JOURNEY}/promises/{{promise}}/cancel"): CALLERS,
    ("post", f"{JOURNEY}/promises/{{promise}}/renegotiate"): CALLERS,
    ("post", f"{JOURNEY}/plans"): CALLERS,
    ("post", f"{JOURNEY}/plans/{{plan}}/cancel"): CALLERS,
    ("post", f"{JOURNEY}/disputes"): CALLERS,
    ("post", f"{JOURNEY}/disputes/{{dispute}}/resolve"): MANAGERS,
    ("get", f"{JOURNEY}/promises"): READERS,
    ("get", f"{JOURNEY}/plans"): READERS,
    ("get", f"{JOURNEY}/disputes"): READERS,
    ("get", "/v1/promises"): READERS,
    ("get", "/v1/creditors/{creditor}/promises/projection"): READERS,
    ("get", "/v1/plans"): READERS,
    ("get", "/v1/disputes"): READERS,
    ("get", "/v1/payments"): MANAGERS,
    ("post", f"{ACCOUNT}/payment-links"): CALLERS,
    ("post", f"{ACCOUNT}/mandates"): CALLERS,
    ("post", f"{ACCOUNT}/mandates/{{mandate}}/revoke"): CALLERS,
    ("get", f"{ACCOUNT}/mandates"): READERS,
    ("get", f"{ACCOUNT}/debits"): READERS,
    ("get", "/v1/processor-events"): MANAGERS,
    ("put", "/v1/creditors/{creditor}/bank-mapping"): OPERATORS,
    ("get", "/v1/creditors/{creditor}/bank-mapping"): READERS,
    ("post", "/v1/creditors/{creditor}/bank-files"): OPERATORS,
    ("get", "/v1/packs"): READERS,
    ("get", "/v1/packs/{pack}"): READERS,
    ("put", "/v1/packs/{pack}"): OPERATORS,
    ("post", "/v1/contacts/permits"): CALLERS,
    ("post", "/v1/contacts/{contact}/outcome"): CALLERS,
    ("get", "/v1/contacts/cases"): READERS,
    ("put", "/v1/debtors/{key}/preferences"): CALLERS,
    ("get", "/v1/debtors/{key}/preferences"): READERS,
    ("get", "/v1/tasks"): READERS,
    ("get", "/v1/tasks/{task}"): READERS,
    ("post", "/v1/tasks/{task}/claim"): CALLERS,
    ("post", "/v1/tasks/{task}/release"): CALLERS,
    ("post", "/v1/tasks/{task}/notes"): CALLERS,
    ("post", "/v1/tasks/{task}/done"): CALLERS,
    ("post", "/v1/dialer/batch"): CALLERS,
    ("post", "/v1/dialer/results"): CALLERS,
    ("put", "/v1/reference-values/{key}/{since}"): SUPERVISORS,
    ("get", "/v1/reference-values/{key}"): READERS,
    ("post", f"{ACCOUNT}/fees"): SUPERVISORS,
    ("get", f"{ACCOUNT}/statement"): READERS,
    ("get", f"{ACCOUNT}/credits"): READERS,
    ("post", f"{ACCOUNT}/credit-notes"): SUPERVISORS,
    ("post", f"{ACCOUNT}/credit-notes/{{credit}}/apply"): SUPERVISORS,
    ("post", f"{ACCOUNT}/credit-notes/{{credit}}/cancel"): SUPERVISORS,
    ("post", f"{ACCOUNT}/waivers"): SUPERVISORS,
    ("post", f"{ACCOUNT}/waivers/{{credit}}/cancel"): SUPERVISORS,
    ("post", f"{ACCOUNT}/write-offs"): SUPERVISORS,
    ("post", f"{ACCOUNT}/write-offs/{{credit}}/cancel"): SUPERVISORS,
    ("post", f"{ACCOUNT}/refunds"): SUPERVISORS,
    ("get", f"{ACCOUNT}/reliefs/offers"): CALLERS,
    ("post", f"{ACCOUNT}/reliefs"): CALLERS,
    ("post", f"{ACCOUNT}/reliefs/{{relief}}/cancel"): CALLERS,
    ("get", f"{ACCOUNT}/reliefs"): READERS,
    ("get", "/v1/creditors/{creditor}/reliefs"): READERS,
    ("get", "/v1/templates"): READERS,
    ("post", "/v1/templates/preview"): READERS,
    ("get", "/v1/compliance/roots"): MANAGERS,
    ("get", "/v1/compliance/chain/{debtor}"): MANAGERS,
}
OPEN = {
    ("post", "/v1/webhooks/payments/generic"),
    ("post", "/v1/webhooks/payments/{processor}"),
    *((method, f"/v1/webhooks/providers/{{provider}}{path}") for method in ("get", "post") for path in ("", "/{path}")),
    *((method, "/v1/stop/{token}") for method in ("get", "post")),
    ("get", "/health"),
}
"""Webhooks and links that are signed, and health."""

BODIES = {
    "/v1/reference-values/{key}/{since}": {"value": "0.25", "source": "nobody"},
    f"{ACCOUNT}/fees": {"kind": "call", "contact": 1},
    f"{ACCOUNT}/reliefs": {"relief": "nobody-has-it"},
    f"{ACCOUNT}/credit-notes": {"amount": "1.00", "reason": "r"},
    f"{ACCOUNT}/waivers": {"amount": "1.00", "reason": "r"},
    f"{ACCOUNT}/write-offs": {"reason": "r"},
    f"{ACCOUNT}/refunds": {"amount": "1.00"},
    f"{ACCOUNT}/mandates": {"reference": "nobody", "proof": "nobody"},
    "/v1/creditors/{creditor}": {"name": "N", "pack": "CO", "currency": "COP", "playbook": "nobody-has-it"},
    "/v1/creditors/{creditor}/bank-mapping": {
        "columns": {"account": "a", "date": "d", "amount": "v"},
        "currency": "COP",
        "time_zone": "America/Bogota",
    },
    "/v1/creditors/{creditor}/clock": {"advance_to": "2026-03-01T00:00:00Z"},
    WEBHOOK: {"url": "http://127.0.0.1:9/"},
    f"{WEBHOOK}/replay": {"from": "2026-03-01T00:00:00Z"},
    "/v1/keys": {"name": "n", "role": "agent"},
    "/v1/journeys": {"creditor": "nobody", "account": "A"},
    f"{JOURNEY}/pause": {"reason": "hardship"},
    f"{JOURNEY}/close": {"outcome": "withdrawn"},
    f"{JOURNEY}/promises": {"amount": "1.00", "due_date": "2026-03-01"},
    f"{JOURNEY}/promises/{{promise}}/renegotiate": {"amount": "1.00", "due_date": "2026-03-01"},
    f"{JOURNEY}/plans": {"instalments": [{"amount": "1.00", "due_date": "2026-03-01"}]},
    f"{JOURNEY}/disputes": {"reason": "other"},
    f"{JOURNEY}/disputes/{{dispute}}/resolve": {"outcome": "rejected"},
    "/v1/contacts/permits": {"creditor": "nobody", "account": "A"},
    "/v1/contacts/{contact}/outcome": {"disposition": "no_answer"},
    "/v1/debtors/{key}/preferences": {"cease": True, "evidence": {"origin": "call"}},
    "/v1/tasks/{task}/notes": {"text": "a"},
    "/v1/tasks/{task}/done": {},
    "/v1/dialer/batch": {"creditor": "nobody", "size": 1},
    "/v1/templates/preview": {"template": "nobody-has-it"},
    "/v1/dialer/results": {"results": [{"task": 1, "disposition": "shouted"}]},
}
FILLED = {
    "creditor": "nobody",
    "account": "A",
    "key": "nobody-has-it",
    "import_id": "nobody-has-it",
    "since": "2026-03-01",
    "pack": "nobody-has-it",
    "contact": "0",
    "promise": "0",
    "plan": "0",
    "dispute": "0",
    "relief": "0",
    "credit": "0",
    "mandate": "0",
    "task": "0",
    "debtor": "nobody-has-it",
}
ASKED = {"creditor": "nobody", "from": "2026-03-01T00:00:00Z", "to": "2026-03-02T00:00:00Z"}


@pytest.fixture
async def keys(api: Api) -> dict[str, dict[str, str]]:
    """A key's header for each role."""
    return {role: (await api.key(role))[1] for role in get_args(Role)}


async def test_every_operation_is_in_the_table_above(api: Api) -> None:
    paths = (await api.http.get("/openapi.json")).json()["paths"]
    assert {(method, path) for path, operations in paths.items() for method in operations} == WHO.keys() | OPEN


async def test_each_role_may_do_what_it_is_for_and_nothing_else(api: Api, keys: dict[str, dict[str, str]]) -> None:
    for (method, path), allowed in WHO.items():
        body = BODIES.get(path) if method != "get" else None
        for role, header in keys.items():
            answer = await api.http.request(method, path.format(**FILLED), json=body, headers=header, params=ASKED)
            if role in allowed or role == "admin":
                assert answer.status_code not in (401, 403, 500), (method, path, role)
            else:
                assert problem_of(answer) == (403, "auth.role"), (method, path, role)


@pytest.mark.parametrize(("method", "path"), WHO)
async def test_nobody_enters_without_a_key(api: Api, method: str, path: str) -> None:
    for header, code in (({"authorization": ""}, "auth.missing"), ({"authorization": "Bearer x"}, "auth.unknown_key")):
        answer = await api.http.request(method, path.format(**FILLED), headers=header)
        assert problem_of(answer) == (401, code)
        assert answer.headers["www-authenticate"] == "Bearer"


async def test_a_revoked_key_opens_nothing(api: Api) -> None:
    key, header = await api.key("operator")
    assert (await api.http.delete(f"/v1/keys/{key}")).status_code == 204
    assert problem_of(await api.http.get("/v1/journeys", headers=header)) == (401, "auth.unknown_key")


class TestTheAuditTrail:
    async def test_has_every_command_with_whoever_gave_it(self, api: Api, creditor: Creditor) -> None:
        await creditor.imports(row("A", ("1", "2026-02-01", "100000")))
        key, header = await api.key("supervisor")
        await api.http.post(creditor.path("A", "/pause"), json={"reason": "hardship"}, headers=header)
        (line,) = await api.audit(key, f"POST {JOURNEY}/pause")
        assert (line["role"], line["subject"], line["status"], line["code"]) == (
            "supervisor", f"{creditor.key}:A", 201, None,
        )  # fmt: skip

    async def test_has_every_refusal(self, api: Api, creditor: Creditor) -> None:
        await creditor.imports(row("A", ("1", "2026-02-01", "100000")))
        key, header = await api.key("agent")
        await api.http.post(creditor.path("A", "/close"), json={"outcome": "withdrawn"}, headers=header)
        (line,) = await api.audit(key, f"POST {JOURNEY}/close")
        assert (line["status"], line["code"]) == (403, "auth.role")

    async def test_has_refused_reads_too(self, api: Api) -> None:
        key, header = await api.key("processor")
        await api.http.get("/v1/journeys", headers=header)
        (line,) = await api.audit(key, "GET /v1/journeys")
        assert (line["status"], line["code"]) == (403, "auth.role")

    async def test_has_what_was_in_vain(self, api: Api, creditor: Creditor) -> None:
        key, header = await api.key("supervisor")
        await api.http.post(creditor.path("NOBODY", "/close"), json={"outcome": "withdrawn"}, headers=header)
        await api.http.post(creditor.path("NOBODY", "/close"), json={"outcome": "forgiven"}, headers=header)
        lines = await api.audit(key, f"POST {JOURNEY}/close")
        assert [(line["status"], line["code"]) for line in lines] == [
            (404, "account.unknown"),
            (422, "request.invalid"),
        ]

    async def test_has_no_reads_that_were_allowed(self, api: Api) -> None:
        key, header = await api.key("agent")
        await api.http.get("/v1/journeys", headers=header)
        assert await api.audit(key, "GET /v1/journeys") == []

    async def test_names_whoever_commanded_in_the_journeys_own_record(self, api: Api, creditor: Creditor) -> None:
        await creditor.imports(row("A", ("1", "2026-02-01", "100000")))
        name = f"Luisa {uuid4().hex[:6]}"
        answer = await api.http.post("/v1/keys", json={"name": name, "role": "supervisor"})
        header = {"authorization": f"Bearer {answer.json()['token']}"}
        await api.http.post(creditor.path("A", "/close"), json={"outcome": "withdrawn"}, headers=header)
        closed = [event for event in (await creditor.get("A", "/events"))["items"] if event["kind"] == "closed"]
        assert [event["actor"] for event in closed] == [name]
