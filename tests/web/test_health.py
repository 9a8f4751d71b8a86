"""Readiness: one word for everyone, true only when every part is ready."""

import pytest


def test_ready_when_every_part_is(browser):
    answer = browser.get("/readyz")

    assert (answer.status_code, answer.text) == (200, "ready")


def test_not_ready_as_soon_as_one_part_is_not_and_without_saying_which(browser, app):
    app.extensions["services"]["notify"].base_url = "http://127.0.0.1:1"

    answer = browser.get("/readyz")

    assert (answer.status_code, answer.text) == (503, "not ready")


def test_the_process_that_streams_counts_too(browser, app, services):
    import dataclasses

    app.extensions["settings"] = dataclasses.replace(
        app.extensions["settings"], live_url="http://127.0.0.1:1"
    )
    assert browser.get("/readyz").status_code == 503

    app.extensions["settings"] = dataclasses.replace(app.extensions["settings"], live_url=services)
    app.extensions.pop("readiness")
    assert browser.get("/readyz").status_code == 200


@pytest.mark.parametrize("times", [20])
def test_asking_often_does_not_ask_the_parts_often(browser, world, times):
    for _ in range(times):
        browser.get("/readyz")

    assert sum(path == "/readyz" for _, path, _, _ in world.asked) <= 6


def test_alive(browser):
    assert browser.get("/healthz").text == "alive"
