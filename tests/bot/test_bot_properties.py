"""What holds whatever people write: no failure, nothing told to strangers, no act beyond the limits, no demand."""

from collections.abc import Iterator
from dataclasses import dataclass
from datetime import date, timedelta
from decimal import Decimal
from itertools import pairwise
from random import Random
from typing import get_args

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from channels.bot.choosing import PLAN, tokens, written
from channels.bot.engine import failed, turn
from channels.bot.facts import AccountFacts, Facts, Language, Part, PlanLimits, Promised, PromiseLimits
from channels.bot.scene import TOPICS
from channels.bot.talk import (
    Act,
    Asked,
    AskPerson,
    MakePlan,
    MakePromise,
    Medium,
    NotMe,
    OpenDispute,
    Said,
    SendLink,
    Step,
    Stop,
    Talk,
    Turn,
    Wanted,
)
from channels.bot.words import LANGUAGES, words_of
from channels.listed_words import Kind, find_listed
from channels.voice import choice_of

FORBIDDEN: frozenset[Kind] = frozenset({"asks_reason", "threat", "court", "insult", "demand"})
MEDIA: tuple[Medium, ...] = ("text", "voice")
DOCUMENT = "4567"
ACCOUNTS = ("90001111", "A-77", "crédito 5", "x" * 60)

# What is known


def some_facts(seed: int, document: str | None = DOCUMENT) -> Facts:
    """What is known of somebody, drawn evenly: limits that allow much, little or nothing, and amounts of every kind."""
    draw = Random(seed)
    today = date(2026, 11, 24) + timedelta(days=draw.choice([0, 0, -20, 7, 40]))
    numbers = draw.sample(ACCOUNTS, draw.choice([0, 1, 1, 1, 3]))
    return Facts(
        creditor_name=draw.choice(["Crédito Muestra", "Banco Ejemplo S.A.\nSucursal 3"]),
        language=draw.choice(LANGUAGES),
        today=today,
        currency=draw.choice(["COP", "USD", "BRL", "CLP", "KWD"]),
        name=draw.choice([None, "", "Ana María", "  Luz\nMarina "]),
        document_last4=document,
        accounts=tuple(some_account(draw, number, today) for number in numbers),
        interest=draw.choice([None, "no_interest", "daily_simple"]),
    )


def some_account(draw: Random, number: str, today: date) -> AccountFacts:
    def day(*ahead: int) -> date:
        return today + timedelta(days=draw.choice(ahead))

    def amount(*of: str) -> Decimal:
        return Decimal(draw.choice(of))

    promise = PromiseLimits(last_day=day(-1, 0, 5, 60, 60), at_least=amount("-5", "0", "1000", "20000", "900000"))
    plan = PlanLimits(
        instalments=draw.choice([(1, 2, 3, 12), (3, 2), (12, 24, 36), (-1, 0, 500), (), tuple(range(1, 14))]),
        every_days=draw.choice([1, 15, 30]),
        first_share=amount("0", "0.25", "0.333", "1"),
        first_by=day(-1, 0, 10, 10),
        last_day=day(5, 100, 900, 900),
    )
    promised = Promised(amount=amount("1", "50000.5"), due_date=day(1, 9))
    return AccountFacts(
        account=number,
        balance=amount("-10", "0", "0.01", "7", "300100", "300100", "1234567.89", "250000.555"),
        past_due=amount("-1", "0", "100", "300100"),
        due_date=draw.choice([None, day(-54)]),
        days_past_due=draw.choice([-3, 0, 54]),
        parts=tuple(Part(due_date=day(-30, 30), amount=amount("5", "100.25")) for _ in range(draw.choice([0, 2, 9]))),
        pay_link=draw.choice([None, "https://enlace.example/a"]),
        promise=draw.choice([None, promise, promise, promise]),
        plan=draw.choice([None, plan, plan, plan]),
        promised=draw.choice([None, None, None, promised]),
        disputed=draw.choice([False, False, True]),
    )


def known(document: str | None = DOCUMENT) -> st.SearchStrategy[Facts]:
    return st.integers(0, 10**9).map(lambda seed: some_facts(seed, document))


# What people do

