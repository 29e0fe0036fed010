"""The account that Postgres runs under: Postgres refuses to be root, and no account is made for it."""

import os
import pwd
import shutil
import stat
import tempfile
from dataclasses import dataclass
from pathlib import Path

from senda.stack.errors import StackError

SHELTER = Path("/var/lib/senda")
"""Where root puts what the account must reach when the data folder or the environment is out of its way."""


@dataclass(frozen=True)
class Account:
    """An existing, unprivileged account of this machine."""

    name: str
    uid: int
    gid: int


def account_beside(data: Path) -> Account | None:
    """None for an ordinary user, who runs Postgres as himself; for root the owner of `data`, or `nobody`."""
    if os.geteuid() != 0:
        return None
    try:
        owner = pwd.getpwuid(data.stat().st_uid)
        entry = owner if owner.pw_uid != 0 else pwd.getpwnam("nobody")
    except KeyError:
        raise StackError(
            "stack.no_account",
            "Postgres may not run as root and this machine has no account `nobody`: "
            "start the stack as an ordinary user.",
        ) from None
    return Account(entry.pw_name, entry.pw_uid, entry.pw_gid)


def can_reach(account: Account, path: Path) -> bool:
    """Whether the account may read `path` and enter every folder above it, by the permission bits."""
    wanted = stat.S_IROTH | stat.S_IXOTH if path.is_dir() else stat.S_IROTH
    return _grants(account, path, wanted) and all(_grants(account, p, stat.S_IXOTH) for p in path.parents)


def can_enter(account: Account, folder: Path) -> bool:
    """Whether the account may go through `folder`, which it need not be able to list."""
    return all(_grants(account, p, stat.S_IXOTH) for p in (folder, *folder.parents))


def _grants(account: Account, path: Path, others: int) -> bool:
    status = path.stat()
    shift = 6 if status.st_uid == account.uid else 3 if status.st_gid == account.gid else 0
    return status.st_mode >> shift & others == others


def home_of(account: Account | None, data: Path) -> Path:
    """The folder of mode 0700 that belongs to Postgres: `data`/postgres, or the shelter that it links to."""
    home = data / "postgres"
    if home.is_symlink() and not home.exists():
        raise StackError(
            "stack.no_cluster",
            f"The data of Postgres has gone: {home} points to {home.readlink()}, which is not there any more.",
        )
    if home.exists():
        return home.resolve()
    if account is None:
        home.mkdir(mode=0o700)
        return home
    if can_enter(account, data):
        home.mkdir(mode=0o700)
        os.chown(home, account.uid, account.gid)
        return home
    shelter = Path(tempfile.mkdtemp(prefix="postgres-", dir=_shelter_for(account, data)))
    os.chown(shelter, account.uid, account.gid)
    home.symlink_to(shelter)
    return shelter


def programs_for(account: Account | None, installed: Path, version: str) -> Path:
    """`installed` (the folder above bin, lib and share), or a copy of it that the account can reach.

    The programs find their libraries relative to themselves, in the folder `<package>.libs` beside the package, so
    that a copy keeps the places. `version` tells one build from another: each is copied once.
    """
    program = installed / "bin" / "postgres"
    if account is None or not program.exists() or can_reach(account, program):
        return installed  # that a program is missing is told when it is to start
    package = installed.parent
    copy = _shelter_for(account, installed) / f"programs-{version}"
    if not copy.exists():
        partial = Path(tempfile.mkdtemp(prefix="partial-", dir=copy.parent))
        shutil.copytree(installed, partial / package.name / installed.name)
        for libraries in package.parent.glob(f"{package.name}.libs"):
            shutil.copytree(libraries, partial / libraries.name)
        for path in (partial, *partial.rglob("*")):
            path.chmod(0o755 if path.is_dir() or os.access(path, os.X_OK) else 0o644)
        try:
            partial.rename(copy)
        except OSError:  # another stack was faster
            shutil.rmtree(partial)
    return copy / package.name / installed.name


def _shelter_for(account: Account, unreachable: Path) -> Path:
    try:
        SHELTER.mkdir(mode=0o755, parents=True, exist_ok=True)
        if can_enter(account, SHELTER):
            return SHELTER
    except OSError:
        pass
    raise StackError(
        "stack.unreachable_folder",
        f"Postgres runs as the account {account.name}, which can reach neither {unreachable} nor {SHELTER}: "
        "use a data folder that other accounts may enter, or start the stack as an ordinary user.",
    )
