"""Tables of notify and their rules."""

from services.notify.models.base import Base, Transaction, database
from services.notify.models.crm_change import CrmChange
from services.notify.models.crm_comparison import CrmComparison
from services.notify.models.crm_conflict import GONE, OURS, THEIRS, CrmConflict
from services.notify.models.crm_difference import CrmDifference
from services.notify.models.crm_event import CrmEvent
from services.notify.models.crm_hold import CrmHold
from services.notify.models.crm_memory import CrmMemory
from services.notify.models.delivery import Delivery
from services.notify.models.email import MAILBOX, REFUSING, SERVER, UNREACHED, Email, EmailCannotBeResent
from services.notify.models.gift import Gift
from services.notify.models.guest import Guest
from services.notify.models.recipient import Recipient
from services.notify.models.registration import Registration
from services.notify.models.resend import Resend
from services.notify.models.subscription import CHANGED, CIVICRM, ERASED, WEBHOOKS, Subscription
from services.notify.models.timeline_entry import TimelineEntry

__all__ = [
    "CHANGED",
    "CIVICRM",
    "ERASED",
    "GONE",
    "MAILBOX",
    "OURS",
    "REFUSING",
    "SERVER",
    "THEIRS",
    "UNREACHED",
    "WEBHOOKS",
    "Base",
    "CrmChange",
    "CrmComparison",
    "CrmConflict",
    "CrmDifference",
    "CrmEvent",
    "CrmHold",
    "CrmMemory",
    "Delivery",
    "Email",
    "EmailCannotBeResent",
    "Gift",
    "Guest",
    "Recipient",
    "Registration",
    "Resend",
    "Subscription",
    "TimelineEntry",
    "Transaction",
    "database",
]
