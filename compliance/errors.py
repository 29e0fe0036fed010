"""The errors that the record answers with."""

from ledger.errors import Conflict


class Damaged(Conflict):
    """What was kept cannot be what was written: altered, cut, or sealed with a key that is gone (HTTP 409).

    `event`: the number of the event where it shows; `run_id`: of which run.
    """

    def __init__(
        self, code: str, message: str, field: str | None = None, *, event: int | None = None, run_id: str | None = None
    ) -> None:
        super().__init__(code, message, field)
        self.event = event
        self.run_id = run_id
