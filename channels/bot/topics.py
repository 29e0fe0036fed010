"""What an identified person may ask about: which topic, which account, and the answers that give information."""

from decimal import Decimal

from channels.bot.amounts import find_marked_amount
from channels.bot.choosing import MENU, PERSON
from channels.bot.days import find_day
from channels.bot.facts import AccountFacts
from channels.bot.planning import begin_plan
from channels.bot.promising import already, go_on, noted
from channels.bot.scene import NOTHING, TOPICS, Scene
from channels.bot.talk import Asked, DisputeReason, OpenDispute, SendLink, Topic, Turn, Wanted
from channels.bot.understanding import first_said, fold, plain
from channels.bot.words import words_of

OFFERED = 7
"""Accounts that are offered as choices; others may be named."""

PARTS = 6
"""Dues that are shown one by one."""

_TOPICS: dict[str, Topic] = {topic: topic for topic in TOPICS}

_SAID: dict[str, Wanted] = {
    "already_paid": "already_paid",
    "not_mine": "not_mine",
    "wrong_amount": "wrong_amount",
    "dispute": "dispute",
    "interest": "interest",
    "plan": "plan",
    "link": "link",
    "promise": "promise",
    "balance": "balance",
}
"""Topics by words, what is said more narrowly first."""

_KINDS: dict[str, DisputeReason] = {
    "not_mine": "not_mine",
    "already_paid": "already_paid",
    "wrong_amount": "wrong_amount",
    "other": "other",
}

_SHORTEST_NAME = 4
"""Characters of an account's number by which it is known in a longer text."""


def wanted_by(scene: Scene) -> Wanted | None:
    """What the person wants to talk about, by a choice or in words."""
    heard = scene.heard
    if heard.key is not None:
        return _TOPICS.get(heard.key)
    wanted = _SAID.get(first_said(heard.words, tuple(_SAID)) or "")
    return "promise" if wanted in (None, "link") and _sounds_like_promise(scene, wanted) else wanted


def begin(scene: Scene, wanted: Wanted) -> Turn:
    """The first turn about something."""
    topic = _topic(wanted)
    turn = _interest(scene) if topic == "interest" else _begin_account(scene, wanted, topic)
    return turn.model_copy(update={"acts": (Asked(topic=topic), *turn.acts)})


def hear_account(scene: Scene) -> Turn | None:
    """The answer to "which account"; None where it is none."""
    wanted = scene.talk.wanted
    if wanted is None:
        return None
    among = scene.about(_topic(wanted))
    if scene.heard.key is not None:
        chosen = next((each for each in among if f"account={each.account}" == scene.heard.key), None)
    else:
        chosen = _named(scene.heard.digits or scene.heard.words, among)
    return _proceed(scene.keeping(account=chosen.account), wanted, "") if chosen else None


def hear_dispute(scene: Scene) -> Turn | None:
    """The answer to what the dispute is; None where it is none."""
    heard = scene.heard
    pressed = heard.key is not None and heard.key.startswith("dispute=")
    said = (heard.key or "").removeprefix("dispute=") if pressed else first_said(heard.words, tuple(_KINDS))
    kind = _KINDS.get(said or "")
    return _open_dispute(scene, kind) if kind else None


def ask_account(scene: Scene) -> Turn:
    """Which account is it about?"""
    wanted = scene.talk.wanted
    among = scene.about(_topic(wanted)) if wanted else ()
    if not among:
        return scene.menu(scene.say("menu"))
    return _ask_account(scene, among, scene.say("which_account"))


def dispute(scene: Scene) -> Turn:
    """What is the dispute?"""
    account = scene.account
    if account is None:
        return scene.menu(scene.say("menu"))
    if account.disputed:
        return scene.back(scene.say("dispute_already", account=account.account))
    kinds = tuple(f"dispute={kind}" for kind in _KINDS)
    question = scene.say("dispute_kind", account=account.account)
    return scene.answer(question, choices=(*kinds, MENU, PERSON), keep={"step": "dispute_kind"})


def _topic(wanted: Wanted) -> Topic:
    return _TOPICS.get(wanted, "dispute")


def _begin_account(scene: Scene, wanted: Wanted, topic: Topic) -> Turn:
    before = scene.account
    scene = scene.keeping(**{**NOTHING, "wanted": wanted})
    if not scene.owing:
        return scene.menu(scene.say("nothing_owed", creditor=scene.facts.creditor_name), scene.say("menu"))
    among = scene.about(topic)
    if not among:
        return _not_possible(scene, topic)
    text = plain(scene.heard.text)
    chosen = before if topic == "send_link" and before in among else among[0] if len(among) == 1 else None
    named = _named(scene.heard.words, tuple(each for each in among if len(each.account) >= _SHORTEST_NAME))
    if named:
        chosen, text = named, text.replace(plain(named.account), " ")
    if topic == "promise":
        scene = noted(scene, text)
    if chosen is None:
        return _overview(scene) if topic == "balance" else ask_account(scene)
    return _proceed(scene.keeping(account=chosen.account), wanted, text)


def _proceed(scene: Scene, wanted: Wanted, text: str) -> Turn:
    """The topic, with its account known; `text` may name more than the topic."""
    match wanted:
        case "balance":
            return _balance(scene)
        case "link" | "send_link":
            return _link(scene, wanted)
        case "promise":
            return go_on(scene)
        case "plan":
            return begin_plan(scene, text)
        case "not_mine" | "already_paid" | "wrong_amount":
            return _open_dispute(scene, wanted)
        case _:
            return dispute(scene)


