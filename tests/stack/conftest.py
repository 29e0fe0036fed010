"""Fixtures of the stack's tests."""

import signal
from collections.abc import Callable, Iterator
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

import pytest

from tests.stack.running import Up
from tests.stack.toys import Toys


@pytest.fixture
def toys(tmp_path: Path) -> Toys:
    return Toys(tmp_path)


@pytest.fixture
def open_folder() -> Iterator[Path]:
    """A folder that every account of the machine may enter, unlike those that pytest makes."""
    with TemporaryDirectory(prefix="stack-test-") as folder:
        Path(folder).chmod(0o755)
        yield Path(folder)


@pytest.fixture
def start_up() -> Iterator[Callable[..., Up]]:
    """Starts `senda up`; what still runs at the end of the test is ended."""
    started: list[Up] = []

    def start(*arguments: str, **options: Any) -> Up:
        started.append(Up(*arguments, **options))
        return started[-1]

    yield start
    for up in started:
        if up.process.poll() is None:
            up.end(signal.SIGTERM)
