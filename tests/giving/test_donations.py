"""Beginning a gift: what is refused, what is done once, and who may see it."""

import json
from concurrent.futures import ThreadPoolExecutor
from contextlib import suppress
from datetime import timedelta
from threading import Barrier, BrokenBarrierError
from uuid import uuid4

import pytest
from sqlalchemy import text

from services.giving import checkouts, donations
from services.giving.models import Checkout, Donation, Donor, Transaction, database
from shared.clock import now
from shared.payments import gateway
from tests.giving import world
from tests.support.marks import MARKS, soon
from tests.support.tokens import bearer

URL = "/api/v1/giving/donations"


def post(school, wish, *, key=None, headers=None):
    told = {"Idempotency-Key": key or str(uuid4())} if key != "" else {}
    return school.client.post(URL, json=wish, headers=told | (headers or {}))


def wish(campaign_id, **changed):
    values = {"campaign_id": str(campaign_id), "amount_minor": 5000, **world.GUEST, **changed}
    return {name: value for name, value in values.items() if value is not None}


def count(what):
    with Transaction() as session:
        return session.execute(text(f"select count(*) from {what}")).scalar_one()


def person(**values):
    person_id = uuid4()
    known = {
        "given_name": "Zoë",
        "family_name": "Łempicka",
        "email": "zoe@example.org",
        "class_year": 2009,
        **values,
    }
    with Transaction() as session:
        session.add(
            Donor(
                id=person_id,
                person_id=person_id,
                version=1,
                created_at=world.NOW,
                search="zoe lempicka",
                **known,
            )
        )
    return person_id


def test_the_request_that_begins_a_gift_names_it_in_the_log(school, capsys):
    begun = school.give(world.campaign())
    school.client.get(f"/api/v1/giving/gift-links/{begun['link']}")
    school.client.get(f"{URL}/{begun['id']}", headers=bearer(rights=["giving.read"]))
    school.client.get("/api/v1/giving/campaigns")

    lines = [json.loads(line) for line in capsys.readouterr().out.splitlines() if line.startswith("{")]
    named = {line["route"]: line.get("correlation_id") for line in lines if line["event"] == "request"}
    assert named == {
        URL: begun["id"],
        "/api/v1/giving/gift-links/<token>": begun["id"],
        f"{URL}/<uuid:donation_id>": begun["id"],
        "/api/v1/giving/campaigns": None,
    }


@pytest.mark.parametrize("amount", [9223372036854775808, 0, -1, 99, 10_000_001, 1.5, "10", True, 1e2, None])
def test_an_amount_that_is_not_between_one_euro_and_a_hundred_thousand_is_refused(school, amount):
    answer = post(school, wish(world.campaign(), amount_minor=amount))

    assert answer.status_code == 422
    assert "amount_minor" in answer.json["errors"]
    assert count("donations") == 0


@pytest.mark.parametrize("amount", [100, 10_000_000])
def test_the_limits_themselves_are_taken(school, amount):
    assert post(school, wish(world.campaign(), amount_minor=amount)).status_code == 201


@pytest.mark.parametrize(
    "changed",
    [
        {"currency": "CHF"},
        {"email": "not an address"},
        {"email": None},
        {"family_name": None},
        {"given_name": "a\x00b"},
        {"given_name": "Ann\r\nBcc: x"},
        {"given_name": "\u202eeirA"},
        {"family_name": "\u200b"},
        {"family_name": " "},
        {"family_name": "see evil.support"},
        {"given_name": "\ud800"},
        {"message": "ma carte : 4242 4242 4242 4242"},
        {"country": "France"},
        {"locale": "de"},
        {"status": "settled"},
        {"id": str(uuid4())},
        {"wall_shows_name": True},
    ],
)
def test_a_wish_that_cannot_be_is_refused_with_its_field(school, changed):
    answer = post(school, wish(world.campaign(), **changed))

    assert answer.status_code == 422, answer.json
    assert set(answer.json["errors"]) == set(changed)
    assert count("donations") == 0


@pytest.mark.parametrize("name", ["given_name", "family_name"])
@pytest.mark.parametrize("written", ["Gagnez sur www.primes.test", "t.me/evil", "call +33612345678"])
def test_a_name_that_could_be_a_link_or_a_number_is_refused_at_its_field(school, name, written):
    refused = post(school, wish(world.campaign(), **{name: written}))
    taken = post(school, wish(world.campaign(), **{name: "J.-P. D’Aubigné"}))

    assert refused.status_code == 422
    assert list(refused.json["errors"]) == [name]
    assert taken.status_code == 201


