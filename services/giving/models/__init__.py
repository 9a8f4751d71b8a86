"""Giving's tables and their rules: no Flask, no I/O, one file per noun."""

from services.giving.models.base import Base, Transaction, database
from services.giving.models.campaigns import Campaign, CampaignDonor, CampaignTotal
from services.giving.models.checkouts import Checkout
from services.giving.models.closings import Closing
from services.giving.models.counterparts import Counterpart
from services.giving.models.debits import Debit
from services.giving.models.disputes import Dispute
from services.giving.models.donations import Donation
from services.giving.models.donors import Donor
from services.giving.models.entities import Entity
from services.giving.models.findings import Finding, Reconciliation
from services.giving.models.funds import Fund
from services.giving.models.ledger import LedgerEntry, LedgerNumber, LedgerTransaction
from services.giving.models.ledger_accounts import LedgerAccount
from services.giving.models.payouts import Payout
from services.giving.models.pictures import CampaignPicture
from services.giving.models.provider_events import ProviderEvent
from services.giving.models.receipts import (
    Receipt,
    ReceiptAddressee,
    ReceiptBatch,
    ReceiptCase,
    ReceiptChainLink,
    ReceiptLine,
    ReceiptSeries,
    ReceiptVoid,
)
from services.giving.models.refunds import Refund
from services.giving.models.settlements import Settlement
from services.giving.models.surpluses import Surplus
from services.giving.models.tax_parameters import TaxParameter
from services.giving.models.tax_rates import TaxRate

__all__ = [
    "Base",
    "Campaign",
    "CampaignDonor",
    "CampaignPicture",
    "CampaignTotal",
    "Checkout",
    "Closing",
    "Counterpart",
    "Debit",
    "Dispute",
    "Donation",
    "Donor",
    "Entity",
    "Finding",
    "Fund",
    "LedgerAccount",
    "LedgerEntry",
    "LedgerNumber",
    "LedgerTransaction",
    "Payout",
    "ProviderEvent",
    "Receipt",
    "ReceiptAddressee",
    "ReceiptBatch",
    "ReceiptCase",
    "ReceiptChainLink",
    "ReceiptLine",
    "ReceiptSeries",
    "ReceiptVoid",
    "Reconciliation",
    "Refund",
    "Settlement",
    "Surplus",
    "TaxParameter",
    "TaxRate",
    "Transaction",
    "database",
]
