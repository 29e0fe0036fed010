"""A decision in words: each kind of rule with its facts, in Spanish and in English."""

from collections.abc import Callable
from dataclasses import dataclass, fields
from datetime import datetime
from string import Formatter
from typing import Any, Literal, get_args

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from policy_cases import ALL_KEYS, bogota, contact, hours, keyed_queries, own_request, queries, query

from policy import CHANNELS, PURPOSES, ROLES, Pack, Person, Query, decide, explain, load_pack
from policy.languages import WORDINGS
from policy.rules import Cap
from policy.wording import Wording

ZONES = ("America/Bogota", "America/New_York", "America/Santiago", "America/Los_Angeles", "Pacific/Easter")
MANY = settings(max_examples=200, deadline=None)

Language = Literal["es", "en"]
CO_02 = "CO-02, Ley 2300 de 2023, art. 3; festivos por Ley 51 de 1983 y Ley 2578 de 2026, art. 6 (esta última, S)"
CL_03 = "CL-03, Ley 19.496, art. 37, modificado por la Ley 21.320"


def pack_of(key: str, rule_id: str = "", **parameters: Any) -> Pack:
    """The pack, with other parameters in one of its rules."""
    pack = load_pack(key)
    data = pack.model_dump(mode="json", exclude_none=True) | {"holidays": pack.model_dump(mode="json")["holidays"]}
    if rule_id:
        next(rule for rule in data["rules"] if rule["id"] == rule_id).update(parameters)
    return Pack.model_validate(data)


def said(packs: Pack | list[Pack], asked: Query, language: Language = "es") -> str:
    """The explanation of the decision, without the sentence that names the packs."""
    whole = explain(several := packs if isinstance(packs, list) else [packs], asked, decide(several, asked), language)
    label = {"es": " Paquete", "en": " Policy pack"}[language]
    text, _, named = whole.rpartition(label)
    assert all(f"{pack.key} {pack.version}" in named for pack in several)
    return text


@dataclass(frozen=True)
class Case:
    pack: Callable[[], Pack]
    asked: Query
    es: str
    en: str


def shipped(key: str, rule_id: str = "", **parameters: Any) -> Callable[[], Pack]:
    return lambda: pack_of(key, rule_id, **parameters)


SANTIAGO = {"zones": ("America/Santiago",)}
NEW_YORK = {"zones": ("America/New_York",), "channel": "call"}
NEVER_ES = "Por más que se espere, no se permitirá mientras esto no cambie."
NEVER_EN = "No waiting will allow it while this stands."