@pytest.mark.parametrize("field", ["given_name", "family_name", "email", "message"])
def test_a_body_full_of_marks_holds_up_nobody(school, field):
    asked = wish(world.campaign(), **{field: MARKS})

    with soon():
        answer = post(school, asked)

    assert (answer.status_code, list(answer.json["errors"])) == (422, [field])


def test_without_a_key_nothing_begins(school):
    assert post(school, wish(world.campaign()), key="").status_code == 400
    assert count("donations") == 0


def test_the_same_key_for_another_sum_is_refused(school):
    campaign_id, key = world.campaign(), str(uuid4())
    assert post(school, wish(campaign_id), key=key).status_code == 201

    again = post(school, wish(campaign_id, amount_minor=6000), key=key)

    assert (again.status_code, again.json["code"]) == (422, "key_reused")


def test_the_same_wish_again_is_answered_from_the_row(school):
    campaign_id, key = world.campaign(), str(uuid4())

    first, second = (post(school, wish(campaign_id), key=key).json for _ in range(2))

    assert first == second
    assert count("donations") == 1


@pytest.mark.parametrize(
    "changed",
    [
        {"locale": "en"},
        {"given_name": "CLAIRE", "family_name": " le   moine "},
        {"email": "Claire@Example.org"},
    ],
)
def test_the_page_s_language_and_the_case_of_who_gives_make_no_other_wish(school, changed):
    campaign_id, key = world.campaign(), str(uuid4())
    first = post(school, wish(campaign_id, family_name="Le Moine", locale="fr"), key=key).json

    again = post(school, wish(campaign_id, **{"family_name": "Le Moine", "locale": "fr", **changed}), key=key)

    assert (again.status_code, again.json) == (201, first)
    with Transaction() as session:
        kept = session.query(Donation).one()
        assert (kept.locale, kept.email) == ("fr", world.GUEST["email"])
        assert session.query(Donor).one().family_name == "Le Moine"


@pytest.mark.parametrize(
    "changed", [{"email": "clara@example.org"}, {"given_name": "Clara"}, {"message": "Merci"}]
)
def test_the_same_key_for_somebody_else_or_with_other_words_is_refused(school, changed):
    campaign_id, key = world.campaign(), str(uuid4())
    post(school, wish(campaign_id), key=key)

    again = post(school, wish(campaign_id, **changed), key=key)

    assert (again.status_code, again.json["code"]) == (422, "key_reused")
    assert count("donations") == 1


def end(campaign_id):
    """Its last day has passed."""
    with Transaction() as session:
        session.execute(
            text("update campaigns set starts_on = '2020-01-01', ends_on = '2020-02-01' where id = :id"),
            {"id": campaign_id},
        )


def test_a_repeat_is_answered_from_the_row_even_when_the_campaign_has_ended(school):
    campaign_id, key = world.campaign(), str(uuid4())
    first = post(school, wish(campaign_id), key=key)
    end(campaign_id)

    again = post(school, wish(campaign_id), key=key)
    other = post(school, wish(campaign_id, amount_minor=6000), key=key)

    assert (again.status_code, again.json["id"]) == (201, first.json["id"])
    assert other.json["code"] == "key_reused"
    assert post(school, wish(campaign_id)).json["code"] == "campaign_not_live"


def test_a_repeat_opens_no_new_page_when_the_campaign_has_ended(school):
    campaign_id, key = world.campaign(), str(uuid4())
    post(school, wish(campaign_id), key=key)
    with Transaction() as session:
        session.execute(text("update checkouts set expires_at = now() - interval '1 minute'"))
    end(campaign_id)

    again = post(school, wish(campaign_id), key=key)

    assert (again.status_code, again.json["code"]) == (409, "campaign_not_live")
    assert count("checkouts") == 1


def test_repeats_of_one_wish_are_not_taken_for_card_testing(school):
    campaign_id, key = world.campaign(), str(uuid4())

    answers = [post(school, wish(campaign_id), key=key).status_code for _ in range(30)]

    assert set(answers) == {201}


