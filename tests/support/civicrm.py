"""The sandbox's CRM as a test of the connector sees it: its records, and another hand than ours."""

import json
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any
from uuid import UUID

import httpx

from tests.support.provider import CRM_KEY, Provider, provider

Row = dict[str, Any]
ANYWHERE = ["is_deleted", "IN", [0, 1]]


def call(url: str, key: str, entity: str, action: str, **params: Any) -> list[Row]:
    """One call of the API of a CRM."""
    answer = httpx.post(
        f"{url}/civicrm/ajax/api4/{entity}/{action}",
        data={"params": json.dumps(params)},
        headers={"X-Civi-Auth": f"Bearer {key}", "X-Requested-With": "XMLHttpRequest"},
    )
    rows: list[Row] = answer.raise_for_status().json()["values"]
    return rows


class Crm:
    """The CRM behind `url`; what is asked here is asked by its own people, while nothing misbehaves."""

    def __init__(self, sandbox: Provider) -> None:
        self.sandbox, self.url = sandbox, sandbox.url
        self.subscription_id: UUID | None = None

    def call(self, entity: str, action: str, **params: Any) -> list[Row]:
        """One call of its API."""
        return call(self.url, CRM_KEY, entity, action, **params)

    def contacts(self) -> list[Row]:
        """Everybody, the trash too."""
        return self.call("Contact", "get", select=["*", "email_primary.email"], where=[ANYWHERE])

    def contact(self, party_id: Any) -> Row:
        """The one contact of this id of ours."""
        [row] = [each for each in self.contacts() if each["external_identifier"] == str(party_id)]
        return row

    def contributions(self) -> list[Row]:
        """Every one, with its status by name."""
        return self.call("Contribution", "get", select=["*", "contribution_status_id:name"])

    def events(self) -> list[Row]:
        """Every one, with our id."""
        return self.call("Event", "get", select=["*", "custom.*"])

    def participants(self) -> list[Row]:
        """Every one, with our id and its status by name."""
        return self.call("Participant", "get", select=["*", "custom.*", "status_id:name"])

    def change(self, party_id: Any, **values: Any) -> None:
        """By hand, over there."""
        where = [["external_identifier", "=", str(party_id)], ANYWHERE]
        self.call("Contact", "update", where=where, values=values)

    def empty(self) -> None:
        """As on the first day."""
        self.sandbox.behave()
        for entity in ("Participant", "Event", "Contribution", "Contact"):
            where = [ANYWHERE] if entity == "Contact" else [["id", ">", 0]]
            options = {"useTrash": False} if entity == "Contact" else {}
            self.call(entity, "delete", where=where, **options)


@contextmanager
def civicrm(folder: Path) -> Iterator[Crm]:
    """The CRM, running."""
    with provider(folder) as running:
        yield Crm(running)
