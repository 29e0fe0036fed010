"""A promise to pay: a day, an amount, a confirmation; only within what the creditor takes."""

import re
from datetime import date
from decimal import Decimal
from typing import Any

from channels.bot.amounts import amount_word, find_amount, find_marked_amount
from channels.bot.choosing import MENU, PERSON
from channels.bot.days import day_by_keys, find_day
from channels.bot.limits import Promises, in_currency, promises
from channels.bot.scene import Scene
from channels.bot.talk import MakePromise, Turn
from channels.bot.understanding import says

REFUSALS = 3
"""Days and amounts beyond the limits; after the last, only a person can help."""

_DATE_KEYS = 4
_NUMBER_ALONE = re.compile(r"\W*[0-9]{1,2}\W*")


def go_on(scene: Scene, *before: str) -> Turn:
    """Ask for what is missing or not possible, then whether all is as meant."""
    possible = _possible(scene)
    if possible is None:
        return scene.back(*before, scene.say("promise_none"))
    day, amount = scene.talk.day, scene.talk.amount
    if day is None:
        return _ask_day(scene, possible, *before)
    if not possible.takes_day(day):
        return _refuse(scene.keeping(day=None), scene.say("promise_day_beyond", date=scene.day(day)))
    if amount is None:
        return _ask_amount(scene, possible, *before)
    if not possible.takes_amount(amount):
        return _refuse(scene.keeping(amount=None), scene.say("promise_amount_beyond", amount=scene.money(amount)))
    return _confirm(scene, day, amount, *before)


def noted(scene: Scene, text: str) -> Scene:
    """The scene with the day and the amount that a text names beside other things."""
    found = find_day(text, scene.talk.language, scene.facts.today)
    amount = find_marked_amount(found.rest if found else text, scene.facts.currency)
    return scene.keeping(**_fields(scene, found.day if found else None, amount))


def hear_promise(scene: Scene) -> Turn | None:
    """The answer to what was asked last about a promise; None where it is none."""
    heard = scene.heard
    if scene.talk.step == "promise_confirm":
        if (heard.key is not None and heard.key == scene.talk.proposal) or says(heard.words, "yes"):
            return _settle(scene)
        if heard.key == "change" or says(heard.words, "no"):
            return go_on(scene.keeping(day=None, amount=None))
    answered = _read(scene)
    return go_on(scene.keeping(**answered)) if answered else None


def already(scene: Scene) -> str | None:
    """What is said of an open promise, where there is one."""
    for account in scene.owing:
        if account.promised is not None:
            told = _told(scene, account.promised.due_date, account.promised.amount, account.account)
            return scene.say("promise_already", **told)
    return None


def _possible(scene: Scene) -> Promises | None:
    account = scene.account
    return promises(account, scene.facts.today, scene.facts.currency) if account else None


def _ask_day(scene: Scene, possible: Promises, *before: str) -> Turn:
    question = scene.say("promise_date", last=scene.day(possible.last))
    kept = {"step": "promise_date", "proposal": None}
    return scene.answer(*before, question, choices=(MENU, PERSON), digits=_DATE_KEYS, keep=kept)


def _ask_amount(scene: Scene, possible: Promises, *before: str) -> Turn:
    kind = "promise_amount" if possible.least < possible.most else "promise_amount_only"
    question = scene.say(kind, least=scene.money(possible.least), most=scene.money(possible.most))
    kept = {"step": "promise_amount", "proposal": None}
    return scene.answer(*before, question, choices=(MENU, PERSON), digits=0, keep=kept)


def _refuse(scene: Scene, says_why: str) -> Turn:
    refused = scene.talk.refused + 1
    if refused >= REFUSALS:
        return scene.back(says_why, scene.say("no_agreement"))
    return go_on(scene.keeping(refused=refused), says_why)


def _confirm(scene: Scene, day: date, amount: Decimal, *before: str) -> Turn:
    proposal = f"yes={day}={amount}"
    question = scene.say("promise_confirm", **_told(scene, day, amount, scene.talk.account))
    kept = {"step": "promise_confirm", "proposal": proposal}
    return scene.answer(*before, question, choices=(proposal, "change", MENU), keep=kept)


def _settle(scene: Scene) -> Turn:
    """The promise, if it is still possible."""
    possible, account = _possible(scene), scene.account
    day, amount = scene.talk.day, scene.talk.amount
    if possible is None or account is None or day is None or amount is None:
        return go_on(scene)
    if not possible.takes_day(day) or not possible.takes_amount(amount):
        return go_on(scene)
    act = MakePromise(account=account.account, amount=amount, due_date=day)
    done = scene.say("promise_done", **_told(scene, day, amount, account.account))
    return scene.back(done, scene.say("more"), acts=(act,))


def _read(scene: Scene) -> dict[str, Any]:
    """The day and the amount that an answer names."""
    heard, language, step = scene.heard, scene.talk.language, scene.talk.step
    if heard.digits is not None:
        if step == "promise_date":
            return _fields(scene, day_by_keys(heard.digits, language, scene.facts.today), None)
        keyed = find_amount(heard.digits, scene.facts.currency) if step == "promise_amount" else None
        return _fields(scene, None, keyed)
    number_alone = step != "promise_date" and _NUMBER_ALONE.fullmatch(heard.text)
    found = None if number_alone else find_day(heard.text, language, scene.facts.today)
    rest = found.rest if found else heard.text
    amount = _amount(scene, rest) if step == "promise_amount" else find_marked_amount(rest, scene.facts.currency)
    return _fields(scene, found.day if found else None, amount)


def _amount(scene: Scene, text: str) -> Decimal | None:
    word, possible = amount_word(text), _possible(scene)
    if word is None or possible is None:
        return find_amount(text, scene.facts.currency)
    return possible.most if word == "balance" else possible.least


def _fields(scene: Scene, day: date | None, amount: Decimal | None) -> dict[str, Any]:
    """What is to be kept of a day and an amount; an amount that the currency cannot show is none."""
    exact = in_currency(amount, scene.facts.currency) if amount is not None else None
    return {name: value for name, value in (("day", day), ("amount", exact)) if value is not None}


def _told(scene: Scene, day: date, amount: Decimal, account: str | None) -> dict[str, str]:
    return {"amount": scene.money(amount), "date": scene.day(day), "account": account or ""}
