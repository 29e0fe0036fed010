"""`python -m senda.sandbox`: every provider in one process, until it is told to end."""

import argparse
import asyncio
import sys
from pathlib import Path

from policy.errors import SendaError
from senda.sandbox.accounts import Accounts
from senda.sandbox.entries import ProviderName
from senda.sandbox.serve import Ports, serve

_DOORS: tuple[ProviderName, ...] = ("twilio", "meta", "aggregator")


def main() -> None:
    parser = argparse.ArgumentParser(prog="python -m senda.sandbox", description=__doc__)
    parser.add_argument("--data", type=Path, required=True, help="folder of the arrivals")
    parser.add_argument("--host", default="127.0.0.1")
    parser.add_argument("--http-port", type=int, default=8025)
    parser.add_argument("--smtp-port", type=int, default=1025)
    for provider in _DOORS:
        parser.add_argument(f"--{provider}-port", type=int, help=f"an HTTP port of {provider} alone")
    parser.add_argument("--accounts", type=Path, help="JSON file of the accounts that providers hold")
    options = parser.parse_args()
    doors: dict[ProviderName, int] = {name: port for name in _DOORS if (port := getattr(options, f"{name}_port"))}
    try:
        accounts = Accounts.read(options.accounts) if options.accounts else Accounts()
        asyncio.run(serve(options.data, accounts, options.host, Ports(options.http_port, options.smtp_port, doors)))
    except SendaError as error:
        sys.stderr.write(f"sandbox: {error.message}\n")
        sys.exit(1)


if __name__ == "__main__":
    main()