CASES: dict[str, Case] = {
    "window": Case(
        shipped("CO"),
        query(bogota("2026-02-07 15:00")),
        "No se contactó: en America/Bogota son las 15:00 del sábado 7 de febrero y ese día solo se contacta de 08:00 a "
        "15:00 (CO-01, Ley 2300 de 2023, art. 3). Próximo momento permitido: lunes 9 de febrero de 2026, 07:00 "
        "(America/Bogota).",
        "Not contacted: in America/Bogota it is 15:00 on Saturday 7 February and contacts on that day are allowed only "
        "from 08:00 to 15:00 (CO-01, Ley 2300 de 2023, art. 3). Next allowed time: Monday 9 February 2026, 07:00 "
        "(America/Bogota).",
    ),
    "window at one o'clock": Case(
        shipped("CO"),
        query(bogota("2026-02-04 01:05")),
        "No se contactó: en America/Bogota es la 01:05 del miércoles 4 de febrero y ese día solo se contacta de 07:00 "
        "a 19:00 (CO-01, Ley 2300 de 2023, art. 3). Próximo momento permitido: miércoles 4 de febrero de 2026, 07:00 "
        "(America/Bogota).",
        "Not contacted: in America/Bogota it is 01:05 on Wednesday 4 February and contacts on that day are allowed "
        "only from 07:00 to 19:00 (CO-01, Ley 2300 de 2023, art. 3). Next allowed time: Wednesday 4 February 2026, "
        "07:00 (America/Bogota).",
    ),
    "closed weekday": Case(
        shipped("CO"),
        query(bogota("2026-03-01 10:00")),
        f"No se contactó: en America/Bogota es domingo 1 de marzo y en domingo no se contacta ({CO_02}). Próximo "
        "momento permitido: lunes 2 de marzo de 2026, 07:00 (America/Bogota).",
        f"Not contacted: in America/Bogota it is Sunday 1 March and there are no contacts on a Sunday ({CO_02}). Next "
        "allowed time: Monday 2 March 2026, 07:00 (America/Bogota).",
    ),
    "holiday": Case(
        shipped("CO"),
        query(bogota("2026-07-20 10:00")),
        "No se contactó: en America/Bogota es lunes 20 de julio, festivo (Día de la Independencia), y ese día no se "
        f"contacta ({CO_02}). Próximo momento permitido: martes 21 de julio de 2026, 07:00 (America/Bogota).",
        "Not contacted: in America/Bogota it is Monday 20 July, a holiday (Día de la Independencia), and there are no "
        f"contacts on that day ({CO_02}). Next allowed time: Tuesday 21 July 2026, 07:00 (America/Bogota).",
    ),
    "window that closes on a holiday": Case(
        shipped("PE"),
        query(bogota("2026-07-28 10:00"), zones=("America/Lima",)),
        "No se contactó: en America/Lima es martes 28 de julio, festivo (Día de la Independencia), y ese día no se "
        "contacta (PE-01, Ley 29571 (Código de Protección y Defensa del Consumidor), art. 62). Próximo momento "
        "permitido: jueves 30 de julio de 2026, 07:00 (America/Lima).",
        "Not contacted: in America/Lima it is Tuesday 28 July, a holiday (Día de la Independencia), and there are no "
        "contacts on that day (PE-01, Ley 29571 (Código de Protección y Defensa del Consumidor), art. 62). Next "
        "allowed time: Thursday 30 July 2026, 07:00 (America/Lima).",
    ),
    "cap of one a day": Case(
        shipped("CO"),
        query(bogota("2026-02-04 10:00"), contact(bogota("2026-02-04 09:00"))),
        "No se contactó: la persona ya fue contactada hoy a las 09:00 por SMS (CO-03, Ley 2300 de 2023, art. 3). "
        "Próximo momento permitido: jueves 5 de febrero de 2026, 07:00 (America/Bogota).",
        "Not contacted: the person was already contacted today at 09:00 by SMS (CO-03, Ley 2300 de 2023, art. 3). "
        "Next allowed time: Thursday 5 February 2026, 07:00 (America/Bogota).",
    ),
    "cap of several a day": Case(
        shipped("GT"),
        query(
            bogota("2026-03-04 12:00"),
            contact(bogota("2026-03-03 10:00")),
            contact(bogota("2026-03-04 10:00"), "letter"),
            contact(bogota("2026-03-04 09:30"), "call"),
            zones=("America/Guatemala",),
        ),
        "No se contactó: ya van 2 contactos hoy y el máximo es 2; el último, hoy a las 09:00 por carta (GT-02, "
        f"{load_pack('GT').rules[1].source}). Próximo momento permitido: jueves 5 de marzo de 2026, 08:00 "
        "(America/Guatemala).",
        "Not contacted: there have been 2 contacts today and the most is 2; the latest, today at 09:00 by letter "
        f"(GT-02, {load_pack('GT').rules[1].source}). Next allowed time: Thursday 5 March 2026, 08:00 "
        "(America/Guatemala).",
    ),
    "cap of one a week by some channels": Case(
        shipped("CL"),
        query(bogota("2026-03-04 10:00"), contact(bogota("2026-03-02 10:00"), "visit"), channel="call", **SANTIAGO),
        "No se contactó: la persona ya fue contactada el lunes 2 de marzo a las 12:00 por visita, y solo se permite un "
        "contacto por llamada o visita cada siete días (CL-02, Ley 19.496, art. 37, modificado por la Ley 21.320). "
        "Próximo momento permitido: lunes 9 de marzo de 2026, 08:00 (America/Santiago).",
        "Not contacted: the person was already contacted on Monday 2 March at 12:00 by visit, and only one contact by "
        "phone call or visit in seven days is allowed (CL-02, Ley 19.496, art. 37, modificado por la Ley 21.320). "
        "Next allowed time: Monday 9 March 2026, 08:00 (America/Santiago).",
    ),
    "cap of a calendar week": Case(
        shipped("US", "US-02", period="calendar_week", limit=2),
        query(
            bogota("2026-01-02 10:00"),
            contact(bogota("2025-12-28 10:00"), "call"),
            contact(bogota("2025-12-29 10:00"), "call"),
            contact(bogota("2025-12-30 10:00"), "call"),
            **NEW_YORK,
        ),
        "No se contactó: ya van 2 contactos por llamada esta semana y el máximo es 2; el último, el martes 30 de "
        "diciembre de 2025 a las 10:00 por llamada (US-02, 12 CFR 1006.14(b)(2)(i)(A)). Próximo momento permitido: "
        "lunes 5 de enero de 2026, 08:00 (America/New_York).",
        "Not contacted: there have been 2 contacts by phone call this week and the most is 2; the latest, on Tuesday "
        "30 December 2025 at 10:00 by phone call (US-02, 12 CFR 1006.14(b)(2)(i)(A)). Next allowed time: Monday 5 "
        "January 2026, 08:00 (America/New_York).",
    ),
    "cap of each channel": Case(
        shipped("EC", "EC-02", counted="per_channel"),
        query(
            bogota("2026-03-03 10:00"),
            contact(bogota("2026-03-03 09:00"), "sms"),
            contact(bogota("2026-03-03 09:30"), "email"),
            zones=("America/Guayaquil",),
        ),
        "No se contactó: la persona ya fue contactada hoy a las 09:00 por SMS, y solo se permite un contacto por SMS "
        "al día (EC-02, Ley Orgánica de Defensa del Consumidor, art. 49). Próximo momento permitido: miércoles 4 de "
        "marzo de 2026, 07:00 (America/Guayaquil).",
        "Not contacted: the person was already contacted today at 09:00 by SMS, and only one contact by SMS a day is "
        "allowed (EC-02, Ley Orgánica de Defensa del Consumidor, art. 49). Next allowed time: Wednesday 4 March 2026, "
        "07:00 (America/Guayaquil).",
    ),
    "pause of a cap": Case(
        shipped("CL"),
        query(bogota("2026-03-03 10:00"), contact(bogota("2026-03-02 23:30"), "email"), **SANTIAGO),
        "No se contactó: después del último contacto, hoy a la 01:30 por correo electrónico, hay una pausa hasta el "
        f"jueves 5 de marzo inclusive ({CL_03}). Próximo momento permitido: viernes 6 de marzo de 2026, 08:00 "
        "(America/Santiago).",
        "Not contacted: after the latest contact, today at 01:30 by e-mail, there is a pause up to and including "
        f"Thursday 5 March ({CL_03}). Next allowed time: Friday 6 March 2026, 08:00 (America/Santiago).",
    ),
    "full cap and its pause": Case(
        shipped("CL"),
        query(
            bogota("2026-03-06 10:00"),
            contact(bogota("2026-03-02 09:00"), "email"),
            contact(bogota("2026-03-05 09:00"), "sms"),
            **SANTIAGO,
        ),
        "No se contactó: ya van 2 contactos por SMS, WhatsApp, correo electrónico, carta o notificación push en siete "
        "días y el máximo es 2; el último, ayer a las 11:00 por SMS; después hay una pausa hasta mañana inclusive "
        f"({CL_03}). Próximo momento permitido: lunes 9 de marzo de 2026, 08:00 (America/Santiago).",
        "Not contacted: there have been 2 contacts by SMS, WhatsApp, e-mail, letter or push notification in seven days "
        "and the most is 2; the latest, yesterday at 11:00 by SMS; a pause follows up to and including tomorrow "
        f"({CL_03}). Next allowed time: Monday 9 March 2026, 08:00 (America/Santiago).",
    ),
    "channel lock": Case(
        shipped("CO"),
        query(bogota("2026-02-05 10:00"), contact(bogota("2026-02-03 09:00"), "whatsapp")),
        "No se contactó: la persona fue contactada el martes 3 de febrero a las 09:00 por WhatsApp: hasta el lunes 9 "
        "de febrero inclusive, solo por ese canal (CO-04, Ley 2300 de 2023, art. 3). Próximo momento permitido: martes "
        "10 de febrero de 2026, 07:00 (America/Bogota).",
        "Not contacted: the person was contacted on Tuesday 3 February at 09:00 by WhatsApp: up to and including "
        "Monday 9 February, only by that channel (CO-04, Ley 2300 de 2023, art. 3). Next allowed time: Tuesday 10 "
        "February 2026, 07:00 (America/Bogota).",
    ),
    "conversation lock": Case(
        shipped("US"),
        query(
            bogota("2026-03-05 10:00"),
            contact(bogota("2026-03-02 10:00"), "call", two_way=True),
            contact(bogota("2026-03-04 10:00"), "call"),
            **NEW_YORK,
        ),
        "No se contactó: hubo una conversación el lunes 2 de marzo a las 10:00 por llamada: hasta el domingo 8 de "
        "marzo inclusive, ningún contacto por llamada (US-03, 12 CFR 1006.14(b)(2)(i)(B)). Próximo momento permitido: "
        "lunes 9 de marzo de 2026, 08:00 (America/New_York).",
        "Not contacted: there was a conversation on Monday 2 March at 10:00 by phone call: up to and including Sunday "
        "8 March, no contact by phone call (US-03, 12 CFR 1006.14(b)(2)(i)(B)). Next allowed time: Monday 9 March "
        "2026, 08:00 (America/New_York).",
    ),
    "authorised channels": Case(
        shipped("CO"),
        query(bogota("2026-02-04 10:00"), authorised_channels={"email", "call"}),
        "No se contactó: la persona no autorizó contactos por SMS, solo por correo electrónico y llamada (CO-05, Ley "
        f"2300 de 2023, art. 2). {NEVER_ES}",
        "Not contacted: the person did not authorise contacts by SMS, only by e-mail and phone call (CO-05, Ley 2300 "
        f"de 2023, art. 2). {NEVER_EN}",
    ),
    "no authorised channel": Case(
        shipped("CO"),
        query(bogota("2026-02-04 10:00"), authorised_channels=()),
        f"No se contactó: la persona no autorizó ningún canal (CO-05, Ley 2300 de 2023, art. 2). {NEVER_ES}",
        f"Not contacted: the person authorised no channel (CO-05, Ley 2300 de 2023, art. 2). {NEVER_EN}",
    ),
    "roles": Case(
        shipped("CO"),
        query(bogota("2026-02-04 10:00"), role="reference"),
        "No se contactó: el contacto se dirigía a una referencia y solo se contacta al deudor, al codeudor o al garante"
        f" (CO-06, Ley 2300 de 2023, art. 4). {NEVER_ES}",
        "Not contacted: the contact was addressed to a reference and only the debtor, the codebtor or the guarantor "
        f"may be contacted (CO-06, Ley 2300 de 2023, art. 4). {NEVER_EN}",
    ),
    "forbidden channels": Case(
        shipped("CO"),
        query(bogota("2026-02-04 10:00"), channel="visit", authorised_channels=("visit",)),
        f"No se contactó: no se permiten contactos por visita (CO-08, Ley 2300 de 2023, art. 6). {NEVER_ES}",
        f"Not contacted: contacts by visit are not allowed (CO-08, Ley 2300 de 2023, art. 6). {NEVER_EN}",
    ),
    "unknown zone": Case(
        shipped("CO"),
        query(bogota("2026-02-04 10:00"), zones=()),
        f"No se contactó: no se conoce la zona horaria de la persona, y no se adivina (zone-unknown). {NEVER_ES}",
        f"Not contacted: the person's time zone is not known, and it is never guessed (zone-unknown). {NEVER_EN}",
    ),
    "person: do not contact": Case(
        shipped("US"),
        query(bogota("2026-02-04 10:00"), person=Person(do_not_contact=True)),
        f"No se contactó: la persona pidió no ser contactada (person-do-not-contact). {NEVER_ES}",
        f"Not contacted: the person asked not to be contacted (person-do-not-contact). {NEVER_EN}",
    ),
    "person: cease": Case(
        shipped("US"),
        query(bogota("2026-02-04 10:00"), person=Person(cease=True)),
        f"No se contactó: la persona pidió que cesara la cobranza (person-cease). {NEVER_ES}",
        f"Not contacted: the person asked for collection to cease (person-cease). {NEVER_EN}",
    ),
    "person: attorney": Case(
        shipped("US"),
        query(bogota("2026-02-04 10:00"), person=Person(attorney=True)),
        f"No se contactó: la persona está representada por un abogado (person-attorney). {NEVER_ES}",
        f"Not contacted: the person is represented by an attorney (person-attorney). {NEVER_EN}",
    ),
    "person: other hours of the day": Case(
        shipped("US"),
        query(
            bogota("2026-02-04 13:00"),
            person=Person(hours=(hours("wed", "09:00", "12:00"), hours("wed thu", "16:00", "18:30"))),
        ),
        "No se contactó: en America/Bogota son las 13:00 del miércoles 4 de febrero y la persona pidió que ese día se "
        "la contacte de 09:00 a 12:00 y de 16:00 a 18:30 (person-hours). Próximo momento permitido: miércoles 4 de "
        "febrero de 2026, 16:00 (America/Bogota).",
        "Not contacted: in America/Bogota it is 13:00 on Wednesday 4 February and the person asked to be contacted on "
        "that day from 09:00 to 12:00 and from 16:00 to 18:30 (person-hours). Next allowed time: Wednesday 4 February "
        "2026, 16:00 (America/Bogota).",
    ),
    "person: other days": Case(
        shipped("US"),
        query(bogota("2026-02-04 13:00"), person=Person(hours=(hours("fri", "09:00", "12:00"),))),
        "No se contactó: en America/Bogota es miércoles 4 de febrero y la persona pidió que se la contacte otros días "
        "(person-hours). Próximo momento permitido: viernes 6 de febrero de 2026, 09:00 (America/Bogota).",
        "Not contacted: in America/Bogota it is Wednesday 4 February and the person asked to be contacted on other "
        "days (person-hours). Next allowed time: Friday 6 February 2026, 09:00 (America/Bogota).",
    ),
    "hours that leave no common time": Case(
        shipped("CO"),
        query(bogota("2026-02-06 10:00"), person=Person(hours=(hours("sun", "09:00", "12:00"),))),
        "No se contactó: en America/Bogota es viernes 6 de febrero y la persona pidió que se la contacte otros días "
        "(person-hours). En los próximos dos años no habrá un momento en que todas las reglas lo permitan, por más que "
        "se espere.",
        "Not contacted: in America/Bogota it is Friday 6 February and the person asked to be contacted on other days "
        "(person-hours). No waiting will allow it: the rules leave no common time in the next two years.",
    ),
    "outside the hours that the person asked for": Case(
        shipped("CO"),
        query(bogota("2026-03-01 13:00"), person=Person(requests=(own_request(("sun", "10:00", "12:00")),))),
        "No se contactó: en America/Bogota son las 13:00 del domingo 1 de marzo y ese día solo se contacta de 10:00 a "
        f"12:00 ({CO_02}). Próximo momento permitido: lunes 2 de marzo de 2026, 07:00 (America/Bogota).",
        "Not contacted: in America/Bogota it is 13:00 on Sunday 1 March and contacts on that day are allowed only from "
        f"10:00 to 12:00 ({CO_02}). Next allowed time: Monday 2 March 2026, 07:00 (America/Bogota).",
    ),
    "one of several zones": Case(
        shipped("US"),
        query(bogota("2026-02-04 22:30"), zones=("America/New_York", "America/Los_Angeles")),
        "No se contactó: en America/New_York son las 22:30 del miércoles 4 de febrero y ese día solo se contacta de "
        "08:00 a 21:00 (US-01, 15 U.S.C. 1692c(a)(1); 12 CFR 1006.6(b)(1)). Próximo momento permitido: jueves 5 de "
        "febrero de 2026, 11:00 (America/New_York); 08:00 (America/Los_Angeles).",
        "Not contacted: in America/New_York it is 22:30 on Wednesday 4 February and contacts on that day are allowed "
        "only from 08:00 to 21:00 (US-01, 15 U.S.C. 1692c(a)(1); 12 CFR 1006.6(b)(1)). Next allowed time: Thursday 5 "
        "February 2026, 11:00 (America/New_York); 08:00 (America/Los_Angeles).",
    ),
    "several zones and the log": Case(
        shipped("default"),
        query(
            bogota("2026-02-05 08:30"),
            contact(bogota("2026-02-05 01:30")),
            zones=("America/Bogota", "America/Lima", "America/Los_Angeles", "America/Caracas"),
        ),
        "No se contactó: en America/Los_Angeles son las 05:30 del jueves 5 de febrero y ese día solo se contacta de "
        "08:00 a 18:00 (DEF-01, valor por defecto del producto, no una norma); además, según la hora de America/Bogota "
        "y America/Lima, la persona ya fue contactada hoy a la 01:30 por SMS; según la hora de America/Caracas, la "
        "persona ya fue contactada hoy a las 02:30 por SMS (DEF-02, valor por defecto del producto, no una norma). "
        "Próximo momento permitido: viernes 6 de febrero de 2026, 11:00 (America/Bogota y America/Lima); 08:00 "
        "(America/Los_Angeles); 12:00 (America/Caracas).",
        "Not contacted: in America/Los_Angeles it is 05:30 on Thursday 5 February and contacts on that day are allowed "
        "only from 08:00 to 18:00 (DEF-01, valor por defecto del producto, no una norma); also, by the clock of "
        "America/Bogota and America/Lima, the person was already contacted today at 01:30 by SMS; by the clock of "
        "America/Caracas, the person was already contacted today at 02:30 by SMS (DEF-02, valor por defecto del "
        "producto, no una norma). Next allowed time: Friday 6 February 2026, 11:00 (America/Bogota and America/Lima); "
        "08:00 (America/Los_Angeles); 12:00 (America/Caracas).",
    ),
    "allowed": Case(
        shipped("CO"),
        query(bogota("2026-02-04 10:00")),
        "Contacto permitido: miércoles 4 de febrero de 2026, 10:00 (America/Bogota), por SMS.",
        "Contact allowed: Wednesday 4 February 2026, 10:00 (America/Bogota), by SMS.",
    ),
    "allowed in zones of two dates": Case(
        shipped("US"),
        query(bogota("2026-02-04 18:30"), zones=("America/Bogota", "Asia/Tokyo"), channel="email"),
        "Contacto permitido: miércoles 4 de febrero de 2026, 18:30 (America/Bogota); jueves 5 de febrero de 2026, "
        "08:30 (Asia/Tokyo), por correo electrónico.",
        "Contact allowed: Wednesday 4 February 2026, 18:30 (America/Bogota); Thursday 5 February 2026, 08:30 "
        "(Asia/Tokyo), by e-mail.",
    ),
    "allowed by an exempt purpose": Case(
        shipped("CO"),
        query(bogota("2026-03-01 10:00"), contact(bogota("2026-03-01 09:00")), purpose="payment_confirmation"),
        "Contacto permitido: domingo 1 de marzo de 2026, 10:00 (America/Bogota), por SMS. La confirmación de un pago "
        "queda libre de CO-02 y CO-03 (CO-09, Ley 2300 de 2023, art. 8).",
        "Contact allowed: Sunday 1 March 2026, 10:00 (America/Bogota), by SMS. A payment confirmation is free of CO-02 "
        "and CO-03 (CO-09, Ley 2300 de 2023, art. 8).",
    ),
    "allowed by the person's own request": Case(
        shipped("CO"),
        query(bogota("2026-03-01 10:00"), person=Person(requests=(own_request(("sun", "10:00", "12:00")),))),
        "Contacto permitido: domingo 1 de marzo de 2026, 10:00 (America/Bogota), por SMS. La persona pidió por su "
        "cuenta este horario, que amplía CO-02 (CO-10, Ley 2300 de 2023, art. 3, par.).",
        "Contact allowed: Sunday 1 March 2026, 10:00 (America/Bogota), by SMS. The person asked for these hours "
        "unprompted, which widens CO-02 (CO-10, Ley 2300 de 2023, art. 3, par.).",
    ),
}