TEXTS = (
    *("hola", "saldo", "enlace", "promesa", "plan", "plan de 3 cuotas", "reclamo", "ya pagué", "no es mía", "interés"),
    *("el viernes", "mañana", "15 de diciembre", "en 5 días", "15/12", "31/2", "amanhã", "next friday", "hoy"),
    *("100.000", "100 mil", "$ 50.000,00", "5", "todo", "el mínimo", "999.999.999", "-5", "1", "2", "3", "4", "0", "*"),
    *("puedo pagar 100 mil el viernes", "quiero pagar", "sí", "no", "gracias", "chao", "menú", "english", "português"),
    *("español", "persona", "no soy yo", "STOP", "90001111", "A-77", "¿por qué me cobran?", "", "4567", "1111", "{0}"),
)
KEYS = ("0", "1", "2", "3", "4", "5", "9", "*", "#", "1512", "0101", "50000#", "4567", "", "٤")


@dataclass(frozen=True)
class Press:
    """Whoever presses the choice at this place of those that the last turn offered."""

    place: int


Move = Said | Press
texts = st.sampled_from(TEXTS) | st.text(max_size=60) | st.from_regex(r"[0-9.,$ /-]{1,12}")
odd_choices = st.sampled_from([*TOPICS, "menu", "person", "yes=1", "account=", "", "plan="])
moves: st.SearchStrategy[Move] = st.one_of(
    st.builds(Said, text=texts),
    st.builds(Said, text=texts, choice=odd_choices),
    st.builds(Said, keys=st.sampled_from(KEYS) | st.text(max_size=6)),
    st.builds(Press, st.integers(0, 8)),
)


def path(*all_said: str | int) -> list[Move]:
    """Texts, and places of choices."""
    return [Press(said) if isinstance(said, int) else Said(text=said) for said in all_said]


PATHS = (
    path("promesa", 0, "el viernes", "50.000", "sí"),
    path("puedo pagar 100 mil el viernes", 0, 0),
    path("promesa", "mañana", "todo", 0),
    path("promesa", "en 5 días", "el mínimo", "sí"),
    path("plan", 0, 0, 0),
    path("plan de 3 cuotas", "sí"),
    path("plan", 0, "12", "sí"),
    path("reclamo", 0, 1),
    path("ya pagué", 0),
    path("enlace", 0, 0),
    path("saldo", 0),
    path("", "4567"),
)
"""Ways that lead to an act, where one is possible."""


def turns(talk: Talk, all_facts: list[Facts], medium: Medium, all_moves: list[Move]) -> Iterator[tuple[Facts, Turn]]:
    """A conversation; what is known changes from turn to turn."""
    last: Turn | None = None
    for place, move in enumerate(all_moves):
        facts = all_facts[place % len(all_facts)]
        if isinstance(move, Press):
            keys = [choice.key for choice in last.choices] if last else []
            said = Said(choice=keys[move.place % len(keys)]) if keys else Said(text="hola")
        else:
            said = move
        last = turn(talk, said, facts, medium)
        talk = Talk.model_validate_json(last.talk.model_dump_json())
        assert talk == last.talk
        yield facts, last


def walk(seed: int, odd: list[Move]) -> list[Move]:
    """Whole paths, single choices and texts, drawn evenly, with these moves among them."""
    draw = Random(seed)
    made: list[Move] = []
    for move in (*odd, *odd, None, None):
        made.extend([move] if move is not None else [])
        made.extend(draw.choice(PATHS))
        made.extend(path(*(draw.choice([draw.randrange(9), draw.choice(TEXTS)]) for _ in range(draw.randrange(3)))))
    return made


walks = st.builds(walk, st.integers(0, 10**9), st.lists(moves, max_size=4))
talks = st.builds(
    Talk,
    language=st.sampled_from(LANGUAGES),
    step=st.sampled_from(get_args(Step)),
    tries=st.integers(0, 5),
    identified=st.booleans(),
    blocked=st.booleans(),
    handed_over=st.booleans(),
    misses=st.integers(0, 5),
    refused=st.integers(0, 5),
    account=st.none() | st.sampled_from([*ACCOUNTS, "gone"]),
    wanted=st.none() | st.sampled_from([topic for part in get_args(Wanted) for topic in (get_args(part) or (part,))]),
    day=st.none() | st.dates(date(2026, 11, 1), date(2027, 2, 1)),
    amount=st.none() | st.sampled_from([Decimal(-1), Decimal("0.005"), Decimal(50_000), Decimal(10**12)]),
    count=st.none() | st.integers(-1, 15),
    proposal=st.none() | st.just("yes=1"),
    offered=st.lists(st.sampled_from(["person", "menu", "plan=3", "yes=1", "change", "account=A-77"])).map(tuple),
)


