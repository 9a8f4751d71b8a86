"""The CRM's API v4: what it keeps, what it refuses, and how it misbehaves."""

import json

import httpx
import pytest

from tests.support.provider import CRM_KEY as KEY
from tests.support.provider import provider


@pytest.fixture(scope="module")
def running(tmp_path_factory):
    with provider(tmp_path_factory.mktemp("crm")) as running:
        yield running


@pytest.fixture
def crm(running):
    running.behave()

    def call(entity, action, *, key=KEY, timeout=10, **params):
        return httpx.post(
            f"{running.url}/civicrm/ajax/api4/{entity}/{action}",
            data={"params": json.dumps(params)},
            headers={"X-Civi-Auth": f"Bearer {key}", "X-Requested-With": "XMLHttpRequest"},
            timeout=timeout,
        )

    return call


@pytest.fixture
def zoe(crm):
    for each in crm("Contact", "get", where=[["is_deleted", "IN", [0, 1]]]).json()["values"]:
        crm("Contact", "delete", where=[["id", "=", each["id"]]], useTrash=False)
    values = {"first_name": "Zoé", "last_name": "Roy", "external_identifier": "p1"}
    made = crm("Contact", "create", values={**values, "email_primary.email": "zoe@example.org"})
    return made.json()["values"][0]["id"]


def message(answer):
    return answer.status_code, answer.json()["error_message"]


def test_a_wrong_key_is_a_401_in_plain_words(crm):
    answer = crm("Contact", "get", key="wrong")

    assert (answer.status_code, answer.text) == (401, "HTTP 401 Invalid credential")


def test_a_contact_is_found_by_our_id_with_its_primary_address(crm, zoe):
    found = crm(
        "Contact", "get",
        select=["display_name", "email_primary.email", "no_such_field"],
        where=[["external_identifier", "=", "P1"]],
    )  # fmt: skip

    values = [{"id": zoe, "display_name": "Zoé Roy", "email_primary.email": "zoe@example.org"}]
    assert (found.json()["values"], found.json()["count"]) == (values, 1)


def test_the_unique_key_of_our_id_counts_the_trash_that_get_does_not_show(crm, zoe):
    crm("Contact", "delete", where=[["id", "=", zoe]])

    hidden = crm("Contact", "get", where=[["external_identifier", "=", "p1"]])
    by_id = crm("Contact", "get", where=[["id", "=", zoe]])
    twin = crm("Contact", "create", values={"first_name": "Zoé", "external_identifier": "p1"})

    assert (hidden.json()["values"], by_id.json()["values"][0]["is_deleted"]) == ([], True)
    assert message(twin) == (500, "DB Error: already exists")


def test_save_updates_the_one_that_matches_and_creates_otherwise(crm, zoe):
    wish = {"records": [{"external_identifier": "p1", "last_name": "Roi"}], "match": ["external_identifier"]}

    once, again = crm("Contact", "save", **wish), crm("Contact", "save", **wish)

    assert [each.json()["values"][0]["id"] for each in (once, again)] == [zoe, zoe]


MISSING = "Mandatory values missing from Api4 Contribution::create"
GIFT = {"financial_type_id:name": "Donation", "total_amount": 20, "invoice_id": "g1"}


def test_a_gift_is_kept_once_by_its_invoice_id(crm, zoe):
    first = crm("Contribution", "create", values={**GIFT, "contact_id": zoe})
    second = crm("Contribution", "create", values={**GIFT, "contact_id": zoe})
    found = crm(
        "Contribution", "get",
        select=["total_amount", "contribution_status_id:name", "contact_id.external_identifier"],
        where=[["contribution_status_id:name", "=", "Completed"], ["invoice_id", "=", "g1"]],
    )  # fmt: skip

    id = first.json()["values"][0]["id"]
    assert message(second)[1].endswith(f"[id: {id}, invoice_id: g1]")
    assert found.json()["values"] == [
        {
            "id": id,
            "total_amount": 20.0,
            "contribution_status_id:name": "Completed",
            "contact_id.external_identifier": "p1",
        }
    ]


@pytest.mark.parametrize(
    ("changed", "refusal"),
    [
        ({"financial_type_id:name": "Nope"}, f"{MISSING}: financial_type_id"),
        ({"contact_id": 999_999}, "DB Error: constraint violation"),
    ],
)  # fmt: skip
def test_what_a_contribution_lacks_is_refused(crm, zoe, changed, refusal):
    assert message(crm("Contribution", "create", values={**GIFT, "contact_id": zoe, **changed})) == (
        500,
        refusal,
    )


