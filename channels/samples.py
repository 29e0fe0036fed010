"""Sample values for templates, of nobody: for the check and for the preview."""

from datetime import date
from decimal import Decimal
from typing import TypedDict

from channels.template_language import VARIABLES, Language, Purpose
from channels.texts import long_date, values_of
from journey.playbook import Stage, Tone
from ledger.permits import Permit

AGENCY = "Cobranzas Muestra"
LINK = "https://pagos.example/muestra"
NAME = "Ana"
PART = Decimal("182500")
WHOLE = Decimal("730000")


class Sample(TypedDict, total=False):
    """What differs between samples; the rest is the same in all."""

    tone: Tone
    stage: Stage
    days_past_due: int
    name: str | None
    sender: str | None
    pay_link: str | None
    balance: Decimal


def sample_values(purpose: Purpose, language: Language, sample: Sample) -> dict[str, str | int | None]:
    """What a template of a purpose may name, of an account in arrears with an instalment of `PART`."""
    permit = Permit(
        contact_id=0,
        key="sample",
        channel="email",
        address="ana@correo.invalid",
        language=language,
        name=sample.get("name", NAME),
        creditor_name="Crédito Muestra",
        account="MUESTRA-0001",
        currency="COP",
        balance=sample.get("balance", WHOLE),
        past_due=PART,
        due_date=date(2026, 3, 2),
        days_past_due=sample.get("days_past_due", 12),
        stage=sample.get("stage", "administrative"),
        template="sample",
        tone=sample.get("tone", "friendly"),
    )
    values = values_of(
        permit,
        permit.tone,
        permit.stage,
        sender=sample.get("sender"),
        pay_link=sample.get("pay_link", LINK),
    )
    values["paid_on"] = long_date(date(2026, 3, 14), language)
    return {name: value for name, value in values.items() if name in VARIABLES[purpose]}