def _not_possible(scene: Scene, topic: Topic) -> Turn:
    if topic == "promise":
        return scene.back(already(scene) or scene.say("promise_none"))
    return scene.back(scene.say("plan_none" if topic == "plan" else "link_none"))


def _ask_account(scene: Scene, among: tuple[AccountFacts, ...], question: str, *before: str) -> Turn:
    more = len(among) - OFFERED
    says = (*before, question, scene.say("more_accounts", count=more)) if more > 0 else (*before, question)
    keys = tuple(f"account={account.account}" for account in among[:OFFERED])
    return scene.answer(*says, choices=(*keys, MENU, PERSON), keep={"step": "account"})


def _overview(scene: Scene) -> Turn:
    """The balances of all accounts, and which one is to be seen in detail."""
    total = sum((account.balance for account in scene.owing), Decimal(0))
    lines = (
        scene.say("balance_line", account=account.account, balance=scene.money(account.balance))
        for account in scene.owing[:OFFERED]
    )
    whole = scene.say("balance_all", balance=scene.money(total), today=scene.day(scene.facts.today))
    return _ask_account(scene, scene.owing, scene.say("balance_detail"), whole, *scene.lines(*lines))


def _balance(scene: Scene) -> Turn:
    account = scene.account
    if account is None:
        return scene.menu(scene.say("menu"))
    balance = scene.money(account.balance)
    says = [scene.say("balance", account=account.account, balance=balance, today=scene.day(scene.facts.today))]
    if 0 < account.past_due < account.balance:
        says.append(scene.say("balance_past", amount=scene.money(account.past_due)))
    if account.interest + account.fees > 0:
        says.append(_components(scene, account))
    if account.promised:
        promised = account.promised
        says.append(scene.say("promised", amount=scene.money(promised.amount), date=scene.day(promised.due_date)))
    if account.disputed:
        says.append(scene.say("disputed"))
    more = scene.possible("balance", "dispute")
    return scene.back(*scene.lines(*says), *_parts(scene, account), choices=more)


def _components(scene: Scene, account: AccountFacts) -> str:
    """The breakdown by what the debt is made of."""
    principal = account.balance - account.interest - account.fees
    return scene.say(
        "balance_components",
        principal=scene.money(principal),
        interest=scene.money(account.interest),
        fees=scene.money(account.fees),
    )


def _parts(scene: Scene, account: AccountFacts) -> tuple[str, ...]:
    """The breakdown by due date, oldest first."""
    parts = sorted(account.parts, key=lambda part: part.due_date)
    if not parts:
        return ()
    shown = parts if len(parts) <= PARTS else parts[: PARTS - 1]
    lines = [
        scene.say("balance_part", date=scene.day(part.due_date), amount=scene.money(part.amount)) for part in shown
    ]
    if len(parts) > len(shown):
        rest = sum((part.amount for part in parts[len(shown) :]), Decimal(0))
        lines.append(scene.say("balance_more_parts", count=len(parts) - len(shown), amount=scene.money(rest)))
    return scene.lines(scene.say("balance_parts"), *lines)


def _link(scene: Scene, wanted: Topic) -> Turn:
    """The payment link; on the telephone the offer to send it, and then the act that does."""
    account = scene.account
    if account is None or not account.pay_link:
        return scene.back(scene.say("link_none"))
    if scene.medium == "text":
        return scene.back(scene.say("link", account=account.account, link=account.pay_link), scene.say("link_use"))
    if wanted == "send_link":
        sent = scene.say("link_sent", account=account.account)
        return scene.back(sent, scene.say("more"), acts=(SendLink(account=account.account),))
    return scene.answer(
        scene.say("link", account=account.account),
        choices=("send_link", MENU, PERSON),
        keep={"step": "menu", "wanted": None},
    )


def _open_dispute(scene: Scene, kind: DisputeReason) -> Turn:
    account = scene.account
    if account is None or account.disputed:
        return dispute(scene)
    act = OpenDispute(account=account.account, reason=kind)
    return scene.back(scene.say("dispute_done", account=account.account), scene.say("more"), acts=(act,))


def _interest(scene: Scene) -> Turn:
    """How interest is computed: the creditor's own words where they are in the language of the talk."""
    own, sentences = scene.facts.interest, words_of(scene.talk.language).interest
    if own in sentences:
        said = sentences[own]
    elif own and scene.talk.language == scene.facts.language:
        said = own
    else:
        said = sentences["general"]
    return scene.back(said, scene.say("more"))


def _named(words: str, among: tuple[AccountFacts, ...]) -> AccountFacts | None:
    """The one account whose number words name."""
    named = [account for account in among if (name := fold(account.account)) and f" {name} " in f" {words} "]
    return named[0] if len(named) == 1 else None


def _sounds_like_promise(scene: Scene, wanted: Wanted | None) -> bool:
    """ "I want to pay" asks for the link, "I want to pay on Friday" promises; so do a day and an amount alone."""
    found = find_day(scene.heard.text, scene.talk.language, scene.facts.today) if scene.heard.words else None
    if found is None:
        return False
    if wanted is None:
        return find_marked_amount(found.rest, scene.facts.currency) is not None
    return found.day > scene.facts.today
