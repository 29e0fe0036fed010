"""The payment webhook: only what is signed is heard, every payment counts once, and none is lost."""

import asyncio
import json
from datetime import UTC, datetime, timedelta
from typing import Any
from uuid import uuid4

import pytest
from standardwebhooks import Webhook

from senda.client import signed_headers
from tests.api.calls import Api, Creditor, payment, problem_of, webhook
from tests.ledger.given import row

PAST_DUE = ("1", "2026-02-01", "100000")
PATH = "/v1/webhooks/payments/generic"


def signed_at(api: Api, body: str, at: datetime) -> dict[str, str]:
    name = uuid4().hex
    return {
        "webhook-id": name,
        "webhook-timestamp": str(int(at.timestamp())),
        "webhook-signature": Webhook(api.stack.processor_secret).sign(name, at, body),
    }


class TestASignature:
    @pytest.fixture
    def body(self, creditor: Creditor) -> str:
        """Of an account that nobody knows yet: what is heard is kept."""
        return json.dumps(payment(creditor.key, "A"))

    async def kept(self, creditor: Creditor) -> int:
        return len(await creditor.api.rows("SELECT FROM payments WHERE creditor = %s", creditor.key))

    async def test_that_fits_is_heard(self, api: Api, creditor: Creditor, body: str) -> None:
        assert (await webhook(api, body)).json()["status"] == "unapplied"
        assert await self.kept(creditor) == 1

    async def test_over_another_body_is_refused(self, api: Api, creditor: Creditor, body: str) -> None:
        headers = signed_headers(uuid4().hex, body, api.stack.processor_secret)
        answer = await api.http.post(PATH, content=body.replace("1000.00", "9000.00"), headers=headers)
        assert problem_of(answer) == (401, "signature.invalid")
        assert await self.kept(creditor) == 0

    async def test_of_another_secret_is_refused(self, api: Api, body: str) -> None:
        headers = signed_headers(uuid4().hex, body, "whsec_" + "QUFB" * 8)
        assert problem_of(await api.http.post(PATH, content=body, headers=headers)) == (401, "signature.invalid")

    @pytest.mark.parametrize(
        "signature",
        [
            "nonsense",
            "v1,",
            "v1,###",
            "v1,AAAA",
            "v2,AAAA",
            "v1,AAAA,BBBB",
            ",",
            "v1 v1",
        ],
    )
    async def test_of_any_other_form_is_refused(self, api: Api, creditor: Creditor, body: str, signature: str) -> None:
        answer = await webhook(api, body, webhook_signature=signature)
        assert problem_of(answer) == (401, "signature.invalid")
        assert await self.kept(creditor) == 0

    async def test_among_others_is_heard(self, api: Api, body: str) -> None:
        """While a secret is rotated, a processor sends a signature of each."""
        headers = signed_headers(uuid4().hex, body, api.stack.processor_secret)
        headers["webhook-signature"] = f"v1,AAAA {headers['webhook-signature']}"
        assert (await api.http.post(PATH, content=body, headers=headers)).status_code == 200

    @pytest.mark.parametrize(
        ("minutes", "code"), [(-6, "signature.too_old"), (6, "signature.from_future")], ids=["old", "future"]
    )
    async def test_of_another_time_is_refused(self, api: Api, body: str, minutes: int, code: str) -> None:
        headers = signed_at(api, body, datetime.now(UTC) + timedelta(minutes=minutes))
        assert problem_of(await api.http.post(PATH, content=body, headers=headers)) == (401, code)

    @pytest.mark.parametrize("timestamp", ["soon", "nan", "1e400", "-1", "99999999999999999999"])
    async def test_with_a_time_that_is_none_is_refused(self, api: Api, body: str, timestamp: str) -> None:
        status, code = problem_of(await webhook(api, body, webhook_timestamp=timestamp))
        assert status == 401
        assert code.startswith("signature.")

    async def test_that_is_missing_is_refused(self, api: Api, body: str) -> None:
        assert problem_of(await api.http.post(PATH, content=body)) == (401, "signature.missing")

    async def test_that_is_refused_is_in_the_audit_trail(self, api: Api, body: str) -> None:
        action = f"POST {PATH}"
        before = len(await api.audit("unknown", action))
        await webhook(api, body, webhook_signature="v1,AAAA")
        lines = (await api.audit("unknown", action))[before:]
        assert [(line["status"], line["code"]) for line in lines] == [(401, "signature.invalid")]


