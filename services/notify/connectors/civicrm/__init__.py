"""CiviCRM by its API v4: contacts and contributions, looked for by our ids before anything is written.

CiviCRM has no key that makes a call happen once, and a call that timed out may well have been done. So each
delivery reads first and writes only what differs: repeated as often as one likes, it ends in the same state
(docs/decisions/0017).
"""

from collections.abc import Mapping
from datetime import datetime
from typing import Any
from uuid import UUID

from services.notify.connectors.civicrm import contacts, gifts
from services.notify.connectors.civicrm.api import Api
from services.notify.connectors.target import Arrived, Target

OK = 200


def upsert_party(target: Target, state: Mapping[str, Any], *, delivery_id: UUID, at: datetime) -> Arrived:
    """Make contact and contributions over there what `state` says."""
    api = Api(target)
    if state["merged_into"]:
        contacts.put_aside(api, state["party_id"])
        return Arrived(OK)
    if state["erased"]:
        contacts.erase(api, state["party_id"])
        return Arrived(OK)
    contact_id, changed = contacts.upsert(api, state)
    return Arrived(OK, (*changed, *gifts.upsert(api, state, contact_id)))