def check_form(answer: Turn) -> None:
    said = "".join(answer.says)
    assert said.strip()
    assert all(paragraph.strip() for paragraph in answer.says)
    assert "{" not in said
    assert "}" not in said
    assert "None" not in said
    assert len(answer.choices) <= 9
    assert len({choice.key for choice in answer.choices}) == len(answer.choices)
    assert all(choice.label for choice in answer.choices)
    assert answer.digits in (None, 1, 4)
    assert written(answer)


def check_words(answer: Turn) -> None:
    for text in (*answer.says, *(choice.label for choice in answer.choices)):
        assert find_listed(text, answer.talk.language, FORBIDDEN) == [], text


def check_allowed(answer: Turn, facts: Facts) -> None:
    """Every act is one that the creditor allows at this moment; written without the engine's own arithmetic."""
    by_number = {account.account: account for account in facts.accounts}
    for act in answer.acts:
        match act:
            case MakePromise():
                account = by_number[act.account]
                assert account.promise is not None
                assert account.promised is None
                assert facts.today <= act.due_date <= account.promise.last_day
                assert max(account.promise.at_least, Decimal("0.001")) <= act.amount <= account.balance
            case MakePlan():
                account = by_number[act.account]
                assert account.plan is not None
                assert len(act.instalments) in account.plan.instalments
                assert sum(amount for _, amount in act.instalments) == account.balance
                assert all(amount > 0 for _, amount in act.instalments)
                assert act.instalments[0][1] >= account.balance * account.plan.first_share
                due = [day for day, _ in act.instalments]
                assert facts.today <= due[0] <= account.plan.first_by
                assert due[-1] <= account.plan.last_day
                assert {(later - day).days for day, later in pairwise(due)} <= {account.plan.every_days}
            case OpenDispute():
                assert by_number[act.account].balance > 0
                assert not by_number[act.account].disputed
            case SendLink():
                assert by_number[act.account].pay_link
            case Stop() | NotMe() | AskPerson() | Asked():
                pass


@settings(max_examples=400, deadline=None)
@given(
    language=st.sampled_from(LANGUAGES),
    all_facts=st.lists(known(), min_size=1, max_size=2),
    medium=st.sampled_from(MEDIA),
    all_moves=walks,
)
def test_a_person_is_answered_within_the_limits_and_without_a_demand(
    language: Language, all_facts: list[Facts], medium: Medium, all_moves: list[Move]
) -> None:
    known_person = Talk.new(language).model_copy(update={"identified": True, "step": "menu"})

    for facts, answer in turns(known_person, all_facts, medium, all_moves):
        check_form(answer)
        check_words(answer)
        check_allowed(answer, facts)
        if medium == "voice":
            assert "http" not in "".join(answer.says)


@settings(max_examples=150, deadline=None)
@given(
    talk=talks, all_facts=known() | known(None), medium=st.sampled_from(MEDIA), all_moves=st.lists(moves, max_size=3)
)
def test_no_state_whatever_fails(talk: Talk, all_facts: Facts, medium: Medium, all_moves: list[Move]) -> None:
    for facts, answer in turns(talk, [all_facts], medium, all_moves):
        check_form(answer)
        check_allowed(answer, facts)


@settings(max_examples=150, deadline=None)
@given(known(), known(), st.sampled_from(MEDIA), walks)
def test_what_a_stranger_is_told_does_not_depend_on_what_is_known(
    one: Facts, another: Facts, medium: Medium, all_moves: list[Move]
) -> None:
    """Two people of whom all differs: whoever does not know either's document gets the same turns from both."""
    codes = ("8264", "0917") if medium == "voice" else ("0A9Z", "7Q7Q")
    one = one.model_copy(update={"document_last4": codes[0]})
    shared = {name: getattr(one, name) for name in ("creditor_name", "language", "today", "currency")}
    other = another.model_copy(update={**shared, "document_last4": codes[1]})

    talks_to_one = list(turns(Talk.new("es"), [one], medium, all_moves))
    talks_to_other = list(turns(Talk.new("es"), [other], medium, all_moves))

    for (_, to_one), (_, to_other) in zip(talks_to_one, talks_to_other, strict=True):
        assert not to_one.talk.identified
        assert to_one == to_other
        assert all(isinstance(act, Stop | NotMe | AskPerson) for act in to_one.acts)
        assert {choice.key for choice in to_one.choices} <= {"person", "not_me", "stop"}
        shown = " ".join(to_one.says).replace(one.creditor_name.replace("\n", " "), "")
        assert find_listed(shown, to_one.talk.language, FORBIDDEN | {"debt"}) == []


