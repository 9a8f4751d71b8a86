"""The directory over HTTP, as the console and the portal use it."""

import io
from datetime import timedelta
from uuid import UUID

import pytest
from sqlalchemy import text

from services.directory import accounts, cards, contacts, import_runs, people, readings, settings, trail
from services.directory.models import Person, Transaction
from shared import audit
from tests.directory.conftest import NOW, said, signed_in
from tests.support.marks import MARKS, soon

BASE = "/api/v1/directory"
PERSON = {
    "given_name": "Zoé",
    "family_name": "Petit",
    "degrees": [{"programme": "Droit", "class_year": 2009}],
}


@pytest.fixture
def zoe():
    with Transaction() as session:
        return people.add(session, by=None, at=NOW, emails=["zoe@example.org"], **PERSON).id


ENTRIES = 'select action, fields, "right", "by" from audit_entries where subject_id = :id order by number'


def trail_of(person_id):
    with Transaction() as session:
        return [tuple(row) for row in session.execute(text(ENTRIES), {"id": str(person_id)})]


def test_people_are_listed_a_page_at_a_time_in_the_order_of_their_names(client, officer):
    headers = officer("people.read")
    with Transaction() as session:
        for family in ("Étienne", "Dupont", "Écho", "Zwick", "d’Aubigné", "Łoś"):
            people.add(session, by=None, at=NOW, given_name="Al", family_name=family)

    names, after = [], None
    while True:
        query = {"limit": 2, "q": "", **({"after": after} if after else {})}
        answer = client.get(f"{BASE}/people", query_string=query, headers=headers).json
        names += [each["family_name"] for each in answer["items"]]
        if not (after := answer["next"]):
            break

    assert names == ["d’Aubigné", "Dupont", "Écho", "Étienne", "Łoś", "Officer", "Zwick"]


def test_a_list_holds_nothing_private(client, officer, zoe):
    found = client.get(f"{BASE}/people?q=petit", headers=officer("people.read")).json["items"]

    assert found == [
        {
            "id": str(zoe),
            "given_name": "Zoé",
            "family_name": "Petit",
            "birth_name": None,
            "class_years": [2009],
            "city": None,
            "has_email": True,
        }
    ]


def test_reading_a_person_is_written_in_the_trail(client, told, zoe):
    reader, headers = signed_in(told, "people.read")

    shown = client.get(f"{BASE}/people/{zoe}", headers=headers).json

    assert shown["emails"][0]["address"] == "zoe@example.org"
    assert trail_of(zoe)[-1] == ("person.read", list(readings.PRIVATE), "people.read", reader)


def test_a_change_is_kept_with_what_was_before_and_why(client, officer, zoe):
    wish = {"family_name": "Grand", "reason": "marriage"}

    changed = client.patch(f"{BASE}/people/{zoe}", json=wish, headers=officer("people.manage")).json

    assert (changed["family_name"], changed["version"]) == ("Grand", 2)
    assert trail_of(zoe)[-1][:2] == ("person.changed", ["family_name"])
    with Transaction() as session:
        detail = session.scalar(text("select detail from audit_details order by number desc limit 1"))
        assert "Petit" in detail and "marriage" in detail
        assert "Petit" not in str(trail_of(zoe))
        assert audit.verify(session, key=settings.current().link_key).bad_number is None


def test_an_erased_person_leaves_no_value_in_the_trail(client, officer, zoe):
    headers = officer("people.manage")
    client.patch(f"{BASE}/people/{zoe}", json={"family_name": "Grand"}, headers=headers)

    answer = client.post(f"{BASE}/people/{zoe}/erasures", json={"reason": "written twice"}, headers=headers)

    assert answer.status_code == 204
    with Transaction() as session:
        assert "Petit" not in str(session.execute(text("select * from audit_details")).all())
        verdict = audit.verify(session, key=settings.current().link_key)
        assert verdict.bad_number is None


