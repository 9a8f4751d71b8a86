"""Eligibility: whether a gift may be on a tax receipt, as a function of facts, with every reason why not.

No database, no clock: what is decided is decided by `reasons` and by nothing else. The law is gathered in
the code général des impôts, art. 200, 238 bis and 978, and BOI-IR-RICI-250.
"""

from dataclasses import dataclass, field
from datetime import date
from typing import Any
from uuid import UUID

from services.giving.models.receipts import COMPANIES, INCOME_TAX, WEALTH_TAX

OFFICE, DONOR, TIME, NEVER = "office", "donor", "time", "never"
REASONS = {
    "settings_incomplete": OFFICE,
    "no_date_rule": OFFICE,
    "not_entitled": NEVER,
    "currency": NEVER,
    "address_missing": DONOR,
    "not_taxed_in_france": NEVER,
    "not_yet_received": TIME,
    "yearly": TIME,
    "counterparts_over_share": NEVER,
    "counterparts_over_ceiling": NEVER,
    "refunded": NEVER,
    "disputed": NEVER,
    "erased": NEVER,
    "on_a_receipt": NEVER,
}
"""Every reason, and who or what can take it away: the office, the donor, time, or nothing by itself."""
OVERRIDDEN = frozenset({"yearly", "not_taxed_in_france"})
"""What staff may pass over when they issue on demand: a yearly receipt before January, and a donor abroad
who is taxed in France on most of their income."""


@dataclass(frozen=True)
class Rules:
    """What the law sets on the day of a gift: hundredths of a percent and minor units."""

    counterpart_share: int
    counterpart_ceiling_minor: int
    company_counterpart_share: int


@dataclass(frozen=True)
class Facts:
    """What is known of one gift. `counterparts_of_year_minor` counts its donor's up to it that year."""

    donation_id: UUID
    entity_id: UUID
    party_id: UUID
    amount_minor: int
    currency: str
    means: str
    locale: str
    to: dict[str, Any] | None
    entity_missing: tuple[str, ...] = ()
    entitled: frozenset[str] = frozenset()
    has_date_rule: bool = True
    received_on: date | None = None
    refunded_minor: int = 0
    disputed: bool = False
    erased: bool = False
    for_wealth_tax: bool = False
    rhythm: str = "each"
    country: str | None = None
    counterparts_minor: int = 0
    counterparts_of_year_minor: int = 0
    receipt_id: UUID | None = None
    frozen: dict[str, Any] = field(default_factory=dict)
    """What the receipt says of entity and fund, as they are now."""

    @property
    def is_company(self) -> bool:
        """Whether a company gave."""
        return bool(self.to and self.to.get("legal_name"))

    @property
    def article(self) -> str:
        """The article of the tax code that the receipt is for."""
        if self.is_company:
            return COMPANIES
        return WEALTH_TAX if self.for_wealth_tax else INCOME_TAX

    @property
    def kept_minor(self) -> int:
        """What was given and did not go back."""
        return self.amount_minor - self.refunded_minor


def reasons(gift: Facts, rules: Rules, *, today: date) -> tuple[str, ...]:
    """Why `gift` cannot be on a receipt today; empty when it can. All reasons, not the first."""
    held = {
        "settings_incomplete": bool(gift.entity_missing) and bool(gift.entitled),
        "no_date_rule": not gift.has_date_rule and bool(gift.entitled),
        "not_entitled": gift.article not in gift.entitled,
        "currency": gift.currency != "EUR",
        "address_missing": not _has_address(gift.to),
        "not_taxed_in_france": not gift.is_company and gift.country not in {None, "FR"},
        "not_yet_received": gift.has_date_rule and (gift.received_on is None or gift.received_on > today),
        "yearly": gift.rhythm == "yearly" and not gift.for_wealth_tax and not gift.is_company,
        "counterparts_over_share": gift.counterparts_minor * 10_000 > _share(gift, rules) * gift.kept_minor,
        "counterparts_over_ceiling": not gift.is_company
        and gift.counterparts_minor > 0
        and gift.counterparts_of_year_minor > rules.counterpart_ceiling_minor,
        "refunded": gift.kept_minor <= 0,
        "disputed": gift.disputed,
        "erased": gift.erased,
        "on_a_receipt": gift.receipt_id is not None,
    }
    return tuple(name for name in REASONS if held[name])


def _share(gift: Facts, rules: Rules) -> int:
    return rules.company_counterpart_share if gift.is_company else rules.counterpart_share


def _has_address(to: dict[str, Any] | None) -> bool:
    """Names and a postal address; a company's SIREN as well."""
    if not to or not (to.get("address") or {}).get("city"):
        return False
    if to.get("legal_name"):
        return bool(to.get("siren"))
    return bool(to.get("family_name"))


def blocking(found: tuple[str, ...]) -> tuple[str, ...]:
    """What is left of the reasons when staff issue on demand."""
    return tuple(each for each in found if each not in OVERRIDDEN)
