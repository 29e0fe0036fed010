"""What a request works with: the ledger, the engine, whoever asks, and the record of what they did."""

import asyncio
import hashlib
from collections.abc import Awaitable, Callable, Coroutine
from dataclasses import dataclass, field
from typing import Annotated, Any, cast
from uuid import uuid4

from fastapi import Depends, Header, Request, Response
from fastapi.responses import JSONResponse
from fastapi.routing import APIRoute
from fastapi.security import HTTPAuthorizationCredentials, HTTPBearer

from activities.engine import Engine
from activities.launching import enter
from activities.targets import Targets
from activities.telling import tell_all
from api.problems import Forbidden, Unauthenticated, status_of
from channels.links import Links
from channels.processors.kinds import Processors
from channels.providers import Providers
from ledger.access import Actor, Answer, Role, actor_of, claim, keep_answer, note
from ledger.database import Ledger
from ledger.following import Followed, Told
from ledger.sealing import Sealer

PROMPT = 0.1
"""Seconds that a processor's answer waits for the engine to hear of the payment; the ledger has it already."""


@dataclass(slots=True)
class Parts:
    """The application's parts, made once."""

    ledger: Ledger
    engine: Engine
    processors: Processors
    providers: Providers
    links: Links | None
    public_url: str
    sealer: Sealer = field(default_factory=lambda: Sealer(()))
    targets: Targets = field(default_factory=lambda: Targets(private=False))
    running: set[asyncio.Task[Any]] = field(default_factory=set[asyncio.Task[Any]])

    def soon(self, work: Coroutine[Any, Any, Any]) -> asyncio.Task[Any]:
        """Do something right after the answer; what fails is mended by the relay."""
        task = asyncio.create_task(work)
        self.running.add(task)
        task.add_done_callback(self._forget)
        return task

    def _forget(self, task: asyncio.Task[Any]) -> None:
        self.running.discard(task)
        if not task.cancelled():
            task.exception()  # an outage here is the relay's work, and it logs it

    def tell(self, told: Told | None) -> None:
        """Tell the engine at once; there is nothing to tell of a command that was carried out before."""
        if told is not None:
            self.soon(tell_all(self.ledger, self.engine, [told]))

    async def tell_promptly(self, told: Told) -> None:
        """Tell the engine before the answer, but let nobody wait for an engine that is slow or down."""
        await asyncio.wait({self.soon(tell_all(self.ledger, self.engine, [told]))}, timeout=PROMPT)

    def open(self, account: int) -> None:
        """Start an account's journey at once."""
        self.soon(enter(self.ledger, self.engine, [account]))

    def follow(self, followed: Followed) -> None:
        """Tell the engine of a change of money, or start the journey that it is due."""
        self.tell(followed.told)
        if followed.opens is not None:
            self.open(followed.opens)


def parts(request: Request) -> Parts:
    """The parts of the application that this request belongs to."""
    return cast("Parts", request.app.state.parts)


PartsOf = Annotated[Parts, Depends(parts)]

_bearer = HTTPBearer(auto_error=False, description="An API key: `Authorization: Bearer senda_…`")


async def authenticate(
    request: Request,
    here: PartsOf,
    credentials: Annotated[HTTPAuthorizationCredentials | None, Depends(_bearer)],
) -> Actor:
    """Whoever asks; raises `Unauthenticated`."""
    if credentials is None:
        raise Unauthenticated("auth.missing", "send an API key: Authorization: Bearer senda_…")
    actor = await actor_of(here.ledger, credentials.credentials)
    if actor is None:
        raise Unauthenticated("auth.unknown_key", "this API key is unknown or revoked")
    request.state.actor = actor
    return actor


def allow(*roles: Role) -> Callable[..., Awaitable[Actor]]:
    """A dependency that lets these roles pass, and admins."""

    async def check(actor: Annotated[Actor, Depends(authenticate)]) -> Actor:
        if actor.role not in roles and actor.role != "admin":
            raise Forbidden("auth.role", f"this needs one of the roles {', '.join(roles)}, the key has {actor.role}")
        return actor

    return check


Reader = Annotated[Actor, Depends(allow("operator", "agent", "supervisor", "compliance"))]
Caller = Annotated[Actor, Depends(allow("agent", "operator", "supervisor"))]
Operator = Annotated[Actor, Depends(allow("operator"))]
Manager = Annotated[Actor, Depends(allow("operator", "supervisor", "compliance"))]
Supervisor = Annotated[Actor, Depends(allow("operator", "supervisor"))]
Admin = Annotated[Actor, Depends(allow("admin"))]

IdempotencyKey = Annotated[
    str | None,
    Header(max_length=255, description="The same key with the same request is carried out once", examples=["f3b1…"]),
]


class Recorded(APIRoute):
    """A route whose every command, and every refusal, is a line of the audit trail."""

    def get_route_handler(self) -> Callable[[Request], Coroutine[Any, Any, Response]]:
        """The usual handler, with the line written when it ends."""
        handle = super().get_route_handler()
        action = f"{'/'.join(sorted(self.methods or ()))} {self.path_format}"

        async def recorded(request: Request) -> Response:
            status, code = 500, None
            try:
                response = await handle(request)
                status = response.status_code
                return response
            except Exception as error:
                status, code = status_of(error)
                raise
            finally:
                if self.is_noted(request.method, status):
                    actor = getattr(request.state, "actor", None)
                    subject = ":".join(str(value) for value in request.path_params.values()).replace("\0", "") or None
                    reason: str | None = getattr(request.state, "reason", None)
                    await note(parts(request).ledger, actor, action, subject, status, code, reason)

        return recorded

    def is_noted(self, method: str, status: int) -> bool:
        """Commands always, questions where they were refused."""
        return method != "GET" or status in (401, 403)


class RefusalsRecorded(Recorded):
    """A route whose commands have a record of their own: the audit trail has only what was refused."""

    def is_noted(self, method: str, status: int) -> bool:
        """What was refused."""
        return status >= 400


async def once(
    request: Request, here: Parts, actor: Actor, key: str | None, work: Callable[[str], Awaitable[Answer]]
) -> JSONResponse:
    """Carry out a command under its idempotency key (one of its own where the client sent none)."""
    if key is None:
        return _json(await work(str(uuid4())))
    route = f"{request.method} {request.url.path}"
    digest = hashlib.sha256(request.url.query.encode() + b"\n" + await request.body()).hexdigest()
    earlier = await claim(here.ledger, actor.key_id, route, key, digest)
    if earlier is not None:
        return _json(earlier, {"Idempotent-Replayed": "true"})
    command = hashlib.sha256(f"{actor.key_id}:{route}:{key}".encode()).hexdigest()[:32]
    answer = await work(command)
    await keep_answer(here.ledger, actor.key_id, route, key, answer)
    return _json(answer)


def _json(answer: Answer, headers: dict[str, str] | None = None) -> JSONResponse:
    media_type = "application/problem+json" if answer.status >= 400 else None
    return JSONResponse(answer.body, answer.status, headers=headers, media_type=media_type)
