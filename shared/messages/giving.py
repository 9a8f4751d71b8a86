"""What giving says on `amicale.giving`. Money is minor units with a currency; never a float."""

from marshmallow import fields, validate

from shared.messages.base import Message
from shared.messages.contact import Contact
from shared.messages.secret import Secret
from shared.messages.title import Title

NO_MONEY = {"description": "0 where the goal is in donors alone"}
NO_DONORS = {"description": "0 where the goal is in money alone"}
BESIDE = {"description": "before the start, outside of the books; counts towards the goal"}


def _minor(metadata: dict[str, str] | None = None) -> fields.Integer:
    return fields.Integer(required=True, strict=True, metadata=metadata)


class CampaignLaunched(Message):
    """A campaign is public from now on; it takes gifts from its first day on."""

    type = "campaign.launched"
    topic = "amicale.giving"
    key = "campaign_id"

    campaign_id = fields.UUID(required=True)
    slug = fields.String(required=True)
    title = fields.Nested(Title, required=True)
    goal_minor = _minor(NO_MONEY)
    goal_donors = fields.Integer(strict=True, metadata=NO_DONORS)
    start_minor = fields.Integer(strict=True, metadata=BESIDE)
    start_donors = fields.Integer(strict=True, metadata=BESIDE)
    currency = fields.String(required=True)
    opens_at = fields.AwareDateTime()
    closes_at = fields.AwareDateTime()
    time_zone = fields.String()
    launched_at = fields.AwareDateTime(required=True)


class CampaignGoalReached(Message):
    """A gift brought a campaign to its goal for the first time; said once.

    That is its goal in money where it has one, else that in donors. What came before the start counts.
    """

    type = "campaign.goal_reached"
    topic = "amicale.giving"
    key = "campaign_id"

    campaign_id = fields.UUID(required=True)
    slug = fields.String(required=True)
    title = fields.Nested(Title, required=True)
    goal_minor = _minor(NO_MONEY)
    goal_donors = fields.Integer(strict=True, metadata=NO_DONORS)
    start_minor = fields.Integer(strict=True, metadata=BESIDE)
    start_donors = fields.Integer(strict=True, metadata=BESIDE)
    raised_minor = _minor({"description": "by the books alone: without `start_minor`"})
    donors_count = fields.Integer(strict=True, metadata={"description": "without `start_donors`"})
    currency = fields.String(required=True)
    reached_at = fields.AwareDateTime(required=True)


class Gift:
    """What every message about a gift says."""

    donation_id = fields.UUID(required=True)
    party_id = fields.UUID(required=True)
    person_id = fields.UUID(allow_none=True)
    campaign_id = fields.UUID(required=True)
    campaign_slug = fields.String(required=True)
    campaign_title = fields.Nested(Title, required=True)
    entity_name = fields.String(required=True, metadata={"description": "the legal entity that receives"})
    receiptable = fields.Boolean(required=True, metadata={"description": "a tax receipt will follow"})
    amount_minor = _minor()
    currency = fields.String(required=True)


class DonorContact(Contact):
    """A donor with the sealed address of their own page of the gift."""

    link = Secret(allow_none=True, load_default=None)


class DonationSettled(Gift, Message):
    """A gift is ours: the provider confirmed the payment and the books hold it."""

    type = "donation.settled"
    topic = "amicale.giving"
    key = "donation_id"

    settled_at = fields.AwareDateTime(required=True)
    method = fields.String(metadata={"description": "card, sepa_debit, …"})
    contact = fields.Nested(DonorContact)


class DebitAnnounced(Gift, Message):
    """A donor signed for a SEPA debit: nothing is given yet, and they are to be told when it comes."""

    type = "debit.announced"
    topic = "amicale.giving"
    key = "donation_id"

    announced_at = fields.AwareDateTime(required=True)
    debit_on = fields.Date(
        required=True, metadata={"description": "the first day on which the bank may be debited"}
    )
    mandate_reference = fields.String(required=True)
    creditor_id = fields.String(required=True, metadata={"description": "SEPA creditor identifier"})
    last4 = fields.String(
        allow_none=True, load_default=None, metadata={"description": "last digits of the account"}
    )
    contact = fields.Nested(DonorContact)