@pytest.mark.parametrize(
    ("body", "status", "code"),
    [
        ("no json", 400, "payment.not_json"),
        ("", 400, "payment.not_json"),
        ("[]", 422, "payment.invalid"),
        ("{}", 422, "payment.invalid"),
    ],
)
async def test_a_body_that_is_no_payment_is_refused(api: Api, body: str, status: int, code: str) -> None:
    assert problem_of(await webhook(api, body)) == (status, code)


@pytest.mark.parametrize(
    ("changes", "field"),
    [
        ({"type": "gift"}, "type"),
        ({"amount": "0"}, "amount"),
        ({"amount": "-5"}, "amount"),
        ({"amount": "mil"}, "amount"),
        ({"amount": "NaN"}, "amount"),
        ({"amount": "10.005"}, "amount"),
        ({"amount": "100000000000000000"}, "amount"),
        ({"amount": "1e17"}, "amount"),
        ({"amount": 10.5}, "amount"),
        ({"currency": "pesos"}, "currency"),
        ({"currency": "XQZ"}, "currency"),
        ({"paid_at": "2026-02-02"}, "paid_at"),
        ({"paid_at": "2026-02-02T10:00:00"}, "paid_at"),
        ({"paid_at": "0001-01-01T00:00:00+14:00"}, "paid_at"),
        ({"paid_at": "9999-12-31T23:59:59-14:00"}, "paid_at"),
        ({"id": ""}, "id"),
        ({"id": "a\x00b"}, "id"),
        ({"account": "A\x00"}, "account"),
        ({"type": "reversal"}, "reverses"),
        ({"note": "x"}, "note"),
    ],
)
async def test_a_bad_value_is_refused_by_name(
    api: Api, creditor: Creditor, changes: dict[str, Any], field: str
) -> None:
    answer = await webhook(api, json.dumps({**payment(creditor.key, "A"), **changes}))
    assert problem_of(answer)[0] == 422
    assert answer.json()["field"] == field
    kept = await api.rows("SELECT FROM payments WHERE creditor = %s", creditor.key)
    assert kept == []


async def test_a_payment_in_another_currency_than_the_accounts_is_refused(api: Api, creditor: Creditor) -> None:
    await creditor.imports(row("A", PAST_DUE))
    answer = await webhook(api, json.dumps(payment(creditor.key, "A", currency="USD")))
    assert problem_of(answer) == (422, "payment.currency_mismatch")


async def test_the_same_payment_told_many_times_at_once_counts_once(creditor: Creditor) -> None:
    await creditor.imports(row("A", PAST_DUE))
    answers = await asyncio.gather(*(creditor.pays("A", "1000", id=f"{creditor.key}:same") for _ in range(10)))
    assert sorted(answer.status for answer in answers) == ["applied"] + ["duplicate"] * 9
    assert (await creditor.get("A"))["balance"]["amount"] == "99000.00"


async def test_a_payment_for_an_unknown_account_is_kept_and_shown_and_applied_when_the_account_comes(
    api: Api, creditor: Creditor
) -> None:
    answer = await creditor.pays("A", "30000")
    assert (answer.applied, answer.status, answer.code) == (False, "unapplied", "payment.unknown_account")
    shown = await api.http.get("/v1/payments", params={"creditor": creditor.key, "status": "unapplied"})
    assert [(item["account"], item["amount"], item["status"]) for item in shown.json()["items"]] == [
        ("A", "30000.00", "unapplied")
    ]
    await creditor.imports(row("A", PAST_DUE))
    assert (await creditor.get("A"))["balance"]["amount"] == "70000.00"
    shown = await api.http.get("/v1/payments", params={"creditor": creditor.key, "status": "unapplied"})
    assert shown.json()["items"] == []


async def test_a_reversal_opens_the_account_again(api: Api, creditor: Creditor) -> None:
    await creditor.imports(row("A", PAST_DUE))
    await creditor.pays("A", "100000", id=f"{creditor.key}:p")
    assert (await creditor.get("A"))["outcome"] == "paid"
    answer = await creditor.pays("A", "100000", reverses=f"{creditor.key}:p")
    assert answer.applied
    await creditor.advances(datetime(2026, 2, 2, 15, tzinfo=UTC))
    again = await creditor.get("A")
    assert (again["episode"], again["status"], again["balance"]["amount"]) == (2, "active", "100000.00")