@settings(max_examples=80, deadline=None)
@given(known(), st.lists(st.from_regex("[0-9]{4,8}", fullmatch=True), min_size=3, max_size=12))
def test_nobody_is_identified_after_three_wrong_tries(facts: Facts, codes: list[str]) -> None:
    wrong = [code for code in codes if not code.endswith(DOCUMENT)]
    talk = turn(Talk.new("es"), Said(), facts, "text").talk
    acts: list[object] = []

    for code in (*wrong, DOCUMENT):
        answer = turn(talk, Said(text=code), facts, "text")
        acts.extend(answer.acts)
        talk = answer.talk

    assert talk.blocked == (len(wrong) >= 3)
    assert talk.identified == (len(wrong) < 3)
    assert acts == ([AskPerson(reason="identification_failed")] if len(wrong) >= 3 else [])


@settings(max_examples=60, deadline=None)
@given(known(), st.sampled_from(MEDIA), walks)
def test_the_same_conversation_comes_out_the_same(facts: Facts, medium: Medium, all_moves: list[Move]) -> None:
    first = list(turns(Talk.new("es"), [facts], medium, all_moves))

    assert list(turns(Talk.new("es"), [facts], medium, all_moves)) == first


@settings(max_examples=60, deadline=None)
@given(known(), st.booleans(), walks)
def test_a_number_in_a_text_is_the_choice_that_stands_behind_it(
    facts: Facts, identified: bool, all_moves: list[Move]
) -> None:
    talk = Talk.new("es").model_copy(update={"identified": identified})
    *_, (_, last) = turns(talk, [facts], "text", all_moves)

    for token, key in tokens(tuple(choice.key for choice in last.choices), "text").items():
        label = next(choice.label for choice in last.choices if choice.key == key)
        assert key.startswith(PLAN) or f"{token} {label}" in written(last).splitlines()
        assert turn(last.talk, Said(text=token), facts, "text") == turn(last.talk, Said(choice=key), facts, "text")


@settings(max_examples=60, deadline=None)
@given(known(), st.booleans(), walks)
def test_a_key_is_the_choice_that_is_read_out_for_it(facts: Facts, identified: bool, all_moves: list[Move]) -> None:
    talk = Talk.new("es").model_copy(update={"identified": identified})
    *_, (_, last) = turns(talk, [facts], "voice", all_moves)

    for key in "0123456789":
        chosen = choice_of(key, last.choices)
        if chosen is not None:
            pressed = turn(last.talk, Said(keys=key), facts, "voice")
            assert pressed == turn(last.talk, Said(choice=chosen), facts, "voice")


@settings(max_examples=60, deadline=None)
@given(talks, known(), st.sampled_from([*TEXTS, "x", "١", "ﷺ", "é "]), st.text(max_size=5), st.text(max_size=5))
def test_only_the_first_part_of_a_long_text_counts(
    talk: Talk, facts: Facts, part: str, end: str, another_end: str
) -> None:
    read = (part * 2_000 or "x" * 2_000)[:2_000]

    assert turn(talk, Said(text=read + end), facts, "text") == turn(talk, Said(text=read + another_end), facts, "text")


@settings(max_examples=60, deadline=None)
@given(talks, known(), st.sampled_from([Stop(), AskPerson(reason="asked"), SendLink(account="A-77")]), st.text())
def test_a_failure_is_told_in_any_state(talk: Talk, facts: Facts, act: Act, code: str) -> None:
    answer = failed(talk, facts, act, code)

    check_form(answer)
    check_words(answer)
    assert "person" in {choice.key for choice in answer.choices}


@pytest.mark.parametrize("language", LANGUAGES)
def test_every_list_of_words_can_be_read(language: Language) -> None:
    """No phrase of a list is swallowed by YAML as yes, no or a number."""
    words = words_of(language)

    assert all(isinstance(phrase, str) for each in words.hears.values() for phrase in (*each.whole, *each.within))
