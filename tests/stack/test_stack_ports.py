"""Ports: preferred where free, never shared between stacks, exact where they are given."""

import socket
import subprocess
import sys
from contextlib import closing

import pytest

from senda.stack import StackError
from senda.stack.ports import HOST, PREFERRED, Ports

_TAKES_PORTS = """
import sys
from senda.stack.ports import PREFERRED, Ports
sys.stdin.readline()
ports = Ports("preferred")
print(*(ports[name] for name in PREFERRED), flush=True)
sys.stdin.read()
"""


def test_stacks_that_start_at_the_same_moment_get_different_ports() -> None:
    stacks = [
        subprocess.Popen([sys.executable, "-c", _TAKES_PORTS], stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True)
        for _ in range(4)
    ]
    for stack in stacks:
        assert stack.stdin
        stack.stdin.write("\n")
        stack.stdin.flush()
    ports = [port for stack in stacks if stack.stdout for port in stack.stdout.readline().split()]
    for stack in stacks:
        stack.communicate()
    assert len(ports) == 4 * len(PREFERRED)
    assert len(set(ports)) == len(ports)


def test_a_given_port_that_is_taken_is_told() -> None:
    with closing(socket.create_server((HOST, 0))) as other:
        port = other.getsockname()[1]
        with pytest.raises(StackError) as caught:
            Ports({"postgres": port})
    assert caught.value.message == f"Port {port}, meant for postgres, is taken by another program."


def test_released_ports_may_be_taken_again() -> None:
    first = Ports("free")
    wanted = {name: first[name] for name in PREFERRED}
    with pytest.raises(StackError):
        Ports(wanted)
    first.release()
    again = Ports(wanted)
    assert {name: again[name] for name in PREFERRED} == wanted
    again.release()