def test_who_may_change_people_is_not_shown_what_only_readers_see(client, told, zoe):
    _, headers = signed_in(told, "people.manage")
    key = {**headers, "Idempotency-Key": "written-1"}
    held = {"id", "given_name", "family_name", "birth_name", "civil_given_name", "preferred_name", "version"}

    answers = [
        client.patch(f"{BASE}/people/{zoe}", json={}, headers=headers),
        client.patch(f"{BASE}/people/{zoe}", json={"born_on": "1985-02-03"}, headers=headers),
        client.post(f"{BASE}/people", json={**PERSON, "born_on": "1985-02-03"}, headers=key),
        client.post(f"{BASE}/people", json={**PERSON, "born_on": "1985-02-03"}, headers=key),
    ]

    assert [answer.status_code for answer in answers] == [200, 200, 201, 201]
    assert [set(answer.json) for answer in answers] == [held] * 4
    assert client.get(f"{BASE}/people/{zoe}", headers=headers).status_code == 403


def test_the_first_name_that_is_shown_is_the_one_that_is_changed(client, officer, zoe):
    headers = officer("people.manage")
    client.patch(f"{BASE}/people/{zoe}", json={"preferred_name": "Camille"}, headers=headers)

    changed = client.patch(f"{BASE}/people/{zoe}", json={"given_name": "Cam"}, headers=headers).json

    assert (changed["given_name"], changed["civil_given_name"], changed["preferred_name"]) == (
        "Cam",
        "Zoé",
        "Cam",
    )


def test_a_name_from_before_the_rule_of_names_stays_until_it_is_corrected(client, officer, zoe):
    with Transaction() as session:
        session.get_one(Person, zoe).family_name = "Petit 2"
    url, headers = f"{BASE}/people/{zoe}", officer("people.manage", "people.read")

    kept = client.patch(url, json={"family_name": "Petit 2", "city": "Pau"}, headers=headers)
    other = client.patch(url, json={"family_name": "Petit 3", "civil_given_name": "t.co"}, headers=headers)
    corrected = client.patch(url, json={"family_name": "Petit"}, headers=headers)

    assert (kept.status_code, kept.json["family_name"]) == (200, "Petit 2")
    assert client.get(url, headers=headers).json["city"] == "Pau"
    assert (other.status_code, set(other.json["errors"])) == (422, {"family_name", "civil_given_name"})
    assert (corrected.status_code, corrected.json["family_name"]) == (200, "Petit")


def test_a_person_is_written_down_by_hand(client, officer):
    headers = officer("people.manage")
    wish = {**PERSON, "school_id": "A 1", "emails": ["Z@Example.org", "z@example.org"], "locale": "en"}

    def write(key, **more):
        return client.post(
            f"{BASE}/people", json={**wish, **more}, headers={**headers, "Idempotency-Key": key}
        )

    made, again = write("first-key"), write("first-key")
    other, taken = write("first-key", given_name="Ann"), write("second-key")
    without = client.post(f"{BASE}/people", json=wish, headers=headers)

    assert (made.status_code, again.status_code) == (201, 201)
    assert made.json == again.json
    with Transaction() as session:
        written = readings.read(session, UUID(made.json["id"]))
        assert [email.address for email in written.emails] == ["z@example.org"]
    assert made.json["version"] == 1
    assert (other.status_code, other.json["code"]) == (422, "key_reused")
    assert (taken.status_code, taken.json["code"]) == (409, "school_id_taken")
    assert without.status_code == 400


@pytest.mark.parametrize(
    "wish",
    [
        {"version": 9},
        {"id": "x"},
        {"given_name": ""},
        {"given_name": "   "},
        {"given_name": None},
        {"given_name": "a\u0000b"},
        {"given_name": "\u202eeirA"},
        {"family_name": "\u200b"},
        {"preferred_name": "see evil.support"},
        {"given_name": "a" * 101},
        {"family_name": "a\u0007b"},
        {"locale": "de"},
        {"born_on": "31/02/1985"},
        {"degrees": [{"programme": "Droit", "class_year": 1}]},
        {"degrees": [{"programme": "Droit", "class_year": "2009"}]},
        {"city": "4242 4242 4242 4242"},
    ],
)
def test_what_cannot_be_a_person_is_refused(client, officer, zoe, wish):
    answer = client.patch(f"{BASE}/people/{zoe}", json=wish, headers=officer("people.manage"))

    assert answer.status_code == 422
    with Transaction() as session:
        assert readings.read(session, zoe).version == 1


