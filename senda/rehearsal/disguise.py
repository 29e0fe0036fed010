"""Debtors of a rehearsal: nobody real can be contacted, and nobody's real record is touched."""

import hashlib
from dataclasses import replace

from senda.portfolio.mapping import Mapping
from senda.portfolio.rows import Receivable

DOMAIN = "rehearsal.invalid"
"""`.invalid` never resolves: RFC 2606, section 2."""


class Disguise:
    """Replaces people by hashes that hold within one rehearsal: the same debtor stays one person."""

    def __init__(self, rehearsal: str) -> None:
        self._key = rehearsal.encode()

    def receivable(self, receivable: Receivable) -> Receivable:
        """The same document of a debtor without name whose only address is invalid."""
        digest = hashlib.blake2b(receivable.debtor.encode(), key=self._key, digest_size=8).hexdigest()
        return replace(
            receivable,
            debtor=f"rehearsal-{digest}",
            name=f"Rehearsal {digest[:6]}",
            addresses={"email": f"{digest}@{DOMAIN}"},
            facts={},
        )

    def mapping(self, mapping: Mapping) -> Mapping:
        """The same description, where the one address there is may be used."""
        return mapping.model_copy(update={"authorised_channels": ("email",)})
