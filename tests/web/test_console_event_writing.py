"""Events in the console: written, published, moved and called off knowingly, and nothing typed is lost."""

import re

import pytest

from tests.web.fake_server import problem
from tests.web.samples import PERSON, event
from tests.web.test_campaign_page import text_of

RIGHTS = ["events.read", "events.manage"]
NEW = "/console/events/new"
TYPED = {
    "title_fr": "Soirée d’été",
    "title_en": "Summer evening",
    "summary_fr": "Un verre sous les arbres.",
    "summary_en": "A drink under the trees.",
    "description_fr": "Venez.",
    "description_en": "Come.",
    "organiser": "Amicale",
    "starts_at": "2027-06-12T19:30",
    "ends_at": "2027-06-12T23:00",
    "time_zone": "America/Martinique",
    "place": "3 quai de la Loire, Valmont",
    "seats_max": "1 200",
    "per_registration_max": "",
    "registration_closes_at": "2027-06-10T12:00",
    "visibility": "alumni",
    "picture": "garden",
    "key": "k",
}
GUEST = {"given_name": "Zoé", "family_name": "Le Goff", "email": "zoe@example.org", "key": "k"}


@pytest.fixture
def officer(browser, world):
    """Somebody of the office who runs events."""
    world.events = [event()]
    return browser.hold(world.sign_in(PERSON, RIGHTS))


def sent(world, method, end):
    return [body for verb, path, body, _ in world.asked if verb == method and path.endswith(end)]


def only(world, **changes):
    """The one event of the world, and its page in the console."""
    world.events = [event(**changes)]
    return f"/console/events/{world.events[0]['id']}"


def draft(world, **changes):
    return only(world, status="draft", published_at=None, is_open=False, seats_taken=0, **changes)


def register(browser):
    answer = browser.post("/events/retrouvailles", GUEST)
    assert answer.status_code == 303


def test_a_draft_is_written_by_the_clock_of_its_place(officer, world):
    answer = officer.post(NEW, TYPED)

    assert answer.status_code == 303 and answer.location.startswith("/console/events/")
    (wish,) = sent(world, "POST", "/events/events")
    assert wish["starts_at"] == "2027-06-12T23:30:00+00:00"
    assert wish["registration_closes_at"] == "2027-06-10T16:00:00+00:00"
    assert (wish["slug"], wish["seats_max"]) == ("soiree-dete-2027-06", 1200)
    assert (wish["per_registration_max"], wish["online_url"], wish["withdraw_until"]) == (4, None, None)


def test_a_form_to_correct_comes_back_by_a_redirect_with_all_that_was_typed(officer, world):
    page = officer.corrected(NEW, TYPED | {"ends_at": "2027-06-12T18:00", "seats_max": "many"}).text

    assert 'value="2027-06-12T19:30"' in page and "Un verre sous les arbres." in page
    assert "Il finit avant de commencer" in page and "en chiffres" in page
    assert not sent(world, "POST", "/events/events")


def test_a_long_text_is_not_cut_when_the_form_must_be_corrected(officer):
    long = "Une phrase. " * 300

    answer = officer.post(NEW, TYPED | {"description_fr": long, "title_fr": ""})

    assert answer.status_code == 422
    assert long.strip() in answer.text


@pytest.mark.parametrize(
    ("raised", "sentence"),
    [
        (problem(409, "event_taken"), "Un autre événement a cette adresse"),
        (problem(422, "invalid", {"json": {"slug": ["x"]}}), "Des minuscules sans accents"),
        (problem(422, "invalid", {"json": {"title": ["x"]}}), "Ce texte ne peut être gardé"),
    ],
)
def test_what_the_service_refuses_stands_beside_its_field(officer, world, raised, sentence):
    world.next_problem = raised

    assert sentence in text_of(officer.corrected(NEW, TYPED).text)


