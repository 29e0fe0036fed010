"""What tests of agreements and disputes do: agree, cancel, look at how things stand."""

from dataclasses import dataclass
from datetime import date
from decimal import Decimal
from typing import Any
from uuid import uuid4

from journey.keeping import AgreementKind
from journey.limits import AgreementRules, Instalment
from ledger import agreements, disputes
from ledger.agreement_views import Wanted, list_agreements, list_disputes
from ledger.agreements import Made, Word
from ledger.creditors import creditor, put_creditor
from ledger.deadlines import settle_due
from ledger.disputes import DisputeOutcome, DisputeReason, Resolution
from tests.ledger.given import Given


@dataclass
class Agreed:
    """A creditor's agreements, as its agent Luisa makes them."""

    given: Given

    def word(self, **changes: Any) -> Word:
        """Luisa's word; `changes` are fields of `Word`."""
        return Word(**{"key": uuid4().hex, "actor": "Luisa", **changes})

    async def promises(self, account: str, amount: str, day: str, **word: Any) -> int:
        """A promise to pay: its number."""
        return (await self.promise(account, amount, day, **word)).id

    async def promise(self, account: str, amount: str, day: str, **word: Any) -> Made:
        """A promise to pay, and what to tell."""
        values = self.given.ledger, self.given.key, account, Decimal(amount), date.fromisoformat(day)
        return await agreements.promise(*values, self.word(**word))

    async def renegotiates(self, account: str, number: int, amount: str, day: str, **word: Any) -> Made:
        """A promise is made anew: the new one, and what to tell."""
        values = self.given.ledger, self.given.key, account, number, Decimal(amount), date.fromisoformat(day)
        return await agreements.renegotiate(*values, self.word(**word))

    async def plans(self, account: str, *instalments: tuple[str, str], **word: Any) -> int:
        """A plan of (day, amount): its number."""
        agreed = [Instalment(date.fromisoformat(day), Decimal(amount)) for day, amount in instalments]
        made = await agreements.plan(self.given.ledger, self.given.key, account, agreed, self.word(**word))
        return made.id

    async def cancels(self, account: str, kind: AgreementKind, number: int, **word: Any) -> None:
        """An agreement is cancelled."""
        await agreements.cancel(self.given.ledger, self.given.key, account, kind, number, self.word(**word))

    async def disputes(self, account: str, reason: DisputeReason = "wrong_amount", **word: Any) -> int:
        """A dispute: its number."""
        made = await disputes.dispute(self.given.ledger, self.given.key, account, reason, self.word(**word))
        return made.id

    async def resolves(self, account: str, number: int, outcome: DisputeOutcome = "rejected", **word: Any) -> None:
        """A dispute is resolved."""
        given = self.word(**word)
        resolution = Resolution(outcome, given.key, given.actor)
        await disputes.resolve(self.given.ledger, self.given.key, account, number, resolution)

    async def settles(self) -> None:
        """What housekeeping does when time has run out."""
        while await settle_due(self.given.ledger, self.given.key):
            pass

    async def shown(self, kind: AgreementKind, **wanted: Any) -> list[dict[str, Any]]:
        """All promises or plans of the creditor as the lists show them."""
        return (await list_agreements(self.given.ledger, kind, Wanted(self.given.key, **wanted))).items

    async def statuses(self, kind: AgreementKind) -> list[str]:
        """How they stand, in order."""
        return [each["status"] for each in await self.shown(kind)]

    async def shown_disputes(self, **wanted: Any) -> list[dict[str, Any]]:
        """All disputes of the creditor."""
        return (await list_disputes(self.given.ledger, Wanted(self.given.key, **wanted))).items

    async def facts(self, account: str, prefix: str) -> list[str]:
        """The kinds of the facts of an account that begin so, in order."""
        return [each["kind"] for each in await self.given.events(account) if each["kind"].startswith(prefix)]


async def with_rules(given: Given, rules: AgreementRules) -> None:
    """The creditor's limits."""
    kept = await creditor(given.ledger, given.key)
    await put_creditor(
        given.ledger,
        given.key,
        name=kept.name,
        pack=kept.pack,
        currency=kept.currency,
        playbook=kept.playbook,
        test_clock=kept.test_clock,
        time_zone=kept.time_zone,
        agreements=rules,
    )
