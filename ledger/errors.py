"""The errors that the ledger answers with, beside those of the core."""

from policy.errors import SendaError


class Conflict(SendaError):
    """What is there does not admit the command (HTTP 409)."""


class NotFound(SendaError):
    """There is no such thing (HTTP 404)."""
