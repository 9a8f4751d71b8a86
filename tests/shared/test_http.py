"""What arrives over HTTP: strict, with a policy, answered by problems with stable codes."""

import json
from typing import Any
from uuid import uuid4

import psycopg
import pytest
from flask import Blueprint as FlaskBlueprint
from flask import Flask
from flask.testing import FlaskClient
from marshmallow import Schema, fields
from sqlalchemy import exc, text
from werkzeug.test import TestResponse

from shared import problems
from shared.bodies import holds_card_number
from shared.http import Blueprint, RouteMisplaced
from shared.inbox import verdict
from shared.rights import UnknownPolicy
from shared.service import PolicyMissing, create_service
from tests.support.postgres import ServiceDatabase
from tests.support.small.app import create_app, settings
from tests.support.small.models import Note, database
from tests.support.tokens import bearer

NOTES = "/api/v1/small/notes"


def post(client: FlaskClient, body: Any, **options: Any) -> TestResponse:
    """POST a note; `body` may be raw text."""
    options.setdefault("headers", {"Idempotency-Key": str(uuid4())})
    data = body if isinstance(body, str | bytes) else json.dumps(body)
    return client.post(
        NOTES, data=data, content_type=options.pop("content_type", "application/json"), **options
    )


def code(answer: TestResponse) -> tuple[int, str]:
    assert answer.content_type == "application/problem+json", answer.text
    return answer.status_code, answer.get_json(force=True)["code"]


@pytest.mark.parametrize(
    "body",
    [
        "[" * 100_000,
        '{"text":' * 30_000,
        '{"text": "a", "text": "b"}',
        '{"text": "a", "amount_minor": NaN}',
        '{"text": "a", "amount_minor": -Infinity}',
        '{"text": "a", "amount_minor": 1e999}',
        '{"text": "a", "amount_minor": ' + "9" * 5_000 + "}",
        '{"text": ' + "[" * 40 + "]" * 40 + "}",
        b'\xff\xfe{\x00"\x00',
        b"\xef\xbb\xbf{}",
        "{'text': 'a'}",
        "",
    ],
    ids=lambda body: repr(body[:24]),
)
def test_what_is_not_sound_json_is_400(client: FlaskClient, body: str | bytes) -> None:
    assert code(post(client, body)) == (400, "bad_json")


@pytest.mark.parametrize(
    "content_type", ["application/x-www-form-urlencoded", "text/plain", "", "multipart/form-data"]
)
def test_what_is_not_json_is_415(client: FlaskClient, content_type: str) -> None:
    assert code(post(client, '{"text": "a"}', content_type=content_type)) == (415, "not_json")


@pytest.mark.parametrize(
    "body", ['{"text": "a\\u0000b"}', '{"text": "\\ud800"}', '{"text": "a", "\\u0000": 1}', "[1, 2]"]
)
def test_text_that_cannot_be_stored_is_422(client: FlaskClient, body: str) -> None:
    assert code(post(client, body))[0] == 422


@pytest.mark.parametrize("amount", ["9223372036854775808", "-1", "1.5", '"10"', "true", "1e2", "null", "[1]"])
def test_an_amount_is_a_whole_number_of_minor_units(client: FlaskClient, amount: str) -> None:
    answer = post(client, '{"text": "a", "amount_minor": ' + amount + "}")

    assert code(answer) == (422, "fields_refused")
    assert list(answer.get_json(force=True)["errors"]) == ["amount_minor"]


@pytest.mark.parametrize("field", ["id", "person_id", "made_at", "caller", "status"])
def test_unknown_fields_are_refused(client: FlaskClient, field: str) -> None:
    answer = post(client, {"text": "a", field: "x"})

    assert code(answer) == (422, "fields_refused")
    assert answer.get_json(force=True)["errors"] == {field: ["Unknown field."]}


