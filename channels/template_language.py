"""What a template may hold: text, variables, conditions and five filters. Every fault of a parsed one, with its line.

There are no loops, assignments, calls or attributes: whoever writes a template can neither reach the program nor make
it work for long. And a condition asks little, so that few samples meet all that it can tell apart. A WhatsApp text is
fixed beforehand: it holds text and variables only.
"""

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Literal, get_args

from jinja2 import nodes

from journey.playbook import STAGES, Tone

Language = Literal["es", "en", "pt"]
Purpose = Literal["collection", "payment_confirmation"]
Level = Literal["error", "warning"]
Variant = Literal["sms", "whatsapp", "call"]
"""A template's text for a channel that needs words of its own."""

DEEPEST = 20
"""Conditions and brackets inside one another."""

FILTERS = frozenset({"capitalize", "lower", "title", "trim", "upper"})
_ALWAYS = frozenset({"account", "amount", "balance", "creditor", "name", "reader", "sender", "stop", "tone", "writer"})
VARIABLES: dict[Purpose, frozenset[str]] = {
    "collection": _ALWAYS | {"accounts", "days_past_due", "due_date", "pay_at", "pay_link", "stage", "your_accounts"},
    "payment_confirmation": _ALWAYS | {"paid_on"},
}
"""What a template may name.

`sender` writes for `creditor` and may be the creditor; `writer` says both, or the creditor alone. `amount` is what is
asked for or was paid, in all accounts that the message is about. `account` lists their keys; `accounts` each of them
with its amount and due date, where there are several; `your_accounts` is "your account …" or "your accounts …".
`pay_at` is the payment link or the creditor's means of payment, `reader` the first name or "… customer".

`accounts`, `name` and `pay_link` may be missing: printing a missing one is an error, `{% if name %}` asks.
"""

_MAY_BE_MISSING = frozenset({"accounts", "name", "pay_link"})
_BEFORE_IDENTIFICATION = frozenset({"creditor", "name", "reader", "sender", "stop", "tone", "writer"})


def variables_for(purpose: Purpose, variant: Variant | None) -> frozenset[str]:
    """What a template may name.

    A call begins before anybody knows who picked up, so that it cannot name the debt. The variables of a WhatsApp
    text always have a value: the provider takes no empty one.
    """
    match variant:
        case "call":
            return VARIABLES[purpose] & _BEFORE_IDENTIFICATION
        case "whatsapp":
            return VARIABLES[purpose] - _MAY_BE_MISSING
        case _:
            return VARIABLES[purpose]


WORDS_OF: dict[str, tuple[str, ...]] = {"tone": get_args(Tone), "stage": STAGES}
PAIRS = (frozenset({"sender", "creditor"}), frozenset({"amount", "balance"}))
"""Variables that conditions compare with each other."""

_TEXT = (nodes.Template, nodes.Output, nodes.TemplateData, nodes.Name, nodes.Const, nodes.Concat, nodes.Filter)
_CONDITIONS = (nodes.If, nodes.CondExpr, nodes.And, nodes.Or, nodes.Not, nodes.Compare)
_ALLOWED = (*_TEXT, *_CONDITIONS)
_FIXED = (nodes.Template, nodes.Output, nodes.TemplateData, nodes.Name)


@dataclass(frozen=True, slots=True)
class Fault:
    """Something wrong with a template; `line` counts from 1, none where it is in no one line."""

    line: int | None
    code: str
    message: str
    level: Level = "error"


def faults_of(tree: nodes.Template, purpose: Purpose, variant: Variant | None = None) -> list[Fault]:
    """What a template of this purpose may not hold.

    Codes: `not_allowed`, `unknown_variable`, `unknown_filter`, `bad_condition`, `not_fixed`.
    """
    faults = list(_faults(tree, variables_for(purpose, variant), DEEPEST))
    return [*faults, *_not_fixed(tree)] if variant == "whatsapp" else faults


def variables_of(tree: nodes.Template) -> frozenset[str]:
    """The variables that a template without faults names."""
    return frozenset(name.name for name in tree.find_all(nodes.Name))


def numbers_of(tree: nodes.Template) -> frozenset[int]:
    """The numbers with which it compares the days past due."""
    sides = (side for compare in tree.find_all(nodes.Compare) for side in _sides(compare))
    return frozenset(number for side in sides if (number := _number(side)) is not None)