@pytest.mark.parametrize(
    "field", ["given_name", "preferred_name", "birth_name", "city", "school_id", "reason"]
)
def test_a_body_full_of_marks_holds_up_nobody(client, officer, zoe, field):
    headers = officer("people.manage")

    with soon():
        answer = client.patch(f"{BASE}/people/{zoe}", json={field: MARKS}, headers=headers)

    assert (answer.status_code, list(answer.json["errors"])) == (422, [field])


def test_a_person_changes_what_is_theirs_and_nothing_else(client, told, zoe):
    _, headers = signed_in(told, person_id=zoe)

    changed = client.patch(
        f"{BASE}/people/me", json={"preferred_name": "Zo", "city": "Lyon"}, headers=headers
    )
    refused = client.patch(f"{BASE}/people/me", json={"family_name": "Grand"}, headers=headers)

    assert (changed.json["given_name"], changed.json["city"]) == ("Zo", "Lyon")
    assert refused.status_code == 422
    assert client.get(f"{BASE}/people/{zoe}", headers=headers).status_code == 403


def test_an_objection_reaches_the_card_and_can_be_lifted(client, told, zoe):
    _, headers = signed_in(told, person_id=zoe)
    wish = {"purpose": "appeals", "said": "no", "wording": "Appels aux dons"}

    assert client.post(f"{BASE}/people/me/consents", json=wish, headers=headers).status_code == 201
    refused = client.get(f"{BASE}/people/me", headers=headers).json["permissions"]
    client.post(f"{BASE}/people/me/consents", json={**wish, "said": "yes"}, headers=headers)
    lifted = client.get(f"{BASE}/people/me", headers=headers).json["permissions"]

    assert (refused["appeals"], refused["news"], lifted["appeals"]) == (False, True, True)
    assert (refused["photo"], refused["partners"]) == (False, False)
    with Transaction() as session:
        card = said(session, "person.card")[-1]
        assert {"purpose": "appeals", "channel": "email", "allowed": True} in card["permissions"]
    assert len(client.get(f"{BASE}/people/me/consents", headers=headers).json["items"]) == 2


def test_an_objection_for_one_channel_leaves_the_others(client, officer, zoe):
    headers = officer("people.manage", "people.read")
    wish = {
        "purpose": "news",
        "said": "no",
        "channel": "phone",
        "wording": "News",
        "source": "letter of 3 May",
    }
    client.post(f"{BASE}/people/{zoe}/consents", json=wish, headers=headers)

    with Transaction() as session:
        person = readings.read(session, zoe)
        from services.directory.models import allowed

        assert allowed(person.consents, informed=True, channel="email")["news"] is True
        assert allowed(person.consents, informed=True, channel="phone")["news"] is False


def test_addresses_are_added_and_removed_but_not_the_one_that_signs_in(client, told, zoe):
    _, headers = signed_in(told, "people.manage", "people.read", person_id=zoe)
    emails = f"{BASE}/people/{zoe}/emails"

    added = client.post(emails, json={"address": "New@Example.org"}, headers=headers)
    twice = client.post(emails, json={"address": "new@example.org"}, headers=headers)
    held = client.get(f"{BASE}/people/{zoe}", headers=headers).json["emails"]
    signs_in = next(each["id"] for each in held if each["address"] == f"{zoe}@example.org")

    assert (added.status_code, twice.json["code"]) == (201, "email_held")
    assert client.delete(f"{emails}/{signs_in}", headers=headers).json["code"] == "email_signs_in"
    assert client.delete(f"{emails}/{added.json['id']}", headers=headers).status_code == 204
    assert client.delete(f"{emails}/{added.json['id']}", headers=headers).status_code == 404


