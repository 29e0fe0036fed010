"""`python -m senda.sandbox`: the mail server and its page in one process, until it is told to end."""

import argparse
import asyncio
from contextlib import closing
from pathlib import Path

import uvicorn

from senda.sandbox.smtp import serve_smtp
from senda.sandbox.store import Store
from senda.sandbox.web import make_app


def main() -> None:
    parser = argparse.ArgumentParser(prog="python -m senda.sandbox", description=__doc__)
    parser.add_argument("--data", type=Path, required=True, help="folder of the arrivals")
    parser.add_argument("--host", default="127.0.0.1")
    parser.add_argument("--http-port", type=int, default=8025)
    parser.add_argument("--smtp-port", type=int, default=1025)
    options = parser.parse_args()
    store = Store(options.data)
    config = uvicorn.Config(
        make_app(store),
        host=options.host,
        port=options.http_port,
        log_level="warning",
        access_log=False,  # addresses of people would be in it
        timeout_graceful_shutdown=2,
    )
    with closing(store):
        asyncio.run(_serve(store, options.host, options.smtp_port, uvicorn.Server(config)))


async def _serve(store: Store, host: str, smtp_port: int, pages: uvicorn.Server) -> None:
    smtp = await serve_smtp(store, host, smtp_port)
    try:
        await pages.serve()
    finally:
        smtp.close()


if __name__ == "__main__":
    main()