def _faults(node: nodes.Node, variables: frozenset[str], depth: int) -> Iterator[Fault]:
    if depth == 0:
        yield Fault(node.lineno, "not_allowed", f"is nested more than {DEEPEST} deep")
        return
    if not isinstance(node, _ALLOWED):
        what = type(node).__name__.lower()
        yield Fault(node.lineno, "not_allowed", f"only text, variables, conditions and filters are allowed, no {what}")
        return
    if isinstance(node, nodes.Compare):
        yield from _comparison(node, variables)
        return
    if isinstance(node, nodes.Name) and node.name not in variables:
        yield _unknown(node.name, node.lineno, variables)
    if isinstance(node, nodes.Filter):
        if node.name not in FILTERS:
            message = f"unknown filter {node.name!r}: use {', '.join(sorted(FILTERS))}"
            yield Fault(node.lineno, "unknown_filter", message)
        if node.args or node.kwargs or node.dyn_args or node.dyn_kwargs:
            yield Fault(node.lineno, "not_allowed", "filters take no arguments here")
            return
    for child in node.iter_child_nodes():
        yield from _faults(child, variables, depth - 1)


def _not_fixed(node: nodes.Node) -> Iterator[Fault]:
    """Conditions and filters, which the approved text of a provider does not have; and its own marks."""
    if not isinstance(node, _FIXED):
        what = type(node).__name__.lower()
        message = f"a WhatsApp text is approved as it stands: text and variables only, no {what}"
        yield Fault(node.lineno, "not_fixed", message)
        return
    if isinstance(node, nodes.TemplateData) and ("{{" in node.data or "}}" in node.data):
        yield Fault(node.lineno, "not_fixed", "holds braces, which mark the variables of the approved text")
    for child in node.iter_child_nodes():
        yield from _not_fixed(child)


def _unknown(name: str, line: int, variables: frozenset[str]) -> Fault:
    message = f"unknown variable {name!r}: use {', '.join(sorted(variables))}"
    return Fault(line, "unknown_variable", message)


def _comparison(node: nodes.Compare, variables: frozenset[str]) -> Iterator[Fault]:
    """Comparisons are few, so that the check can try both outcomes of each."""
    names = [side.name for side in _sides(node) if isinstance(side, nodes.Name)]
    unknown = [name for name in names if name not in variables]
    for name in unknown:
        yield _unknown(name, node.lineno, variables)
    if unknown or _comparable(node, frozenset(names)):
        return
    tones, stages = (", ".join(WORDS_OF[name]) for name in ("tone", "stage"))
    message = (
        f"compare tone with {tones}; stage with {stages}; days_past_due with numbers; sender with creditor; "
        "amount with balance; nothing else"
    )
    yield Fault(node.lineno, "bad_condition", message)


def _comparable(node: nodes.Compare, names: frozenset[str]) -> bool:
    kinds = {operand.op for operand in node.ops}
    if names in PAIRS:
        return kinds <= {"eq", "ne"} and all(isinstance(side, nodes.Name) for side in _sides(node))
    others = [side for side in _sides(node) if not isinstance(side, nodes.Name)]
    if len(names) != 1 or not others or any(_in_one(operand) for operand in node.ops):
        return False
    (name,) = names
    if name == "days_past_due":
        return all(_number(side) is not None for side in others)
    words = [side.value for side in others if isinstance(side, nodes.Const)]
    return len(words) == len(others) and set(words) <= set(WORDS_OF.get(name, ()))


def _in_one(operand: nodes.Operand) -> bool:
    """An `in` that asks a single value, not a list."""
    return operand.op in ("in", "notin") and not isinstance(operand.expr, nodes.List | nodes.Tuple)


def _sides(node: nodes.Compare) -> list[nodes.Expr]:
    """What a comparison compares; a list after `in` counts as its items."""
    sides: list[nodes.Expr] = [node.expr]
    for operand in node.ops:
        if isinstance(operand.expr, nodes.List | nodes.Tuple) and operand.op in ("in", "notin"):
            sides += operand.expr.items
        else:
            sides.append(operand.expr)
    return sides


def _number(node: nodes.Expr) -> int | None:
    """A whole number below a million either way, as it is written in a condition."""
    sign, bare = (-1, node.node) if isinstance(node, nodes.Neg) else (1, node)
    if not isinstance(bare, nodes.Const) or type(bare.value) is not int or bare.value >= 1_000_000:
        return None
    return sign * bare.value