@pytest.mark.parametrize("name", CASES)
def test_each_kind_in_spanish(name: str) -> None:
    case = CASES[name]

    assert said(case.pack(), case.asked, "es") == case.es


@pytest.mark.parametrize("name", CASES)
def test_each_kind_in_english(name: str) -> None:
    case = CASES[name]

    assert said(case.pack(), case.asked, "en") == case.en


def test_all_blocking_rules_are_said_not_only_the_first() -> None:
    asked = query(
        bogota("2026-07-12 20:00"),
        contact(bogota("2026-07-12 09:00")),
        channel="visit",
        role="other",
        person=Person(cease=True),
    )

    text = said(load_pack("CO"), asked)

    assert decide([load_pack("CO")], asked).rules == (
        *("CO-02", "CO-03", "CO-04", "CO-05", "CO-06", "CO-08"),
        "person-cease",
    )
    assert [text.count(f"({rule}") for rule in decide([load_pack("CO")], asked).rules] == [1] * 7
    assert text.count("; además, ") == 6


def test_several_packs_are_named_with_their_versions() -> None:
    packs = [load_pack("CO"), load_pack("default")]
    asked = query(bogota("2026-02-04 18:30"))

    text = explain(packs, asked, decide(packs, asked), "es")

    assert text.endswith(f" Paquetes de reglas: CO {packs[0].version} y default {packs[1].version}.")
    assert "(DEF-01, valor por defecto del producto, no una norma)" in text


