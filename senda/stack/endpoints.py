"""Where the parts of a running stack are: what `senda up --json` prints."""

from collections.abc import Mapping
from dataclasses import asdict, dataclass


@dataclass(frozen=True)
class Endpoints:
    """Addresses on this machine, and what opens them.

    `temporal` is host:port, `postgres` a postgresql:// URL with user and password, `sandbox_smtp` an smtp://
    URL; the other addresses are http:// URLs. `api_key` has the role admin, `processor_secret` signs payment
    webhooks, `data` is the data folder, `pids` the process of each component at the moment of asking.
    """

    api: str
    api_key: str
    temporal: str
    temporal_ui: str
    postgres: str
    sandbox: str
    processor_secret: str
    sandbox_smtp: str
    data: str
    pids: Mapping[str, int]

    def as_json(self) -> dict[str, object]:
        return asdict(self)