def in_parallel(school, many, keys):
    campaign_id = world.campaign()
    world.settled(campaign_id)
    app = school.client.application

    def once_more(key):
        return (
            app.test_client().post(URL, json=wish(campaign_id), headers={"Idempotency-Key": key}).status_code
        )

    with ThreadPoolExecutor(10) as pool:
        return list(pool.map(once_more, keys(many)))


def test_fifty_identical_wishes_at_once_are_one_donation(school, monkeypatch):
    monkeypatch.setattr(donations, "slow_down", lambda *_: None)
    key = str(uuid4())

    statuses = in_parallel(school, 50, lambda many: [key] * many)

    assert set(statuses) <= {201, 409}
    assert 201 in statuses
    assert (count("donations"), count("checkouts"), count("donors")) == (2, 2, 1)


def test_without_the_unique_key_they_would_be_many(school, monkeypatch, giving_database):
    """The control run: with the unique key gone from the table, a check before the insert is not enough."""
    monkeypatch.setattr(donations, "slow_down", lambda *_: None)
    two = Barrier(2)  # have looked before either writes, however busy the machine

    def checked_then_inserted(session, model, key, *, values, **asked):
        known = session.query(Donation).filter_by(idempotency_key=key[:36]).first()
        if known is not None:
            return known
        with suppress(BrokenBarrierError):
            two.wait(5)
        kept = {name: value for name, value in asked.items() if hasattr(Donation, name)}
        made = Donation(
            caller=str(uuid4()), route="x", idempotency_key=key, wish_hash=b"", **{**kept, **values()}
        )
        session.add(made)
        session.flush()
        return made

    monkeypatch.setattr(donations, "once", checked_then_inserted)
    key = str(uuid4())

    in_parallel(school, 50, lambda many: [key] * many)

    assert count("donations") > 2


def test_a_provider_that_answers_too_late_has_opened_one_page(school, monkeypatch):
    """The page was opened and the answer lost, our own retry's too; the same key goes on from there."""
    monkeypatch.setattr(gateway, "READ_TIMEOUT_S", 0.3)
    campaign_id, key = world.campaign(), str(uuid4())
    school.provider.switch(api_late_percent=100, api_late_s=1)
    assert post(school, wish(campaign_id), key=key).status_code == 503

    school.provider.behave()
    again = post(school, wish(campaign_id), key=key)

    assert again.status_code == 201
    assert (count("donations"), count("checkouts")) == (1, 1)
    account = school.provider.accounts["fondation"]
    page = gateway.find_checkout(account, _only_checkout(), since=now() - timedelta(hours=1), until=now())
    assert again.json["checkout_url"] == page.url
    school.provider.pay(again.json["checkout_url"])
    school.provider.settle()
    assert school.client.get(f"/api/v1/giving/gift-links/{again.json['link']}").json["status"] == "settled"


def _only_checkout():
    with Transaction() as session:
        return session.query(Checkout).one().id


def test_a_closed_campaign_takes_no_gift(school):
    over = world.campaign()
    end(over)

    answer = post(school, wish(over))

    assert (answer.status_code, answer.json["code"]) == (409, "campaign_not_live")


def test_an_unknown_campaign_is_not_found(school):
    answer = post(school, wish(uuid4()))

    assert (answer.status_code, answer.json["code"]) == (404, "not_found")
    assert list(answer.json["errors"]) == ["campaign_id"]


def test_who_is_signed_in_gives_without_typing_anything(school):
    person_id = person()
    told = wish(world.campaign(), given_name=None, family_name=None, email=None)

    begun = post(school, told, headers=bearer(person_id)).json
    school.provider.pay(begun["checkout_url"])
    school.provider.settle()

    with Transaction() as session:
        contact = session.execute(text("select contact::json from outbox where type = 'donation.settled'"
                                       .replace("::json", ""))).scalar_one()  # fmt: skip
    assert '"email":"zoe@example.org"' in contact
    assert '"typed":false' in contact
    mine = school.client.get("/api/v1/giving/my-donations", headers=bearer(person_id)).json
    assert [each["id"] for each in mine["items"]] == [begun["id"]]


def test_a_person_whose_card_has_not_come_yet_can_give_with_an_address(school):
    person_id = uuid4()
    campaign_id = world.campaign()

    refused = post(school, wish(campaign_id, email=None), headers=bearer(person_id))
    taken = post(school, wish(campaign_id), headers=bearer(person_id))

    assert list(refused.json["errors"]) == ["email"]
    assert taken.status_code == 201
    with Transaction() as session:
        assert session.get_one(Donor, person_id).version == 0