def test_a_rule_that_two_packs_number_alike_is_told_with_both_sources() -> None:
    packs = [load_pack("BR-SP"), load_pack("BR-RJ")]
    asked = query(bogota("2026-03-04 19:00"), zones=("America/Sao_Paulo",))

    text = said(packs, asked)

    assert "de 08:00 a 20:00 (BR-01, Lei estadual 15.426/2014 (São Paulo)" in text
    assert "de 09:00 a 19:00 (BR-01, Lei estadual 7.868/2018 (Rio de Janeiro)" in text


def test_a_pack_given_twice_is_told_once() -> None:
    packs = [load_pack("CO"), load_pack("CO")]
    asked = query(bogota("2026-03-01 10:00"))

    text = explain(packs, asked, decide(packs, asked), "es")

    assert text.count("CO-02") == 1
    assert text.endswith(f" Paquete de reglas: CO {packs[0].version}.")


def test_of_many_zones_the_first_are_named() -> None:
    pack = load_pack("US")
    asked = query(bogota("2026-02-04 23:59"), zones=pack.zones)

    text = said(pack, asked)

    assert "en America/New_York, America/Detroit, America/Kentucky/Louisville y 7 más son las 23:59" in text
    assert "en America/Chicago, America/Indiana/Tell_City, America/Indiana/Knox y 4 más son las 22:59" in text
    assert "; lo mismo en America/Denver, America/Boise y America/Phoenix (US-01" in text


