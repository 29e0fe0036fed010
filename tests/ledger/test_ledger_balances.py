"""Whatever comes in whatever order: the balance is the sum of what was owed, paid and taken back."""

from collections import defaultdict
from decimal import Decimal

from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from ledger.database import Ledger
from ledger.views import journey
from tests.ledger.given import Given, row

AMOUNTS = st.integers(1, 250_000)
MOVES = st.one_of(
    st.tuples(st.sampled_from(("pay", "reversed early", "charge")), AMOUNTS),
    st.tuples(st.sampled_from(("again", "reverse")), st.integers(0, 9)),
)


@given(moves=st.lists(MOVES, max_size=9))
@settings(max_examples=25, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
async def test_the_balance_is_the_sum_of_everything_told(ledger: Ledger, moves: list[tuple[str, int]]) -> None:
    books = await Given(ledger).set_up()
    account = row("A", ("0", "2026-02-01", "100000"))
    await books.imported(account)
    owed, paid = Decimal(100_000), dict[str, int]()
    for number, (move, value) in enumerate(moves, start=1):
        name = f"{books.key}:{number}:p"
        match move:
            case "pay":
                await books.pays("A", value, id=name)
                paid[name] = value
                owed -= value
            case "reversed early":  # the reversal comes first: together they change nothing
                await books.reverses("A", name, value)
                await books.pays("A", value, id=name)
            case "charge":
                account["dues"].append({"key": f"{number}", "due_date": "2026-02-01", "amount": str(value)})
                await books.imported(account)
                owed += value
            case "again" if paid:
                assert (await books.pays("A", 7, id=list(paid)[value % len(paid)])).status == "duplicate"
            case "reverse" if paid:
                taken = list(paid)[value % len(paid)]
                await books.reverses("A", taken, paid[taken])
                owed += paid.pop(taken)
            case _:
                pass
    assert await books.balance("A") == owed
    assert all(left > 0 for left in (await books.open_dues("A")).values())
    found = await journey(ledger, books.key, "A")
    assert found is not None
    assert Decimal(found["balance"]["amount"]) == owed
    await _every_standing_is_newer_than_the_last(books)


async def _every_standing_is_newer_than_the_last(books: Given) -> None:
    told = await books.all(
        "SELECT journey_id, (message->>'seq')::int AS seq FROM outbox WHERE journey_id LIKE %s ORDER BY id",
        f"journey:{books.key}:%",
    )
    seqs: defaultdict[str, list[int]] = defaultdict(list)
    for each in told:
        seqs[each["journey_id"]].append(each["seq"])
    assert all(heard == list(range(1, len(heard) + 1)) for heard in seqs.values())
