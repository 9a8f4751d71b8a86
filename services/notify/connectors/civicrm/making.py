"""Making what CiviCRM has no key on: only who holds a record makes it, and looks once more before.

services/notify/crm_holds.py says who does. Participants need it too: a guest's registration is a person's as
soon as they are known, while a delivery of the guest may be under way.
"""

from collections.abc import Callable
from typing import Any

from services.notify.connectors.civicrm.api import Api, Row
from services.notify.connectors.target import BeingMade

Rows = dict[str, Row]
Find = Callable[[Api, list[str]], Rows]


def once(api: Api, missing: list[str], find: Find, make: Callable[[list[str]], Any]) -> Rows:
    """Of these, `make` what this delivery holds; those that were made since it looked.

    BeingMade, in the end, when another delivery holds some of them.
    """
    held = sorted(api.target.hold(missing))
    there = made_meanwhile(api, held, find)
    if absent := [each for each in held if each not in there]:
        make(absent)
    if set(held) != set(missing):
        raise BeingMade
    return there


def made_meanwhile(api: Api, held: list[str], find: Find) -> Rows:
    """What another delivery made after this one looked and before it held them."""
    return find(api, held) if held else {}
