"""notify over HTTP: what staff and integrators read and do."""

from concurrent.futures import ThreadPoolExecutor
from datetime import datetime, timedelta
from uuid import UUID, uuid4

import pytest
from sqlalchemy import select, text, update

from services.notify import (
    accounts,
    deliveries,
    gifts,
    paths,
    recipients,
    resends,
    sendings,
    subscriptions,
    templates,
    timelines,
)
from services.notify.answers import NEVER, SENT, Outcome
from services.notify.app import create_app
from services.notify.connectors import Missed
from services.notify.models import Delivery, Email, Subscription, TimelineEntry, Transaction
from services.notify.models.delivery import GIVE_UP
from shared.clock import now
from shared.db import uuid7
from tests.notify.conftest import told
from tests.notify.test_sendings import _link
from tests.support import facts, tokens
from tests.support.facts import NOW

API = "/api/v1/notify"
STAFF = ["giving.read", "mailings.read", "mailings.send", "integrations.manage", "people.read", "system.read"]


@pytest.fixture
def client(settings):
    """A client of the application, for staff with every right of notify."""
    app = create_app(settings)
    tokens.trust(app)
    return app.test_client()


@pytest.fixture
def staff():
    return tokens.bearer(rights=STAFF)


def key():
    return {"Idempotency-Key": str(uuid4())}


def _settle(settings, *messages):
    with Transaction() as session:
        for message in messages:
            gifts.settled(session, message, settings=settings, at=NOW)


def _the_email():
    with Transaction() as session:
        return session.execute(select(Email)).scalar_one()


def test_staff_find_an_email_by_address_name_subject_status_party_and_path(client, staff, settings):
    message = facts.settled()
    _settle(settings, message, facts.settled(facts.contact(email="paul@example.org", given_name="Paul")))

    for query in (
        "q=claire@",
        "q=CLAIRE+dup",
        "q=Merci+Claire",
        f"party_id={message.party_id}",
        f"correlation_id={message.donation_id}",
    ):
        found = client.get(f"{API}/emails?{query}", headers=staff).json["items"]
        assert [each["to_address"] for each in found] == ["claire@example.org"], query
    assert len(client.get(f"{API}/emails?status=queued", headers=staff).json["items"]) == 2
    assert client.get(f"{API}/emails?q=100%25", headers=staff).json["items"] == []


def test_emails_come_in_pages(client, staff, settings):
    _settle(settings, *(facts.settled() for _ in range(5)))

    first = client.get(f"{API}/emails?limit=3", headers=staff).json
    rest = client.get(f"{API}/emails?limit=3&after={first['next']}", headers=staff).json

    assert len({each["id"] for each in first["items"] + rest["items"]}) == 5 and rest["next"] is None


def test_an_email_is_shown_without_its_secrets(client, staff, settings):
    with Transaction() as session:
        accounts.link_issued(session, _link(settings), settings=settings, at=NOW)

    shown = client.get(f"{API}/emails/{_the_email().id}", headers=staff)

    assert "•••" in shown.json["html"] and "•••" in shown.json["text"]
    assert b"s3cret" not in shown.data and b"eyJ" not in shown.data
    assert client.get(f"{API}/emails/{uuid4()}", headers=staff).status_code == 404


def test_a_resend_is_a_new_email_once_while_it_is_on_its_way(client, staff, settings):
    _settle(settings, facts.settled())
    first = _the_email()
    with Transaction() as session:
        sendings.claim(session, at=NOW)
        sendings.conclude(session, first.id, attempt=1, outcome=Outcome(SENT, 250), at=NOW)

    one = client.post(f"{API}/emails/{first.id}/resends", headers=staff | key())
    two = client.post(f"{API}/emails/{first.id}/resends", headers=staff | key())

    assert one.status_code == 201 and one.json["id"] == two.json["id"] != str(first.id)
    assert (one.json["resend_of"], one.json["status"]) == (str(first.id), "queued")
    with Transaction() as session:
        copy = session.get_one(Email, UUID(one.json["id"]))
        assert copy.header_id != first.header_id and copy.html == first.html
        sendings.claim(session, at=copy.created_at)
        sendings.conclude(session, copy.id, attempt=1, outcome=Outcome(SENT, 250), at=copy.created_at)
        told = session.execute(select(TimelineEntry.text_en).where(TimelineEntry.kind == "email_sent"))
        assert sorted(line.partition(":")[0] for line in told.scalars()) == [
            "Email sent",
            "Email sent again by the office",
        ]
    assert copy.copy == 1 and sendings.outgoing(copy, settings).text.count("0199.mac") == 1