def correct(client, headers, person_id, address, email_id=None):
    shown = client.get(f"{BASE}/people/{person_id}", headers=headers).json
    email_id = email_id or shown["emails"][0]["id"]
    where = f"{BASE}/people/{person_id}/emails/{email_id}"
    return client.patch(where, json={"address": address}, headers=headers)


def test_a_corrected_address_is_told_at_once_and_is_not_verified(client, told, zoe):
    officer, headers = signed_in(told, "people.manage", "people.read")
    with Transaction() as session:
        contacts.verify(session, cards.whole(session, zoe), "zoe@example.org", at=NOW)

    corrected = correct(client, headers, zoe, "Zoe.Petit@Example.org").json
    same = correct(client, headers, zoe, "zoe.petit@example.org").json

    assert (corrected["address"], corrected["source"]) == ("zoe.petit@example.org", "staff")
    assert corrected["verified_at"] is None and same == corrected
    with Transaction() as session:
        cards_told = [card for card in said(session, "person.card") if card["key"] == str(zoe)]
        detail = session.scalar(text("select detail from audit_details order by number desc limit 1"))
    assert [(card["version"], card["email"], card["verified"]) for card in cards_told][1:] == [
        (2, "zoe.petit@example.org", [])
    ]
    corrections = [entry for entry in trail_of(zoe) if entry[0] == "email.corrected"]
    assert corrections == [("email.corrected", ["emails"], None, officer)]
    assert "zoe@example.org" in str(detail)


def test_an_address_is_not_corrected_into_one_that_is_held_or_proved(client, told, zoe):
    other, _ = signed_in(told)
    _, headers = signed_in(told, "people.manage", "people.read")
    client.post(f"{BASE}/people/{zoe}/emails", json={"address": "z@example.org"}, headers=headers)

    answers = {
        "held": correct(client, headers, zoe, "z@example.org"),
        "proved": correct(client, headers, zoe, f"{other}@example.org"),
        "signs in": correct(client, headers, other, "new@example.org"),
        "unknown": correct(client, headers, zoe, "new@example.org", email_id=other),
        "none": correct(client, headers, zoe, "no address"),
    }

    assert {name: answer.json["code"] for name, answer in answers.items()} == {
        "held": "email_held",
        "proved": "email_of_another",
        "signs in": "email_signs_in",
        "unknown": "not_found",
        "none": "fields_refused",
    }
    assert client.get(f"{BASE}/people/{zoe}", headers=headers).json["email"] == "zoe@example.org"


def test_classes_count_people_and_who_can_be_reached(client, officer, zoe):
    with Transaction() as session:
        two = [{"programme": "Droit", "class_year": 2009}, {"programme": "MIAGE", "class_year": 2011}]
        people.add(session, by=None, at=NOW, given_name="Al", family_name="Bo", degrees=two)

    found = client.get(f"{BASE}/class-years", headers=officer("people.read")).json["items"]

    assert found == [
        {"class_year": 2011, "people": 1, "reachable": 0},
        {"class_year": 2009, "people": 2, "reachable": 1},
    ]


def test_arrivals_count_who_was_written_down_since_a_moment(client, officer):
    headers = officer("people.read")

    def since(moment):
        return client.get(f"{BASE}/arrivals", query_string={"since": moment}, headers=headers)

    with Transaction() as session:
        known = session.query(Person).count()
        people.add(session, by=None, at=NOW, given_name="Al", family_name="Bo")
        people.add(session, by=None, at=NOW, given_name="Bo", family_name="Al")
        session.query(Person).filter_by(family_name="Bo").update({"created_at": NOW})

    assert since("0001-01-01T00:00:00Z").json["people"] == known + 2
    assert since((NOW + timedelta(hours=1)).isoformat()).json["people"] == known + 1
    assert since("9999-12-31T00:00:00Z").json == {"people": 0}
    assert since("2026-03-14").status_code == 422