def test_one_person_may_be_registered_twice(crm, zoe):
    event = {"title": "Bal", "event_type_id:name": "Meeting", "start_date": "2027-01-05 19:00:00"}
    event_id = crm("Event", "create", values=event).json()["values"][0]["id"]
    for number in ("r1", "r2"):
        values = {"contact_id": zoe, "event_id": event_id, "Amicale_registration.registration_id": number}
        assert crm("Participant", "create", values=values).status_code == 200

    found = crm(
        "Participant", "get", select=["Amicale_registration.*", "event_id.title"],
        where=[["OR", [["Amicale_registration.registration_id", "=", "r2"], ["source", "=", "none"]]]],
    ).json()["values"]  # fmt: skip

    assert [(f["Amicale_registration.registration_id"], f["event_id.title"]) for f in found] == [
        ("r2", "Bal")
    ]


def test_a_second_primary_address_takes_the_place_of_the_first(crm, zoe):
    crm("Email", "create", values={"contact_id": zoe, "email": "roy@example.org", "is_primary": True})

    found = crm("Email", "get", where=[["contact_id", "=", zoe]], orderBy={"id": "ASC"}).json()["values"]

    assert [each["is_primary"] for each in found] == [False, True]


def test_an_unknown_field_is_refused_in_where_and_ignored_in_values(crm, zoe):
    asked = crm("Contact", "get", where=[["no_such_field", "=", 1]])
    told = crm("Contact", "update", values={"no_such_field": 1}, where=[["id", "=", zoe]])

    assert message(asked) == (500, "Invalid field 'no_such_field'")
    assert told.status_code == 200


def test_a_refusal_may_say_nothing_at_all(running, crm):
    running.switch(crm_errors_hidden=True)

    assert message(crm("Contact", "create", values={}))[1].startswith("Sorry an error occurred")


@pytest.mark.parametrize(
    ("switch", "status", "kind"),
    [("limit", 429, "text/plain"), ("fail", 500, "application/json"), ("html", 200, "text/html"),
     ("error", 200, "application/json")],
)  # fmt: skip
def test_it_goes_wrong_without_doing_anything(running, crm, zoe, switch, status, kind):
    running.switch(**{f"crm_{switch}_next": 1})

    answer = crm("Contact", "update", values={"last_name": "Autre"}, where=[["id", "=", zoe]])

    assert (answer.status_code, answer.headers["content-type"].split(";")[0]) == (status, kind)
    assert crm("Contact", "get", where=[["id", "=", zoe]]).json()["values"][0]["last_name"] == "Roy"


def test_it_commits_and_answers_when_the_caller_has_left(running, crm, zoe):
    running.switch(crm_late_next=1, crm_late_s=0.5)

    with pytest.raises(httpx.ReadTimeout):
        crm("Contact", "update", values={"last_name": "Tard"}, where=[["id", "=", zoe]], timeout=0.1)

    assert crm("Contact", "get", where=[["id", "=", zoe]]).json()["values"][0]["last_name"] == "Tard"


def test_the_answer_may_carry_somebody_elses_id(running, crm, zoe):
    running.switch(crm_swap_next=1)

    assert crm("Contact", "get", where=[["id", "=", zoe]]).json()["values"][0]["id"] != zoe


def test_several_calls_in_one_request_stand_each_for_itself(running, crm, zoe):
    calls = [["Contact", "get", {"where": [["id", "=", zoe]]}], ["Contact", "nope", {}]]

    answer = httpx.post(
        f"{running.url}/civicrm/ajax/api4",
        data={"calls": json.dumps(calls)},
        headers={"X-Civi-Auth": f"Bearer {KEY}"},
    )

    assert answer.status_code == 200
    assert [("error_message" in each) for each in answer.json()] == [False, True]


def test_types_and_statuses_can_be_looked_up_and_not_written(crm):
    types = crm("FinancialType", "get", where=[["name", "=", "Donation"], ["is_active", "=", True]])
    statuses = crm(
        "OptionValue", "get", select=["name"],
        where=[
            ["option_group_id:name", "=", "contribution_status"],
            ["name", "IN", ["Completed", "Refunded"]],
        ],
    )  # fmt: skip

    assert [each["id"] for each in types.json()["values"]] == [1]
    assert {each["name"] for each in statuses.json()["values"]} == {"Completed", "Refunded"}
    assert message(crm("FinancialType", "create", values={"name": "X"})) == (403, "Authorization failed")


def test_a_change_by_hand_on_the_page_is_a_change_in_the_crm(running, crm, zoe):
    page = f"{running.url}/sandbox/crm/{zoe}"

    httpx.post(page, data={"first_name": "Zoé", "last_name": "Main", "email_primary.email": "m@example.org"})

    (found,) = crm("Contact", "get", select=["last_name", "email_primary.email"]).json()["values"]
    assert (found["last_name"], found["email_primary.email"]) == ("Main", "m@example.org")
    assert "Main" in httpx.get(f"{running.url}/sandbox/crm/?q=m@example").text
    assert httpx.get(page).status_code == 200
    httpx.post(page, data={"act": "delete"})
    assert crm("Contact", "get").json()["values"] == []
