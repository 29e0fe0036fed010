"""Evidence over HTTP: a person's chain and the roots of days; every look at a person's data is recorded with why."""

from datetime import UTC, datetime, timedelta
from typing import Any

import orjson

from compliance.closing import close_days
from compliance.hashing import entry_hash, head_leaf
from compliance.merkle import verify_inclusion
from compliance.roots import DailyRoot, SigningKey
from ledger.database import Ledger
from tests.api.calls import Api, Creditor, problem_of
from tests.eventually import assert_eventually
from tests.ledger.given import row

CHAIN = "/v1/compliance/chain"


async def chained(api: Api, creditor: Creditor) -> tuple[str, dict[str, Any]]:
    """A person with an account, and the chain once the worker has got so far."""
    person = f"persona-{creditor.key}"
    await creditor.imports(row("A", ("1", "2026-02-01", "100000"), person=person))

    async def has_a_journey() -> dict[str, Any]:
        chain = (await api.http.get(f"{CHAIN}/{person}")).json()
        assert {"preferences", "postings", "journey_events"} <= {each["source"] for each in chain["items"]}
        return chain

    return person, await assert_eventually(has_a_journey)


async def test_the_worker_chains_what_happens_to_a_person(api: Api, creditor: Creditor) -> None:
    _, chain = await chained(api, creditor)
    assert [each["seq"] for each in chain["items"]] == list(range(1, len(chain["items"]) + 1))
    first, second = chain["items"][:2]
    assert first["previous"] == "00" * 32
    assert second["previous"] == first["hash"]


async def test_a_chain_comes_in_pages(api: Api, creditor: Creditor) -> None:
    person, chain = await chained(api, creditor)
    first = (await api.http.get(f"{CHAIN}/{person}", params={"limit": "2"})).json()
    rest = (await api.http.get(f"{CHAIN}/{person}", params={"cursor": first["next_cursor"]})).json()
    pages = [*first["items"], *rest["items"]]
    assert len(first["items"]) == 2
    assert pages[: len(chain["items"])] == chain["items"]


async def test_a_closed_day_proves_a_chain_to_whoever_has_its_root(api: Api, creditor: Creditor) -> None:
    person, _ = await chained(api, creditor)
    async with Ledger(api.stack.postgres) as ledger:
        key, tomorrow = SigningKey("s9:" + "A" * 43 + "="), datetime.now(UTC) + timedelta(days=1, minutes=2)

        async def is_closed() -> dict[str, Any]:
            await close_days(ledger, key, now=tomorrow, settles=timedelta(0))
            found = (await api.http.get(f"{CHAIN}/{person}", params={"creditor": creditor.key})).json()
            assert found["proof"] is not None
            return found

        chain = await assert_eventually(is_closed)
    roots = (await api.http.get("/v1/compliance/roots", params={"from": chain["proof"]["root"]["day"]})).json()
    proof, last = chain["proof"], chain["items"][chain["proof"]["seq"] - 1]
    root = DailyRoot.of_line(orjson.dumps(proof["root"]))
    leaf = head_leaf(chain["person"], proof["seq"], bytes.fromhex(proof["hash"]))
    assert roots["items"][-1] == proof["root"] == root.line()
    assert root.is_signed
    assert proof["hash"] == last["hash"]
    assert verify_inclusion(leaf, proof["index"], root.leaves, list(map(bytes.fromhex, proof["path"])), root.root)
    assert entry_hash([last["id"], chain["person"], last["seq"], last["source"], last["row_id"],
        _as_postgres(last["recorded_at"]), last["row_hash"], last["previous"]]).hex() == last["hash"]  # fmt: skip


def _as_postgres(instant: str | None) -> str | None:
    """2026-03-02T05:00:00.120000Z as Postgres prints it in UTC."""
    if instant is None:
        return None
    plain = datetime.fromisoformat(instant).astimezone(UTC).replace(tzinfo=None).isoformat(" ")
    return (plain.rstrip("0") if "." in plain else plain) + "+00"


async def test_a_person_of_whom_nobody_knows_is_told(api: Api, creditor: Creditor) -> None:
    person, _ = await chained(api, creditor)
    assert problem_of(await api.http.get(f"{CHAIN}/nobody-has-it")) == (404, "debtor.unknown")
    stranger = await api.creditor()
    answer = await api.http.get(f"{CHAIN}/{person}", params={"creditor": stranger.key})
    assert problem_of(answer) == (404, "creditor.unknown")


async def test_every_look_at_a_person_is_recorded_with_who_and_why(api: Api, creditor: Creditor) -> None:
    person, _ = await chained(api, creditor)
    key, header = await api.key("compliance")
    reason = {"senda-reason": "reclamación 2026-0117".encode()}
    await api.http.get(f"/v1/debtors/{person}/preferences", headers=[*header.items(), *reason.items()])
    await api.http.get(f"{CHAIN}/{person}", headers=header)
    (look,) = await api.audit(key, "GET /v1/debtors/{key}/preferences")
    assert (look["role"], look["subject"], look["status"], look["reason"]) == (
        "compliance", person, 200, "reclamación 2026-0117",
    )  # fmt: skip
    (look,) = await api.audit(key, f"GET {CHAIN}/{{debtor}}")
    assert (look["subject"], look["status"], look["reason"]) == (person, 200, None)


async def test_looks_are_facts_about_the_person(api: Api, creditor: Creditor) -> None:
    person, _ = await chained(api, creditor)
    key, header = await api.key("compliance")
    await api.http.get(f"/v1/debtors/{person}/preferences", headers=header)
    (look,) = await api.audit(key, "GET /v1/debtors/{key}/preferences")

    async def is_chained() -> None:
        found = await api.rows(
            """SELECT p.key FROM chain c JOIN people p ON p.id = c.person_id
            WHERE c.source = 'audit' AND c.row_id = %s""",
            look["id"],
        )
        assert found == [{"key": person}]

    await assert_eventually(is_chained)


async def test_a_reason_that_is_too_long_is_refused(api: Api) -> None:
    answer = await api.http.get("/v1/compliance/roots", headers={"senda-reason": "x" * 201})
    assert problem_of(answer) == (422, "request.invalid")
