"""Timelines in words: when, what and why, as a collections manager reads them."""

from typing import Any

import pytest

from policy import load_pack
from senda.client import Event
from senda.demo.run import demo_playbook
from senda.demo.timeline import Line, Storyteller

RULES = {"CO-03": "Después de un contacto, ninguno más ese mismo día, por ningún canal."}


@pytest.fixture
def teller() -> Storyteller:
    return Storyteller(demo_playbook(), RULES, "America/Bogota")


def tell(teller: Storyteller, *events: tuple[str, str, dict[str, Any]]) -> list[str]:
    told = [
        Event.model_validate({"seq": seq, "at": at, "kind": kind, "data": data})
        for seq, (at, kind, data) in enumerate(events, start=1)
    ]
    return [f"{line.when} · {line.what}" for line in teller.lines(told)]


@pytest.mark.parametrize(
    ("event", "line"),
    [
        (
            ("2026-02-03T14:00:00Z", "contact", {"step": "aviso-amable", "channel": "email", "status": "sent"}),
            "mar 3 feb 09:00 · Correo enviado: aviso amable de mora (día 1 de mora)",
        ),
        (
            ("2026-02-03T14:00:00Z", "contact", {"step": "recordatorio", "channel": "sms", "status": "sent"}),
            "mar 3 feb 09:00 · SMS enviado: recordatorio amable (3 días antes del vencimiento)",
        ),
        (
            (
                "2026-02-03T14:00:00Z",
                "contact",
                {
                    "step": "aviso-5",
                    "channel": "email",
                    "status": "refused",
                    "rules": ["CO-03"],
                    "next_allowed_at": "2026-02-04T12:00:00Z",
                },
            ),
            "mar 3 feb 09:00 · No se contactó (día 5 de mora). CO-03: Después de un contacto, ninguno más ese mismo"
            " día, por ningún canal. Se puede desde el mié 4 feb 07:00.",
        ),
        (
            (
                "2026-02-03T14:00:00Z",
                "contact",
                {"step": "aviso-5", "channel": "email", "status": "refused", "rules": ["CO-05"]},
            ),
            "mar 3 feb 09:00 · No se contactó (día 5 de mora). CO-05. Este paso no se intenta más.",
        ),
        (
            (
                "2026-02-03T14:00:00Z",
                "step_deferred",
                {"step": "aviso-5", "channel": "email", "rules": ["CO-03"], "until": "2026-02-10T14:00:00Z"},
            ),
            "mar 3 feb 09:00 · Se aplaza aviso-5 hasta el mar 10 feb 09:00. CO-03: Después de un contacto, ninguno"
            " más ese mismo día, por ningún canal.",
        ),
        (
            ("2026-02-03T17:00:00Z", "payment", {"amount": "185000.00", "balance": "370000.00"}),
            "mar 3 feb 12:00 · Pago recibido: $ 185.000; saldo $ 370.000",
        ),
        (
            ("2026-02-03T17:00:00Z", "reversal", {"amount": "185000", "balance": "555000"}),
            "mar 3 feb 12:00 · El banco devolvió un pago: $ 185.000; saldo $ 555.000",
        ),
        (
            ("2026-04-04T05:00:00Z", "stage_entered", {"stage": "prejuridical"}),
            "sáb 4 abr 00:00 · Entra en la etapa prejurídica",
        ),
        (
            ("2026-02-01T05:00:00Z", "started", {"due_date": "2026-02-06"}),
            "dom 1 feb 00:00 · Empieza la gestión: cuota que vence el vie 6 feb",
        ),
        (
            ("2026-06-01T05:00:00Z", "closed", {"outcome": "referred"}),
            "lun 1 jun 00:00 · Fin: la cuenta vuelve al acreedor",
        ),
    ],
)
def test_an_event_in_words(teller: Storyteller, event: tuple[str, str, dict[str, Any]], line: str) -> None:
    assert [said.replace("\u00a0", " ") for said in tell(teller, event)] == [line]


def test_a_permit_alone_is_not_told(teller: Storyteller) -> None:
    contact = {"step": "aviso-amable", "channel": "email"}
    lines = tell(
        teller,
        ("2026-02-03T14:00:00Z", "contact", {**contact, "status": "permitted"}),
        ("2026-02-03T14:00:00Z", "contact", {**contact, "status": "sent"}),
    )
    assert len(lines) == 1


def test_steps_skipped_together_share_a_line(teller: Storyteller) -> None:
    at = "2026-02-03T05:00:00Z"
    lines = tell(
        teller,
        (at, "step_skipped", {"step": "aviso-amable", "reason": "day_passed"}),
        (at, "step_skipped", {"step": "aviso-5", "reason": "day_passed"}),
        (at, "step_skipped", {"step": "aviso-10", "reason": "condition"}),
    )
    assert lines == [
        "mar 3 feb 00:00 · Se omite aviso-amable, aviso-5: su día ya había pasado",
        "mar 3 feb 00:00 · Se omite aviso-10: el saldo es menor que el que pide el paso",
    ]


def test_two_things_at_the_same_moment_are_two_lines(teller: Storyteller) -> None:
    at = "2026-02-03T17:00:00Z"
    payment = (at, "payment", {"amount": "5", "balance": "0"})
    assert len(tell(teller, payment, payment, (at, "closed", {"outcome": "paid"}))) == 3


def test_the_kind_of_a_contact_is_its_status(teller: Storyteller) -> None:
    event = Event.model_validate(
        {
            "seq": 1,
            "at": "2026-02-03T14:00:00Z",
            "kind": "contact",
            "data": {"step": "aviso-5", "channel": "email", "status": "failed"},
        }
    )
    (line,) = teller.lines([event])
    assert line == Line("mar 3 feb 09:00", "failed", "No salió · Correo: aviso amable de mora (día 5 de mora)")


def test_every_step_of_the_demo_may_go_by_mail_and_has_words_for_its_message() -> None:
    from senda.demo.timeline import MESSAGES

    steps = [step for plan in demo_playbook().stages for step in plan.steps]
    assert len(steps) == 12
    assert all("email" in step.channels and (step.template, step.tone) in MESSAGES for step in steps)


def test_every_rule_of_the_demos_pack_has_a_spanish_sentence() -> None:
    assert all(rule.text.es for rule in load_pack("CO").rules)
