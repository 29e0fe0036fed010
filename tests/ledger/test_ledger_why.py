"""Every stored decision is explained in words, by the very packs that made it."""

from datetime import date, timedelta
from typing import Any, get_args

import pytest

from journey.events import SkipReason
from ledger.asking import Reason
from ledger.creditors import creditor, put_creditor
from ledger.database import Ledger
from ledger.packs import put_pack
from ledger.permits import Refusal
from ledger.views import list_contacts
from ledger.why import in_words, whys
from policy import Language, load_pack
from tests.ledger.given import Given, local, row
from tests.ledger.own_packs import office_hours, pack_of

PAST_DUE = ("1", "2026-02-01", "100000")
LATER = ("1", "2026-02-05", "100000")
MONDAY = date(2026, 2, 2)
FIRST = local(MONDAY, 9)
LANGUAGES: tuple[Language, ...] = get_args(Language)


async def explained(given: Given, account: str, language: Language = "es") -> list[str]:
    """What the API says of each contact of an account, but of a reminder whose stage was over from the start."""
    rows = [each for each in await list_contacts(given.ledger, given.key, account) if each["reason"] != "stage_over"]
    async with given.ledger.transaction() as tx:
        reasons = await whys(tx, rows)
    return [in_words(each["reason"], why, language) for each, why in zip(rows, reasons, strict=True)]


@pytest.fixture
async def given(given: Given) -> Given:
    """Accounts A and B of one person: A's first notice and B's reminder are due on Monday at nine."""
    person = f"{given.key}-p"
    await given.imported(row("A", PAST_DUE, person=person), row("B", LATER, person=person))
    return given


async def test_a_permit_says_when_and_how_and_by_which_pack(given: Given) -> None:
    await given.lives(FIRST)
    (spanish,) = await explained(given, "A")
    assert spanish.startswith("Contacto permitido: lunes 2 de febrero de 2026")
    assert "correo electrónico" in spanish
    assert f"CO {load_pack('CO').version}" in spanish
    (english,) = await explained(given, "A", "en")
    assert english.startswith("Contact allowed: Monday 2 February 2026")


async def test_a_refusal_says_by_which_rules_and_until_when(given: Given) -> None:
    await given.lives(FIRST)
    (spanish,) = await explained(given, "B")
    assert spanish.startswith(
        "No se contactó: la persona ya fue contactada hoy a las 09:00 por correo electrónico (CO-03"
    )
    assert "martes 3 de febrero de 2026" in spanish
    (english,) = await explained(given, "B", "en")
    assert english.startswith("Not contacted: the person was already contacted today at 09:00 by e-mail (CO-03")


async def test_it_is_told_as_it_was_seen_then(given: Given) -> None:
    """What happens later, to the person or to the clock, changes nothing of it."""
    await given.lives(FIRST)
    before = await explained(given, "B")
    await given.says(f"{given.key}-p", {("do_not_contact", None): True})
    await given.clock(local(date(2026, 5, 2), 12))
    assert (await explained(given, "B"))[: len(before)] == before


class TestACreditorsOwnPack:
    @pytest.fixture
    async def given(self, given: Given) -> Given:
        """Its hours begin at ten; a call is asked for at nine. Then it is put anew, with other hours."""
        await put_pack(given.ledger, pack_of(given.key, office_hours("10:00", "16:00")), "Luisa", given.key)
        known = await creditor(given.ledger, given.key)
        await put_creditor(
            given.ledger,
            given.key,
            name=known.name,
            pack=known.pack,
            extra_packs=[given.key],
            currency=known.currency,
            playbook=known.playbook,
            test_clock=known.test_clock,
            time_zone=known.time_zone,
        )
        await given.imported(row("C", ("1", "2026-09-01", "5000"), authorised_channels=["call"]))
        await given.clock(FIRST)
        await given.dials("C", request=f"{given.key}:first")
        await put_pack(
            given.ledger, pack_of(given.key, office_hours("11:00", "12:00"), version="2"), "Luisa", given.key
        )
        return given

    async def test_explains_what_it_decided_though_it_says_something_else_now(self, given: Given) -> None:
        (text,) = await explained(given, "C")
        assert "de 10:00 a 16:00" in text
        assert f"{given.key} 1" in text
        assert "AM-01, acta 12" in text
        assert "11:00" not in text

    async def test_explains_by_its_new_words_what_it_decides_now(self, given: Given) -> None:
        await given.dials("C")
        _, text = await explained(given, "C", "en")
        assert "from 11:00 to 12:00" in text
        assert f"{given.key} 2" in text

    async def test_answers_a_request_sent_again_as_the_first_time(self, given: Given) -> None:
        again = await given.dials("C", request=f"{given.key}:first")
        assert again.next_allowed_at == local(MONDAY, 10)
        assert [again.sentence("es")] == await explained(given, "C")


