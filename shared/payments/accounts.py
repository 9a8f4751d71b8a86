"""Provider accounts: one per legal entity of a service, told by PROVIDER_ACCOUNTS_FILE."""

import json
import re
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

NAME = re.compile(r"[a-z0-9][a-z0-9_-]{0,62}")
KNOWN = {"account", "entity", "api_key", "webhook_secrets", "api_base"}


class AccountsInvalid(SystemExit):
    """The file of provider accounts cannot be used."""


@dataclass(frozen=True, kw_only=True)
class Account:
    """One account at the provider; its money belongs to one legal entity, and it is never shared.

    `account` is our own name for it and stands in the URL of its webhook; two `webhook_secrets`
    are given while one replaces the other; `api_base` is set when the provider is a sandbox.
    """

    account: str
    entity: str
    api_key: str = field(repr=False)
    webhook_secrets: tuple[str, ...] = field(repr=False)
    api_base: str | None = None

    @property
    def is_live(self) -> bool:
        """Whether this account moves real money."""
        return "_live_" in self.api_key


def load(path: str | Path, *, demo: bool = False) -> dict[str, Account]:
    """The accounts of a file, by name.

    A demo never touches real money: it refuses live keys. Outside a demo the provider is reached
    over https only. Whatever is wrong ends the process at its start, in one sentence.
    """
    try:
        listed = json.loads(Path(path).read_text(encoding="utf-8"))
    except (OSError, ValueError) as error:
        raise AccountsInvalid(f"PROVIDER_ACCOUNTS_FILE cannot be read ({type(error).__name__}).") from None
    if not isinstance(listed, list) or not all(isinstance(each, dict) for each in listed):
        raise AccountsInvalid("PROVIDER_ACCOUNTS_FILE must hold a JSON list of accounts.")
    accounts: dict[str, Account] = {}
    for entry in listed:
        account = checked(entry, demo=demo)
        if account.account in accounts:
            raise AccountsInvalid(f"Provider account {account.account} is given twice.")
        accounts[account.account] = account
    return accounts


def checked(entry: Mapping[str, Any], *, demo: bool) -> Account:
    name = entry.get("account")
    if not isinstance(name, str) or not NAME.fullmatch(name):
        raise AccountsInvalid("A provider account needs a name of lower-case letters, digits and dashes.")

    def refuse(why: str) -> AccountsInvalid:
        return AccountsInvalid(f"Provider account {name}: {why}.")

    if unknown := sorted(set(entry) - KNOWN):
        raise refuse(f"{', '.join(unknown)} is not a known field")
    for each in ("entity", "api_key"):
        if not isinstance(entry.get(each), str) or not entry[each].strip():
            raise refuse(f"{each} is missing")
    secrets = entry.get("webhook_secrets")
    if not isinstance(secrets, list) or not secrets or not all(isinstance(s, str) and s for s in secrets):
        raise refuse("webhook_secrets must be a list with at least one secret")
    base = entry.get("api_base")
    if base is not None and (not isinstance(base, str) or not base.startswith(("http://", "https://"))):
        raise refuse("api_base must be a URL")
    account = Account(
        account=name,
        entity=entry["entity"],
        api_key=entry["api_key"].strip(),
        webhook_secrets=tuple(secrets),
        api_base=base.rstrip("/") if base else None,
    )
    if demo and account.is_live:
        raise refuse("a demo refuses a live key")
    if not demo and base and not base.startswith("https://"):
        raise refuse("outside a demo, api_base must be https")
    return account