def test_four_zones_are_all_named() -> None:
    asked = query(bogota("2026-02-04 23:59"), zones=load_pack("US").zones[:4])

    text = said(load_pack("US"), asked)

    assert "America/Detroit, America/Kentucky/Louisville y America/Kentucky/Monticello son las 23:59" in text


def test_a_sunday_is_no_holiday_where_only_sundays_are_closed() -> None:
    battle_of_arica = query(bogota("2026-06-07 10:00"), zones=("America/Lima",))

    assert "es domingo 7 de junio, festivo" in said(load_pack("PE"), battle_of_arica)
    assert "es domingo 7 de junio y en domingo" in said(pack_of("PE", "PE-01", closed=["sat", "sun"]), battle_of_arica)


def test_a_pause_may_outlast_the_period_of_its_cap() -> None:
    pack = pack_of("default", "DEF-02", next_from_day=3)
    asked = query(bogota("2026-02-04 10:00"), contact(bogota("2026-02-03 09:00")))

    assert "después del último contacto, ayer a las 09:00 por SMS, hay una pausa hasta mañana inc" in said(pack, asked)


def test_a_weekly_cap_over_all_channels_says_its_limit() -> None:
    pack = pack_of("default", "DEF-02", period="rolling_week")
    asked = query(bogota("2026-02-04 10:00"), contact(bogota("2026-02-03 09:00")))

    assert "ayer a las 09:00 por SMS, y solo se permite un contacto cada siete días (DEF-02" in said(pack, asked)