def test_what_was_sent_again_since_is_left_out_of_what_waits(client, staff, settings):
    _settle(settings, facts.settled(), facts.settled())
    with Transaction() as session:
        session.execute(update(Email).values(status="failed", given_up_at=NOW))
        first, other = session.execute(select(Email.id).order_by(Email.id)).scalars()

    def listed(query):
        return [each["id"] for each in client.get(f"{API}/emails?{query}", headers=staff).json["items"]]

    copy = client.post(f"{API}/emails/{first}/resends", headers=staff | key()).json["id"]

    assert listed("status=failed&resent=false") == [str(other)]
    assert listed("resent=true") == [str(first)]
    with Transaction() as session:
        session.execute(update(Email).where(Email.id == UUID(copy)).values(status="failed", given_up_at=NOW))
    assert listed("status=failed&resent=false") == [copy, str(other)]
    assert client.get(f"{API}/emails?resent=perhaps", headers=staff).status_code == 422


def test_a_resend_says_all_that_the_first_said_and_only_its_way_is_its_own(settings):
    first, at = _sent(settings), now()
    way = {"attempts": 7, "answer_code": 250, "reason": "Put off", "trouble": "mailbox"}
    way |= {"given_up_at": NOW, "asked_by": uuid4()}
    words = {
        "calendar": {"subject": "1"},
        "facts": {"of": "then"},
        "secrets": {"link": "sealed"},
        "secrets_until": at + timedelta(days=1),
    }
    rest = {"to_name": "Claire", "priority": 2, "useful_until": at + timedelta(days=1), "typed": True}
    with Transaction() as session:
        session.execute(update(Email).values(way | words | rest))
    with Transaction() as session:
        copy_id = resends.resend(session, first.id, by=uuid4(), at=at, settings=settings).id
    with Transaction() as session:
        both = [session.get_one(Email, each) for each in (first.id, copy_id)]
        columns = [column.key for column in Email.__table__.c]
        of_first, of_copy = ({name: getattr(each, name) for name in columns} for each in both)

    assert [name for name, value in of_first.items() if value is None] == ["resend_of"]
    assert {name for name in columns if of_first[name] != of_copy[name]} == {
        *("id", "copy", "resend_of", "header_id", "status", "created_at", "next_attempt_at", "attempts"),
        *("answer_code", "reason", "trouble", "sent_at", "given_up_at", "asked_by"),
    }


def test_a_resend_goes_to_the_address_known_today_unless_it_was_typed(client, staff, settings):
    person_id = uuid7()
    who = facts.contact(party_id=person_id, person_id=person_id, typed=False, card_version=1)
    _settle(settings, facts.settled(who))
    with Transaction() as session:
        recipients.keep(session, facts.card(person_id, 2, email="new@example.org"), at=NOW)

    resent = client.post(f"{API}/emails/{_the_email().id}/resends", headers=staff | key())

    with Transaction() as session:
        assert session.get_one(Email, UUID(resent.json["id"])).to_address == "new@example.org"


def _sent(settings):
    """The one email there is, sent."""
    _settle(settings, facts.settled())
    first = _the_email()
    with Transaction() as session:
        sendings.claim(session, at=NOW)
        sendings.conclude(session, first.id, attempt=1, outcome=Outcome(SENT, 250), at=NOW)
    return first


def test_a_resend_asked_for_again_under_its_key_is_answered_and_not_sent_again(client, staff, settings):
    first, told = _sent(settings), staff | key()
    one = client.post(f"{API}/emails/{first.id}/resends", headers=told)
    with Transaction() as session:
        copy = session.get_one(Email, UUID(one.json["id"]))
        sendings.claim(session, at=copy.created_at)
        sendings.conclude(session, copy.id, attempt=1, outcome=Outcome(SENT, 250), at=copy.created_at)

    again = client.post(f"{API}/emails/{first.id}/resends", headers=told)

    assert (again.status_code, again.json["id"]) == (201, one.json["id"])
    assert client.post(f"{API}/emails/{first.id}/resends", headers=staff).status_code == 400
    with Transaction() as session:
        assert len(session.execute(select(Email)).all()) == 2