@pytest.mark.parametrize("rows", [3_500, 10_000])
def test_a_file_of_thousands_of_rows_is_read_however_its_lines_fall(client, officer, rows):
    """Larger than the chunks in which a form is read."""
    lines = [
        f"{n};Martin;Zoé;zoe.martin{n}@example.org;Saint-Étienne;DUT Informatique;1972" for n in range(rows)
    ]
    text = "\r\n".join(["Matricule;Nom;Prénom;Courriel;Ville;Diplôme;Année d'obtention", *lines])
    file = {"file": (io.BytesIO(text.encode("cp1252")), "registrar.csv")}

    answer = client.post(
        f"{BASE}/imports",
        data=file,
        headers={**officer("people.import"), "Idempotency-Key": f"file-of-{rows}"},
    )

    assert (answer.status_code, answer.json.get("people")) == (201, rows)


def test_a_file_is_checked_confirmed_and_written(client, officer):
    headers = officer("people.import", "people.read")
    file = (
        io.BytesIO("Matricule,Nom,Prénom,Courriel\n1,Petit,Zoé,z@example.org\n2,,,".encode("cp1252")),
        "a.csv",
    )

    wish = {"file": file, "informed_by": "dossier"}
    made = client.post(f"{BASE}/imports", data=wish, headers={**headers, "Idempotency-Key": "file-of-2026"})
    where = f"{BASE}/imports/{made.json['id']}"
    confirmed = client.post(f"{where}/confirmations", json={}, headers=headers)
    for _ in range(2):
        with Transaction() as session:
            import_runs.write_some(session, at=NOW)
    done = client.get(where, headers=headers).json
    refused = client.get(f"{where}/refusals.csv?locale=en", headers=headers)

    assert (made.status_code, made.json["status"], made.json["counts"]["created"]) == (201, "checked", 1)
    assert made.json["refusals"] == [
        {
            "row": 3,
            "reason": "given_name_missing",
            "text": {"fr": "Le prénom est vide.", "en": "The first name is empty."},
            "school_id": "2",
            "name": "",
        }
    ]
    assert (confirmed.status_code, confirmed.json["status"]) == (202, "running")
    assert (done["status"], done["counts"]["created"], done["done"]) == ("done", 1, 1)
    assert refused.data.decode().splitlines()[1] == "The first name is empty.;3;2;;;"
    assert [each["status"] for each in client.get(f"{BASE}/imports", headers=headers).json["items"]] == [
        "done"
    ]


def test_a_file_sent_twice_under_one_key_is_one_import(client, officer):
    headers = officer("people.import") | {"Idempotency-Key": "file-of-2026"}

    def send(name="Petit", **more):
        file = (io.BytesIO(f"Matricule,Nom,Prénom\n1,{name},Zoé\n2,,".encode()), "a.csv")
        return client.post(f"{BASE}/imports", data={"file": file, **more}, headers=headers)

    first, again, other, told = send(), send(), send("Grand"), send(informed_by="dossier")

    assert (first.status_code, again.status_code) == (201, 201) and first.json == again.json
    assert first.json["rows"] == 2 and len(first.json["refusals"]) == 1
    for refused in (other, told):
        assert (refused.status_code, refused.json["code"]) == (422, "key_reused")
    assert len(client.get(f"{BASE}/imports", headers=headers).json["items"]) == 1
    assert len(trail_of(first.json["id"])) == 1


def test_a_checked_file_is_discarded_once_with_a_trace(client, officer):
    headers = officer("people.import") | {"Idempotency-Key": "file-of-2026"}
    wish = {"file": (io.BytesIO("Matricule,Nom,Prénom\n1,Petit,Zoé\n2,,".encode()), "a.csv")}
    made = client.post(f"{BASE}/imports", data=wish, headers=headers).json
    where = f"{BASE}/imports/{made['id']}"

    first, again = (client.post(f"{where}/discards", headers=headers) for _ in range(2))
    late = client.post(f"{where}/confirmations", headers=headers)

    assert (first.status_code, first.json["status"], first.json["refusals"]) == (200, "discarded", [])
    assert again.json == first.json
    assert (late.status_code, late.json["code"]) == (409, "import_already_discarded")
    assert len(client.get(f"{where}/refusals.csv", headers=headers).data.decode().splitlines()) == 1
    assert [each[0] for each in trail_of(made["id"])] == ["import.checked", "import.discarded"]
    assert client.post(f"{where}/discards", headers=officer("people.read")).status_code == 403


