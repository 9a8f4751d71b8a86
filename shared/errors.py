"""Errors that a rule raises: the class name is the code, the docstring is the message."""

import inspect
import re
from typing import Any


class DomainError(Exception):
    """A rule forbids this."""

    status = 422
    retry_after_s: int | None = None

    def __init__(self, detail: str | None = None, **facts: Any) -> None:
        """`detail` replaces the docstring's first line; `facts` go to the answer, so never a secret."""
        self.detail = detail or first_line(type(self))
        self.facts = facts
        super().__init__(self.detail)

    @property
    def code(self) -> str:
        """Stable name of the error for programs: `EmailCannotBeResent` is `email_cannot_be_resent`."""
        return code_of(type(self))


def code_of(kind: type[DomainError]) -> str:
    """The code that errors of a kind have."""
    return re.sub(r"(?<=[a-z0-9])(?=[A-Z])", "_", kind.__name__).lower()


def first_line(kind: type[DomainError]) -> str:
    """What errors of a kind tell a person, unless they say it themselves."""
    return (inspect.getdoc(kind) or "").split("\n")[0]


class Refused(DomainError):
    """The request is well formed, but asks for something that cannot be."""


class Conflict(DomainError):
    """What is asked does not fit the present state."""

    status = 409


class NotFound(DomainError):
    """There is nothing here that you may see."""

    status = 404


class Forbidden(DomainError):
    """You may not do this."""

    status = 403


class Unavailable(DomainError):
    """A part that this needs does not answer at the moment; nothing was lost, try again."""

    status = 503
    retry_after_s = 2
