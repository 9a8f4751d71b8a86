"""CiviCRM by its API v4: contacts, contributions, participants, looked for by our ids before each write.

CiviCRM has no key that makes a call happen once, and a call that timed out may well have been done. So each
delivery reads first and writes only what differs: repeated as often as one likes, it ends in the same state
(docs/decisions/0017).
"""

from collections.abc import Mapping
from datetime import datetime
from typing import Any
from uuid import UUID

from services.notify.connectors.civicrm import contacts, gifts, participants
from services.notify.connectors.civicrm.api import Api
from services.notify.connectors.target import Arrived, Target

OK = 200


def upsert_party(target: Target, state: Mapping[str, Any], *, delivery_id: UUID, at: datetime) -> Arrived:
    """Make contact, contributions and participants over there what `state` says."""
    api = Api(target)
    if state["merged_into"]:
        contacts.put_aside(api, state["party_id"])
        return Arrived(OK)
    if state["erased"]:
        contacts.erase(api, state["party_id"])
        return Arrived(OK)
    contact_id, changed = contacts.upsert(api, state)
    given = gifts.upsert(api, state, contact_id)
    registered = participants.upsert(api, state, contact_id)
    return Arrived(OK, (*changed, *given, *registered))
