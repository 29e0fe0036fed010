"""Sample values for templates, of nobody: for the check and for the preview."""

from datetime import date, timedelta
from decimal import Decimal
from typing import TypedDict

from channels.template_language import Language, variables_for
from channels.templating import Template
from channels.texts import STANDARD
from channels.values import MOST_ACCOUNTS, Values, receipt_values_of, values_of
from journey.playbook import Stage, Tone
from ledger.consolidation import AccountDue
from ledger.permits import Permit

AGENCY = "Cobranzas Muestra"
LINK = "https://pagos.example/muestra"
NAME = "Ana"
PART = Decimal("182500")
WHOLE = Decimal("730000")
PAID_ON = date(2026, 3, 14)
_DUE = date(2026, 3, 2)


class Sample(TypedDict, total=False):
    """What differs between samples; the rest is the same in all. `accounts`: how many the message is about."""

    tone: Tone
    stage: Stage
    days_past_due: int
    name: str | None
    sender: str | None
    pay_link: str | None
    stop_link: str | None
    accounts: int
    account: str
    creditor: str
    past_due: Decimal
    balance: Decimal


def at_length(sample: Sample) -> Sample:
    """The same case with values as long as they usually get: for the sizes of channels."""
    longer = sample.copy()
    longer["creditor"] = "Cooperativa de Ahorro Muestra"
    longer["account"] = "MUESTRA-000001"
    is_part = sample.get("balance", WHOLE) == PART
    longer["past_due"], longer["balance"] = Decimal("12345678"), Decimal("12345678" if is_part else "23456789")
    longer["accounts"] = 1 if sample.get("accounts") == 1 else MOST_ACCOUNTS
    if sample.get("name", NAME):
        longer["name"] = "Maximiliano"
    if sample.get("sender"):
        longer["sender"] = "Recaudos y Cobranzas Muestra"
    if sample.get("pay_link", LINK):
        longer["pay_link"] = "https://pagos.muestra.example/p/8f3b1c2d4e5f6071829304a5"
    return longer


def sample_permit(language: Language, channel: str, sample: Sample) -> Permit:
    """A permit of an account in arrears with an instalment of `PART`, and of its sisters."""
    past_due, balance = sample.get("past_due", PART), sample.get("balance", WHOLE)
    key, days = sample.get("account", "MUESTRA-0001"), sample.get("days_past_due", 12)
    others = tuple(
        AccountDue(f"{key[:-1]}{number}", past_due, balance, _DUE + timedelta(days=number), days - number)
        for number in range(2, sample.get("accounts", 1) + 1)
    )
    return Permit(
        contact_id=0,
        key="sample",
        channel=channel,
        address="ana@correo.invalid",
        language=language,
        name=sample.get("name", NAME),
        creditor_name=sample.get("creditor", "Crédito Muestra"),
        account=key,
        currency="COP",
        balance=balance,
        past_due=past_due,
        due_date=_DUE,
        days_past_due=days,
        stage=sample.get("stage", "administrative"),
        template="sample",
        tone=sample.get("tone", "friendly"),
        others=others,
        pay_link=sample.get("pay_link", LINK),
        stop_link=sample.get("stop_link"),
    )


def sample_values(template: Template, language: Language, sample: Sample, channel: str = "email") -> Values:
    """What a template may name, of `sample_permit`."""
    permit, sender = sample_permit(language, channel, sample), sample.get("sender")
    if template.purpose == "payment_confirmation":
        values = receipt_values_of(permit, permit.past_due, PAID_ON, permit.tone, sender=sender)
    else:
        values = values_of(permit, permit.tone, permit.stage, sender=sender, pay_link=permit.pay_link)
    known = variables_for(template.purpose, template.variant)
    return {name: value for name, value in values.items() if name in known}


def moment_of(name: str, stage: Stage | None, days_past_due: int | None) -> tuple[Stage, int]:
    """A stage and a number of days that belong together: what was asked for, else the template's own."""
    typical: dict[Stage, int] = {"preventive": -3, "administrative": 12, "prejuridical": 75}
    own: list[Stage] = [of for of, standard in STANDARD.items() if standard == name]
    if stage is None:
        early = days_past_due is not None and days_past_due <= 0
        stage = own[0] if own else "preventive" if early else "administrative"
    return stage, typical[stage] if days_past_due is None else days_past_due
