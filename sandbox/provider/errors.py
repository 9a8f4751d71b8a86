"""Errors in the form that the provider's API gives them."""

from typing import Any


class ApiError(Exception):
    """An answer that is not 2xx: `kind` is the provider's error type, `code` its finer word."""

    def __init__(
        self,
        status: int,
        message: str,
        *,
        kind: str = "invalid_request_error",
        code: str | None = None,
        param: str | None = None,
    ) -> None:
        super().__init__(message)
        self.status = status
        self.body: dict[str, Any] = {"type": kind, "message": message}
        self.body |= {name: value for name, value in (("code", code), ("param", param)) if value}


def missing(kind: str, id: str) -> ApiError:
    return ApiError(404, f"No such {kind.replace('.', ' ')}: '{id}'", code="resource_missing", param="id")
