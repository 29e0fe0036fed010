"""`senda sandbox`: every provider on this machine, for trying an integration by itself."""

import asyncio
from pathlib import Path
from typing import Annotated

import typer
from rich.console import Console

from senda.sandbox.accounts import Accounts
from senda.sandbox.serve import Ports, serve

app = typer.Typer(add_completion=False)

_HOST = "127.0.0.1"


@app.command()
def sandbox(
    data: Annotated[Path, typer.Option(help="Folder of what arrives.")] = Path(".senda/sandbox"),
    http_port: Annotated[
        int, typer.Option(help="Port of the page and of all HTTP providers; 0 takes a free one.")
    ] = 8025,
    smtp_port: Annotated[int, typer.Option(help="Port of the mail server; 0 takes a free one.")] = 1025,
    accounts: Annotated[
        Path | None, typer.Option(help="JSON file of accounts; without it they are invented, anew at each start.")
    ] = None,
) -> None:
    """Run a server in the place of Twilio, Meta, an SMS aggregator and a mail server, until it is stopped."""
    held = Accounts.read(accounts) if accounts else Accounts.invented()
    console = Console(highlight=False, soft_wrap=True)

    def ready(ports: Ports) -> None:
        console.print("The sandbox is up. Nothing that it gets leaves this machine. Ctrl-C stops it.")
        for title, value in _lines(held, ports):
            console.print(f"  {title:<22}{value}", markup=False)

    asyncio.run(serve(data, held, _HOST, Ports(http_port, smtp_port), ready))


def _lines(accounts: Accounts, ports: Ports) -> list[tuple[str, str]]:
    """Addresses and credentials, as the product's settings want them."""
    page = f"http://{_HOST}:{ports.http}"
    lines = [("Inbox", page), ("Failures", f"{page}/fallas"), ("SMTP", f"smtp://{_HOST}:{ports.smtp}")]
    if account := accounts.twilio:
        lines += [
            ("Twilio", f"{page}/twilio"),
            ("  account SID", account.account_sid),
            ("  auth token", account.auth_token),
            ("  number", account.number),
        ]
    if account := accounts.meta:
        lines += [
            ("Meta", f"{page}/meta/v23.0"),
            ("  phone number id", account.phone_number_id),
            ("  token", account.token),
            ("  app secret", account.app_secret),
        ]
    if account := accounts.aggregator:
        lines += [
            ("Aggregator", f"{page}/aggregator/messages"),
            ("  token", account.token),
            ("  webhook secret", account.secret),
        ]
    if account := accounts.payments:
        lines += [
            ("Payments", f"{page}/payments"),
            ("  token", account.token),
            ("  webhook secret", account.secret),
        ]
    if accounts.mail.secret:
        lines.append(("Mail webhook secret", accounts.mail.secret))
    return lines