def test_an_exemption_is_told_though_a_request_would_do_too() -> None:
    person = Person(requests=(own_request(("sun", "10:00", "12:00")),))
    asked = query(bogota("2026-03-01 10:00"), purpose="fraud_alert", person=person)

    assert "La alerta de fraude queda libre de CO-02 (CO-09" in said(load_pack("CO"), asked)


def test_each_exemption_is_told_with_the_rules_that_it_frees_of() -> None:
    pack = pack_of("CO", "CO-09", free_of=["CO-02"])
    exempt = next(rule for rule in pack.rules if rule.id == "CO-09")
    other = exempt.model_copy(update={"id": "CO-99", "free_of": ("CO-03",)})
    pack = pack.model_copy(update={"rules": (*pack.rules, other)})
    asked = query(bogota("2026-03-01 10:00"), contact(bogota("2026-03-01 09:00")), purpose="fraud_alert")

    text = said(pack, asked)

    assert "queda libre de CO-02 (CO-09" in text
    assert "queda libre de CO-03 (CO-99" in text


def test_a_request_that_widens_only_preferred_hours_is_not_a_matter_of_law() -> None:
    person = Person(hours=(hours("mon", "09:00", "12:00"),), requests=(own_request(("wed", "10:00", "12:00")),))

    assert "CO-10" not in said(load_pack("CO"), query(bogota("2026-02-04 10:00"), person=person))