def test_an_hour_that_the_clocks_leave_out_is_refused(officer):
    night = {"time_zone": "Europe/Paris", "starts_at": "2027-03-28T02:30", "ends_at": "2027-03-28T05:00"}

    assert "Les horloges avancent" in officer.corrected(NEW, TYPED | night).text


def test_a_silent_service_saves_nothing_and_loses_nothing(officer, world):
    world.down = {"events"}

    page = officer.corrected(NEW, TYPED).text

    assert "ne répondent pas" in page and "Soirée d’été" in page


def test_fewer_seats_than_are_taken_warn_and_cancel_nobody(officer, world):
    here = only(world)
    form = officer.get(f"{here}/edit").text
    assert "73 sont prises" in text_of(form)

    officer.post(f"{here}/edit", TYPED | {"seats_max": "70", "registration_closes_at": ""})

    assert sent(world, "PATCH", world.events[0]["id"])[0]["seats_max"] == 70
    page = text_of(officer.get(here).text)
    assert "3 places sont prises de plus qu’il n’y en a maintenant : personne n’est annulé" in page


def test_when_and_where_of_a_published_event_are_not_in_its_form(officer, world):
    here = only(world)

    page = officer.get(f"{here}/edit").text
    officer.post(f"{here}/edit", TYPED | {"registration_closes_at": ""})

    assert 'name="starts_at"' not in page and f"{here}/reschedule" in page
    assert not {"starts_at", "place", "time_zone"} & set(sent(world, "PATCH", world.events[0]["id"])[0])


def test_the_form_of_a_draft_holds_what_it_was_saved_with(officer, world):
    here = draft(world, time_zone="Asia/Tokyo", starts_at="2027-05-01T10:00:00+00:00")

    page = officer.get(f"{here}/edit").text

    assert 'value="2027-05-01T19:00"' in page
    assert re.search(r'<option value="Asia/Tokyo" selected>', page)


def test_staff_see_the_page_of_a_draft_and_nobody_can_register_there(officer, open_browser, world):
    draft(world)

    page = officer.get("/events/retrouvailles/preview")

    assert "Aperçu" in page.text and 'method="post" action="/events/' not in page.text
    assert re.search(r"<button[^>]*data-once[^>]*disabled", page.text)
    assert open_browser().get("/events/retrouvailles/preview").status_code == 404
    assert officer.get("/events/retrouvailles").status_code == 404


def test_a_publication_sums_up_and_names_what_is_missing(officer, world):
    here = draft(world, summary={"fr": "Une soirée", "en": ""}, place="")

    page = officer.get(f"{here}/publish").text

    assert f"{here}/edit#summary_en" in page and f"{here}/edit#place" in page
    assert f'action="{here}/publish"' not in page


def test_publishing_puts_it_in_the_agenda_and_says_so(officer, world):
    here = draft(world)
    assert f'action="{here}/publish"' in officer.get(f"{here}/publish").text

    officer.post(f"{here}/publish", {"key": "k"})

    assert world.events[0]["status"] == "published"
    assert "reçoit les inscriptions dès maintenant" in officer.get(here).text
    assert officer.get(f"{here}/publish").status_code == 303


def test_a_refused_publication_says_why(officer, world):
    here = draft(world)
    world.next_problem = problem(422, "event_in_the_past")

    officer.post(f"{here}/publish", {"key": "k"})

    assert "il a déjà commencé" in officer.get(here).text


def test_moving_an_event_says_how_many_are_written_to_before_and_after(officer, open_browser, world):
    here = only(world)
    register(open_browser())

    assert "1 personne inscrite reçoit un courriel" in text_of(officer.get(f"{here}/reschedule").text)
    officer.post(f"{here}/reschedule", TYPED)

    (wish,) = sent(world, "POST", "/reschedulings")
    assert wish["place"] == TYPED["place"] and wish["time_zone"] == "America/Martinique"
    assert "Un courriel part vers 1 personne inscrite" in text_of(officer.get(here).text)