class DonationFailed(Gift, Message):
    """A gift will not come: the payment was refused for good, or its page expired."""

    type = "donation.failed"
    topic = "amicale.giving"
    key = "donation_id"

    failed_at = fields.AwareDateTime(required=True)
    reason = fields.String(
        required=True, validate=validate.OneOf(["declined", "expired", "canceled", "error"])
    )
    contact = fields.Nested(Contact)


class DonationRefunded(Gift, Message):
    """Money of a gift went back to the donor; `refunded_minor` is the sum of all its refunds that stand."""

    type = "donation.refunded"
    topic = "amicale.giving"
    key = "donation_id"

    refund_id = fields.UUID(required=True)
    refund_minor = _minor()
    refunded_minor = _minor()
    refunded_at = fields.AwareDateTime(required=True)
    reason = fields.String(required=True)
    contact = fields.Nested(Contact)


class DonationRefundReturned(Gift, Message):
    """A refund came back to us: the donor's bank did not take it. `refunded_minor` is what still is."""

    type = "donation.refund_returned"
    topic = "amicale.giving"
    key = "donation_id"

    refund_id = fields.UUID(required=True)
    refund_minor = _minor()
    refunded_minor = _minor()
    returned_at = fields.AwareDateTime(required=True)
    contact = fields.Nested(Contact)


class DonationDisputed(Gift, Message):
    """The donor's bank took money of a gift back, or decided: won gives it again, lost keeps it.

    Said each time that `status` or the money changes; `disputed_minor` is what banks hold of the gift now.
    """

    type = "donation.disputed"
    topic = "amicale.giving"
    key = "donation_id"

    dispute_id = fields.UUID(required=True)
    status = fields.String(required=True, validate=validate.OneOf(["opened", "won", "lost"]))
    reason = fields.String(required=True, metadata={"description": "the bank’s: fraudulent, duplicate, …"})
    dispute_minor = _minor()
    disputed_minor = _minor()
    disputed_at = fields.AwareDateTime(required=True)


class TaxReceipt:
    """What every message about a French tax receipt says."""

    receipt_id = fields.UUID(required=True)
    number = fields.String(required=True, metadata={"description": "as it is printed: FUV-2026-000042"})
    party_id = fields.UUID(required=True)
    person_id = fields.UUID(allow_none=True)
    entity_name = fields.String(required=True, metadata={"description": "the legal entity that issued it"})
    article = fields.String(
        required=True, metadata={"description": "of the tax code: 200, 238bis or 978; later perhaps others"}
    )
    amount_minor = _minor()
    currency = fields.String(required=True)
    first_on = fields.Date(required=True)
    last_on = fields.Date(required=True, metadata={"description": "equals first_on for one gift"})
    donation_ids = fields.List(fields.UUID(), required=True)


class ReceiptIssued(TaxReceipt, Message):
    """A tax receipt was issued; `replaces` is the number of the voided one that it stands for."""

    type = "receipt.issued"
    topic = "amicale.giving"
    key = "receipt_id"

    issued_at = fields.AwareDateTime(required=True)
    replaces = fields.String(allow_none=True)
    contact = fields.Nested(DonorContact)


class ReceiptVoided(TaxReceipt, Message):
    """A tax receipt counts no more; it is kept, and shown as voided."""

    type = "receipt.voided"
    topic = "amicale.giving"
    key = "receipt_id"

    voided_at = fields.AwareDateTime(required=True)
    reason = fields.String(
        required=True,
        metadata={"description": "refund, dispute, counterpart or error; later perhaps others"},
    )
    replaced_by = fields.String(allow_none=True)
    contact = fields.Nested(DonorContact)


class DonorAttached(Message):
    """A guest's gifts belong to a person from now on: the card carries the same verified address."""

    type = "donor.attached"
    topic = "amicale.giving"
    key = "party_id"

    party_id = fields.UUID(required=True, metadata={"description": "the guest's own id"})
    person_id = fields.UUID(required=True)
    attached_at = fields.AwareDateTime(required=True)
