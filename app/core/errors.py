"""The ways a request, a job or a command can be refused."""

from datetime import datetime


class CarillonError(Exception):
    """A refusal with a sentence that a person can act on."""

    def __init__(self, message: str) -> None:
        super().__init__(message)
        self.message = message


class Invalid(CarillonError):
    """What was typed can't be used; `fields` maps a field's name to one sentence ("" is the whole form)."""

    def __init__(self, fields: dict[str, str]) -> None:
        super().__init__(" ".join(fields.values()))
        self.fields = fields


class NotFound(CarillonError):
    """It does not exist, or it belongs to another team: never told apart."""

    def __init__(self, message: str = "There is nothing here.") -> None:
        super().__init__(message)


class Forbidden(CarillonError):
    """It is in your own team, but your role lacks the right; `action` is the missing permission."""

    def __init__(self, action: str, message: str = "Your role does not allow this.") -> None:
        super().__init__(message)
        self.action = action


class Conflict(CarillonError):
    """It has changed meanwhile, or is in a state that does not allow this."""


class Unavailable(CarillonError):
    """Something Carillon needs is away; try again at `retry_at` (UTC) if known."""

    def __init__(self, message: str, retry_at: datetime | None = None) -> None:
        super().__init__(message)
        self.retry_at = retry_at


class NoSpace(Unavailable):
    """There is too little room on a disk."""
