"""What giving's processes are told from outside, and which provider account receives for which entity."""

from dataclasses import dataclass, field
from functools import cached_property

from shared.errors import NotFound, Unavailable
from shared.payments import accounts
from shared.payments.accounts import Account
from shared.settings import Held, Settings


class AccountUnknown(NotFound):
    """There is no such account at the payment provider."""


class EntityWithoutAccount(Unavailable):
    """The body that receives this gift cannot take payments at the moment."""


@dataclass(frozen=True, kw_only=True)
class GivingSettings(Settings):
    """Giving also needs its accounts at the provider, and the key that seals its messages."""

    provider_accounts_file: str
    message_key: str = field(repr=False)

    def __post_init__(self) -> None:
        """An accounts file that cannot be read ends the process at its start."""
        assert self.accounts is not None

    @cached_property
    def accounts(self) -> dict[str, Account]:
        """Provider accounts by their name."""
        return accounts.load(self.provider_accounts_file, demo=self.demo)

    def account(self, name: str) -> Account:
        """The account of that name, or AccountUnknown."""
        if name not in self.accounts:
            raise AccountUnknown
        return self.accounts[name]

    def account_of(self, entity_slug: str) -> Account:
        """The account that receives for an entity, or EntityWithoutAccount."""
        for account in self.accounts.values():
            if account.entity == entity_slug:
                return account
        raise EntityWithoutAccount


load, use, current = Held(GivingSettings, "giving").doors()