@pytest.mark.parametrize("chunked", [False, True])
def test_a_body_over_the_cap_is_413(client: FlaskClient, chunked: bool) -> None:
    import io

    body = json.dumps({"text": "a" * 300_000}).encode()
    options: dict[str, Any] = {}
    if chunked:
        options = {"input_stream": io.BytesIO(body), "environ_overrides": {"wsgi.input_terminated": True}}
        answer = client.post(
            NOTES, headers={"Idempotency-Key": "12345678"}, content_type="application/json", **options
        )
    else:
        answer = post(client, body)

    assert code(answer) == (413, "body_too_large")
    assert "256 KB" in answer.get_json(force=True)["detail"]


def test_what_no_route_takes_is_refused_in_our_own_words(client: FlaskClient) -> None:
    nowhere, method = client.get("/api/v1/small/nothing"), client.delete(NOTES)

    assert nowhere.get_json(force=True)["detail"] == "There is nothing here that you may see."
    assert "`Allow`" in method.get_json(force=True)["detail"] and "GET" in method.headers["Allow"]


def test_a_missing_header_is_400(client: FlaskClient) -> None:
    answer = post(client, {"text": "a"}, headers={})

    assert code(answer) == (400, "header_refused")
    assert "Idempotency-Key" in answer.get_json(force=True)["errors"]


@pytest.mark.parametrize(
    "text",
    [
        "4242 4242 4242 4242",
        "my card 4242-4242-4242-4242 12/29 123",
        "4242 4242 4242 4242 12 29",
        "378282246310005",
        "3782 822463 10005",
        "card:4000056655665556.",
    ],
)
def test_card_numbers_are_refused(client: FlaskClient, text: str) -> None:
    answer = post(client, {"text": text})

    assert code(answer) == (422, "card_number_refused")
    assert text not in answer.text


@pytest.mark.parametrize(
    "text",
    [
        "FR76 3000 6000 0112 3456 7890 189",
        "FR7630006000011234567890189",
        "+33 6 12 34 56 78",
        "4242 4242 4242 4241",
        "0000 0000 0000 0000",
        "018f3c1e-7c7c-7000-8000-000000000000",
        "2026-11-23 09:15",
        "06.12.34.56.78",
    ],
)
def test_other_numbers_are_not_cards(text: str) -> None:
    assert not holds_card_number(text)


@pytest.mark.parametrize(
    "query", ["limit=1000000", "limit=0", "limit=x", "limit=1_0", "after=forged", "order=x", "q=%00"]
)
def test_a_query_that_says_something_else_is_422(client: FlaskClient, query: str) -> None:
    answer = client.get(f"{NOTES}?{query}", headers=bearer(rights=["giving.read"]))

    assert code(answer)[0] == 422


NOBODY = "0198f000-0000-7000-8000-00000000dead"


@pytest.mark.parametrize("path", ["4" * 4000, "%00", "x" * 201, "../../etc/passwd", "-1", NOBODY])
def test_a_path_that_leads_nowhere_is_404(client: FlaskClient, path: str) -> None:
    assert code(client.get(f"{NOTES}/{path}", headers=bearer())) == (404, "not_found")
    assert code(client.get(f"{NOTES}/by-link/{path}"))[0] == 404


def test_a_refused_method_says_which_are_allowed(client: FlaskClient) -> None:
    answer = client.put(NOTES)

    assert code(answer) == (405, "method_not_allowed")
    assert {"GET", "POST"} <= set(answer.headers["Allow"].replace(" ", "").split(","))


def test_who_may_comes_before_what_is_said(client: FlaskClient) -> None:
    assert code(client.get(f"{NOTES}?limit=x")) == (401, "sign_in_required")
    assert code(client.delete(f"{NOTES}/{uuid4()}", data="[" * 9, headers=bearer())) == (403, "right_missing")


def test_a_route_without_a_policy_does_not_import() -> None:
    routes = Blueprint("routes", __name__)

    with pytest.raises(TypeError, match="allow"):
        routes.get("/x")  # type: ignore[call-arg]
    with pytest.raises(TypeError, match="policy"):
        routes.route("/x")
    with pytest.raises(UnknownPolicy, match=r"giving\.everything"):
        routes.get("/x", allow="giving.everything")