def test_fifty_identical_resends_at_once_are_one_email(client, staff, settings):
    first, told = _sent(settings), staff | key()

    def ask(_):
        return client.application.test_client().post(f"{API}/emails/{first.id}/resends", headers=told)

    with ThreadPoolExecutor(10) as pool:
        answers = list(pool.map(ask, range(50)))

    assert {answer.status_code for answer in answers} == {201}
    assert len({answer.json["id"] for answer in answers}) == 1
    with Transaction() as session:
        assert len(session.execute(select(Email)).all()) == 2


def test_who_may_send_and_not_read_is_not_shown_what_an_email_says(client, settings):
    first, sender = _sent(settings), tokens.bearer(rights=["mailings.send"])

    resent = client.post(f"{API}/emails/{first.id}/resends", headers=sender | key())

    assert set(resent.json) == {"id", "status", "resend_of"}
    assert client.get(f"{API}/emails/{first.id}", headers=sender).status_code == 403


def test_the_thanks_for_a_gift_that_went_back_cannot_be_sent_again_and_its_refund_can(
    client, staff, settings
):
    gift = facts.settled()
    _settle(settings, gift)
    thanks = _the_email()
    with Transaction() as session:
        gifts.refunded(session, facts.refunded(gift), settings=settings, at=NOW)
    shown = client.get(f"{API}/emails?correlation_id={gift.donation_id}", headers=staff).json["items"]
    told = {each["template"]: each for each in shown}

    refused = client.post(f"{API}/emails/{thanks.id}/resends", headers=staff | key())
    repeated = client.post(f"{API}/emails/{told['gift_refunded']['id']}/resends", headers=staff | key())

    assert {name: each["outdated"] for name, each in told.items()} == {
        "gift_received": True,
        "gift_refunded": False,
    }
    assert client.get(f"{API}/emails/{thanks.id}", headers=staff).json["outdated"] is True
    assert (refused.status_code, refused.json["code"]) == (409, "email_cannot_be_resent")
    assert repeated.status_code == 201


def test_the_thanks_for_a_gift_of_which_a_part_went_back_still_hold(client, staff, settings):
    gift = facts.settled()
    _settle(settings, gift)
    with Transaction() as session:
        part = facts.refunded(gift, refund_minor=100, refunded_minor=100)
        gifts.refunded(session, part, settings=settings, at=NOW)
        thanks = session.execute(select(Email.id).where(Email.template == "gift_received")).scalar_one()

    assert client.post(f"{API}/emails/{thanks}/resends", headers=staff | key()).status_code == 201


def test_without_an_address_nothing_can_be_sent_again(client, staff, settings):
    _settle(settings, facts.settled(facts.contact(email="nobody")))

    refused = client.post(f"{API}/emails/{_the_email().id}/resends", headers=staff | key())

    assert (refused.status_code, refused.json["code"]) == (409, "email_cannot_be_resent")


def test_a_link_to_sign_in_is_never_sent_again_by_staff(client, staff, settings):
    with Transaction() as session:
        accounts.link_issued(session, _link(settings), settings=settings, at=now())

    refused = client.post(f"{API}/emails/{_the_email().id}/resends", headers=staff | key())

    assert (refused.status_code, refused.json["code"]) == (409, "sign_in_link_not_resent")


def _resend(client, headers, email_id, *, at):
    """Ask for a repeat, and let it leave at `at`."""
    answer = client.post(f"{API}/emails/{email_id}/resends", headers=headers | key())
    if answer.status_code == 201:
        with Transaction() as session:
            sent = {"status": "sent", "sent_at": at, "created_at": at}
            session.execute(update(Email).where(Email.id == UUID(answer.json["id"])).values(sent))
    return answer


def test_one_email_is_sent_again_three_times_a_day_at_most_whoever_asks(client, staff, settings):
    first, at, other = _sent(settings), now(), tokens.bearer(rights=["mailings.send"])
    copies = [_resend(client, staff, first.id, at=at - timedelta(hours=hours)) for hours in (23, 2, 1)]

    refused = _resend(client, other, first.id, at=at)
    of_a_copy = _resend(client, other, copies[0].json["id"], at=at)

    assert [copy.status_code for copy in copies] == [201, 201, 201]
    assert (refused.status_code, refused.json["code"]) == (429, "resent_often")
    assert of_a_copy.json["code"] == "resent_often"
    assert 3500 < int(refused.headers["Retry-After"]) <= 3600
    with Transaction() as session:
        session.execute(update(Email).values(created_at=Email.created_at - timedelta(hours=1)))
    assert _resend(client, other, first.id, at=at).status_code == 201


