"""`senda template …`: find what is wrong with templates before anybody reads them; show what one says."""

from collections.abc import Sequence
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Annotated, Any, NoReturn

import orjson
import typer
from rich.console import Console
from rich.table import Table
from rich.text import Text

from channels.samples import LINK, Sample, sample_values
from channels.template_check import Finding, check_template
from channels.template_language import Language
from channels.templating import read_template, source_of, template_names, version_of
from channels.texts import LOCALES, STANDARD
from journey.playbook import Stage, Tone
from policy.errors import SendaError

app = typer.Typer(help="What debtors read: templates by purpose, stage, tone and language.", no_args_is_help=True)

ENDING = ".txt.j2"


@dataclass(frozen=True, slots=True)
class _Source:
    name: str
    language: str
    text: str


@app.command()
def check(
    paths: Annotated[
        list[Path] | None, typer.Argument(metavar="[FILE]...", help="none: all templates of Senda")
    ] = None,
    name: Annotated[str | None, typer.Option(help="where the file's name does not say it")] = None,
    language: Annotated[Language | None, typer.Option(help="where the file's name does not say it")] = None,
    as_json: Annotated[bool, typer.Option("--json", help="JSON for programs instead of a page")] = False,
) -> None:
    """Find what is wrong with templates, NAME.LANGUAGE.txt.j2; exit code 1 where there are errors."""
    try:
        sources = [_read(path, name, language) for path in paths] if paths else _shipped()
    except SendaError as error:
        _fail(error, 2)
    found = [finding for source in sources for finding in check_template(source.name, source.language, source.text)]
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
    tone: Annotated[Tone, typer.Option()] = "friendly",
    stage: Annotated[Stage | None, typer.Option(help="none: the template's own, else by the days")] = None,
    days_past_due: Annotated[int | None, typer.Option(help="none: some of the stage")] = None,
    sender: Annotated[str | None, typer.Option(help="who writes for the creditor; none: the creditor itself")] = None,
    link: Annotated[bool, typer.Option(help="with a payment link")] = True,
) -> None:
    """Print what a template says, the subject first, with the values of nobody."""
    try:
        if template.endswith(ENDING):
            source = _read(Path(template), None, None)
        else:
            source = _Source(template, language, source_of(template, language))
        read = read_template(f"{source.name}.{source.language}", source.text)
        now, days = _moment(source.name, stage, days_past_due)
        sample: Sample = {"tone": tone, "stage": now, "days_past_due": days, "sender": sender}
        sample["pay_link"] = LINK if link else None
        subject, text = read.fill(sample_values(read.purpose, _known(source.language), sample))
    except SendaError as error:
        _fail(error, 1)
    typer.echo(f"{subject}\n\n{text}")


def _moment(name: str, stage: Stage | None, days: int | None) -> tuple[Stage, int]:
    """A stage and a number of days that belong together."""
    typical: dict[Stage, int] = {"preventive": -3, "administrative": 12, "prejuridical": 75}
    own: list[Stage] = [of for of, standard in STANDARD.items() if standard == name]
    if stage is None:
        stage = own[0] if own else "preventive" if days is not None and days <= 0 else "administrative"
    return stage, typical[stage] if days is None else days


def _shipped() -> list[_Source]:
    return [
        _Source(name, language, source_of(name, language)) for name in sorted(template_names()) for language in LOCALES
    ]


def _read(path: Path, name: str | None, language: str | None) -> _Source:
    """A file; its name says what it is unless the options do.

    Errors: `template.unreadable_file`, `template.unnamed`.
    """
    said = path.name.removesuffix(ENDING).split(".") if path.name.endswith(ENDING) else []
    of_file, of_language = said if len(said) == 2 else (None, None)
    name, language = name or of_file, language or of_language
    if name is None or language is None:
        message = f"{path}: name the file NAME.LANGUAGE{ENDING}, or say --name and --language"
        raise SendaError("template.unnamed", message, "name" if name is None else "language")
    try:
        return _Source(name, language, path.read_bytes().decode("utf-8"))
    except OSError as error:
        raise SendaError("template.unreadable_file", f"cannot read {path}: {error.strerror}") from None
    except UnicodeDecodeError:
        raise SendaError("template.unreadable_file", f"{path} is not text in UTF-8") from None


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
            {"template": source.name, "language": source.language, "version": version_of(source.text)}
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
            cells = (f"{finding.template}.{finding.language}", line, finding.level, finding.code, finding.message)
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
