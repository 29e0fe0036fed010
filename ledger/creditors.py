"""Creditors and playbooks: who is owed, under which law, with which timeline."""

from collections.abc import Sequence
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any
from zoneinfo import available_timezones

from babel.numbers import get_currency_precision, list_currencies
from psycopg.types.json import Jsonb

from journey.interest import check_ceiling
from journey.limits import AgreementRules
from journey.money import MoneyRules
from journey.playbook import Playbook, parse_playbook
from journey.relief_rules import ReliefRules
from ledger.database import Ledger
from ledger.errors import Conflict, NotFound
from ledger.packs import known_keys
from policy import load_pack
from policy.errors import SendaError


@dataclass(frozen=True, slots=True)
class Creditor:
    """One creditor's settings. `test_clock`: its journeys live by this instant instead of the real one.

    `extra_packs` apply beside `pack`: a subdivision's, the creditor's own. The strictest wins. `agreements`: what it
    lets people agree on; `money`: how it reckons; `reliefs`: what it forgives or puts off.
    """

    key: str
    name: str
    pack: str
    extra_packs: list[str]
    currency: str
    playbook: str
    test_clock: datetime | None
    time_zone: str
    agreements: AgreementRules
    pay_url: str | None = None
    money: MoneyRules = field(default_factory=MoneyRules)
    reliefs: ReliefRules = field(default_factory=ReliefRules)


def decimals(currency: str) -> int:
    """How many decimals an amount of this currency may have (ISO 4217 minor units); raises on an unknown code."""
    if currency not in list_currencies():
        raise SendaError("currency.unknown", f"{currency!r} is not an ISO 4217 currency code", field="currency")
    return get_currency_precision(currency)


async def put_creditor(
    ledger: Ledger,
    key: str,
    *,
    name: str,
    pack: str,
    currency: str,
    playbook: str,
    test_clock: datetime | None,
    time_zone: str | None,
    extra_packs: Sequence[str] = (),
    agreements: AgreementRules | None = None,
    pay_url: str | None = None,
    money: MoneyRules | None = None,
    reliefs: ReliefRules | None = None,
) -> Creditor:
    """Create or change a creditor. Currency and clock may not change once accounts or journeys hang on them.

    `pack` comes with Senda; the packs beside it may be ones that were put. `agreements`, `money`, `reliefs` none: the
    defaults. `pay_url`: where its debtors pay, with `{reference}` for the account.
    """
    loaded = load_pack(pack)
    decimals(currency)
    if money is not None and money.interest is not None:
        check_ceiling(money.interest, [loaded])
    if time_zone is None and not loaded.zones:
        raise SendaError("time_zone.missing", f"pack {pack} has no time zone of its own: give one", field="time_zone")
    zone = time_zone or loaded.zones[0]
    if zone not in available_timezones():
        raise SendaError("time_zone.unknown", f"{zone!r} is no IANA time zone", field="time_zone")
    beside = [key for key in dict.fromkeys(extra_packs) if key != pack]
    async with ledger.transaction() as tx:
        unknown = set(beside) - await known_keys(tx)
        if unknown:
            raise SendaError(
                "policy.unknown_pack", f"no pack {sorted(unknown)[0][:60]!r}: PUT it first", field="extra_packs"
            )
        known = await (await tx.execute("SELECT FROM playbook_versions WHERE key = %s LIMIT 1", [playbook])).fetchone()
        if known is None:
            raise SendaError("playbook.unknown", f"no playbook {playbook!r}: PUT it first", field="playbook")
        before = await (
            await tx.execute(
                """
                SELECT currency, test_clock, EXISTS (SELECT FROM accounts WHERE creditor = creditors.key) AS accounts,
                    EXISTS (SELECT FROM journeys WHERE creditor = creditors.key AND NOT closed) AS open
                FROM creditors WHERE key = %s FOR UPDATE""",
                [key],
            )
        ).fetchone()
        if before is not None and before["accounts"] and before["currency"] != currency:
            raise Conflict("creditor.currency_fixed", "its accounts are kept in another currency", "currency")
        if before is not None and before["test_clock"] != test_clock:
            if before["open"]:
                raise Conflict(
                    "creditor.clock_fixed",
                    "journeys are open: advance the clock with POST …/clock instead",
                    "test_clock",
                )
            if before["test_clock"] and test_clock and test_clock < before["test_clock"]:
                raise Conflict("clock.backwards", "the test clock cannot go back", "test_clock")
        await tx.execute(
            """
            INSERT INTO creditors (key, name, pack, extra_packs, currency, playbook, test_clock, time_zone, agreements,
                pay_url, money, reliefs)
            VALUES (%s, %s, %s, %s, %s, %s, %s, %s, %s, %s, %s, %s)
            ON CONFLICT (key) DO UPDATE SET name = excluded.name, pack = excluded.pack,
                extra_packs = excluded.extra_packs,
                currency = excluded.currency, playbook = excluded.playbook, test_clock = excluded.test_clock,
                time_zone = excluded.time_zone, agreements = excluded.agreements,
                pay_url = excluded.pay_url, money = excluded.money, reliefs = excluded.reliefs""",
            [
                key,
                name,
                pack,
                beside,
                currency,
                playbook,
                test_clock,
                zone,
                agreements and Jsonb(agreements),
                pay_url,
                money and Jsonb(money),
                reliefs and Jsonb(reliefs),
            ],
        )
    rules = agreements or AgreementRules()
    return Creditor(
        key,
        name,
        pack,
        beside,
        currency,
        playbook,
        test_clock,
        zone,
        rules,
        pay_url,
        money or MoneyRules(),
        reliefs or ReliefRules(),
    )


