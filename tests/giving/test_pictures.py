"""Pictures of campaigns: drawn anew, served for good at an address of their own, and gone when taken down."""

import io
from uuid import uuid4

import pytest
from PIL import Image
from sqlalchemy import text

import shared.pictures
from services.giving import pictures
from services.giving.models import CampaignPicture, Transaction, database
from tests.giving import world
from tests.support.tokens import bearer

API = "/api/v1/giving/campaigns"
ALT = {"alt_fr": "des étudiants sous un arbre", "alt_en": "students under a tree"}


def photo(color="teal", kind="JPEG", size=(1300, 700)):
    out = io.BytesIO()
    Image.new("RGB", size, color).save(out, kind)
    return out.getvalue()


@pytest.fixture
def upload(app):
    """Staff who give a campaign a picture."""

    def send(campaign_id, content=None, **form):
        told = ALT | form
        file = (io.BytesIO(photo() if content is None else content), "photo.jpg")
        headers = bearer(rights=["giving.manage"])
        return app.test_client().put(
            f"{API}/{campaign_id}/picture", data={"file": file, **told}, headers=headers
        )

    return send


def kept():
    with Transaction() as session:
        return session.query(CampaignPicture).count()


def test_a_picture_is_shown_in_two_sizes_at_addresses_that_never_change(app, upload):
    campaign_id = world.campaign()

    assert upload(campaign_id).status_code == 204

    public = app.test_client()
    shown = public.get(f"{API}/{campaign_id}").json
    assert [each["width"] for each in shown["pictures"]] == [640, 1280]
    assert shown["picture_alt"] == {"fr": ALT["alt_fr"], "en": ALT["alt_en"]}
    for each in shown["pictures"]:
        answer = public.get(each["url"])
        assert (answer.status_code, answer.content_type) == (200, "image/webp")
        assert answer.headers["Cache-Control"] == "public, max-age=31536000, immutable"
        assert answer.headers["X-Content-Type-Options"] == "nosniff"
        assert Image.open(io.BytesIO(answer.data)).size == (each["width"], each["height"])


def test_another_picture_takes_the_place_of_the_first_and_the_same_one_changes_nothing(app, upload):
    campaign_id = world.campaign()
    public = app.test_client()

    def addresses():
        return [each["url"] for each in public.get(f"{API}/{campaign_id}").json["pictures"]]

    upload(campaign_id)
    first = addresses()
    upload(campaign_id)
    assert (addresses(), kept()) == (first, 2)

    upload(campaign_id, photo("red"), alt_en="a red wall")

    assert kept() == 2 and not set(addresses()) & set(first)
    assert [public.get(each).status_code for each in first] == [404, 404]


def test_what_is_taken_down_is_gone_and_the_drawn_picture_stays(app, staff, upload):
    campaign_id = world.campaign(picture="music")
    upload(campaign_id)

    assert staff("delete", f"/{campaign_id}/picture").status_code == 204
    assert staff("delete", f"/{campaign_id}/picture").status_code == 204

    shown = app.test_client().get(f"{API}/{campaign_id}").json
    assert (shown["pictures"], shown["picture"], kept()) == ([], "music", 0)
    with Transaction() as session:
        noted = session.execute(text("select action from audit_entries order by number")).scalars().all()
    assert noted[-2:] == ["campaign.picture_set", "campaign.picture_removed"]


@pytest.mark.parametrize(
    ("content", "code"),
    [
        (b"", "picture_unreadable"),
        (b"<html><script>alert(1)</script></html>", "picture_unreadable"),
        (photo(size=(100, 100)), "picture_too_small"),
        (photo(kind="GIF"), "picture_unreadable"),
    ],
)
def test_what_is_no_picture_is_refused_and_the_one_of_before_stays(upload, content, code):
    campaign_id = world.campaign()
    upload(campaign_id)

    answer = upload(campaign_id, content)

    assert (answer.status_code, answer.json["code"], kept()) == (422, code, 2)


@pytest.mark.parametrize(
    ("form", "wrong"),
    [
        ({"alt_fr": ""}, "alt_fr"),
        ({"alt_en": "   "}, "alt_en"),
        ({"alt_en": "x" * 10_000}, "alt_en"),
        ({"alt_fr": "a\x00b"}, "alt_fr"),
    ],
)
def test_what_can_be_seen_on_it_is_said_in_both_languages(upload, form, wrong):
    answer = upload(world.campaign(), **form)

    assert (answer.status_code, list(answer.json["errors"])) == (422, [wrong])
    assert kept() == 0


def test_a_file_that_is_too_large_is_refused_by_its_head(upload, monkeypatch):
    monkeypatch.setattr(shared.pictures, "made_anew", None)

    answer = upload(world.campaign(), b"\xff" * (pictures.BODY_MAX + 1))

    assert (answer.status_code, answer.json["code"]) == (413, "body_too_large")


def test_a_picture_for_no_campaign_is_for_nobody(upload, app):
    assert upload(uuid4()).status_code == 404
    for address in (f"{world.campaign()}/pictures/{'0' * 32}", f"{world.campaign()}/pictures/x"):
        assert app.test_client().get(f"{API}/{address}").status_code == 404


def test_no_transaction_is_open_while_a_picture_is_drawn(upload, app, monkeypatch):
    campaign_id, drawn, seen = world.campaign(), shared.pictures.made_anew, []

    def watched(file):
        seen.append(database.engine.pool.checkedout())
        return drawn(file)

    monkeypatch.setattr(shared.pictures, "made_anew", watched)
    assert upload(campaign_id).status_code == 204
    assert seen == [0]


def test_its_words_are_changed_without_it_and_are_needed_on_a_public_page(staff, upload):
    campaign_id = world.campaign()
    upload(campaign_id)

    words = {"fr": "un mur", "en": "a wall"}
    assert staff("patch", f"/{campaign_id}", {"picture_alt": words}).status_code == 200
    refused = staff("patch", f"/{campaign_id}", {"picture_alt": {"fr": "un mur", "en": " "}})

    assert staff("get", f"/{campaign_id}").json["picture_alt"] == words
    assert (refused.status_code, refused.json["missing"]) == (409, ["picture_alt.en"])
