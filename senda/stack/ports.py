"""Which ports a stack listens on, so that stacks side by side never meet."""

import random
import socket
import sys
from collections.abc import Iterable, Mapping
from typing import Literal

from senda.stack.errors import StackError

HOST = "127.0.0.1"

PREFERRED: Mapping[str, int] = {
    "api": 8080,
    "temporal": 7233,
    "temporal_ui": 8233,
    "postgres": 54320,
    "sandbox": 8025,
    "sandbox_smtp": 1025,
}

# Below the range from which Linux takes the ports of outgoing connections (ip_local_port_range, from 32768),
# one of which could occupy the port while a component is being started again.
_FREE_RANGE = range(20_000, 32_000)

PortPolicy = Literal["preferred", "free"] | Mapping[str, int]
"""The preferred ports where they are free; any free ones; or exactly these, any free ones for the rest."""


class Ports:
    """The ports of one stack, kept from other stacks of this machine until `release`."""

    def __init__(self, policy: PortPolicy) -> None:
        self._leases: list[socket.socket] = []
        fixed: Mapping[str, int] = {} if isinstance(policy, str) else policy
        preferred: Mapping[str, int] = PREFERRED if policy == "preferred" else {}
        numbers: dict[str, int] = {}
        for name in PREFERRED:
            if name in fixed:
                self._take_fixed(name, fixed[name])
                numbers[name] = fixed[name]
            else:
                first = [preferred[name]] if name in preferred else []
                numbers[name] = self._take_first_free(first)
        self._numbers = numbers

    def __getitem__(self, name: str) -> int:
        return self._numbers[name]

    def release(self) -> None:
        for lease in self._leases:
            lease.close()
        self._leases.clear()

    def _take_fixed(self, name: str, port: int) -> None:
        if not self._take(port):
            self.release()
            raise StackError("stack.port_taken", f"Port {port}, meant for {name}, is taken by another program.")

    def _take_first_free(self, first: Iterable[int]) -> int:
        candidates = [*first, *random.sample(_FREE_RANGE, k=200)]
        port = next((port for port in candidates if self._take(port)), None)
        if port is None:
            self.release()
            raise StackError("stack.no_free_port", "No free port was found on this machine.")
        return port

    def _take(self, port: int) -> bool:
        lease = _lease(port)
        if lease is None:
            return False
        if not is_free(port):
            lease.close()
            return False
        self._leases.append(lease)
        return True


def is_free(port: int) -> bool:
    """Whether a server could listen on the port of this machine now."""
    with socket.socket(socket.AF_INET, socket.SOCK_STREAM) as probe:
        probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        try:
            probe.bind((HOST, port))
        except OSError:
            return False
    return True


def _lease(port: int) -> socket.socket | None:
    """A name in the machine's abstract socket space that one process can hold, and that goes with it.

    Two stacks that start in the same moment both see a port as free; only one gets its lease. Outside Linux
    there are no such names, and any socket stands for the lease.
    """
    lease = socket.socket(socket.AF_UNIX, socket.SOCK_STREAM)
    if sys.platform != "linux":
        return lease
    try:
        lease.bind(f"\0senda-port-{port}")
    except OSError:
        lease.close()
        return None
    return lease
