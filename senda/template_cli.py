"""`senda template …`: find what is wrong with templates before anybody reads them; show what one says."""

from collections.abc import Sequence
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Annotated, Any, NoReturn, get_args

import orjson
import typer
from rich.console import Console
from rich.table import Table
from rich.text import Text

from channels.approved import approved_bodies
from channels.samples import LINK, Sample, moment_of, sample_values
from channels.segments import segments_of
from channels.template_check import Finding, check_template
from channels.template_language import Language, Variant
from channels.templating import (
    ENDING,
    Template,
    label_of,
    load_template,
    read_template,
    shipped,
    source_of,
    variant_of,
    version_of,
)
from channels.values import LOCALES
from journey.playbook import Channel, Stage, Tone
from policy.errors import SendaError

app = typer.Typer(help="What debtors read: templates by purpose, stage, tone and language.", no_args_is_help=True)


@dataclass(frozen=True, slots=True)
class _Source:
    name: str
    language: str
    variant: Variant | None
    text: str


@app.command()
def check(
    paths: Annotated[
        list[Path] | None, typer.Argument(metavar="[FILE]...", help="none: all templates of Senda")
    ] = None,
    name: Annotated[str | None, typer.Option(help="where the file's name does not say it")] = None,
    language: Annotated[Language | None, typer.Option(help="where the file's name does not say it")] = None,
    channel: Annotated[Variant | None, typer.Option(help="where the file's name does not say it")] = None,
    as_json: Annotated[bool, typer.Option("--json", help="JSON for programs instead of a page")] = False,
) -> None:
    """Find what is wrong with templates, NAME.LANGUAGE[.CHANNEL].txt.j2; exit code 1 where there are errors."""
    try:
        sources = [_read(path, name, language, channel) for path in paths] if paths else _shipped()
    except SendaError as error:
        _fail(error, 2)
    found = [
        finding
        for source in sources
        for finding in check_template(source.name, source.language, source.text, source.variant)
    ]
    if as_json:
        typer.echo(orjson.dumps(_record(sources, found)).decode())
    else:
        _print(sources, found)
    if any(finding.level == "error" for finding in found):
        raise typer.Exit(1)


@app.command()
def show(
    template: Annotated[str, typer.Argument(metavar="NAME|FILE", help="a template of Senda, or a file")],
    language: Annotated[Language, typer.Option(help="of the text")] = "es",
    channel: Annotated[Channel, typer.Option(help="whose text; a file's name may say it")] = "email",
    tone: Annotated[Tone, typer.Option()] = "friendly",
    stage: Annotated[Stage | None, typer.Option(help="none: the template's own, else by the days")] = None,
    days_past_due: Annotated[int | None, typer.Option(help="none: some of the stage")] = None,
    accounts: Annotated[int, typer.Option(min=1, max=9, help="how many accounts it is about")] = 1,
    sender: Annotated[str | None, typer.Option(help="who writes for the creditor; none: the creditor itself")] = None,
    link: Annotated[bool, typer.Option(help="with a payment link")] = True,
) -> None:
    """Print what a template says, the subject first, with the values of nobody."""
    try:
        if template.endswith(ENDING):
            source = _read(Path(template), None, None, None)
            name, used = source.name, _template_of(source)
            language, channel = _known(source.language), source.variant or channel
        else:
            name, used = template, load_template(template, language, channel)
        now, days = moment_of(name, stage, days_past_due)
        sample: Sample = {"tone": tone, "stage": now, "days_past_due": days, "sender": sender, "accounts": accounts}
        sample["pay_link"] = LINK if link else None
        subject, text = used.fill(sample_values(used, language, sample, channel))
    except SendaError as error:
        _fail(error, 1)
    typer.echo(f"{subject}\n\n{text}" if subject else text)
    if channel == "sms":
        count = segments_of(text)
        typer.echo(f"{_counted(count.segments, 'segment')} ({count.encoding}, {count.units} units)", err=True)


@app.command()
def approved(
    as_json: Annotated[bool, typer.Option("--json", help="JSON for programs instead of a page")] = False,
) -> None:
    """Print the WhatsApp texts to submit to Meta, each with its name, its language and its numbered variables."""
    bodies = approved_bodies()
    if as_json:
        typer.echo(orjson.dumps([asdict(body) for body in bodies]).decode())
        return
    for body in bodies:
        numbered = ", ".join(f"{{{{{number}}}}} {name}" for number, name in enumerate(body.variables, 1))
        typer.echo(f"{body.name}  {body.language}  ({numbered})\n\n{body.body}\n")


def _shipped() -> list[_Source]:
    return [
        _Source(name, language, variant, source_of(name, language, variant)) for name, language, variant in shipped()
    ]


def _read(path: Path, name: str | None, language: str | None, channel: Variant | None) -> _Source:
    """A file; its name says what it is unless the options do.

    Errors: `template.unreadable_file`, `template.unnamed`.
    """
    said = path.name.removesuffix(ENDING).split(".") if path.name.endswith(ENDING) else []
    of_file, of_language, of_channel = (*said, None)[:3] if len(said) in (2, 3) else (None, None, None)
    name, language, variant = name or of_file, language or of_language, channel or of_channel
    if name is None or language is None or variant not in (None, *get_args(Variant)):
        message = f"{path}: name the file NAME.LANGUAGE[.CHANNEL]{ENDING}, or say --name, --language and --channel"
        field = "name" if name is None else "language" if language is None else "channel"
        raise SendaError("template.unnamed", message, field)
    try:
        return _Source(name, language, variant_of(variant), path.read_bytes().decode("utf-8"))
    except OSError as error:
        raise SendaError("template.unreadable_file", f"cannot read {path}: {error.strerror}") from None
    except UnicodeDecodeError:
        raise SendaError("template.unreadable_file", f"{path} is not text in UTF-8") from None


def _template_of(source: _Source) -> Template:
    return read_template(label_of(source.name, source.language, source.variant), source.text, source.variant)


def _known(language: str) -> Language:
    """Error: `template.unknown_language`."""
    match language:
        case "es" | "en" | "pt":
            return language
        case _:
            message = f"unknown language {language!r}: use {', '.join(LOCALES)}"
            raise SendaError("template.unknown_language", message, "language")


def _record(sources: Sequence[_Source], found: Sequence[Finding]) -> dict[str, Any]:
    levels = [finding.level for finding in found]
    return {
        "templates": [
            {
                "template": source.name,
                "language": source.language,
                "channel": source.variant,
                "version": version_of(source.text),
            }
            for source in sources
        ],
        "errors": levels.count("error"),
        "warnings": levels.count("warning"),
        "findings": [asdict(finding) for finding in found],
    }


def _print(sources: Sequence[_Source], found: Sequence[Finding]) -> None:
    if found:
        table = Table("template", "line", "level", "code", "message", box=None)
        for finding in found:
            line = str(finding.line) if finding.line else "–"
            label = ".".join(filter(None, (finding.template, finding.language, finding.channel)))
            cells = (label, line, finding.level, finding.code, finding.message)
            table.add_row(*(Text(cell, overflow="fold") for cell in cells))
        Console().print(table)
    levels = [finding.level for finding in found]
    counts = [_counted(levels.count(level), level) for level in ("error", "warning") if level in levels]
    typer.echo(f"{_counted(len(sources), 'template')}, {', '.join(counts) or 'no findings'}")


def _counted(count: int, noun: str) -> str:
    return f"{count} {noun}" if count == 1 else f"{count} {noun}s"


def _fail(error: SendaError, code: int) -> NoReturn:
    typer.echo(f"{error.code}: {error.message}", err=True)
    raise typer.Exit(code) from None
