"""A creditor's own system on localhost: it hears webhooks, and answers as it is told to."""

import threading
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any

import orjson
from standardwebhooks.webhooks import Webhook


@dataclass
class Receiver:
    """`heard` are the requests in order, as (headers, body). The next answers come from `answers`, then 200."""

    port: int = 0
    heard: list[tuple[dict[str, str], bytes]] = field(default_factory=list[tuple[dict[str, str], bytes]])
    answers: list[int] = field(default_factory=list[int])
    awake: threading.Event = field(default_factory=threading.Event)

    @property
    def url(self) -> str:
        """Where it listens."""
        return f"http://127.0.0.1:{self.port}/senda?tenant=1"

    @property
    def ids(self) -> list[str]:
        """The `webhook-id` of each request."""
        return [headers["webhook-id"] for headers, _ in self.heard]

    @property
    def events(self) -> list[dict[str, Any]]:
        """The bodies."""
        return [orjson.loads(body) for _, body in self.heard]

    @property
    def types(self) -> list[str]:
        """The types in the order in which they came."""
        return [event["type"] for event in self.events]

    def verified(self, secret: str) -> list[dict[str, Any]]:
        """The bodies, each signed with this secret as the library checks it; raises otherwise."""
        return [Webhook(secret).verify(body, headers) for headers, body in self.heard]

    def answer(self, headers: dict[str, str], body: bytes) -> int:
        """Keep a request, and say with which status to answer; 0: only once it is awake."""
        self.heard.append((headers, body))
        status = self.answers.pop(0) if self.answers else 200
        if status == 0:
            self.awake.wait(30)
        return status or 200


@contextmanager
def receiving() -> Iterator[Receiver]:
    """A receiver that listens."""
    receiver = Receiver()

    class Handler(BaseHTTPRequestHandler):
        def do_POST(self) -> None:
            body = self.rfile.read(int(self.headers["content-length"]))
            status = receiver.answer({name.lower(): value for name, value in self.headers.items()}, body)
            try:
                self.send_response(status)
                if 300 <= status < 400:
                    self.send_header("location", f"http://127.0.0.1:{receiver.port}/elsewhere")
                self.end_headers()
            except OSError:  # whoever asked did not wait
                self.close_connection = True

        def log_message(self, format: str, *args: object) -> None:
            """Say nothing."""

    with ThreadingHTTPServer(("127.0.0.1", 0), Handler) as server:
        receiver.port = server.server_port
        thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.02})
        thread.start()
        try:
            yield receiver
        finally:
            receiver.awake.set()
            server.shutdown()
            thread.join()
