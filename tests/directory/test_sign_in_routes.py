"""Signing in over HTTP: the whole way, and how guessing runs dry."""

import pyotp
import pytest
from sqlalchemy import text

from services.directory import (
    accounts,
    authenticators,
    sessions,
)
from services.directory.models import (
    Transaction,
)
from tests.directory.conftest import NOW, signed_in
from tests.directory.doors import PASSWORD, TOTP_SECRET, an_account, sign_in


class TestOverHttp:
    def password_sign_in(self, client, **more):
        wish = {"email": "zoe@example.org", "password": PASSWORD, **more}
        return client.post("/api/v1/directory/sessions", json=wish)

    def token(self, client, secret):
        answer = client.post("/api/v1/directory/tokens", headers={"Authorization": f"Session {secret}"})
        assert answer.status_code == 201, answer.json
        return {"Authorization": f"Bearer {answer.json['token']}"}

    def test_signing_in_and_out(self, client):
        with Transaction() as session:
            an_account(session)

        secret = self.password_sign_in(client).json["secret"]
        bearer = self.token(client, secret)

        assert client.get("/api/v1/directory/people/me", headers=bearer).json["family_name"] == "Petit"
        assert client.get("/api/v1/directory/tokens/current", headers=bearer).json == {
            "active": True,
            "rights": [],
        }
        listed = client.get("/api/v1/directory/sessions", headers=bearer).json["items"]
        assert [each["current"] for each in listed] == [True]
        assert client.delete("/api/v1/directory/sessions/current", headers=bearer).status_code == 204
        assert client.get("/api/v1/directory/tokens/current", headers=bearer).json["active"] is False
        again = client.post("/api/v1/directory/tokens", headers={"Authorization": f"Session {secret}"})
        assert (again.status_code, again.json["code"]) == (401, "session_ended")

    def test_a_right_taken_away_bites_at_once_where_it_matters(self, client):
        with Transaction() as session:
            account = an_account(session, rights=["rights.manage", "people.read"])
        answer = self.password_sign_in(client, totp=pyotp.TOTP(TOTP_SECRET).now())
        bearer = self.token(client, answer.json["secret"])
        assert client.get("/api/v1/directory/accounts", headers=bearer).status_code == 200

        with Transaction() as session:
            accounts.grant(session, account.id, rights=["people.read"], by=None, at=NOW)

        assert client.get("/api/v1/directory/accounts", headers=bearer).status_code == 403
        assert client.get("/api/v1/directory/people", headers=bearer).status_code == 200

    def test_adding_an_authenticator_opens_the_staff_rights(self, client):
        with Transaction() as session:
            account = an_account(session)
            accounts.grant(session, account.id, rights=["people.read"], by=None, at=NOW)
        secret = self.password_sign_in(client).json["secret"]
        bearer = self.token(client, secret)
        base = "/api/v1/directory/accounts/me/authenticator"

        stolen = client.post(base, json={"password": "not this one"}, headers=bearer)
        shown = client.post(base, json={"password": PASSWORD}, headers=bearer).json
        wrong = client.post(f"{base}/confirmations", json={"code": "000000"}, headers=bearer)
        right = client.post(
            f"{base}/confirmations", json={"code": pyotp.TOTP(shown["secret"]).now()}, headers=bearer
        )

        assert stolen.json["code"] == "current_password_refused"
        assert wrong.json["code"] == "code_refused"
        assert len(right.json["recovery_codes"]) == 10
        assert client.get("/api/v1/directory/people", headers=self.token(client, secret)).status_code == 200

    def test_a_lost_authenticator_is_taken_away_and_the_rights_wait_for_a_new_one(self, client, told):
        with Transaction() as session:
            account = an_account(session, rights=["people.read"])
            codes = authenticators.new_codes(session, account)
        officer, headers = signed_in(told, "rights.manage", "people.read")
        signed = self.password_sign_in(client, totp=pyotp.TOTP(TOTP_SECRET).now())
        hers = self.token(client, signed.json["secret"])
        where = f"/api/v1/directory/accounts/{account.id}/authenticator"

        taken, again = (client.delete(where, headers=headers).status_code for _ in range(2))

        assert (taken, again) == (204, 404)
        assert client.get("/api/v1/directory/tokens/current", headers=hers).json["active"] is False
        opened = self.password_sign_in(client)
        assert opened.json["authenticator_missing"]
        bearer = self.token(client, opened.json["secret"])
        assert client.get("/api/v1/directory/people", headers=bearer).status_code == 403
        assert self.password_sign_in(client, totp=codes[0]).json["authenticator_missing"]
        with Transaction() as session:
            noted = text("select \"by\" from audit_entries where action = 'authenticator.taken_away'")
            assert session.scalar(noted) == officer

    def test_nobody_takes_away_their_own_authenticator_or_one_that_guards_more(self, client, told):
        with Transaction() as session:
            account = an_account(session, rights=["people.read", "giving.refund"])
        officer, headers = signed_in(told, "rights.manage", "people.read")
        with Transaction() as session:
            own = accounts.of_person(session, officer).id
        base = "/api/v1/directory/accounts"

        beyond = client.delete(f"{base}/{account.id}/authenticator", headers=headers)
        mine = client.delete(f"{base}/{own}/authenticator", headers=headers)

        assert (beyond.status_code, beyond.json["code"]) == (403, "rights_beyond_own")
        assert (mine.status_code, mine.json["code"]) == (403, "own_rights_kept")

    def test_guessing_the_first_code_runs_dry(self, client):
        with Transaction() as session:
            an_account(session)
        bearer = self.token(client, self.password_sign_in(client).json["secret"])
        base = "/api/v1/directory/accounts/me/authenticator"
        client.post(base, json={"password": PASSWORD}, headers=bearer)
        wish = {"json": {"code": "000000"}, "headers": bearer}

        answers = [client.post(f"{base}/confirmations", **wish).status_code for _ in range(11)]

        assert answers == [422] * 10 + [429]

    def test_guessing_runs_dry(self, client):
        with Transaction() as session:
            an_account(session)

        answers = [self.password_sign_in(client, password="wrong") for _ in range(11)]

        assert [answer.status_code for answer in answers] == [401] * 10 + [429]
        assert int(answers[-1].headers["Retry-After"]) > 0
        assert self.password_sign_in(client).status_code == 429

    def test_guessing_from_many_addresses_of_one_network_runs_dry(self, client):
        with Transaction() as session:
            an_account(session)
        wish = {"email": "zoe@example.org", "password": "wrong"}

        answers = [
            client.post(
                "/api/v1/directory/sessions",
                json=wish,
                environ_overrides={"REMOTE_ADDR": f"2001:db8:1:2::{number:x}"},
            ).status_code
            for number in range(11)
        ]

        assert answers == [401] * 10 + [429]

    def test_a_link_request_floods_nobody(self, client):
        wish = {"email": "zoe@example.org"}
        answers = [client.post("/api/v1/directory/sign-in-links", json=wish).status_code for _ in range(6)]

        assert answers == [202] * 5 + [429]

    @pytest.mark.parametrize(
        "next", ["//evil.example", "https://evil.example", "/\\evil", "javascript:x", "/a\nb"]
    )
    def test_nobody_is_sent_away_after_signing_in(self, client, next):
        wish = {"email": "zoe@example.org", "next": next}

        assert client.post("/api/v1/directory/sign-in-links", json=wish).status_code == 422

    @pytest.mark.parametrize(
        "wish", [{}, {"link": "x", "password": "y"}, {"email": "a@b.fr"}, {"link": "\u0000"}]
    )
    def test_half_a_sign_in_is_no_sign_in(self, client, wish):
        assert client.post("/api/v1/directory/sessions", json=wish).status_code == 422

    def test_a_forged_session_secret_is_refused(self, client):
        for secret in ("", "x", "é" * 20, "a" * 5000):
            header = {"Authorization": f"Session {secret}".encode().decode("latin-1")}
            answer = client.post("/api/v1/directory/tokens", headers=header)
            assert (answer.status_code, answer.json["code"]) == (401, "session_ended")

    def test_a_session_of_somebody_else_is_not_found(self, client):
        with Transaction() as session:
            an_account(session)
            an_account(session, "b@example.org")
            other = sign_in(session, "b@example.org", at=NOW)
            other_id = sessions.of_secret(session, other["secret"], at=NOW).id
        bearer = self.token(client, self.password_sign_in(client).json["secret"])

        assert client.delete(f"/api/v1/directory/sessions/{other_id}", headers=bearer).status_code == 404
