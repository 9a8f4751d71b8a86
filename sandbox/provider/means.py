"""Test means of payment: cards and bank accounts, what their banks answer, and those that customers keep."""

import sqlite3
from dataclasses import dataclass
from typing import Any, Literal

from sandbox.provider import objects
from sandbox.provider.accounts import Merchant
from sandbox.provider.events import tell
from sandbox.provider.objects import Object

Fate = Literal["taken", "refused", "returned"]


@dataclass(frozen=True)
class Card:
    """`decline` is the bank's reason to refuse, `later` its reason from the second payment on; `asks` whether
    it wants to see who pays."""

    number: str
    brand: str
    decline: str | None = None
    later: str | None = None
    asks: bool = False

    @property
    def details(self) -> dict[str, Any]:
        """As the API tells of it."""
        return {"type": "card", "card": {"brand": self.brand, "last4": self.number[-4:]}}


@dataclass(frozen=True)
class BankAccount:
    """Its bank pays, refuses, or pays and takes the money back some days later."""

    iban: str
    fate: Fate

    @property
    def details(self) -> dict[str, Any]:
        """As the API tells of it."""
        plain = self.iban.replace(" ", "")
        known = {"bank_code": plain[4:9], "branch_code": plain[9:14], "country": plain[:2]}
        return {"type": "sepa_debit", "sepa_debit": known | {"last4": plain[-4:]}}


CARDS = {
    "visa": Card("4242 4242 4242 4242", "visa"),
    "mastercard": Card("5555 5555 5555 4444", "mastercard"),
    "secure": Card("4000 0000 0000 3220", "visa", asks=True),
    "expiring": Card("4000 0000 0000 0341", "visa", later="expired_card"),
    "insufficient": Card("4000 0000 0000 9995", "visa", "insufficient_funds"),
    "declined": Card("4000 0000 0000 0002", "visa", "generic_decline"),
}
ACCOUNTS = {
    "taken": BankAccount("FR14 2004 1010 0505 0001 3M02 606", "taken"),
    "refused": BankAccount("FR84 2004 1010 0505 0001 3M02 607", "refused"),
    "returned": BankAccount("FR57 2004 1010 0505 0001 3M02 608", "returned"),
}


def attach(db: sqlite3.Connection, merchant: Merchant, customer: str, name: str, *, at: float) -> Object:
    """A means that a customer keeps, to be charged while they are away."""
    details = (CARDS[name] if name in CARDS else ACCOUNTS[name]).details
    method = {
        "id": objects.new_id("pm"),
        "object": "payment_method",
        "created": int(at),
        "customer": customer,
        "livemode": False,
        "metadata": {},
        **details,
    }
    objects.keep(db, merchant.account, method | {"sandbox": {"name": name}})
    tell(db, merchant, "payment_method.attached", method, at=at)
    return method
