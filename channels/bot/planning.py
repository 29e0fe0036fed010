"""A payment plan: one of the counts that the creditor allows, its days and amounts shown, then confirmed."""

from channels.bot.amounts import find_count
from channels.bot.choosing import MENU, PERSON, PLAN
from channels.bot.limits import Instalments, fingerprint, plans
from channels.bot.promising import REFUSALS
from channels.bot.scene import Scene
from channels.bot.talk import MakePlan, Turn
from channels.bot.understanding import says

OFFERED = 7
"""Counts that are offered as choices; others that the creditor allows may be named."""

SHOWN = 6
"""Instalments that are shown one by one; a longer plan is summed up."""


def offer(scene: Scene, *before: str) -> Turn:
    """The counts that are possible; or, where one was named that is, its plan."""
    made = _made(scene)
    account = scene.account
    if not made or account is None:
        return scene.back(*before, scene.say("plan_none"))
    counts = tuple(made)[:OFFERED]
    first_day = made[counts[0]][0][0]
    options = (_option(scene, count, made[count]) for count in counts)
    balance = scene.money(account.balance)
    return scene.answer(
        *before,
        scene.say("plan_offer", account=account.account, balance=balance, date=scene.day(first_day)),
        *scene.lines(*options),
        scene.say("plan_which"),
        choices=(*(f"{PLAN}{count}" for count in counts), MENU, PERSON),
        keep={"step": "plan_count", "count": None, "proposal": None},
    )


def show(scene: Scene, *before: str) -> Turn:
    """The plan of the count that was chosen, to be confirmed."""
    count = scene.talk.count
    plan = _made(scene).get(count) if count is not None else None
    account = scene.account
    if plan is None or account is None:
        return offer(scene, *before)
    proposal = f"yes={count}={fingerprint(plan)}"
    return scene.answer(
        *before,
        *scene.lines(scene.say("plan_show", account=account.account), *_lines(scene, plan)),
        scene.say("plan_confirm", balance=scene.money(account.balance)),
        choices=(proposal, "change", MENU),
        keep={"step": "plan_confirm", "proposal": proposal},
    )


def begin_plan(scene: Scene, text: str) -> Turn:
    """The plan of the count that a text names beside other things, or the counts."""
    return show(scene.keeping(count=find_count(text)))


def hear_plan(scene: Scene) -> Turn | None:
    """The answer to what was asked last about a plan; None where it is none."""
    heard = scene.heard
    if scene.talk.step == "plan_confirm":
        if (heard.key is not None and heard.key == scene.talk.proposal) or says(heard.words, "yes"):
            return _settle(scene)
        if heard.key == "change" or says(heard.words, "no"):
            return offer(scene)
    named = heard.key.removeprefix(PLAN) if heard.key is not None else (heard.digits or heard.text)
    count = find_count(named)
    if count is None:
        return None
    return show(scene.keeping(count=count)) if count in _made(scene) else _refuse(scene, count)


def _refuse(scene: Scene, count: int) -> Turn:
    refused = scene.talk.refused + 1
    beyond = scene.say("plan_count_beyond", count=count)
    if refused >= REFUSALS:
        return scene.back(beyond, scene.say("no_agreement"))
    return offer(scene.keeping(refused=refused), beyond)


def _settle(scene: Scene) -> Turn:
    """The plan, if it is still the one that was shown."""
    count, account = scene.talk.count, scene.account
    plan = _made(scene).get(count) if count is not None else None
    if plan is None or account is None or scene.talk.proposal != f"yes={count}={fingerprint(plan)}":
        return show(scene, scene.say("changed"))
    day, first = plan[0]
    done = scene.say(
        "plan_done" if len(plan) > 1 else "plan_done_single",
        count=len(plan),
        account=account.account,
        first=scene.money(first),
        date=scene.day(day),
    )
    return scene.back(done, scene.say("more"), acts=(MakePlan(account=account.account, instalments=plan),))


def _made(scene: Scene) -> dict[int, Instalments]:
    account = scene.account
    return plans(account, scene.facts.today, scene.facts.currency) if account else {}


def _option(scene: Scene, count: int, plan: Instalments) -> str:
    first = scene.money(plan[0][1])
    return scene.say("plan_option" if count > 1 else "plan_option_single", count=count, first=first)


def _lines(scene: Scene, plan: Instalments) -> tuple[str, ...]:
    if len(plan) <= SHOWN:
        return tuple(
            scene.say("plan_line", number=number, date=scene.day(day), amount=scene.money(amount))
            for number, (day, amount) in enumerate(plan, 1)
        )
    (first_day, first), (second_day, each), (last_day, last) = plan[0], plan[1], plan[-1]
    return (
        scene.say(
            "plan_long",
            count=len(plan),
            days=(second_day - first_day).days,
            first=scene.money(first),
            first_date=scene.day(first_day),
            before=len(plan) - 1,
            each=scene.money(each),
            last=scene.money(last),
            last_date=scene.day(last_day),
        ),
    )