def test_each_of_the_staff_sends_so_many_again_in_an_hour(client, staff, settings, monkeypatch):
    monkeypatch.setattr(resends, "RESENDS_AN_HOUR", 2)
    _settle(settings, *(facts.settled() for _ in range(3)))
    with Transaction() as session:
        session.execute(update(Email).values(status="sent", sent_at=NOW))
        one, two, three = session.execute(select(Email.id).order_by(Email.id)).scalars()
    asked = [_resend(client, staff, each, at=now()) for each in (one, two, three)]

    assert [answer.status_code for answer in asked] == [201, 201, 429]
    assert asked[2].json["code"] == "too_many" and 0 < int(asked[2].headers["Retry-After"]) <= 3600
    other = tokens.bearer(rights=["mailings.send"])
    assert _resend(client, other, three, at=now()).status_code == 201


def test_the_story_of_a_party_reads_from_the_latest_and_as_of_a_date(client, staff, settings):
    gift = facts.settled()
    _settle(settings, gift)
    with Transaction() as session:
        gifts.refunded(session, facts.refunded(gift), settings=settings, at=NOW)

    story = client.get(f"{API}/timelines/{gift.party_id}", headers=staff).json["items"]
    before = client.get(
        f"{API}/timelines/{gift.party_id}", query_string={"until": NOW.isoformat()}, headers=staff
    ).json["items"]

    assert [line["kind"] for line in story] == ["gift_refunded", "gift_settled"]
    assert story[1]["text"] == {
        "fr": "A donné 120\u00a0€ pour «\u00a0Bourses 2026\u00a0»",
        "en": "Gave €120 to “Scholarships 2026”",
    }
    assert story[1]["amount_minor"] == 12_000 and story[1]["ref"] == str(gift.donation_id)
    assert [line["kind"] for line in before] == ["gift_settled"]


def test_a_story_holds_no_gift_for_who_may_not_read_gifts(client, settings):
    gift = facts.settled()
    with Transaction() as session:
        gifts.settled(session, gift, settings=settings, at=NOW)
        timelines.add(
            session,
            message_id=uuid4(),
            party_id=gift.party_id,
            kind="email_sent",
            source="notify",
            at=NOW,
            words={"fr": "Courriel envoyé : Merci, votre don de 120 €", "en": "Email sent"},
            correlation_id=gift.correlation_id,
        )
        timelines.add(
            session,
            message_id=uuid4(),
            party_id=gift.party_id,
            kind="account_opened",
            source="directory",
            at=NOW,
            words={"fr": "A ouvert un compte", "en": "Opened an account"},
        )

    def kinds(*rights):
        answer = client.get(f"{API}/timelines/{gift.party_id}", headers=tokens.bearer(rights=rights))
        return {line["kind"] for line in answer.json["items"]}

    assert kinds("people.read") == {"account_opened"}
    assert kinds("people.read", "giving.read") == {"account_opened", "email_sent", "gift_settled"}


def _subscribe(client, staff, url, key=None):
    headers = {**staff, "Idempotency-Key": key or str(uuid4())}
    return client.post(f"{API}/subscriptions", json={"url": url}, headers=headers)


def test_a_subscription_shows_its_secret_once_and_keeps_it_sealed(settings, staff):
    app = create_app(told(settings.database_url, demo=True))
    tokens.trust(app)
    client = app.test_client()

    made = _subscribe(client, staff, "http://127.0.0.1:9/hook")
    shown = client.get(f"{API}/subscriptions/{made.json['id']}", headers=staff)

    assert made.status_code == 201 and made.json["secret"].startswith("whsec_")
    assert "secret" not in shown.json and shown.json["types"] == ["party.changed", "party.erased"]
    with Transaction() as session:
        kept = session.execute(select(Subscription.secret)).scalar_one()
    assert made.json["secret"] not in kept


