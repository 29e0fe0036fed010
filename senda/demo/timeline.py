"""One account's story in Spanish, from its events: when, what, why."""

from collections.abc import Callable, Iterable, Iterator, Mapping
from dataclasses import dataclass
from datetime import date, datetime
from decimal import Decimal
from itertools import groupby
from typing import Any
from zoneinfo import ZoneInfo

from journey.playbook import Playbook, Step
from senda.client import Event
from senda.demo.words import CHANNELS, OUTCOMES, STAGES, day, in_pesos, moment

MESSAGES = {
    ("reminder", "friendly"): "recordatorio amable",
    ("reminder", "firm"): "recordatorio",
    ("overdue", "friendly"): "aviso amable de mora",
    ("overdue", "firm"): "aviso firme de mora",
    ("overdue", "formal"): "aviso formal de mora",
    ("prejuridical-notice", "formal"): "aviso prejurídico",
}
SKIPS = {
    "day_passed": "su día ya había pasado",
    "stage_over": "su etapa ya terminó",
    "overtaken": "ya tocaba el paso siguiente",
    "condition": "el saldo es menor que el que pide el paso",
}


@dataclass(frozen=True, slots=True)
class Line:
    """What happened at one moment. `kind` is the event's kind, or the contact's status."""

    when: str
    kind: str
    what: str


class Storyteller:
    """Tells events of one playbook in words. `rules` gives each rule's sentence."""

    def __init__(self, playbook: Playbook, rules: Mapping[str, str], zone: str) -> None:
        self._steps = {step.key: step for plan in playbook.stages for step in plan.steps}
        self._rules = rules
        self._zone = ZoneInfo(zone)
        self._tell: Mapping[str, Callable[[dict[str, Any]], str]] = {
            "started": self._started,
            "stage_entered": self._stage_entered,
            "contact": self._contact,
            "step_reopened": lambda data: f"La dirección no existe: {data['step']} se intenta por otro canal",
            "replied": self._replied,
            "promise_made": lambda _: "La persona se comprometió a pagar",
            "plan_made": lambda _: "La persona acordó un plan de pagos",
            "dispute_opened": lambda _: "La persona presentó un reclamo",
            "step_deferred": self._deferred,
            "payment": self._payment,
            "reversal": self._reversal,
            "paused": self._paused,
            "resumed": lambda _: "Se reanuda la gestión",
            "closed": lambda data: f"Fin: la cuenta {OUTCOMES.get(data['outcome'], data['outcome'])}",
        }

    def lines(self, events: Iterable[Event]) -> Iterator[Line]:
        """One line an event, but one for all steps that are skipped at the same moment."""
        for _, group in groupby(events, _same_skip):
            first, *more = group
            if first.kind == "step_skipped":
                yield self._skipped([first, *more])
            elif first.kind in self._tell and first.data.get("status") != "permitted":
                kind = str(first.data.get("status", first.kind))
                yield Line(moment(first.at, self._zone), kind, self._tell[first.kind](first.data))

    def _started(self, data: dict[str, Any]) -> str:
        due = data.get("due_date")
        return f"Empieza la gestión: cuota que vence el {day(date.fromisoformat(due))}" if due else "Empieza la gestión"

    def _stage_entered(self, data: dict[str, Any]) -> str:
        return f"Entra en la etapa {STAGES.get(data['stage'], data['stage'])}"

    def _contact(self, data: dict[str, Any]) -> str:
        step = self._steps.get(data["step"])
        channel = CHANNELS.get(data.get("channel") or "", "Mensaje")
        about = f"{channel}: {_message(step)}" if step else f"{channel}: {data['step']}"
        match data["status"]:
            case "refused":
                return f"No se contactó ({_when_due(step)}). {self._because(data)}"
            case "skipped" if data.get("reason") == "handed_to_people":
                return f"Queda como tarea para una persona: llamar ({_when_due(step)})"
            case "skipped":
                return f"No se contactó ({_when_due(step)}): no hay un canal disponible"
            case "sent":
                return f"{_sent(channel)}: {_message(step)} ({_when_due(step)})"
            case "consolidated":
                return f"{about} ({_when_due(step)}): va en el mensaje de otra cuenta de la persona"
            case "failed":
                return f"No salió · {about} ({_when_due(step)})"
            case "unknown":
                return f"No se sabe si salió · {about} ({_when_due(step)}); no se repite"
            case status:
                return f"{about}: {status}"

    def _replied(self, data: dict[str, Any]) -> str:
        channel = CHANNELS.get(data["channel"], "mensaje")
        return (
            f"La persona pidió no recibir más por {channel}" if data["is_stop"] else f"La persona escribió: {channel}"
        )

    def _deferred(self, data: dict[str, Any]) -> str:
        until = moment(datetime.fromisoformat(data["until"]), self._zone)
        return f"Se aplaza {data['step']} hasta el {until}. {self._reasons(data)}"

    def _reasons(self, data: dict[str, Any]) -> str:
        return " ".join(map(self._rule, data.get("rules", [])))

    def _because(self, data: dict[str, Any]) -> str:
        reasons = self._reasons(data)
        again = data.get("next_allowed_at")
        if again is None:
            return f"{reasons} Este paso no se intenta más."
        return f"{reasons} Se puede desde el {moment(datetime.fromisoformat(again), self._zone)}."

    def _rule(self, rule: str) -> str:
        sentence = self._rules.get(rule)
        return f"{rule}: {sentence}" if sentence else f"{rule}."

    def _payment(self, data: dict[str, Any]) -> str:
        return f"Pago recibido: {in_pesos(Decimal(data['amount']))}; saldo {in_pesos(Decimal(data['balance']))}"

    def _reversal(self, data: dict[str, Any]) -> str:
        amount, balance = in_pesos(Decimal(data["amount"])), in_pesos(Decimal(data["balance"]))
        return f"El banco devolvió un pago: {amount}; saldo {balance}"

    def _paused(self, data: dict[str, Any]) -> str:
        return f"Gestión en pausa: {data.get('reason') or 'sin motivo anotado'}"

    def _skipped(self, events: list[Event]) -> Line:
        names = ", ".join(str(event.data["step"]) for event in events)
        reason = str(events[0].data.get("reason"))
        text = f"Se omite {names}: {SKIPS.get(reason, reason)}"
        return Line(moment(events[0].at, self._zone), "step_skipped", text)


def _same_skip(event: Event) -> tuple[object, ...]:
    if event.kind == "step_skipped":
        return event.kind, event.at, event.data.get("reason")
    return (event.kind, event.seq)


def _message(step: Step | None) -> str:
    return "mensaje" if step is None else MESSAGES.get((step.template, step.tone), step.template)


def _sent(channel: str) -> str:
    return f"{channel} enviada" if channel in ("Carta", "Llamada", "Notificación") else f"{channel} enviado"


def _when_due(step: Step | None) -> str:
    """The day that the playbook gives the step, counted from the due date."""
    match step.day if step else None:
        case None:
            return "otro paso"
        case 0:
            return "el día del vencimiento"
        case int(days) if days < 0:
            return f"{-days} {'día' if days == -1 else 'días'} antes del vencimiento"
        case days:
            return f"día {days} de mora"