async def creditor(ledger: Ledger, key: str) -> Creditor:
    """A creditor by its key; raises `NotFound`."""
    async with ledger.transaction() as tx:
        row = await (
            await tx.execute(
                """
                SELECT key, name, pack, extra_packs, currency, playbook, test_clock, time_zone, agreements, pay_url,
                    money, reliefs
                FROM creditors WHERE key = %s""",
                [key],
            )
        ).fetchone()
    if row is None:
        raise NotFound("creditor.unknown", f"no creditor {key!r}: PUT it first", "creditor")
    row["agreements"] = rules_of(row["agreements"])
    row["money"] = money_rules_of(row["money"])
    row["reliefs"] = relief_rules_of(row["reliefs"])
    return Creditor(**row)


def rules_of(stored: Any) -> AgreementRules:
    """What a creditor lets people agree on, from its column `agreements`; none there: the defaults."""
    return AgreementRules() if stored is None else AgreementRules.model_validate(stored)


def money_rules_of(stored: Any) -> MoneyRules:
    """How a creditor reckons with money, from its column `money`; none there: the defaults."""
    return MoneyRules() if stored is None else MoneyRules.model_validate(stored)


def relief_rules_of(stored: Any) -> ReliefRules:
    """What a creditor forgives or puts off, from its column `reliefs`; none there: nothing."""
    return ReliefRules() if stored is None else ReliefRules.model_validate(stored)


async def put_playbook(ledger: Ledger, playbook: Playbook) -> str:
    """Keep a playbook and return its hash. New journeys of its creditors follow it; running ones keep theirs."""
    async with ledger.transaction() as tx:
        await tx.execute(
            "INSERT INTO playbooks (hash, content) VALUES (%s, %s) ON CONFLICT DO NOTHING",
            [playbook.hash, Jsonb(playbook)],
        )
        await tx.execute(
            """
            INSERT INTO playbook_versions (key, hash) SELECT %(key)s, %(hash)s
            WHERE NOT EXISTS (SELECT FROM current_playbooks WHERE key = %(key)s AND hash = %(hash)s)""",
            {"key": playbook.key, "hash": playbook.hash},
        )
    return playbook.hash


async def current_playbook(ledger: Ledger, key: str) -> Playbook:
    """The version of a playbook that new journeys follow; raises `NotFound`."""
    async with ledger.transaction() as tx:
        row = await (await tx.execute("SELECT content FROM current_playbooks WHERE key = %s", [key])).fetchone()
    if row is None:
        raise NotFound("playbook.unknown", f"no playbook {key!r}: PUT it first", "playbook")
    return parse_playbook(row["content"])