class TestAReason:
    @pytest.mark.parametrize("language", LANGUAGES)
    @pytest.mark.parametrize("reason", [*get_args(SkipReason), *get_args(Reason), "no_channel"])
    def test_has_words(self, reason: str, language: Language) -> None:
        begin = {"es": "No se contactó: ", "en": "Not contacted: "}[language]
        text = in_words(reason, None, language)
        assert text.startswith(begin)
        assert text.endswith(".")

    async def test_explains_a_step_that_was_skipped(self, given: Given) -> None:
        await given.pauses("A")
        await given.clock(local(date(2026, 2, 4), 12))
        await given.resumes("A")
        assert await explained(given, "A") == ["No se contactó: el día del paso ya había pasado; no se envía tarde."]
        assert await explained(given, "A", "en") == ["Not contacted: the step's day had passed; it is not sent late."]

    async def test_explains_a_step_that_found_no_channel(self, given: Given) -> None:
        await given.imported(row("D", PAST_DUE, addresses={"sms": "+573991234567"}))
        answer = await given.asks(given.journey("D"), await given.due_contact(given.journey("D")))
        assert isinstance(answer, Refusal)
        assert await explained(given, "D") == [in_words("no_channel", None, "es")]

    async def test_explains_a_call_that_a_pause_forbade(self, given: Given) -> None:
        await given.pauses("A")
        await given.clock(FIRST)
        verdict = await given.dials("A", "email")
        assert verdict.sentence("en") == "Not contacted: this account's journey is paused."
        assert (await explained(given, "A"))[-1] == verdict.sentence("es")


class TestADecisionThatCannotBeExplained:
    """A history must be readable whatever is in it."""

    async def stored(self, ledger: Ledger, **basis: Any) -> list[str]:
        async with ledger.transaction() as tx:
            (why,) = await whys(tx, [{"channel": "email", "basis": basis}])
        return [in_words(None, why, language) for language in LANGUAGES]

    async def test_because_it_is_older_than_the_keeping_of_cases_has_no_words(self, ledger: Ledger) -> None:
        verdict = {"allowed": True, "rules": [], "basis": [{"pack": "CO", "version": "1", "content_hash": "0" * 64}]}
        assert await self.stored(ledger, verdicts={"email": verdict}, zones=["America/Bogota"]) == ["", ""]

    async def test_because_its_pack_is_not_kept_has_no_words(self, given: Given) -> None:
        await given.lives(FIRST)
        (kept,) = await given.decisions("A")
        verdict = kept["basis"]["verdicts"]["email"]
        lost = {**verdict, "basis": [{**verdict["basis"][0], "content_hash": "f" * 64}]}
        assert await self.stored(given.ledger, case=kept["basis"]["case"], verdicts={"email": verdict}) != ["", ""]
        assert await self.stored(given.ledger, case=kept["basis"]["case"], verdicts={"email": lost}) == ["", ""]


async def test_many_decisions_are_explained_in_their_order(given: Given) -> None:
    await given.lives(FIRST + timedelta(days=1))
    rows = await list_contacts(given.ledger, given.key, "A") + await list_contacts(given.ledger, given.key, "B")
    async with given.ledger.transaction() as tx:
        reasons = await whys(tx, rows)
    decided = [
        (each["status"], why.decision.allowed, why.query.at) for each, why in zip(rows, reasons, strict=True) if why
    ]
    assert decided == [
        ("sent", True, FIRST), ("refused", False, FIRST), ("sent", True, local(date(2026, 2, 3), 7)),
    ]  # fmt: skip
