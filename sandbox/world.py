"""What the parts of the sandbox share while it runs."""

from dataclasses import dataclass
from typing import TYPE_CHECKING

from flask import current_app

from sandbox.settings import SandboxSettings
from sandbox.store import Store

if TYPE_CHECKING:
    from sandbox.provider.accounts import Merchant
    from sandbox.provider.courier import Courier


@dataclass(frozen=True)
class World:
    settings: SandboxSettings
    store: Store
    merchants: "dict[str, Merchant]"
    courier: "Courier"


def world() -> World:
    """The one that the current request runs in."""
    return current_app.extensions["sandbox"]