def test_my_gifts_are_mine_alone(school):
    campaign_id = world.campaign()
    mine, other = person(), person(email="other@example.org")
    for each in (mine, other):
        world.settled(campaign_id, by=each, email="typed@example.org")
    world.settled(campaign_id)

    found = school.client.get("/api/v1/giving/my-donations", headers=bearer(mine)).json["items"]

    with Transaction() as session:
        owners = {str(each.id): each.donor_id for each in session.query(Donation)}
    assert [owners[each["id"]] for each in found] == [mine]
    assert school.client.get("/api/v1/giving/my-donations").status_code == 401


def test_staff_find_a_gift_without_accents_or_capitals(school):
    campaign_id = world.campaign()
    world.settled(campaign_id, given_name="Hélène", family_name="D’Aubigné", email="helene@example.org")
    world.settled(campaign_id)

    def found(q):
        answer = school.client.get(URL, query_string={"q": q}, headers=bearer(rights=["giving.read"])).json
        return [each["donor"]["given_name"] for each in answer["items"]]

    assert found("helene AUBIGNE") == ["Hélène"]
    assert found("helene@example") == ["Hélène"]
    assert found("claire%") == ["Claire"]
    assert found("nobody") == []


def test_trying_many_cards_is_slowed_down(school):
    campaign_id = world.campaign()

    statuses = [post(school, wish(campaign_id)).status_code for _ in range(12)]

    assert statuses[:10] == [201] * 10
    assert statuses[-1] == 429


def test_a_gift_that_did_not_come_is_forgotten_after_thirty_days_with_what_was_typed(giving):
    campaign_id = world.campaign()
    long_ago = world.NOW - timedelta(days=40)
    kept = world.settled(campaign_id)
    abandoned = world.begin(campaign_id, at=world.NOW - timedelta(days=9), email="other@example.org")
    with Transaction() as session:
        checkouts.end(session, abandoned.checkout_id, "expired", at=world.NOW - timedelta(days=8))
        session.execute(text("update donations set created_at = :at"), {"at": long_ago})
        failed = text("update donations set failed_at = :at where failed_at is not null")
        session.execute(failed, {"at": long_ago})
        session.execute(text("update donors set created_at = :at"), {"at": long_ago})

    with Transaction() as session:
        assert donations.forget_abandoned(session, at=world.NOW) == 1

    with Transaction() as session:
        assert session.get(Donation, abandoned.id) is None
        assert session.query(Checkout).filter_by(donation_id=abandoned.id).count() == 0
        assert [each.email for each in session.query(Donor)] == ["claire@example.org"]
        assert session.get(Donation, kept.id) is not None


def test_the_limit_counts_even_when_the_gift_is_refused(school):
    for _ in range(3):
        post(school, wish(uuid4()))

    with database.engine.connect() as connection:
        taken = connection.execute(
            text("select taken from rate_limits where bucket = 'giving.address'")
        ).scalar_one()
    assert taken == 3


@pytest.mark.parametrize(
    ("code", "status"),
    [
        ("lettre-2026", 201),
        ("a", 201),
        ("", 422),
        ("-a", 422),
        ("é", 422),
        ("a" * 41, 422),
        ("a b", 422),
        (7, 422),
    ],
)
def test_a_gift_keeps_the_code_of_its_appeal(school, code, status):
    campaign_id = world.campaign()
    wish = {"campaign_id": str(campaign_id), "amount_minor": 5000, **world.GUEST, "appeal": code}
    answer = school.client.post(
        "/api/v1/giving/donations", json=wish, headers={"Idempotency-Key": "the-first-wish"}
    )

    assert answer.status_code == status
    with Transaction() as session:
        kept = [each.appeal for each in session.query(Donation)]
    assert kept == ([code] if status == 201 else [])


def test_the_same_wish_by_another_appeal_is_the_same_gift(school):
    campaign_id = world.campaign()
    first = school.give(campaign_id, key="the-first-wish", appeal="lettre")
    again = school.give(campaign_id, key="the-first-wish", appeal="affiche")

    assert again["id"] == first["id"]
    with Transaction() as session:
        assert [each.appeal for each in session.query(Donation)] == ["lettre"]