def test_a_form_that_moves_nothing_writes_to_nobody(officer, world):
    here = only(world)
    page = officer.get(f"{here}/reschedule").text
    typed = {
        n: re.search(rf'name="{n}"[^>]*value="([^"]*)"', page)[1] for n in ("starts_at", "ends_at", "place")
    }

    officer.post(f"{here}/reschedule", typed | {"time_zone": "Europe/Paris", "online_url": "", "key": "k"})

    assert not sent(world, "POST", "/reschedulings")
    assert "personne ne reçoit de courriel" in text_of(officer.get(here).text)


def test_a_start_that_has_passed_is_said_beside_its_field(officer, world):
    here = only(world)
    world.next_problem = problem(422, "event_in_the_past")

    assert "encore à venir" in officer.corrected(f"{here}/reschedule", TYPED).text


def test_calling_it_off_tells_everyone_and_says_so(officer, open_browser, world):
    here = only(world)
    register(open_browser())
    assert "écrire à 1 personne inscrite" in text_of(officer.get(f"{here}/cancel").text)

    officer.post(f"{here}/cancel", {"reason_fr": "Orage", "reason_en": "", "key": "k"})

    assert sent(world, "POST", "/cancellations") == [{"reason": {"fr": "Orage", "en": ""}}]
    page = text_of(officer.get(here).text)
    assert "Un courriel part vers 1 personne inscrite" in page and "Orage" in page
    assert f"{here}/cancel" not in page


@pytest.mark.parametrize(("pages", "sentence"), [(2, "300 personnes inscrites"), (None, "Plus de 1")])
def test_who_is_written_to_is_counted_over_the_pages_up_to_a_thousand(officer, world, pages, sentence):
    here = only(world)

    def listed(handler, world, query, body, name):
        n = int(query.get("after", ["0"])[0])
        return {"items": [{}] * 100, "next": None if n == pages else str(n + 1)}

    world.instead = [("GET", "/api/v1/events/events/([^/]+)/registrations", listed)]

    assert sentence in text_of(officer.get(f"{here}/cancel").text)


def test_one_registration_is_taken_back_after_its_sum_up(officer, open_browser, world):
    only(world)
    register(open_browser())
    kept = next(iter(world.registrations.values()))
    here = f"/console/events/registrations/{kept['id']}"

    asked = text_of(officer.get(f"{here}/cancel").text)
    assert "Zoé Le Goff reçoit un courriel" in asked and "1 place est aussitôt libre" in asked
    officer.post(f"{here}/cancel", {"key": "k"})

    assert kept["status"] == "cancelled"
    assert "ses places sont libres" in officer.get(here).text
    assert officer.get(f"{here}/cancel").status_code == 303


READER_MAY_NOT = ("new", "{id}/edit", "{id}/publish", "{id}/reschedule", "{id}/cancel")


@pytest.mark.parametrize("rights", [["giving.read"], ["events.read"]])
def test_who_may_not_manage_events_is_refused_every_form_and_act(browser, world, rights):
    world.events = [event()]
    browser.hold(world.sign_in(PERSON, rights))

    for place in READER_MAY_NOT:
        path = f"/console/events/{place.format(id=world.events[0]['id'])}"
        assert browser.get(path).status_code == 403, path
        assert browser.post(path, TYPED).status_code == 403, path
    assert not [
        path for method, path, _, _ in world.asked if method in {"POST", "PATCH"} and "/events/" in path
    ]


def test_who_may_not_read_events_is_refused_every_page(browser, open_browser, world):
    world.events = [event()]
    register(open_browser())
    browser.hold(world.sign_in(PERSON, ["giving.read"]))
    mine = next(iter(world.registrations.values()))["id"]

    here = f"/console/events/{world.events[0]['id']}"
    for path in ("/console/events/", here, f"{here}/export.csv", f"/console/events/registrations/{mine}"):
        assert browser.get(path).status_code == 403, path
    assert browser.post(f"/console/events/registrations/{mine}/cancel", {"key": "k"}).status_code == 403
