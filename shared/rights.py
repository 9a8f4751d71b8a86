"""What staff may do: the only list of rights. Routes name a right, never a role."""

# receipts.issue and audit.read await their features: no route names them yet.
RIGHTS = frozenset(
    {
        "events.read",
        "events.manage",
        "giving.read",
        "giving.manage",
        "giving.refund",
        "receipts.issue",
        "people.read",
        "people.manage",
        "people.import",
        "people.export",
        "mailings.read",
        "mailings.send",
        "integrations.manage",
        "system.read",
        "system.manage",
        "rights.manage",
        "audit.read",
    }
)

LIVE = frozenset(
    {
        "events.manage",
        "giving.refund",
        "receipts.issue",
        "people.manage",
        "people.import",
        "people.export",
        "mailings.send",
        "integrations.manage",
        "system.manage",
        "rights.manage",
    }
)
"""Rights whose loss bites at once: each use asks the directory, and without an answer is refused."""

POLICIES = frozenset({"anyone", "signed_in", "link", "provider", "internal"})
"""Doors that ask for no right.

`link`: the handler checks a signed link. `provider`: the handler checks the payment provider's signature.
`internal`: only callers inside the installation, never through the gateway.
"""


class UnknownPolicy(Exception):
    """A route names a policy that is neither a right nor one of POLICIES; the import fails."""


def check_policy(allow: str) -> str:
    """`allow` itself, or UnknownPolicy."""
    if allow not in POLICIES and allow not in RIGHTS:
        raise UnknownPolicy(f"{allow!r} is no right of shared.rights and none of {sorted(POLICIES)}")
    return allow
