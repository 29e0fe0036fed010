"""The local stack: real Temporal, real Postgres, a sandbox for mail, the API and the worker, supervised."""

from senda.stack.background import running_stack, scratch_postgres
from senda.stack.endpoints import Endpoints
from senda.stack.errors import AlreadyRunningError, StackError
from senda.stack.stack import ALL_COMPONENTS, Programs, Stack
from senda.stack.supervisor import Event

__all__ = [
    "ALL_COMPONENTS",
    "AlreadyRunningError",
    "Endpoints",
    "Event",
    "Programs",
    "Stack",
    "StackError",
    "running_stack",
    "scratch_postgres",
]