def test_an_exemption_that_changes_nothing_is_not_told() -> None:
    asked = query(bogota("2026-02-04 10:00"), purpose="fraud_alert")

    assert "CO-09" not in said(load_pack("CO"), asked)


def test_a_request_that_changes_nothing_is_not_told() -> None:
    person = Person(requests=(own_request(("wed", "06:00", "22:00")),))

    assert "CO-10" not in said(load_pack("CO"), query(bogota("2026-02-04 10:00"), person=person))
    assert "amplía CO-01 (CO-10" in said(load_pack("CO"), query(bogota("2026-02-04 21:00"), person=person))


def test_contacts_that_no_longer_count_are_not_told() -> None:
    old, recent = contact(bogota("2026-02-20 10:00"), "call"), contact(bogota("2026-03-02 10:00"), "call")
    receipt = contact(bogota("2026-03-03 10:00"), "call", purpose="payment_confirmation")
    asked = query(bogota("2026-03-04 10:00"), old, recent, receipt, **NEW_YORK)

    text = said(pack_of("US", "US-02", limit=1), asked)

    assert "contactada el lunes 2 de marzo a las 10:00" in text


def test_a_rule_that_only_the_stored_decision_knows_is_still_named() -> None:
    packs, asked = [load_pack("CO")], query(bogota("2026-02-04 10:00"))
    refused = decide(packs, query(bogota("2026-02-04 10:00"), contact(bogota("2026-02-04 09:00"))))

    assert explain(packs, asked, refused, "es").startswith("No se contactó: CO-03. Próximo momento")


