"""A child process ends with the process that started it, whichever way that ends."""

import os
import signal
import subprocess
import sys
from pathlib import Path

import pytest

from tests.stack.waiting import eventually, lives

_STARTS_A_CHILD = """
import asyncio, os, pathlib, sys, threading
from senda.stack.account import Account
from senda.stack.child import Launch, spawn

account = Account("nobody", 65534, 65534) if sys.argv[2] == "nobody" else None
launch = Launch(command=("/bin/sleep", "600"), environment={}, log=pathlib.Path(sys.argv[1]), account=account)

async def start():
    print(spawn(launch).pid, flush=True)

# In a thread that ends at once: the kernel's death signal must not follow it.
thread = threading.Thread(target=lambda: asyncio.run(start()))
thread.start()
thread.join()
sys.stdin.read()
"""

_ACCOUNTS = [
    "self",
    pytest.param("nobody", marks=pytest.mark.skipif(os.geteuid() != 0, reason="only root changes accounts")),
]


@pytest.mark.skipif(sys.platform != "linux", reason="the death signal is Linux's")
@pytest.mark.parametrize("account", _ACCOUNTS)
def test_a_child_outlives_its_thread_but_not_its_process(tmp_path: Path, account: str) -> None:
    with subprocess.Popen(
        [sys.executable, "-c", _STARTS_A_CHILD, str(tmp_path / "log"), account],
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        text=True,
    ) as parent:
        assert parent.stdout
        child = int(parent.stdout.readline())
        try:
            assert lives(child)
            parent.send_signal(signal.SIGKILL)
            parent.wait()
            eventually(lambda: not lives(child))
        finally:
            parent.kill()
