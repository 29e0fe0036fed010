"""The root of every error that Senda raises on purpose: stable code, message that says what to do, field."""


class SendaError(Exception):
    """An expected failure. `code` is stable and documented; `field` names the input at fault, if one is."""

    def __init__(self, code: str, message: str, field: str | None = None) -> None:
        super().__init__(message)
        self.code = code
        self.message = message
        self.field = field
