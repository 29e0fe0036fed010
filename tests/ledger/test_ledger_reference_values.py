"""Values that others certify: kept with their source, the last of a day holds, nothing is overwritten."""

from datetime import date
from decimal import Decimal
from uuid import uuid4

import pytest

from ledger.database import Ledger
from ledger.reference_values import ReferenceValue, ceilings, put_values, value_on, values_between
from policy.errors import SendaError


@pytest.fixture
def key() -> str:
    """The key of values of the test's own."""
    return f"T{uuid4().hex[:10]}.UF"


async def load(ledger: Ledger, key: str, *values: tuple[str, str], source: str = "boletín 1") -> None:
    """Values by their days, as Luisa loads them."""
    read = [ReferenceValue(key, date.fromisoformat(day), Decimal(value), source) for day, value in values]
    await put_values(ledger, read, "Luisa")


async def on(ledger: Ledger, key: str, day: str) -> Decimal | None:
    async with ledger.transaction() as tx:
        found = await value_on(tx, key, date.fromisoformat(day))
    return found.value if found else None


async def code_of(ledger: Ledger, key: str, day: str, value: str) -> str:
    with pytest.raises(SendaError) as refused:
        await load(ledger, key, (day, value))
    return refused.value.code


async def test_a_value_holds_from_its_day_until_the_next(ledger: Ledger, key: str) -> None:
    await load(ledger, key, ("2026-03-01", "38000.12"), ("2026-03-10", "38100.5"))
    assert await on(ledger, key, "2026-02-28") is None
    assert await on(ledger, key, "2026-03-01") == Decimal("38000.12")
    assert await on(ledger, key, "2026-03-09") == Decimal("38000.12")
    assert await on(ledger, key, "2026-03-10") == Decimal("38100.5")


async def test_the_last_entry_of_a_day_holds_and_the_first_stays(ledger: Ledger, key: str) -> None:
    await load(ledger, key, ("2026-03-01", "38000"))
    await load(ledger, key, ("2026-03-01", "38001"), source="boletín 1, corregido")
    assert await on(ledger, key, "2026-03-05") == 38_001
    async with ledger.transaction() as tx:
        rows = await (
            await tx.execute("SELECT value, source, actor FROM reference_values WHERE key = %s ORDER BY id", [key])
        ).fetchall()
    assert [(row["value"], row["source"], row["actor"]) for row in rows] == [
        (38_000, "boletín 1", "Luisa"),
        (38_001, "boletín 1, corregido", "Luisa"),
    ]


async def test_the_same_again_is_not_written_again(ledger: Ledger, key: str) -> None:
    for value in ("38000", "38000.00", "38001", "38000"):
        await load(ledger, key, ("2026-03-01", value))
    async with ledger.transaction() as tx:
        rows = await (
            await tx.execute("SELECT value FROM reference_values WHERE key = %s ORDER BY id", [key])
        ).fetchall()
    assert [row["value"] for row in rows] == [38_000, 38_001, 38_000]


async def test_a_stretch_shows_what_holds_of_each_of_its_days(ledger: Ledger, key: str) -> None:
    await load(ledger, key, ("2026-03-01", "1"), ("2026-03-02", "2"), ("2026-03-03", "3"), ("2026-03-02", "2.5"))
    async with ledger.transaction() as tx:
        found = await values_between(tx, key, date(2026, 3, 2), date(2026, 3, 3))
    assert [(each.since.day, each.value, each.source) for each in found] == [
        (2, Decimal("2.5"), "boletín 1"),
        (3, Decimal(3), "boletín 1"),
    ]


async def test_a_month_without_a_ceiling_of_its_own_has_none(ledger: Ledger, key: str) -> None:
    key = key.replace("UF", "usury")
    await load(ledger, key, ("2026-01-01", "0.25"), ("2026-03-01", "0.26"), ("2026-03-01", "0.27"))
    async with ledger.transaction() as tx:
        of = await ceilings(tx, key)
    assert [of(date(2026, month, 1)) for month in (1, 2, 3, 4)] == [Decimal("0.25"), None, Decimal("0.27"), None]


class TestIsRefused:
    @pytest.mark.parametrize("key", ["", "CO usury", "CO.", ".UF", "a..b", "x" * 65, "CO.UF\n", "ü"])
    async def test_a_key_that_is_none(self, ledger: Ledger, key: str) -> None:
        assert await code_of(ledger, key, "2026-03-01", "1") == "reference.key_invalid"

    @pytest.mark.parametrize("value", ["0", "-1", "NaN", "Infinity", "1e14", "0.12345678901"])
    async def test_a_value_that_cannot_be(self, ledger: Ledger, key: str, value: str) -> None:
        assert await code_of(ledger, key, "2026-03-01", value) == "reference.value_invalid"

    async def test_a_ceiling_in_per_cent(self, ledger: Ledger) -> None:
        assert await code_of(ledger, "XX.usury", "2026-03-01", "25") == "reference.value_invalid"

    async def test_a_ceiling_of_a_day_within_a_month(self, ledger: Ledger) -> None:
        assert await code_of(ledger, "XX.usury.micro", "2026-03-02", "0.25") == "reference.ceiling_day"

    async def test_one_of_several_and_none_is_kept(self, ledger: Ledger, key: str) -> None:
        with pytest.raises(SendaError):
            await load(ledger, key, ("2026-03-01", "1"), ("2026-03-02", "0"))
        assert await on(ledger, key, "2026-03-05") is None
