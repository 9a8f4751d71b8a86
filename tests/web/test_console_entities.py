"""The page of an entity's money: what one person may refund alone, and debits."""

import pytest

from tests.web.fake_books import ENTITY
from tests.web.samples import PERSON

PAGE = f"/console/entities/{ENTITY}"


@pytest.fixture
def officer(world, browser):
    return browser.hold(world.sign_in(PERSON, ["giving.read", "giving.manage"]))


@pytest.mark.parametrize(
    ("typed", "kept"),
    [
        (
            {"refund_alone": "1 200,50", "creditor_id": "FR72ZZZ123456"},
            {"refund_alone_minor": 120_050, "creditor_id": "FR72ZZZ123456"},
        ),
        ({"refund_alone": "", "creditor_id": ""}, {"refund_alone_minor": None, "creditor_id": None}),
        ({"refund_alone": "0", "creditor_id": ""}, {"refund_alone_minor": 0, "creditor_id": None}),
    ],
)
def test_staff_set_the_limit_and_the_identifier(officer, world, typed, kept):
    assert officer.post(PAGE, typed).status_code == 303

    assert world.entity == kept


@pytest.mark.parametrize(
    ("typed", "field"),
    [
        ({"refund_alone": "beaucoup", "creditor_id": ""}, "refund_alone"),
        ({"refund_alone": "500", "creditor_id": "FR73ZZZ123456"}, "creditor_id"),
    ],
)
def test_what_cannot_be_is_said_beside_its_field_and_nothing_is_lost(officer, world, typed, field):
    answer = officer.post(PAGE, typed)

    assert answer.status_code == 422
    assert f'id="{field}-wrong"' in answer.text and f'value="{typed[field]}"' in answer.text
    assert world.entity == {}


def test_who_may_only_read_sees_it_as_it_stands_and_changes_nothing(browser, world):
    reader = browser.hold(world.sign_in(PERSON, ["giving.read"]))

    page = reader.get(PAGE).text

    assert 'value="500"' in page and "Enregistrer" not in page
    assert reader.post(PAGE, {"refund_alone": "1", "creditor_id": ""}).status_code == 403
    assert reader.get("/console/entities/nobody").status_code == 404
