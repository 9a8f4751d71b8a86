"""What the running service knows about itself: its name, settings, database and how it checks callers."""

from dataclasses import dataclass
from typing import TYPE_CHECKING, cast

from flask import current_app

if TYPE_CHECKING:
    from shared.auth import Doorkeeper
    from shared.db import Database
    from shared.settings import Settings
    from shared.system import ForStaff, Refused, Steps, Waits

EXTENSION = "amicale"


@dataclass
class Service:
    """The parts that `create_service` put together."""

    name: str
    settings: "Settings"
    database: "Database"
    doorkeeper: "Doorkeeper"
    revision: str = ""
    """The migration that the code needs; "" when it is not checked."""
    steps: "Steps | None" = None
    """The service's own steps in the path of a fact."""
    waits: "Waits | None" = None
    """What the service sends out by itself, and since when the oldest of it waits."""
    refused: "Refused | None" = None
    """What the service sends out by itself, and how many of it were refused for good lately."""
    for_staff: "ForStaff | None" = None
    """What waits for a person to look at it, beside dead letters, and how many of it."""


def service() -> Service:
    """The service whose application handles this request."""
    return cast(Service, current_app.extensions[EXTENSION])


def settings() -> "Settings":
    """The settings of the service whose application handles this request."""
    return service().settings
