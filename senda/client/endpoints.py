"""Where an installation listens."""

from dataclasses import dataclass
from typing import Protocol


class Endpoints(Protocol):
    """Where an installation listens, with the two secrets a client needs."""

    @property
    def api(self) -> str: ...
    @property
    def api_key(self) -> str: ...
    @property
    def processor_secret(self) -> str: ...


@dataclass(frozen=True, slots=True)
class Remote:
    """Endpoints that were given by hand."""

    api: str
    api_key: str
    processor_secret: str = ""