def test_a_subscription_asked_for_twice_under_one_key_is_one_with_one_secret(settings, staff):
    app = create_app(told(settings.database_url, demo=True))
    tokens.trust(app)
    client, url = app.test_client(), "http://127.0.0.1:9/hook"

    first, again = (_subscribe(client, staff, url, "one-wish-1") for _ in range(2))
    other = _subscribe(client, staff, f"{url}/other", "one-wish-1")
    without = client.post(f"{API}/subscriptions", json={"url": url}, headers=staff)

    assert (first.status_code, again.status_code) == (201, 201) and first.json == again.json
    assert (other.status_code, other.json["code"]) == (422, "key_reused")
    assert (without.status_code, list(without.json["errors"])) == (400, ["Idempotency-Key"])
    with Transaction() as session:
        assert session.execute(select(Subscription.id)).scalar_one() == UUID(first.json["id"])
        noted = text("select count(*) from audit_entries where action = 'subscription.made'")
        assert session.execute(noted).scalar_one() == 1


@pytest.mark.parametrize(
    "url",
    [
        "http://127.0.0.1/hook",
        "https://169.254.169.254/latest",
        "https://10.0.0.1/",
        "https://[::1]/",
        "https://user:password@example.org/",
        "ftp://example.org/file",
        "https://localhost/",
        "javascript:alert(1)",
    ],
)
def test_an_address_that_is_not_a_partners_is_refused(client, staff, url):
    refused = _subscribe(client, staff, url)

    assert refused.status_code == 422, refused.json
    assert refused.json["code"] in ("address_refused", "address_needs_tls")


@pytest.mark.parametrize(("paused", "resumed"), [(True, True), (False, False)])
def test_going_on_after_a_pause_is_remembered(settings, staff, paused, resumed):
    app = create_app(told(settings.database_url, demo=True))
    tokens.trust(app)
    client = app.test_client()
    made = _subscribe(client, staff, "http://127.0.0.1:9/a").json
    for active in ([False] if paused else []) + [True]:
        wish = {"active": active}
        assert client.patch(f"{API}/subscriptions/{made['id']}", json=wish, headers=staff).status_code == 200

    with Transaction() as session:
        subscription = session.get_one(Subscription, UUID(made["id"]))
        assert (subscription.resumed_at is not None, subscription.active) == (resumed, True)


def test_a_subscription_is_changed_paused_and_ended(settings, staff):
    app = create_app(told(settings.database_url, demo=True))
    tokens.trust(app)
    client = app.test_client()
    made = _subscribe(client, staff, "http://127.0.0.1:9/a").json
    one = f"{API}/subscriptions/{made['id']}"

    assert client.patch(one, json={"active": False}, headers=staff).json["active"] is False
    assert client.patch(one, json={"types": ["party.erased"]}, headers=staff).json["types"] == [
        "party.erased"
    ]
    assert client.patch(one, json={"secret": "x"}, headers=staff).status_code == 422
    assert client.patch(one, json={"active": "yes"}, headers=staff).status_code == 422
    assert client.delete(one, headers=staff).status_code == 204
    assert client.get(one, headers=staff).status_code == 404
    assert client.get(f"{API}/subscriptions", headers=staff).json["items"] == []


def test_only_a_delivery_given_up_can_be_tried_again(client, staff, settings):
    assert client.get(f"{API}/deliveries?status=failed", headers=staff).json["items"] == []
    assert client.post(f"{API}/deliveries/{uuid4()}/retries", headers=staff).status_code == 404


ANY = UUID(int=7)


@pytest.mark.parametrize(
    ("method", "path", "right"),
    [
        ("GET", "/emails", "mailings.read"),
        ("GET", f"/emails/{ANY}", "mailings.read"),
        ("POST", f"/emails/{ANY}/resends", "mailings.send"),
        ("GET", f"/timelines/{ANY}", "people.read"),
        ("GET", "/subscriptions", "integrations.manage"),
        ("POST", "/subscriptions", "integrations.manage"),
        ("DELETE", f"/subscriptions/{ANY}", "integrations.manage"),
        ("GET", "/deliveries", "integrations.manage"),
        ("POST", f"/deliveries/{ANY}/retries", "integrations.manage"),
        ("GET", f"/paths/{ANY}", "system.read"),
    ],
)
def test_each_route_asks_for_its_right(client, method, path, right):
    others = [each for each in STAFF if each != right]

    assert client.open(API + path, method=method).status_code == 401
    assert client.open(API + path, method=method, headers=tokens.bearer(rights=others)).status_code == 403


