"""Activity `report`: time alone moved a journey, the record follows."""

from temporalio import activity

from ledger.database import Ledger
from ledger.outbox import bring_up_to_date
from workflows import contract
from workflows.contract import ReportOrder, Told


class Recording:
    """Holds the ledger."""

    def __init__(self, ledger: Ledger) -> None:
        self._ledger = ledger

    @activity.defn(name=contract.REPORT)
    async def report(self, order: ReportOrder) -> Told:
        """Bring the record up to the present; answers with what it then says."""
        return Told(standing=await bring_up_to_date(self._ledger, order.journey_id, order.at))
