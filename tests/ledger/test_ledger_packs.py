"""Packs that decide: Senda's kept by their hashes, creditors' own beside them, and those of where a debtor lives."""

from collections.abc import Sequence
from datetime import UTC, date, datetime, timedelta
from typing import Any
from uuid import uuid4

import pytest
from hypothesis import HealthCheck, settings
from hypothesis import given as for_any
from hypothesis import strategies as st

from ledger.creditors import creditor, put_creditor
from ledger.database import Ledger
from ledger.errors import Conflict, NotFound
from ledger.migrate import upgrade
from ledger.packs import list_packs, pack_version, put_pack
from ledger.permits import Refusal
from policy import Pack, load_pack, pack_keys
from policy.errors import SendaError
from tests.ledger.given import Given, local, row, streamed
from tests.ledger.own_packs import WORKDAYS, office_hours, pack_of, seldom

PAST_DUE = ("1", "2026-02-01", "100000")
MONDAY = date(2026, 2, 2)
CALL: dict[str, Any] = {"addresses": {"call": "+573991234567"}, "authorised_channels": ["call"]}


@pytest.fixture
def key() -> str:
    """The key of a pack of the test's own."""
    return f"propio-{uuid4().hex[:12]}"


async def follow(given: Given, pack: str, extra: Sequence[str], zone: str = "America/Bogota") -> None:
    """The creditor follows these packs from now on."""
    current = await creditor(given.ledger, given.key)
    await put_creditor(
        given.ledger,
        given.key,
        name=current.name,
        pack=pack,
        extra_packs=extra,
        currency="COP",
        playbook=current.playbook,
        test_clock=current.test_clock,
        time_zone=zone,
    )


class TestAShippedPack:
    @pytest.mark.parametrize("shipped", pack_keys())
    async def test_is_kept_by_its_hash_once_the_database_is_migrated(self, ledger: Ledger, shipped: str) -> None:
        pack = load_pack(shipped)
        kept = await pack_version(ledger, pack.content_hash)
        assert (kept.key, kept.version, kept.hash, kept.own) == (shipped, pack.version, pack.content_hash, False)
        read = Pack.model_validate(kept.content)
        assert read == pack
        assert read.content_hash == pack.content_hash

    async def test_is_found_by_its_key_too(self, ledger: Ledger) -> None:
        assert await pack_version(ledger, "CO") == await pack_version(ledger, load_pack("CO").content_hash)

    async def test_is_kept_once_however_often_the_database_is_migrated(self, ledger: Ledger, ledger_url: str) -> None:
        before = await list_packs(ledger)
        upgrade(ledger_url)
        assert await list_packs(ledger) == before

    async def test_comes_before_the_creditors_own_in_the_list(self, ledger: Ledger, key: str) -> None:
        await put_pack(ledger, pack_of(key), "Luisa", key)
        listed = await list_packs(ledger)
        assert [each.key for each in listed if not each.own] == list(pack_keys())
        assert key in [each.key for each in listed[len(pack_keys()) :]]


class TestAnOwnPack:
    async def test_is_kept_with_whoever_put_it(self, given: Given, key: str) -> None:
        pack = await put_pack(given.ledger, pack_of(key), "Luisa", key)
        kept = await pack_version(given.ledger, key)
        assert (kept.key, kept.version, kept.hash, kept.own) == (key, "1", pack.content_hash, True)
        assert Pack.model_validate(kept.content) == pack
        (line,) = await given.all("SELECT hash, actor FROM pack_versions WHERE key = %s", key)
        assert line == {"hash": pack.content_hash, "actor": "Luisa"}

    async def test_put_again_is_no_new_version(self, given: Given, key: str) -> None:
        for _ in range(2):
            await put_pack(given.ledger, pack_of(key), "Luisa", key)
        assert len(await given.all("SELECT FROM pack_versions WHERE key = %s", key)) == 1

    @pytest.mark.parametrize(
        ("text", "code", "field"),
        [
            ("rules: [", "policy.bad_pack", None),
            (pack_of("propio", version=""), "policy.bad_pack", "version"),
            (pack_of("otro"), "pack.key_mismatch", "pack"),
            (pack_of("propio", status="draft"), "pack.draft", "status"),
            (pack_of("propio", seldom(400)), "policy.bad_pack", "rules.0.cap.next_from_day"),
            (pack_of("propio", seldom(10**12)), "policy.bad_pack", "rules.0.cap.next_from_day"),
        ],
    )
    async def test_that_cannot_be_followed_is_refused(
        self, ledger: Ledger, text: str, code: str, field: str | None
    ) -> None:
        with pytest.raises(SendaError) as fault:
            await put_pack(ledger, text, "Luisa", "propio")
        assert (fault.value.code, fault.value.field) == (code, field)
        with pytest.raises(NotFound):
            await pack_version(ledger, "propio")

    async def test_takes_no_key_of_sendas_packs(self, ledger: Ledger) -> None:
        with pytest.raises(Conflict) as fault:
            await put_pack(ledger, pack_of("CO"), "Luisa", "CO")
        assert (fault.value.code, fault.value.field) == ("pack.key_taken", "pack")

    async def test_that_nobody_put_is_not_there(self, ledger: Ledger, key: str) -> None:
        with pytest.raises(NotFound) as fault:
            await pack_version(ledger, key)
        assert fault.value.code == "pack.unknown"


