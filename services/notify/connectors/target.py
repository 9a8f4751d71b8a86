"""Where a connector sends to, and how it says that it did not arrive."""

from collections.abc import Collection
from dataclasses import dataclass, field


@dataclass(frozen=True)
class Target:
    """An address of somebody else, with the secret that we share with them."""

    url: str
    secret: str = field(repr=False)
    allowed_hosts: Collection[str] = ()


class Missed(Exception):
    """The other side did not take it, or we cannot know whether it did."""

    def __init__(self, error: str, *, code: int | None = None, retry_after_s: float | None = None) -> None:
        self.error, self.code, self.retry_after_s = error, code, retry_after_s
        super().__init__(error)