def test_a_file_without_a_key_is_refused(client, officer):
    wish = {"file": (io.BytesIO(b"Matricule,Nom,Prenom\n1,Petit,Zoe"), "a.csv")}

    refused = client.post(f"{BASE}/imports", data=wish, headers=officer("people.import"))

    assert (refused.status_code, list(refused.json["errors"])) == (400, ["Idempotency-Key"])


def test_a_stranger_form_field_or_a_missing_file_is_refused(client, officer):
    headers = officer("people.import") | {"Idempotency-Key": "file-of-2026"}

    assert client.post(f"{BASE}/imports", data={"x": "y"}, headers=headers).status_code in (415, 422)
    assert client.post(f"{BASE}/imports", json={}, headers=headers).status_code == 415


@pytest.mark.parametrize("right", ["giving.read", "people.read"])
def test_a_right_opens_its_own_doors_only(client, officer, zoe, right):
    headers = officer(right)

    answers = {
        "people": client.get(f"{BASE}/people", headers=headers).status_code,
        "change": client.patch(f"{BASE}/people/{zoe}", json={"city": "x"}, headers=headers).status_code,
        "imports": client.get(f"{BASE}/imports", headers=headers).status_code,
        "accounts": client.get(f"{BASE}/accounts", headers=headers).status_code,
    }

    assert answers == {
        "people": 200 if right == "people.read" else 403,
        "change": 403,
        "imports": 403,
        "accounts": 403,
    }


def test_rights_are_given_over_http_by_who_holds_them(client, told, zoe):
    _, headers = signed_in(told, "rights.manage", "people.read")
    _, hers = signed_in(told, person_id=zoe)
    listed = client.get(f"{BASE}/accounts", headers=headers).json["items"]
    account = next(each["id"] for each in listed if each["person_id"] == str(zoe))
    hers_alone = client.get(f"{BASE}/accounts?person_id={zoe}", headers=headers).json["items"]
    assert [each["id"] for each in hers_alone] == [account]

    given = client.put(f"{BASE}/accounts/{account}/rights", json={"rights": ["people.read"]}, headers=headers)
    unknown = client.put(f"{BASE}/accounts/{account}/rights", json={"rights": ["all"]}, headers=headers)
    staff = client.get(f"{BASE}/accounts?staff=true", headers=headers).json["items"]

    assert given.json["rights"] == ["people.read"]
    assert unknown.status_code == 422
    assert len(staff) == 2
    assert client.post(f"{BASE}/accounts/{account}/disablings", headers=headers).status_code == 204
    assert client.get(f"{BASE}/tokens/current", headers=hers).json["active"] is False


def test_the_token_of_a_closed_account_changes_nobody_and_no_password(client, told, zoe):
    officer, headers = signed_in(told, "people.manage")
    with Transaction() as session:
        account = accounts.of_person(session, officer)
        accounts.close(session, account.id, by=None, at=NOW)
    password = {"password": "a whole new password", "current_password": "x"}

    answers = [
        client.post(f"{BASE}/people/{zoe}/erasures", json={"reason": "spite"}, headers=headers),
        client.post(f"{BASE}/people/{zoe}/emails", json={"address": "x@example.org"}, headers=headers),
        client.patch(f"{BASE}/people/{zoe}", json={"family_name": "X"}, headers=headers),
        client.put(f"{BASE}/accounts/me/password", json=password, headers=headers),
        client.post(f"{BASE}/accounts/me/authenticator", json={"password": "x"}, headers=headers),
        client.post(
            f"{BASE}/accounts/me/authenticator/confirmations", json={"code": "000000"}, headers=headers
        ),
    ]

    assert [(answer.status_code, answer.json["code"]) for answer in answers] == [(401, "session_ended")] * 6
    with Transaction() as session:
        assert readings.read(session, zoe).version == 1


