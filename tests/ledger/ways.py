"""What tests of both directions start from: a debtor with two channels, steps that may use either, their providers."""

from collections.abc import Collection, Mapping
from datetime import date
from typing import Any

from journey.playbook import Channel
from ledger.database import Ledger
from ledger.failing import Failed, Failure, record_failure
from ledger.following import Told
from ledger.inbound import Written, take
from ledger.outcomes import record_outcome
from ledger.permits import Answer, Permit, Reach, request_permit
from ledger.receipts import Receipt, record_receipt
from tests.ledger.given import Given, local, playbook, row

PAST_DUE = ("1", "2026-02-01", "100000")
"""Day 1 is Monday 2 February 2026, day 5 a Friday, day 8 the next Monday."""
MONDAY = date(2026, 2, 2)
FIRST = local(MONDAY, 9)
PROVIDERS: Mapping[str, str] = {"sms": "aggregator", "email": "mail"}
"""The providers' keys by channel."""
NUMBER, MAILBOX = "+573000000001", "ana@correo.invalid"


def notice(day: int, *channels: Channel, at: str = "09:00", key: str | None = None, **changes: Any) -> dict[str, Any]:
    """A step on a day past due, `notice-1` on day 1."""
    step = {"key": key or f"notice-{day}", "day": day, "channels": channels, "template": "overdue", "at": at}
    return {**step, **changes}


async def creditor(ledger: Ledger, *steps: dict[str, Any], at: Any = ..., **changes: Any) -> Given:
    """A creditor with these steps before day 20, and a letter by e-mail on it; by a test clock, unless `at` is none."""
    given = Given(ledger)
    formal = notice(20, "email", key="formal")
    stages = [
        {"stage": "administrative", "from_day": 1, "steps": list(steps)},
        {"stage": "prejuridical", "from_day": 20, "steps": [formal]},
    ]
    book = playbook(f"{given.key}-book", stages=stages, ends={"day": 40}, **changes)
    return await (given.set_up(book) if at is ... else given.set_up(book, at))


def debt(given: Given, account: str = "A", *dues: tuple[str, str, str], **debtor: Any) -> dict[str, Any]:
    """An account of the creditor's one person, who can be reached by text message and e-mail."""
    usual = {"addresses": {"sms": NUMBER, "email": MAILBOX}, "authorised_channels": ["sms", "email"]}
    return row(account, *(dues or (PAST_DUE,)), **{"person": f"{given.key}-p", **usual, **debtor})


async def asked(given: Given, account: str = "A", reach: Reach | None = None, episode: int = 1) -> Answer:
    """What the next contact's permit transaction answers; the clock is moved to it. All providers can send."""
    journey = given.journey(account, episode)
    contact = await given.due_contact(journey)
    usual = Reach(frozenset(PROVIDERS), PROVIDERS)
    return await request_permit(given.ledger, journey, contact.occurrence, contact.due, reach or usual)


async def permitted(given: Given, account: str = "A", reach: Reach | None = None) -> Permit:
    """The next contact may leave."""
    answer = await asked(given, account, reach)
    assert isinstance(answer, Permit)
    return answer


async def sent(given: Given, account: str = "A") -> Permit:
    """The next contact left."""
    permit = await permitted(given, account)
    ref = f"ref-{permit.contact_id}"
    await record_outcome(given.ledger, permit.contact_id, "sent", provider_ref=ref, content_sha256="0" * 64)
    return permit


async def failed(given: Given, permit: Permit, others: Collection[str] = (), **changes: Any) -> Failed:
    """The message did not leave; `others` may be tried. `changes` are fields of `Failure`."""
    failure = Failure(**{"code": "refused", **changes})
    return await record_failure(given.ledger, permit.contact_id, failure, connected=PROVIDERS, others=others)


async def told(given: Given, permit: Permit, status: Any, **changes: Any) -> Told | None:
    """The provider's receipt for a contact; `changes` are fields of `Receipt`."""
    usual: dict[str, Any] = {
        "provider": PROVIDERS.get(permit.channel),
        "status": status,
        "reference": str(permit.contact_id),
        "provider_ref": None,
        "at": None,
        "code": None,
        "bad_address": False,
    }
    return await record_receipt(given.ledger, Receipt(**{**usual, **changes}))


async def bounced(given: Given, permit: Permit) -> Told | None:
    """It came back: nobody is there."""
    return await told(given, permit, "failed", code="unknown_subscriber", bad_address=True)


async def wrote(given: Given, text: str = "Hola", **changes: Any) -> int | None:
    """The person wrote by text message; `changes` are fields of `Written`, `serves` tells whose provider it is."""
    serves = changes.pop("serves", lambda key: key == given.key)
    usual: dict[str, Any] = {
        "provider": "aggregator",
        "provider_ref": f"{given.key}-{next(given.numbers)}",
        "channel": "sms",
        "address": NUMBER,
        "text": text,
        "choice": None,
        "answers": None,
        "at": None,
        "is_stop": False,
    }
    return await take(given.ledger, Written(**{**usual, **changes}), serves)


async def statuses(given: Given, contact_id: int) -> list[str]:
    """What was told of a contact, in order."""
    rows = await given.all("SELECT status FROM contact_events WHERE contact_id = %s ORDER BY id", contact_id)
    return [each["status"] for each in rows]


async def facts(given: Given, kind: str, account: str = "A") -> list[dict[str, Any]]:
    """What the journey's events of a kind say."""
    return [event["data"] for event in await given.events(account) if event["kind"] == kind]


async def contacts(given: Given, account: str = "A") -> list[dict[str, Any]]:
    """All rows about an account's contacts, in order."""
    return await given.all("SELECT * FROM contacts WHERE account_id = %s ORDER BY id", await given.number(account))
