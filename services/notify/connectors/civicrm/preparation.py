"""What a CRM must have before anything is written there, said by name when it is missing."""

from services.notify.connectors.civicrm.api import Api
from services.notify.connectors.civicrm.gifts import FINANCIAL_TYPE
from services.notify.connectors.target import Missed, Target
from shared.errors import Refused

STATUSES = ("Completed", "Refunded")
REFUSED = frozenset({401, 403})


class CrmNotReached(Refused):
    """This address did not answer as a CiviCRM does."""


class CrmKeyRefused(Refused):
    """The CRM does not take this API key, or its user may not see contacts, contributions and their types."""


class CrmFinancialTypeMissing(Refused):
    """The CRM has no active financial type named Donation."""


class CrmStatusMissing(Refused):
    """The CRM lacks one of the contribution statuses Completed and Refunded."""


REFUSALS = (CrmNotReached, CrmKeyRefused, CrmFinancialTypeMissing, CrmStatusMissing)
"""What a CiviCRM may lack."""


def prepare(target: Target) -> None:
    """Look all of it up, with no transaction open; the first that is missing is raised."""
    api = Api(target)
    try:
        for entity in ("Contact", "Contribution"):
            api.call(entity, "get", select=["id"], limit=1)
        types = api.call(
            "FinancialType", "get", where=[["name", "=", FINANCIAL_TYPE], ["is_active", "=", True]]
        )
        statuses = api.call(
            "OptionValue",
            "get",
            select=["name"],
            where=[["option_group_id:name", "=", "contribution_status"], ["name", "IN", list(STATUSES)]],
        )
    except Missed as missed:
        raise (CrmKeyRefused if missed.code in REFUSED else CrmNotReached) from None
    if not types:
        raise CrmFinancialTypeMissing
    if {row.get("name") for row in statuses} != set(STATUSES):
        raise CrmStatusMissing
