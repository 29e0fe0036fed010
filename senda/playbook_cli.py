"""`senda playbook check FILE`: is this playbook usable, and if not, where is each fault?"""

import sys
from pathlib import Path
from typing import Annotated

import typer

from channels.texts import templates
from journey.playbook import PlaybookError, read_playbook

app = typer.Typer(no_args_is_help=True)


@app.callback()
def playbook() -> None:
    """Timelines as data."""


@app.command()
def check(file: Annotated[Path, typer.Argument(exists=True, dir_okay=False, readable=True)]) -> None:
    """Check a playbook (YAML or JSON); exit code 1 with a line for each fault."""
    try:
        book = read_playbook(file.read_bytes())
    except PlaybookError as error:
        for place, message in error.problems:
            sys.stdout.write(f"{file}: {place}: {message}\n")
        raise typer.Exit(1) from None
    for stage in book.stages:
        for step in stage.steps:
            if step.template not in templates():
                sys.stdout.write(f"{file}: step {step.key}: no template {step.template!r}, the standard text is used\n")
    steps = sum(len(stage.steps) for stage in book.stages)
    sys.stdout.write(f"{book.key}: {len(book.stages)} stages, {steps} steps, hash {book.hash}\n")
