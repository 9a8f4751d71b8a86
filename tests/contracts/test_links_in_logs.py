"""Links open what they lead to without a password: none stands in the gateway's log, whatever takes it."""

from pathlib import Path
from typing import Any

import httpx
import pytest
from flask import Flask

from tests.deploy.test_gateway import LINK, SECRET, gateway, logged_after


@pytest.fixture
def link_paths(applications: dict[str, Flask]) -> list[str]:
    """Every address of the OpenAPI documents that `allow="link"` guards, with a link in it."""
    documents: list[dict[str, Any]] = [
        app.test_client().get(f"/api/v1/{name}/openapi.json").get_json() for name, app in applications.items()
    ]
    return [
        path.replace("{token}", LINK)
        for document in documents
        for path, methods in document["paths"].items()
        if any(isinstance(each, dict) and each.get("x-allow") == "link" for each in methods.values())
    ]


def test_no_address_that_takes_a_link_is_logged_with_it(link_paths: list[str], tmp_path: Path) -> None:
    assert len(link_paths) >= 6 and all(LINK in path for path in link_paths)

    with gateway(tmp_path) as running:
        for path in link_paths:
            httpx.get(running.url + path)
        uris = logged_after(running, "/seen")

    assert len(uris) == len(link_paths) + 1
    assert [uri for uri in uris if SECRET in uri or "c0de" in uri] == []
