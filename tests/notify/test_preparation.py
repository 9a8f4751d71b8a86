"""What a CRM is asked before its connection is saved."""

import pytest

from services.notify.connectors import Target
from services.notify.connectors.civicrm import preparation
from services.notify.deliveries import LOOPBACK
from tests.support.provider import CRM_KEY


def test_a_crm_that_has_everything_is_taken(running):
    preparation.prepare(Target(running.url, CRM_KEY, LOOPBACK))


def test_a_key_that_is_refused_is_said(running):
    with pytest.raises(preparation.CrmKeyRefused):
        preparation.prepare(Target(running.url, "another key", LOOPBACK))


@pytest.mark.parametrize("url", ["http://127.0.0.1:9", "{crm}/sandbox"])
def test_what_does_not_answer_as_a_crm_is_said(running, url):
    with pytest.raises(preparation.CrmNotReached):
        preparation.prepare(Target(url.format(crm=running.url), CRM_KEY, LOOPBACK))


@pytest.mark.parametrize(
    ("name", "value", "missing"),
    [
        ("FINANCIAL_TYPE", "Nope", preparation.CrmFinancialTypeMissing),
        ("CUSTOM_FIELDS", {"Amicale_event.nope": "Event"}, preparation.CrmCustomFieldMissing),
        ("CUSTOM_FIELDS", {"Amicale_event.event_id": "Contact"}, preparation.CrmCustomFieldMissing),
        ("STATUSES", ("Completed", "Nope"), preparation.CrmStatusMissing),
    ],
)
def test_what_is_missing_over_there_is_named(running, monkeypatch, name, value, missing):
    monkeypatch.setattr(preparation, name, value)

    with pytest.raises(missing):
        preparation.prepare(Target(running.url, CRM_KEY, LOOPBACK))