@MANY
@given(keyed_queries())
def test_every_blocking_rule_is_named_with_its_source(keyed: tuple[str, Query]) -> None:
    pack, asked = load_pack(keyed[0]), keyed[1]
    decision = decide([pack], asked)
    sources = {rule.id: f"({rule.id}, {rule.source})" for rule in pack.rules}

    spanish, english = (explain([pack], asked, decision, language) for language in get_args(Language))

    assert spanish != english
    for text in (spanish, english):
        for rule in decision.rules:
            assert text.count(sources.get(rule, f"({rule})")) == 1
        assert f"{pack.key} {pack.version}" in text
        assert "{" not in text


@MANY
@given(st.lists(st.sampled_from(ALL_KEYS), min_size=1, max_size=3), queries(ZONES))
def test_several_packs_tell_all_that_each_tells(keys: list[str], asked: Query) -> None:
    packs = [load_pack(key) for key in keys]
    decision = decide(packs, asked)

    text = explain(packs, asked, decision, "es")

    assert all(f"({rule}" in text for rule in decision.rules)
    assert all(f"{pack.key} {pack.version}" in text for pack in packs)
    assert explain(packs, asked, decision, "es") == text


@pytest.mark.parametrize("next_from_day", [None, 2, 5])
@pytest.mark.parametrize("limit", [1, 2, 3])
@pytest.mark.parametrize("period", ["day", "rolling_week", "calendar_week"])
def test_every_reading_of_a_cap_can_be_told(period: str, limit: int, next_from_day: int | None) -> None:
    pack = pack_of("default", "DEF-02", period=period, limit=limit, next_from_day=next_from_day)
    log = [contact(bogota(f"2026-02-0{day} 09:00")) for day in (2, 3, 3, 4)]
    assert isinstance(pack.rules[1], Cap)
    asked = query(bogota("2026-02-04 10:00"), *log)
    decision = decide([pack], asked)

    text = said(pack, asked)

    assert decision.allowed == ("DEF-02" not in text)
    assert decision.allowed or "hoy a las 09:00 por SMS" in text


@pytest.mark.parametrize("wording", WORDINGS.values(), ids=WORDINGS.keys())
def test_a_language_has_every_word(wording: Wording) -> None:
    assert set(wording.channels) == CHANNELS
    assert set(wording.roles) == ROLES
    assert set(wording.purposes) == PURPOSES - {"collection"}
    assert set(wording.person) == {"person-do-not-contact", "person-cease", "person-attorney"}


def test_languages_have_the_same_places_for_facts() -> None:
    def places(text: str) -> set[str]:
        return {name for _, name, _, _ in Formatter().parse(text) if name}

    spanish, english = WORDINGS["es"], WORDINGS["en"]
    for field in fields(Wording):
        if isinstance(getattr(spanish, field.name), str):
            assert places(getattr(spanish, field.name)) == places(getattr(english, field.name)), field.name


def test_an_instant_after_the_query_is_told_as_a_day() -> None:
    late = contact(datetime.fromisoformat("2026-02-05T09:00:00-05:00"))

    assert "contactada mañana a las 09:00" in said(load_pack("default"), query(bogota("2026-02-04 10:00"), late))
