"""The data folder of a stack: what lies where, who holds it, and files that are never half written."""

import contextlib
import fcntl
import json
import os
import shutil
import tempfile
from collections.abc import Mapping
from pathlib import Path
from typing import cast

from senda.stack.errors import AlreadyRunningError, StackError

TEMPORARY_PREFIX = "senda-"
_LOG_LIMIT = 10 * 1024 * 1024  # bytes; a longer log is set aside when the stack starts


class DataFolder:
    """An open data folder; one process at a time holds it.

    Its own mode lets the account of Postgres through to `postgres/` when root runs the stack; everything else
    inside is closed to others.
    """

    def __init__(self, path: Path) -> None:
        self.path = path.absolute()
        try:
            self.path.mkdir(mode=0o711 if os.geteuid() == 0 else 0o700, parents=True, exist_ok=True)
            self._lock = os.open(self.path / "lock", os.O_RDWR | os.O_CREAT, 0o600)
        except OSError as error:
            raise StackError(
                "stack.data_folder", f"The data folder {self.path} cannot be used: {error.strerror}."
            ) from None
        try:
            fcntl.flock(self._lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except OSError:
            os.close(self._lock)
            raise AlreadyRunningError(self.path, read_json(self.endpoints)) from None
        self.endpoints.unlink(missing_ok=True)
        for folder in (self.logs, self.temporal, self.sandbox):
            folder.mkdir(mode=0o700, exist_ok=True)

    @property
    def endpoints(self) -> Path:
        return self.path / "endpoints.json"

    @property
    def secrets(self) -> Path:
        return self.path / "secrets.json"

    @property
    def processes(self) -> Path:
        return self.path / "processes.json"

    @property
    def logs(self) -> Path:
        return self.path / "logs"

    @property
    def temporal(self) -> Path:
        return self.path / "temporal"

    @property
    def sandbox(self) -> Path:
        return self.path / "sandbox"

    def log(self, name: str) -> Path:
        """The log of a component; one that has grown too long is set aside first."""
        log = self.logs / f"{name}.log"
        if log.exists() and log.stat().st_size > _LOG_LIMIT:
            log.replace(self.logs / f"{name}.log.1")
        return log

    def close(self) -> None:
        self.endpoints.unlink(missing_ok=True)
        os.close(self._lock)


def temporary_folder() -> Path:
    """A new folder for a stack that leaves nothing behind."""
    path = Path(tempfile.mkdtemp(prefix=TEMPORARY_PREFIX))
    if os.geteuid() == 0:
        path.chmod(0o711)
    return path


def remove_folder(path: Path) -> None:
    """Remove a closed data folder, and the shelter of its Postgres where it had to have one."""
    shutil.rmtree((path / "postgres").resolve(), ignore_errors=True)
    shutil.rmtree(path, ignore_errors=True)


def remove_all_but_logs(path: Path) -> None:
    """Remove what a closed data folder holds, but keep the logs that an error has just pointed at."""
    shutil.rmtree((path / "postgres").resolve(), ignore_errors=True)
    for entry in path.iterdir():
        if entry.name == "logs":
            continue
        if entry.is_dir() and not entry.is_symlink():
            shutil.rmtree(entry, ignore_errors=True)
        else:
            entry.unlink(missing_ok=True)


def read_json(path: Path) -> Mapping[str, object] | None:
    """The object in the file; None where there is no file or no object in it."""
    with contextlib.suppress(OSError, ValueError):
        content = json.loads(path.read_bytes())
        if isinstance(content, dict):
            return cast(Mapping[str, object], content)
    return None


def write_json(path: Path, content: Mapping[str, object]) -> None:
    """Write for the owner's eyes only, so that a reader finds the old file or the new one, never a part."""
    descriptor, partial = tempfile.mkstemp(prefix=f".{path.name}-", dir=path.parent)
    with os.fdopen(descriptor, "wb") as file:
        file.write(json.dumps(content, indent=2).encode())
        file.flush()
        os.fsync(file.fileno())
    os.replace(partial, path)
