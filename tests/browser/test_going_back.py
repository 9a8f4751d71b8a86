"""The browser's back button: what was typed is there, nothing is sent again, and no gift is doubled."""

import re

import pytest
from playwright.sync_api import expect

from tests.browser.conftest import Look
from tests.browser.test_portal_behaviour import GUEST, PAGE, button, fill, plain, wishes

pytestmark = pytest.mark.browser

PHONE = Look(360, "light", "fr")
with_and_without_scripts = pytest.mark.parametrize("scripts", [True, False], ids=["scripts", "plain"])


def go_back(page):
    """Press the browser's button; what cannot be shown again is an error here."""
    page.go_back()
    assert not page.url.startswith("chrome-error"), "the browser asks to send the form again"


@with_and_without_scripts
def test_after_an_error_and_the_payment_page_the_form_is_as_it_was_and_works(site, visit, scripts):
    page = visit(site.url, PHONE, java_script_enabled=scripts).open(PAGE).page
    fill(page)
    page.fill("#other", "45")
    page.fill("#email", "zoe@")
    page.click("[data-once]")
    page.wait_for_selector("#what-is-wrong")
    assert page.input_value("#given_name") == GUEST["given_name"]
    page.fill("#email", GUEST["email"])
    page.click("[data-once]")
    page.wait_for_url("**/sandbox/pay/**")

    go_back(page)
    assert page.input_value("#other") == "45"
    assert page.input_value("#given_name") == GUEST["given_name"]
    assert page.input_value("#email") == GUEST["email"]
    page.click("[data-once]")
    page.wait_for_url("**/sandbox/pay/**")

    assert len(site.world.donations) == 1


@with_and_without_scripts
def test_from_a_page_with_errors_one_goes_back_and_on_again(site, visit, scripts):
    page = visit(site.url, PHONE, java_script_enabled=scripts).open(PAGE).page
    fill(page)
    page.fill("#email", "zoe@")
    page.click("[data-once]")
    page.wait_for_selector("#what-is-wrong")
    page.reload()
    expect(page.locator("#what-is-wrong")).to_be_visible()

    go_back(page)
    assert page.input_value("#given_name") == GUEST["given_name"]
    page.go_forward()

    expect(page.locator("#what-is-wrong")).to_be_visible()
    assert not wishes(site)


def test_back_from_the_payment_page_it_is_said_that_nothing_is_paid_and_one_goes_on(site, visit):
    guest = visit(site.url, PHONE).open(PAGE)
    page = guest.page
    fill(page)
    page.fill("#other", "45")
    page.click("[data-once]")
    page.wait_for_url("**/sandbox/pay/**")
    paying = page.url

    go_back(page)
    expect(page.locator("#kept")).to_be_in_viewport()
    expect(page.locator("#kept")).to_contain_text("aucun paiement ne nous est encore parvenu")
    assert button(page) == "Donner 45 €"
    guest.check("back from the payment page")
    page.click("#kept button")
    page.wait_for_url("**/sandbox/pay/**")

    assert page.url == paying
    assert len(site.world.donations) == 1


def test_back_while_a_payment_may_be_on_its_way_its_arrival_is_said_by_itself(site, visit):
    page = visit(site.url, PHONE).open(PAGE).page
    fill(page)
    page.click("[data-once]")
    page.wait_for_url("**/sandbox/pay/**")
    go_back(page)
    expect(page.locator("#kept")).to_contain_text("Si vous venez de payer, ne recommencez pas")

    next(iter(site.world.donations.values()))["status"] = "settled"

    expect(page.locator("#kept")).to_contain_text("encaissé", timeout=9_000)
    expect(page.locator("#kept")).not_to_contain_text("Si vous venez de payer")


def test_back_once_the_gift_is_received_it_is_said_so(site, visit):
    page = visit(site.url, PHONE).open(PAGE).page
    fill(page)
    page.click("[data-once]")
    page.wait_for_url("**/sandbox/pay/**")
    next(iter(site.world.donations.values()))["status"] = "settled"

    go_back(page)

    expect(page.locator("#kept")).to_contain_text("encaissé")
    assert page.locator("#kept form").count() == 0


@with_and_without_scripts
def test_asking_for_a_link_goes_back_and_on_without_asking_twice(site, visit, scripts):
    page = visit(site.url, PHONE, java_script_enabled=scripts).open("/sign-in").page
    page.fill("#email", "claire@")
    page.press("#email", "Enter")
    page.wait_for_selector("#what-is-wrong")
    page.fill("#email", "claire@example.org")
    page.press("#email", "Enter")
    page.wait_for_url("**/sign-in/sent*")

    go_back(page)
    assert page.input_value("#email") == "claire@example.org"
    page.go_forward()

    expect(page.locator("main h1")).to_have_text("Regardez vos courriels")
    assert len(site.world.links_sent) == 1


def test_the_page_of_the_code_is_left_and_found_without_sending_a_password_again(site, visit):
    page = visit(site.url, PHONE).open("/sign-in").page
    page.click("text=J’ai un mot de passe")
    page.fill("#email", "staff@example.org")
    page.fill("#password", "right horse")
    page.press("#password", "Enter")
    page.wait_for_selector("#totp")
    asked = len(site.world.asked)
    page.goto(site.url + "/legal")

    go_back(page)

    assert re.search(r"/sign-in(\?by=password)?$", page.url)
    assert not [each for each in site.world.asked[asked:] if each[1].endswith("/sessions")]
    assert plain(page.inner_text("main h1")) in {"Encore une étape", "Se connecter"}