@for_any(puts=st.lists(st.sampled_from(("10:00", "11:00", "12:00")), min_size=1, max_size=6))
@settings(max_examples=15, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
async def test_the_last_version_put_holds_and_the_earlier_ones_stay(ledger: Ledger, puts: list[str]) -> None:
    key = f"propio-{uuid4().hex[:12]}"
    put = [await put_pack(ledger, pack_of(key, office_hours(opens)), "Luisa", key) for opens in puts]
    assert (await pack_version(ledger, key)).hash == put[-1].content_hash
    for pack in put:
        assert Pack.model_validate((await pack_version(ledger, pack.content_hash)).content) == pack
    async with ledger.transaction() as tx:
        rows = await (await tx.execute("SELECT hash FROM pack_versions WHERE key = %s ORDER BY id", [key])).fetchall()
    hashes = [pack.content_hash for pack in put]
    assert [each["hash"] for each in rows] == [
        hash_ for number, hash_ in enumerate(hashes) if number == 0 or hash_ != hashes[number - 1]
    ]


class TestACreditorsOwnPack:
    @pytest.mark.parametrize(
        ("hour", "rules"), [(9, ("AM-01",)), (10, ()), (15, ()), (16, ("AM-01",)), (19, ("AM-01", "CO-01"))]
    )
    async def test_applies_beside_the_law(self, given: Given, key: str, hour: int, rules: tuple[str, ...]) -> None:
        await put_pack(given.ledger, pack_of(key), "Luisa", key)
        await follow(given, "CO", [key])
        await given.imported(row("A", PAST_DUE, **CALL))
        await given.clock(local(MONDAY, hour))
        verdict = await given.dials("A")
        assert (verdict.allowed, verdict.rules) == (not rules, rules)

    async def test_is_named_by_the_decision_with_its_version_and_hash(self, given: Given, key: str) -> None:
        own = await put_pack(given.ledger, pack_of(key), "Luisa", key)
        await follow(given, "CO", [key])
        await given.imported(row("A", PAST_DUE))
        journey = given.journey("A")
        refused = await given.asks(journey, await given.due_contact(journey))
        assert isinstance(refused, Refusal), "the step is due at nine, the creditor's hours begin at ten"
        assert refused.until == local(MONDAY, 10)
        verdict = (await given.decisions("A"))[-1]["basis"]["verdicts"]["email"]
        assert verdict["basis"] == [
            {"pack": pack.key, "version": pack.version, "content_hash": pack.content_hash}
            for pack in (load_pack("CO"), own)
        ]

    async def test_holds_from_the_next_permit_on_and_old_decisions_keep_theirs(self, given: Given, key: str) -> None:
        first = await put_pack(given.ledger, pack_of(key), "Luisa", key)
        await follow(given, "CO", [key])
        await given.imported(row("A", PAST_DUE, **CALL))
        await given.clock(local(MONDAY, 9))
        refused = await given.dials("A")
        second = await put_pack(given.ledger, pack_of(key, office_hours("08:00"), version="2"), "Luisa", key)
        allowed = await given.dials("A")
        assert allowed.allowed
        decided = [each["basis"]["verdicts"]["call"]["basis"][1] for each in await given.decisions("A")]
        assert [(each["version"], each["content_hash"]) for each in decided] == [
            ("1", first.content_hash),
            ("2", second.content_hash),
        ]
        assert (refused.why.packs[1], allowed.why.packs[1]) == (first, second)
        assert (await pack_version(given.ledger, first.content_hash)).version == "1"

    async def test_may_look_back_further_than_any_law(self, given: Given, key: str) -> None:
        await put_pack(given.ledger, pack_of(key, seldom(20)), "Luisa", key)
        await follow(given, "CO", [key])
        await given.imported(row("A", PAST_DUE, **CALL))
        await given.clock(local(MONDAY, 10))
        assert (await given.dials("A")).allowed
        await given.clock(local(MONDAY + timedelta(days=19), 10))
        refused = await given.dials("A")
        free_again = local(date(2026, 2, 23), 7)  # day 20 is a Sunday
        assert (refused.rules, refused.next_allowed_at) == (("AM-02",), free_again)
        await given.clock(free_again)
        assert (await given.dials("A")).allowed

    async def test_that_leaves_no_time_at_all_lets_the_journey_begin_and_refuses(self, given: Given, key: str) -> None:
        sundays = {**office_hours(), "closed": [*WORKDAYS, "sat"], "hours": [
            {"days": ["sun"], "opens": "10:00", "closes": "12:00"}
        ]}  # fmt: skip
        await put_pack(given.ledger, pack_of(key, sundays), "Luisa", key)
        await follow(given, "CO", [key])
        await given.imported(row("A", PAST_DUE, **CALL))
        await given.clock(local(MONDAY, 10))
        refused = await given.dials("A")
        assert (refused.rules, refused.next_allowed_at) == (("AM-01",), None)

    async def test_must_be_there(self, given: Given, key: str) -> None:
        with pytest.raises(SendaError) as fault:
            await follow(given, "CO", [key])
        assert (fault.value.code, fault.value.field) == ("policy.unknown_pack", "extra_packs")

    async def test_may_be_a_shipped_one_and_each_counts_once(self, given: Given, key: str) -> None:
        await put_pack(given.ledger, pack_of(key), "Luisa", key)
        await follow(given, "CO", ["CO", "PE", key, "PE"])
        assert (await creditor(given.ledger, given.key)).extra_packs == ["PE", key]

    async def test_is_nobody_elses(self, given: Given, key: str) -> None:
        other = await Given(given.ledger).set_up()
        await put_pack(given.ledger, pack_of(key), "Luisa", key)
        await follow(given, "CO", [key])
        for each in (given, other):
            await each.imported(row("A", PAST_DUE, **CALL))
            await each.clock(local(MONDAY, 9))
        assert not (await given.dials("A")).allowed
        assert (await other.dials("A")).allowed


SAO_PAULO = "America/Sao_Paulo"


def in_sao_paulo(hour: int, minute: int = 0) -> datetime:
    """An instant of the Monday there (UTC-3)."""
    return datetime(2026, 2, 2, hour + 3, minute, tzinfo=UTC)


class TestADebtorsPacks:
    @pytest.mark.parametrize(
        ("at", "in_rio", "elsewhere"),
        [
            (in_sao_paulo(8, 30), False, True),
            (in_sao_paulo(9), True, True),
            (in_sao_paulo(18, 59), True, True),
            (in_sao_paulo(19), False, True),
            (in_sao_paulo(20), False, False),
        ],
    )
    async def test_narrow_the_creditors_law_for_that_debtor_only(
        self, given: Given, at: datetime, in_rio: bool, elsewhere: bool
    ) -> None:
        await follow(given, "BR-SP", [], SAO_PAULO)
        there: dict[str, Any] = {**CALL, "time_zones": [SAO_PAULO]}
        await given.imported(row("R", PAST_DUE, packs=["BR-RJ"], **there), row("S", PAST_DUE, **there))
        await given.clock(at)
        assert [(await given.dials(account)).allowed for account in ("R", "S")] == [in_rio, elsewhere]

    async def test_are_those_of_the_last_import(self, given: Given) -> None:
        await follow(given, "BR-SP", [], SAO_PAULO)
        for packs in (["BR-RJ"], []):
            await given.imported(row("R", PAST_DUE, person=f"{given.key}-p", packs=packs, **CALL))
            assert await self.packs(given) == packs

    async def packs(self, given: Given) -> list[str]:
        return (await given.one("SELECT packs FROM debtors WHERE creditor = %s", given.key))["packs"]

    async def test_come_from_a_column_of_csv(self, given: Given) -> None:
        person = f"{given.key}-p"
        lines = ["account,debtor,packs,due_date,amount", f"A,{person},BR-RJ| BR-SP,2026-02-01,100000"]
        await given.finished(await given.received(streamed(line.encode() for line in lines), "csv"))
        assert await self.packs(given) == ["BR-RJ", "BR-SP"]

    async def test_come_with_senda(self, given: Given, key: str) -> None:
        await put_pack(given.ledger, pack_of(key), "Luisa", key)
        import_id = await given.imported(row("A", PAST_DUE, packs=["BR-RJ", key]))
        (fault,) = await given.all("SELECT field, code FROM import_errors WHERE import_id = %s", import_id)
        assert fault == {"field": "debtor.packs", "code": "pack_unknown"}
