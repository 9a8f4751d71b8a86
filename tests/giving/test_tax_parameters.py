"""What the law sets: dated, with a source, and looked at again in time."""

from datetime import date, timedelta

import pytest

from services.giving import tax_parameters
from services.giving.models import Transaction
from shared.clock import now, today
from tests.giving import receipt_world
from tests.support.tokens import bearer

pytestmark = pytest.mark.usefixtures("giving")
WHERE = "/api/v1/giving/tax-parameters"
CEILING = "counterpart_ceiling_minor"


@pytest.fixture
def client(app):
    receipt_world.law()
    client = app.test_client()
    client.environ_base["HTTP_AUTHORIZATION"] = bearer(rights=("giving.read", "giving.manage"))[
        "Authorization"
    ]
    return client


def named(client, name=CEILING):
    return [each for each in client.get(WHERE).json["items"] if each["name"] == name]


def test_a_value_past_its_review_warns_until_somebody_confirms_it(client):
    [ceiling] = named(client)
    assert ceiling["is_due"] and ceiling["value"] == 7300

    confirmed = client.post(f"{WHERE}/reviews", json={"name": CEILING, "from_on": ceiling["from_on"]})

    assert confirmed.status_code == 201 and not named(client)[0]["is_due"]


def test_the_next_value_holds_from_its_day_on(client):
    tomorrow = today(now()) + timedelta(days=1)
    wish = {
        "name": CEILING,
        "from_on": tomorrow.isoformat(),
        "value": 8100,
        "source": "Décret n° 2026-1",
        "review_on": date(2031, 1, 1).isoformat(),
    }
    assert client.post(WHERE, json=wish).status_code == 201
    assert client.post(WHERE, json=wish).status_code == 409

    with Transaction() as session:
        assert tax_parameters.on_day(session, on=today(now()))[CEILING] == 7300
        assert tax_parameters.on_day(session, on=tomorrow)[CEILING] == 8100
    assert [each["is_due"] for each in named(client)] == [False, False]


@pytest.mark.parametrize(
    ("changed", "status"),
    [
        ({"value": -1}, 422),
        ({"value": 1.5}, 422),
        ({"name": "weather"}, 404),
        ({"review_on": "2020-01-01"}, 422),
        ({"source": ""}, 422),
    ],
)
def test_a_value_that_cannot_be_is_refused(client, changed, status):
    wish = {"name": CEILING, "from_on": "2027-01-01", "value": 1, "source": "x", "review_on": "2031-01-01"}

    assert client.post(WHERE, json=wish | changed).status_code == status


def test_a_review_is_in_the_future(client):
    wish = {"name": CEILING, "from_on": "2021-01-01", "review_on": today(now()).isoformat()}

    assert client.post(f"{WHERE}/reviews", json=wish).status_code == 422


def test_nothing_is_decided_without_a_value():
    with pytest.raises(tax_parameters.ParameterMissing):
        tax_parameters.value({}, CEILING)
