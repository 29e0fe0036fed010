"""What the record shows of whole lives: stages at their instants, steps once, ends as the playbook says."""

from collections import Counter
from datetime import date, timedelta
from decimal import Decimal

from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from ledger.database import Ledger
from ledger.errors import Conflict
from ledger.summary import summary
from ledger.views import list_events
from tests.ledger.given import START, Given, local, row

DAY = timedelta(days=1)
END = START + 65 * DAY


async def test_an_account_that_never_pays_goes_through_every_stage_to_its_end(ledger: Ledger) -> None:
    books = await Given(ledger).set_up()
    await books.imported(row("A", ("1", "2026-02-05", "100000")))
    permits = await books.lives(START + 120 * DAY)
    assert [permit.key.split(":")[-2] for permit in permits] == [
        "recordatorio", "aviso-1", "aviso-5", "aviso-12", "carta",
    ]  # fmt: skip
    stages = [event for event in await books.events("A") if event["kind"] == "stage_entered"]
    assert [(event["data"]["stage"], event["at"]) for event in stages] == [
        ("preventive", START),
        ("administrative", local(date(2026, 2, 6), 0)),
        ("prejuridical", local(date(2026, 4, 7), 0)),
    ]
    (journey,) = await books.journeys("A")
    assert (journey["outcome"], journey["closed_at"]) == ("referred", local(date(2026, 5, 6), 0))


async def test_a_payment_and_its_reversal_move_the_stage_at_once(ledger: Ledger) -> None:
    books = await Given(ledger).set_up()
    await books.imported(row("A", ("1", "2025-11-25", "100000"), ("2", "2026-01-25", "100000")))
    stage = (await books.record(books.journey("A"))).state.stage
    await books.pays("A", "100000", id=f"{books.key}:p")
    after = (await books.record(books.journey("A"))).state.stage
    await books.reverses("A", f"{books.key}:p", "100000")
    back = (await books.record(books.journey("A"))).state.stage
    assert (stage, after, back) == ("prejuridical", "administrative", "prejuridical")


FACTS = st.lists(
    st.tuples(
        st.integers(0, 25),
        st.sampled_from(("pay", "clear", "reverse", "pause", "short pause", "resume")),
        st.sampled_from(("A", "B")),
    ),
    max_size=8,
)


@given(facts=FACTS)
@settings(max_examples=10, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
async def test_whatever_happens_the_promises_hold(ledger: Ledger, facts: list[tuple[int, str, str]]) -> None:
    """Days pass and facts come in any order; B is the same person's other account."""
    books = await Given(ledger).set_up()
    person = f"{books.key}-person"
    dues = (("1", "2026-02-01", "50000"), ("2", "2026-03-01", "50000"))
    await books.imported(row("A", *dues, person=person), row("B", ("1", "2026-02-04", "80000"), person=person))
    at, paid = START, dict[str, tuple[str, Decimal]]()
    for number, (days, fact, account) in enumerate(facts):
        at += days * DAY + timedelta(hours=1)
        await books.lives(at)
        name = f"{books.key}:{number}:{fact}"
        try:
            match fact:
                case "pay":
                    await books.pays(account, "20000", id=name)
                    paid[name] = (account, Decimal(20000))
                case "clear" if (balance := await books.balance(account)) > 0:
                    await books.pays(account, balance, id=name)
                    paid[name] = (account, balance)
                case "reverse" if paid:
                    payment, (owner, amount) = paid.popitem()
                    posted = await books.reverses(owner, payment, amount)
                    await books.opened([posted.opens] if posted.opens else [])
                case "pause":
                    await books.pauses(account)
                case "short pause":
                    await books.pauses(account, ends=at + 3 * DAY)
                case "resume":
                    await books.resumes(account)
                case _:
                    pass
        except Conflict:
            pass  # no journey is open, or a pause holds already
    await books.lives(max(at, END))
    await _promises_hold(books)


async def _promises_hold(books: Given) -> None:
    permitted = await books.all(
        "SELECT * FROM contacts WHERE creditor = %s AND decision = 'permitted' ORDER BY decided_at", books.key
    )
    days = Counter((each["decided_at"] - timedelta(hours=5)).date() for each in permitted)
    assert set(days.values()) <= {1}, "one contact a day for the person (CO-03)"
    assert all((each["decided_at"] - timedelta(hours=5)).weekday() != 6 for each in permitted), "never on Sunday"
    once = Counter((each["journey_id"], each["occurrence"]) for each in permitted)
    assert set(once.values()) <= {1}, "a step yields at most one message"
    held = await books.all(
        """SELECT c.id FROM contacts c JOIN journeys j ON j.id = c.journey_id
        CROSS JOIN jsonb_array_elements(j.state->'standing'->'holds') h
        WHERE c.creditor = %s AND c.decision = 'permitted' AND c.decided_at >= (h->>'starts')::timestamptz
        AND c.decided_at < coalesce((h->>'ends')::timestamptz, 'infinity')""",
        books.key,
    )
    assert held == [], "nobody is contacted during a pause"
    found = await summary(books.ledger, books.key)
    assert found is not None
    assert found["contacts"]["after_clearing_payment"] == 0
    for account in ("A", "B"):
        events = (await list_events(books.ledger, books.key, account, None, 500)).items
        by_episode: dict[int, list[str]] = {}
        for event in events:
            by_episode.setdefault(event["episode"], []).append(event["kind"])
        for kinds in by_episode.values():
            assert kinds[0] == "started"
            assert kinds.count("closed") <= 1
        instants = [event["at"] for event in events if event["kind"] in ("payment", "reversal", "paused", "contact")]
        assert instants == sorted(instants)
