"""How a component is asked whether it serves yet."""

import asyncio
import contextlib
from collections.abc import Awaitable, Callable

from senda.stack.ports import HOST

_PAUSE = 0.05  # seconds between two questions


async def until(is_so: Callable[[], bool]) -> None:
    """Look again and again; whoever calls sets the deadline."""
    while not is_so():  # noqa: ASYNC110 - nobody signals that a file has changed
        await asyncio.sleep(_PAUSE)


async def until_answered(ask: Callable[[], Awaitable[bool]]) -> None:
    """Ask again and again; whoever calls sets the deadline."""
    while not await ask():  # noqa: ASYNC110 - nobody signals that a server listens
        await asyncio.sleep(_PAUSE)


async def answers_http(url: str) -> None:
    """Returns once a GET of `url` is answered with 200."""
    import httpx  # here, because it takes a while to load, which is then spent while the server starts

    async with httpx.AsyncClient(trust_env=False, timeout=2) as client:

        async def ask() -> bool:
            with contextlib.suppress(httpx.HTTPError):
                return (await client.get(url)).status_code == 200
            return False

        await until_answered(ask)


async def listens(port: int) -> None:
    """Returns once somebody listens on the port of this machine."""

    async def ask() -> bool:
        with contextlib.suppress(OSError):
            _, writer = await asyncio.open_connection(HOST, port)
            writer.close()
            return True
        return False

    await until_answered(ask)
