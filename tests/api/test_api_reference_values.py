"""Through HTTP: values that others certify, the late interest below them, collection fees."""

from datetime import timedelta
from typing import Any
from uuid import uuid4

import httpx
import pytest

from tests.api.calls import Api, Creditor, problem_of
from tests.ledger.given import START, row

PAST_DUE = ("1", "2026-02-01", "1000000")
DAY = timedelta(days=1)
FEES: dict[str, Any] = {
    "kinds": [
        {
            "key": "gestion",
            "amount": "5000",
            "channels": ["email"],
            "informed_by": "contrato, cláusula 9",
            "informed_on": "2026-01-01",
        }
    ]
}


@pytest.fixture
def key() -> str:
    """The key of ceilings of the test's own."""
    return f"CO.usury.t{uuid4().hex[:10]}"


async def put(api: Api, key: str, since: str, value: object, **body: Any) -> httpx.Response:
    """A value loaded with its source."""
    content = {"value": value, "source": "Resolución 1", **body}
    return await api.http.put(f"/v1/reference-values/{key}/{since}", json=content)


class TestAValue:
    async def test_is_kept_and_shown_with_who_loaded_it_from_where(self, api: Api, key: str) -> None:
        answer = await put(api, key, "2026-02-01", "0.2500")
        assert answer.status_code == 200, answer.text
        shown = answer.json()
        assert (shown["key"], shown["since"], shown["value"]) == (key, "2026-02-01", "0.25")
        assert (shown["source"], shown["actor"]) == ("Resolución 1", "admin")
        assert (await api.http.get(f"/v1/reference-values/{key}")).json() == [shown]

    async def test_of_a_stretch_is_shown_alone(self, api: Api, key: str) -> None:
        for month in ("2026-01-01", "2026-02-01", "2026-03-01"):
            await put(api, key, month, "0.25")
        query = {"from": "2026-01-15", "to": "2026-02-01"}
        found = (await api.http.get(f"/v1/reference-values/{key}", params=query)).json()
        assert [each["since"] for each in found] == ["2026-02-01"]

    async def test_of_a_key_that_nobody_loaded_is_none(self, api: Api, key: str) -> None:
        assert (await api.http.get(f"/v1/reference-values/{key}")).json() == []

    @pytest.mark.parametrize(
        ("path", "value", "code"),
        [
            ("CO.usury/2026-02-02", "0.25", "reference.ceiling_day"),
            ("CO.usury/2026-02-01", "25", "reference.value_invalid"),
            ("CO.usury/2026-02-01", "0", "reference.value_invalid"),
            ("CO usury/2026-02-01", "0.25", "reference.key_invalid"),
            ("CO.usury/2026-02-30", "0.25", "request.invalid"),
            ("CO.usury/2026-02-01", "a quarter", "request.invalid"),
            ("CO.usury/2026-02-01", None, "request.invalid"),
        ],
    )
    async def test_that_cannot_be_meant_is_refused(self, api: Api, path: str, value: object, code: str) -> None:
        wanted, _, since = path.partition("/")
        assert problem_of(await put(api, wanted, since, value)) == (422, code)

    async def test_needs_a_source(self, api: Api, key: str) -> None:
        assert problem_of(await put(api, key, "2026-02-01", "0.25", source="")) == (422, "request.invalid")


class TestLateInterest:
    async def test_accrues_as_the_clock_goes_on_below_the_ceiling(self, api: Api, key: str) -> None:
        """25 % effective costs 611.54 a day on a million: 1 834.62 in three days; owed from the 2nd to the 4th."""
        await put(api, key, "2026-02-01", "0.25")
        interest = {"rates": [{"since": "2026-01-01", "annual": "0.30"}], "ceiling": key}
        creditor = await api.creditor(money={"interest": interest})
        await creditor.imports(row("A", PAST_DUE))
        await creditor.advances(START + 2 * DAY)
        assert (await creditor.get("A"))["balance"] == {"amount": "1001834.62", "currency": "COP"}

    async def test_without_a_ceiling_of_the_month_does_not_accrue(self, api: Api, key: str) -> None:
        interest = {"rates": [{"since": "2026-01-01", "annual": "0.30"}], "ceiling": key}
        creditor = await api.creditor(money={"interest": interest})
        await creditor.imports(row("A", PAST_DUE))
        await creditor.advances(START + 2 * DAY)
        assert (await creditor.get("A"))["balance"]["amount"] == "1000000.00"


class TestAFee:
    async def charge(self, creditor: Creditor, **changes: Any) -> httpx.Response:
        """A fee for the first message that left; `changes` are fields of the body."""
        contacts = await creditor.get("A", "/contacts")
        sent = next(each["id"] for each in contacts if each["status"] == "sent")
        body = {"kind": "gestion", "contact": sent, **changes}
        path = f"/v1/accounts/{creditor.key}/A/fees"
        return await creditor.api.http.post(path, json=body, headers={"idempotency-key": "the one"})

    @pytest.fixture
    async def charging(self, api: Api) -> Creditor:
        """A creditor with a fee, whose first notice has left."""
        creditor = await api.creditor(money={"fees": FEES})
        await creditor.imports(row("A", PAST_DUE))
        await creditor.advances(START + DAY)
        return creditor

    async def test_is_charged_once_and_owed(self, charging: Creditor) -> None:
        answer = await self.charge(charging)
        assert answer.status_code == 201, answer.text
        fee = answer.json()
        assert (fee["kind"], fee["due"], fee["amount"]) == ("gestion", "1", {"amount": "5000.00", "currency": "COP"})
        assert fee["about"]["informed_by"] == "contrato, cláusula 9"
        assert (await self.charge(charging)).json() == fee
        assert (await charging.get("A"))["balance"]["amount"] == "1005000.00"

    async def test_that_the_creditor_does_not_charge_is_refused(self, charging: Creditor) -> None:
        assert problem_of(await self.charge(charging, kind="visita")) == (422, "fee.not_offered")

    async def test_for_nothing_or_for_two_things_is_refused(self, charging: Creditor) -> None:
        assert problem_of(await self.charge(charging, contact=None)) == (422, "request.invalid")
        assert problem_of(await self.charge(charging, task=1)) == (422, "request.invalid")

    async def test_for_what_the_account_does_not_have_is_not_found(self, charging: Creditor) -> None:
        assert problem_of(await self.charge(charging, contact=None, task=2**62)) == (404, "fee.action_unknown")
