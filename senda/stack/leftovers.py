"""What a stack that was killed may have left running: recorded as it starts, ended before the next start."""

import contextlib
import fcntl
import os
import tempfile
from pathlib import Path

import psutil

from senda.stack.folder import TEMPORARY_PREFIX, read_json, remove_folder, write_json


class ProcessRecord:
    """Pids with their start times on disk, so that a pid that has been given away again is told apart."""

    def __init__(self, path: Path) -> None:
        self._path = path
        self._started: dict[str, list[float]] = {}

    def note(self, name: str, pid: int) -> None:
        with contextlib.suppress(psutil.NoSuchProcess):
            self._started[name] = [pid, psutil.Process(pid).create_time()]
            write_json(self._path, self._started)

    def end_leftovers(self) -> None:
        """End those of the last run that still live; on Linux only when its supervisor died just now."""
        recorded = read_json(self._path) or {}
        alive = [process for process in map(_recorded_process, recorded.values()) if process]
        for process in alive:
            with contextlib.suppress(psutil.NoSuchProcess):
                process.terminate()
        _, stubborn = psutil.wait_procs(alive, timeout=5)
        for process in stubborn:
            with contextlib.suppress(psutil.NoSuchProcess):
                process.kill()
        psutil.wait_procs(stubborn, timeout=5)
        self._path.unlink(missing_ok=True)


def clear_abandoned_folders() -> None:
    """Remove temporary folders of stacks that were killed: those of ours that nobody holds any more."""
    for lock in Path(tempfile.gettempdir()).glob(f"{TEMPORARY_PREFIX}*/lock"):
        with contextlib.suppress(OSError):
            folder = lock.parent
            # The secrets are written once the lock is held: a folder without them is only just being made.
            if folder.lstat().st_uid == os.geteuid() and (folder / "secrets.json").exists():
                with lock.open() as held:
                    fcntl.flock(held, fcntl.LOCK_EX | fcntl.LOCK_NB)
                    ProcessRecord(folder / "processes.json").end_leftovers()
                    remove_folder(folder)


def _recorded_process(entry: object) -> psutil.Process | None:
    match entry:
        case [int() | float() as pid, int() | float() as started]:
            with contextlib.suppress(psutil.NoSuchProcess):
                process = psutil.Process(int(pid))
                # The start time is derived from the clock, which may have been adjusted since.
                if abs(process.create_time() - started) < 0.1:
                    return process
        case _:
            pass
    return None