def test_a_decorator_above_the_route_does_not_import() -> None:
    routes = Blueprint("routes", __name__)
    view = routes.get("/x", allow="anyone")(dict)

    with pytest.raises(RouteMisplaced):
        routes.response(200, Schema)(view)
    with pytest.raises(RouteMisplaced):
        routes.arguments(Schema, location="query")(view)


def test_a_plain_blueprint_stops_the_start(small_database: ServiceDatabase) -> None:
    bare = FlaskBlueprint("bare", __name__)
    bare.add_url_rule("/bare", "bare", lambda: "open to all")
    bare.description = ""  # type: ignore[attr-defined]
    bare.register_views_in_doc = lambda *_, **__: None  # type: ignore[attr-defined]

    with pytest.raises(PolicyMissing, match="bare"):
        create_service(
            "small",
            settings(small_database.app_url),
            blueprints=[bare],
            database=database,
            package="tests.support.small",
        )  # type: ignore[list-item]


def test_every_route_of_a_service_has_a_policy(small: Flask) -> None:
    assert all(hasattr(view, "policy") for view in small.view_functions.values())
    assert "static" not in small.view_functions


def test_what_runs_through_the_gateway_sees_no_inside(client: FlaskClient) -> None:
    for path in ("/healthz", "/readyz", "/metrics"):
        assert client.get(path).status_code in (200, 503)
        assert client.get(path, headers={"X-Forwarded-For": "203.0.113.7"}).status_code == 404


def test_identity_headers_mean_nothing(client: FlaskClient) -> None:
    forged = {"X-User-Id": "1", "X_User_Id": "1", "X-Forwarded-User": "admin", "X-Rights": "giving.read"}

    assert client.get(NOTES, headers=forged).status_code == 401


def test_only_the_last_forwarded_address_counts(small: Flask) -> None:
    from shared.auth import caller

    seen: list[str] = []
    small.before_request(lambda: seen.append(caller().address))

    small.test_client().get(NOTES, headers={"X-Forwarded-For": "1.1.1.1, 203.0.113.7"})

    assert seen == ["203.0.113.7"]


def test_without_postgresql_the_answer_is_503_and_says_when_to_retry(postgres: Any) -> None:
    app = create_app(settings("postgresql://nobody:x@127.0.0.1:1/none"))
    try:
        answer = app.test_client().get(f"{NOTES}/summary")

        assert code(answer) == (503, "unavailable")
        assert int(answer.headers["Retry-After"]) >= 1
        assert app.test_client().get("/readyz").status_code == 503
    finally:
        database.dispose()


@pytest.mark.parametrize(
    ("raised", "status"),
    [
        (psycopg.errors.DeadlockDetected, 503),
        (psycopg.errors.ReadOnlySqlTransaction, 503),
        (psycopg.errors.IoError, 503),
        (psycopg.errors.ProgramLimitExceeded, None),
        (psycopg.errors.UndefinedTable, None),
    ],
)
def test_a_request_and_a_message_find_the_database_ill_alike(
    small: Flask, raised: type[psycopg.Error], status: int | None
) -> None:
    error = exc.OperationalError("x", {}, raised())

    with small.app_context():
        answer = problems.from_database(error)

    assert (answer and answer.status_code) == status
    assert (verdict(error) == "ill") == (status == 503)


def test_a_failure_of_ours_is_500_and_the_log_holds_no_value(
    small: Flask, capsys: pytest.CaptureFixture[str]
) -> None:
    def fail(_: Note) -> None:
        raise ValueError("ada@example.org")

    small.config["BETWEEN"] = fail

    answer = post(small.test_client(), {"text": "a"})

    assert code(answer) == (500, "internal_error")
    logged = capsys.readouterr().out
    assert "ValueError" in logged
    assert "ada@example.org" not in logged + answer.text