def test_the_path_of_a_gift_shows_its_email_and_its_way_to_the_crm(client, staff, settings):
    message = facts.settled()
    _settle(settings, message)
    with Transaction() as session:
        email = sendings.claim(session, at=NOW)
        sendings.conclude(session, email.id, attempt=1, outcome=Outcome(SENT, 250), at=NOW)

    steps = client.get(f"{API}/paths/{message.donation_id}", headers=staff).json["steps"]

    assert [step["kind"] for step in steps] == ["email_queued", "email_sent"]
    assert "120" in steps[1]["detail"]
    assert steps[1]["technical"]["message_id"] == email.header_id
    assert {step["service"] for step in steps} == {"notify"}


@pytest.mark.parametrize("right", ["mailings.read", "giving.read", None])
def test_the_path_tells_the_subject_of_an_email_to_who_may_read_emails_or_gifts(client, settings, right):
    message = facts.settled()
    _settle(settings, message)
    rights = ["system.read", *([right] if right else [])]

    path = client.get(f"{API}/paths/{message.donation_id}", headers=tokens.bearer(rights=rights))

    [step] = path.json["steps"]
    assert ("Claire" in path.text) == ("120" in str(step["detail"])) == (right is not None)
    if right is None:
        assert step["detail"] == {"fr": "remerciement pour un don", "en": "thanks for a gift"}


def test_every_email_has_a_kind_to_be_named_by():
    assert set(paths.KINDS) == set(templates.NAMES)


def _states(client, staff, message):
    steps = client.get(f"{API}/paths/{message.donation_id}", headers=staff).json["steps"]
    return {step["kind"]: step["state"] for step in steps}


def test_what_waits_on_the_path_warns_and_what_was_given_up_is_bad(client, staff, settings):
    with Transaction() as session:
        hook = {"url": "https://example.org/hook", "types": ["party.changed"]}
        subscriptions.subscribe(session, **hook, at=NOW, settings=settings)
    gift = facts.settled()
    _settle(settings, gift)

    waiting = _states(client, staff, gift)
    with Transaction() as session:
        email = sendings.claim(session, at=NOW)
        sendings.conclude(session, email.id, attempt=1, outcome=Outcome(NEVER, 550, "550 5.1.1"), at=NOW)
        session.execute(update(Delivery).values(status="failed", given_up_at=NOW))
    given_up = _states(client, staff, gift)

    assert waiting == {"email_queued": "warn", "crm_queued": "warn"}
    assert given_up == {"email_failed": "bad", "crm_failed": "bad"}


def test_the_path_tells_when_the_email_and_the_delivery_were_given_up(client, staff, settings):
    with Transaction() as session:
        hook = {"url": "https://example.org/hook", "types": ["party.changed"]}
        subscriptions.subscribe(session, **hook, at=NOW, settings=settings)
    gift = facts.settled()
    _settle(settings, gift)
    refused_at, missed_at = NOW + timedelta(seconds=3), NOW + GIVE_UP
    with Transaction() as session:
        email = sendings.claim(session, at=NOW)
        outcome = Outcome(NEVER, 550, "550 5.1.1")
        sendings.conclude(session, email.id, attempt=1, outcome=outcome, at=refused_at)
        parcel = deliveries.claim(session, at=NOW, settings=settings)
        deliveries.conclude(session, parcel, Missed("500", code=500), at=missed_at)

    steps = client.get(f"{API}/paths/{gift.donation_id}", headers=staff).json["steps"]

    told = {step["kind"]: datetime.fromisoformat(step["at"]) for step in steps}
    assert told == {"email_failed": refused_at, "crm_failed": missed_at}


def test_an_email_without_a_sure_address_warns(client, staff, settings):
    gift = facts.settled(facts.contact(email="nobody"))
    _settle(settings, gift)

    assert _states(client, staff, gift) == {"email_unsure": "warn"}


def test_what_arrived_is_as_it_should_be(client, staff, settings):
    gift = facts.settled()
    _settle(settings, gift)
    with Transaction() as session:
        email = sendings.claim(session, at=NOW)
        sendings.conclude(session, email.id, attempt=1, outcome=Outcome(SENT, 250), at=NOW)

    assert _states(client, staff, gift) == {"email_queued": None, "email_sent": None}
