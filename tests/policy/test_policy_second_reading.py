"""Random cases agree with a second, independent reading of the rules that tries every instant."""

from datetime import UTC, datetime, timedelta

from hypothesis import given, settings
from policy_cases import ALL_KEYS, as_case, keyed_queries
from policy_oracle import allowed, next_allowed

from policy import Query, decide, load_pack

# Eight dates of log rules and the longest run of closed days (Easter, year's end) end well within these; a person's
# own hours may keep a contact waiting for longer.
DAYS_AHEAD = 21
STANDING = {"CO-05", "CO-06", "CO-08", "CL-04", "EC-03", "person-do-not-contact", "person-cease", "person-attorney"}


def assert_agrees(key: str, asked: Query, step: timedelta) -> None:
    case = as_case(key, asked)
    decision = decide([load_pack(key)], asked)

    assert decision.allowed == allowed(case, asked.at)
    if not decision.allowed:
        is_never = bool(STANDING & set(decision.rules))
        expected = None if is_never else next_allowed(case, step, DAYS_AHEAD)
        found = decision.next_allowed_at
        is_late = found is not None and bool(asked.person.hours) and found > asked.at + timedelta(days=DAYS_AHEAD)
        assert (None if is_late else found) == expected


@settings(max_examples=150, deadline=None)
@given(keyed_queries(("CO",)))
def test_colombia_agrees_minute_by_minute(asked: tuple[str, Query]) -> None:
    assert_agrees(*asked, timedelta(minutes=1))


@settings(max_examples=450, deadline=None)
@given(keyed_queries(ALL_KEYS))
def test_every_pack_agrees_on_each_quarter_of_an_hour(asked: tuple[str, Query]) -> None:
    # Offsets and hours are whole quarters, so that nothing opens between two steps.
    assert_agrees(*asked, timedelta(minutes=15))


def test_the_second_reading_knows_a_refusal_and_its_end() -> None:
    asked = Query(("America/Bogota",), datetime(2026, 7, 13, 15, tzinfo=UTC), "sms", "collection", "debtor", ["sms"])

    case = as_case("CO", asked)

    assert not allowed(case, asked.at)
    assert next_allowed(case, timedelta(minutes=1), 21) == datetime(2026, 7, 14, 12, tzinfo=UTC)