def test_a_unique_violation_is_409_and_the_log_names_the_constraint_only(
    small: Flask, capsys: pytest.CaptureFixture[str]
) -> None:
    def clash(note: Note) -> None:
        with database.transaction() as session:
            session.execute(
                text("insert into notes (id, text, amount_minor) select id, 'ada@example.org', 0 from notes")
            )

    small.config["BETWEEN"] = clash

    answer = post(small.test_client(), {"text": "a"})

    assert code(answer) == (409, "conflict")
    logged = capsys.readouterr().out
    assert "pk_notes" in logged
    assert "ada@example.org" not in logged


def test_logs_hold_route_templates_and_no_query(
    small_database: ServiceDatabase, capsys: pytest.CaptureFixture[str]
) -> None:
    client = create_app(settings(small_database.app_url, log_level="info")).test_client()

    client.get(f"{NOTES}/by-link/secret-token?q=mallory", headers={"X-Request-Id": "abcd-1234"})

    lines = [json.loads(line) for line in capsys.readouterr().out.splitlines()]
    assert [line["route"] for line in lines if line["event"] == "request"] == [f"{NOTES}/by-link/<token>"]
    assert lines[-1]["request_id"] == "abcd-1234" and lines[-1]["trace_id"]
    assert "secret-token" not in str(lines) and "mallory" not in str(lines)


def test_public_answers_have_an_etag_and_private_ones_are_not_stored(client: FlaskClient) -> None:
    first = client.get(f"{NOTES}/summary")
    again = client.get(f"{NOTES}/summary", headers={"If-None-Match": first.headers["ETag"]})
    private = client.get(NOTES, headers=bearer(rights=["giving.read"]))

    assert (first.status_code, again.status_code, again.data) == (200, 304, b"")
    assert private.headers["Cache-Control"] == "no-store"


def test_the_document_says_what_each_route_asks(client: FlaskClient) -> None:
    document = client.get("/api/v1/small/openapi.json").get_json()

    assert document["openapi"].startswith("3.1")
    assert document["paths"][NOTES]["get"]["security"] == [{"bearer": []}]
    assert document["paths"][NOTES]["get"]["x-allow"] == "giving.read"
    assert document["paths"][NOTES]["post"]["security"] == [{}, {"bearer": []}]
    assert "application/problem+json" in str(document["components"]["responses"]["DEFAULT_ERROR"])


def test_a_path_that_ends_in_a_slash_is_no_redirect(client: FlaskClient) -> None:
    assert client.get(f"{NOTES}/").status_code == 404
    assert client.get("//api/v1/small/notes").status_code == 404


class Both(Schema):
    fr = fields.String(required=True)


class Deep(Schema):
    story = fields.Nested(Both, required=True)
    lines = fields.List(fields.Nested(Both))


def test_errors_of_nested_fields_have_dotted_names(small_database: ServiceDatabase) -> None:
    routes = Blueprint("deep", __name__, url_prefix="/deep")

    @routes.post("", allow="anyone")
    @routes.arguments(Deep)
    @routes.response(204)
    def deep(wish: dict[str, Any]) -> None: ...

    app = create_service(
        "small",
        settings(small_database.app_url),
        blueprints=[routes],
        database=database,
        package="tests.support.small",
    )
    answer = app.test_client().post("/deep", json={"story": {}, "lines": [{"fr": "a"}, {"en": "b"}]})

    assert set(answer.get_json(force=True)["errors"]) == {"story.fr", "lines.1.fr", "lines.1.en"}


def test_the_page_of_the_interface_needs_nothing_from_elsewhere(client: FlaskClient) -> None:
    answer = client.get("/api/v1/small/docs")

    assert answer.status_code == 200
    assert "script" not in answer.text and "//" not in answer.text.replace("<!doctype", "")
    assert "default-src 'none'" in answer.headers["Content-Security-Policy"]
    for shown in (
        NOTES,
        "Leave a note.",
        "Callers with the right giving.read",
        "Idempotency-Key",
        "NoteWish",
    ):
        assert shown in answer.text
