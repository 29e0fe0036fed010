"""What is known of a person at the moment of a decision, read under the lock, and the policy's verdict on it."""

import hashlib
from collections.abc import Collection, Sequence
from dataclasses import dataclass, replace
from datetime import datetime, timedelta
from functools import cache
from typing import Any

from journey.playbook import Step
from ledger.database import Connection
from ledger.packs import OWN_PACKS, packs_of
from ledger.preferences import SPOKEN, Preferences, preferences_of
from policy import Decision, LoggedContact, Pack, Query, decide, load_pack, memory, pack_keys


@cache
def log_days() -> int:
    """How far back the person's contacts are read, unless a creditor's own pack looks back further."""
    return memory([load_pack(key) for key in pack_keys()]).days


_FACTS = f"""
SELECT d.name, d.language, d.time_zones, d.addresses, d.authorised_channels, d.preferred_channel,
    d.packs AS debtor_packs, c.name AS creditor_name, c.pack, c.extra_packs, {OWN_PACKS}, d.id AS debtor_id,
    replace(c.pay_url, '{{reference}}', a.reference) AS pay_link,
    ARRAY(SELECT i.channel || ':' || i.address_sha256 FROM invalid_addresses i WHERE i.debtor_id = d.id) AS invalid,
    EXISTS (SELECT FROM journeys j WHERE j.person_id = a.person_id AND j.creditor = a.creditor
        AND j.account_id <> a.id AND NOT j.closed) AS has_others
FROM accounts a JOIN debtors d ON d.id = a.debtor_id JOIN creditors c ON c.key = a.creditor
WHERE a.id = %s"""

_LOG = """
SELECT c.decided_at AS at, c.channel, c.direction, c.purpose, EXISTS (
        SELECT FROM contact_events e WHERE e.contact_id = c.id AND e.status = 'answered') AS two_way
FROM contacts c JOIN accounts a ON a.id = %s JOIN creditors k ON k.key = a.creditor
WHERE c.person_id = %s AND c.decision = 'permitted'
    AND c.decided_at > coalesce(k.test_clock, clock_timestamp()) - make_interval(days => greatest(%s,
        (SELECT max(memory_days) FROM current_packs WHERE key = ANY(k.extra_packs))))
    AND (NOT EXISTS (SELECT FROM contact_events e WHERE e.contact_id = c.id AND e.status = 'failed')
        OR EXISTS (SELECT FROM contact_events e
            WHERE e.contact_id = c.id AND e.status IN ('delivered', 'read', 'answered')))
ORDER BY c.decided_at"""


SKEW = timedelta(minutes=1)
"""How far the clocks of engine and record may be apart."""


def _by_then(log: tuple[LoggedContact, ...], at: datetime) -> tuple[LoggedContact, ...]:
    """The log at that instant. What a clock a little ahead wrote counts as now; another test clock may be far ahead."""
    if not log or log[-1].at <= at:
        return log
    return tuple(replace(contact, at=min(contact.at, at)) for contact in log if contact.at <= at + SKEW)


def sha256_of(address: str) -> str:
    """What stands for an address where the address itself has no business, hexadecimal."""
    return hashlib.sha256(address.encode()).hexdigest()


@dataclass(frozen=True, slots=True)
class Known:
    """The debtor's and the creditor's facts, what the person said, and the person's contacts over all creditors."""

    facts: dict[str, Any]
    said: Preferences
    log: tuple[LoggedContact, ...]
    packs: tuple[Pack, ...]

    @property
    def addresses(self) -> dict[str, str]:
        """The person's addresses by channel, without those at which nobody is."""
        invalid = self.facts["invalid"]
        filed: dict[str, str] = self.facts["addresses"]
        if not invalid:
            return filed
        return {channel: at for channel, at in filed.items() if f"{channel}:{sha256_of(at)}" not in invalid}

    @property
    def authorised(self) -> tuple[str, ...]:
        """The channels that may be used."""
        return tuple(self.said.authorised(self.facts["authorised_channels"]))

    @property
    def preferred_channel(self) -> str | None:
        """The channel that the person would rather have."""
        return self.said.preferred_channel or self.facts["preferred_channel"]

    @property
    def language(self) -> str:
        """The language to write in."""
        return self.said.language or self.facts["language"]

    def query(self, at: datetime, channel: str, purpose: str = "collection", role: str = "debtor") -> Query:
        """The question whether this contact is allowed."""
        return Query(
            zones=tuple(self.facts["time_zones"]),
            at=at,
            channel=channel,
            purpose=purpose,
            role=role,
            authorised_channels=self.authorised,
            contacts=_by_then(self.log, at),
            person=self.said.person,
        )

    def order(self, step: Step, available: Collection[str] | None) -> list[str]:
        """The step's channels that can be tried: the preferred one, the authorised ones, then the step's order.

        `available`: those that can send at all; none where that is not known.
        """
        authorised, preferred, addresses = self.authorised, self.preferred_channel, self.addresses
        usable = [c for c in step.channels if addresses.get(c) and (available is None or c in available)]
        return sorted(usable, key=lambda channel: (channel != preferred, channel not in authorised))

    def judge(self, at: datetime, channels: Sequence[str]) -> list[tuple[Query, Decision]]:
        """The verdict on each channel in turn, up to the first that is allowed."""
        verdicts: list[tuple[Query, Decision]] = []
        for channel in channels:
            query = self.query(at, channel)
            verdicts.append((query, decide(self.packs, query)))
            if verdicts[-1][1].allowed:
                break
        return verdicts

    def after(self, at: datetime, channel: str) -> "Known":
        """What is known once a collection contact left by this channel."""
        contact = LoggedContact(at, channel, "outbound", "collection", two_way=False)
        return replace(self, log=tuple(sorted((*self.log, contact), key=lambda logged: logged.at)))


class Reading:
    """The statements that `Known` is read by. `send` may be called within a pipeline, `known` after it."""

    def __init__(self, account_id: int, person_id: int, creditor: str) -> None:
        self._account_id = account_id
        self._person_id = person_id
        self._creditor = creditor

    async def send(self, tx: Connection) -> None:
        """Send the statements."""
        self._facts = await tx.execute(_FACTS, [self._account_id])
        self._log = await tx.execute(_LOG, [self._account_id, self._person_id, log_days()])
        self._said = await tx.execute(SPOKEN, [self._person_id, self._creditor])

    async def known(self) -> Known:
        """What they say."""
        facts = await self._facts.fetchone()
        assert facts is not None
        return Known(
            facts=facts,
            said=preferences_of(await self._said.fetchall()),
            log=tuple(LoggedContact(**row) for row in await self._log.fetchall()),
            packs=packs_of(facts["pack"], facts["extra_packs"], facts["debtor_packs"], facts["own_packs"]),
        )


async def known_of(tx: Connection, account_id: int, person_id: int, creditor: str) -> Known:
    """What is known of a person, for an account; the caller has locked the person."""
    reading = Reading(account_id, person_id, creditor)
    async with tx.pipeline():
        await reading.send(tx)
    return await reading.known()


def soonest(verdicts: Sequence[tuple[Query, Decision]]) -> tuple[Query, Decision]:
    """The verdict that would allow first; never comes last."""
    return min(verdicts, key=lambda each: (each[1].next_allowed_at is None, each[1].next_allowed_at))
