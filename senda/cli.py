"""The command `senda`: a table of subcommands, each loaded only when it is called.

A module in the table has a Typer called `app`: one with a single command for COMMANDS, any for GROUPS.
"""

import sys
from importlib import import_module
from typing import Any

import typer
from typer.core import TyperGroup
from typer.main import get_command, get_group

from policy.errors import SendaError

COMMANDS: dict[str, str] = {
    "demo": "senda.demo.command",
    "import": "senda.portfolio.command",
    "rehearse": "senda.rehearsal.command",
    "replay": "senda.replay_cli",
    "sandbox": "senda.sandbox.command",
    "up": "senda.stack.up",
}
"""`senda NAME …`: the module of each."""

GROUPS: dict[str, str] = {
    "audit": "senda.audit_cli",
    "playbook": "senda.playbook_cli",
    "policy": "senda.policy_cli",
    "template": "senda.template_cli",
}
"""`senda NAME SUBCOMMAND …`: the module of each."""


class _LazyGroup(TyperGroup):
    """Looks subcommands up in the tables; Any, because Typer's types of contexts and commands are private."""

    def list_commands(self, ctx: Any) -> list[str]:
        return sorted({*COMMANDS, *GROUPS})

    def get_command(self, ctx: Any, cmd_name: str) -> Any:
        if module := COMMANDS.get(cmd_name):
            return get_command(import_module(module).app)
        if module := GROUPS.get(cmd_name):
            return get_group(import_module(module).app)
        return None


app = typer.Typer(
    name="senda", cls=_LazyGroup, no_args_is_help=True, add_completion=False, pretty_exceptions_enable=False
)


@app.callback()
def senda() -> None:
    """One durable, lawful journey for each delinquent account."""


def main() -> None:
    """Run the command line; an expected error is one sentence and exit code 1."""
    try:
        app()
    except SendaError as error:
        sys.stderr.write(f"senda: {error.message}\n")
        sys.exit(1)