def test_nobody_closes_an_account_that_may_do_more_than_they(client, told, zoe):
    _, headers = signed_in(told, "rights.manage")
    _, hers = signed_in(told, "giving.refund", person_id=zoe)
    listed = client.get(f"{BASE}/accounts", headers=headers).json["items"]
    account = next(each["id"] for each in listed if each["person_id"] == str(zoe))

    answer = client.post(f"{BASE}/accounts/{account}/disablings", headers=headers)

    assert (answer.status_code, answer.json["code"]) == (403, "rights_beyond_own")
    assert client.get(f"{BASE}/tokens/current", headers=hers).json["active"] is True


def test_a_closed_account_is_reopened_by_another_and_not_by_its_owner(client, told, zoe):
    officer, headers = signed_in(told, "rights.manage", "people.read")
    signed_in(told, "people.read", person_id=zoe)
    listed = client.get(f"{BASE}/accounts", headers=headers).json["items"]
    account = next(each["id"] for each in listed if each["person_id"] == str(zoe))
    own = next(each["id"] for each in listed if each["person_id"] == str(officer))

    steps = [
        client.post(f"{BASE}/accounts/{account}/{step}", headers=headers).status_code
        for step in ("disablings", "reopenings")
    ]
    mine = client.post(f"{BASE}/accounts/{own}/reopenings", headers=headers)

    assert steps == [204, 204]
    assert (mine.status_code, mine.json["code"]) == (403, "own_rights_kept")
    listed = client.get(f"{BASE}/accounts", headers=headers).json["items"]
    found = next(each for each in listed if each["id"] == account)
    assert (found["disabled_at"], found["rights"]) == (None, [])
    assert [entry[0] for entry in trail_of(account)][-2:] == ["account.disabled", "account.reopened"]


def test_a_cursor_of_another_list_is_refused(client, officer):
    headers = officer("people.read", "people.import")

    assert client.get(f"{BASE}/people?after=forged.x", headers=headers).status_code == 422
    assert client.get(f"{BASE}/people?limit=1000", headers=headers).status_code == 422
    assert client.get(f"{BASE}/people?nonsense=1", headers=headers).status_code == 422


def test_the_keys_are_public_and_hold_nothing_private(client):
    keys = client.get(f"{BASE}/jwks").json["keys"]

    assert [set(key) for key in keys] == [{"kty", "crv", "x", "kid", "use", "alg"}]


def test_settings_that_are_too_weak_do_not_start(told):
    from dataclasses import asdict

    from shared.settings import SettingsMissing

    values = asdict(told)
    for wrong in ({"email_key": "short"}, {"token_private_key": "{}"}, {"token_private_key": "nonsense"}):
        with pytest.raises(SettingsMissing) as ended:
            settings.DirectorySettings(**{**values, **wrong})
        assert "short" not in str(ended.value).replace("needs at least", "")


def test_the_trail_knows_rows_of_every_kind():
    with Transaction() as session:
        person = people.add(session, by=None, at=NOW, **PERSON)
        trail.note(session, person, by=None, action="person.looked_at", at=NOW)
        assert (
            session.scalar(text("select subject_kind from audit_entries order by number desc limit 1"))
            == "person"
        )


def test_files_are_checked_sixty_times_an_hour_at_most(client, officer):
    headers = officer("people.import")

    def send(number):
        file = {"file": (io.BytesIO(b"nothing"), "people.csv")}
        key = {"Idempotency-Key": f"file-number-{number}"}
        return client.post(f"{BASE}/imports", data=file, headers=headers | key).status_code

    assert [send(number) for number in range(61)] == [422] * 60 + [429]
