"""The file of provider accounts: read once, refused in one sentence."""

import json

import pytest

from shared.payments import accounts
from shared.payments.accounts import AccountsInvalid

ENTRY = {
    "account": "foundation",
    "entity": "foundation",
    "api_key": "sk_test_1",
    "webhook_secrets": ["whsec_1"],
    "api_base": None,
}


@pytest.fixture
def written(tmp_path):
    def write(*entries) -> str:
        path = tmp_path / "accounts.json"
        path.write_text(json.dumps(entries), encoding="utf-8")
        return str(path)

    return write


def test_accounts_are_found_by_their_name(written):
    found = accounts.load(
        written(ENTRY, {**ENTRY, "account": "association", "api_base": "https://pay.example/"})
    )

    assert found["foundation"].webhook_secrets == ("whsec_1",)
    assert found["association"].api_base == "https://pay.example"


def test_keys_and_secrets_are_not_shown(written):
    shown = repr(accounts.load(written(ENTRY)))

    assert "sk_test_1" not in shown
    assert "whsec_1" not in shown


@pytest.mark.parametrize("key", ["sk_live_1", "rk_live_1"])
def test_a_demo_refuses_a_live_key(written, key):
    path = written({**ENTRY, "api_key": key})

    assert accounts.load(path)["foundation"].is_live
    with pytest.raises(AccountsInvalid, match="live key"):
        accounts.load(path, demo=True)


def test_only_a_demo_speaks_to_its_provider_without_tls(written):
    path = written({**ENTRY, "api_base": "http://127.0.0.1:8087"})

    assert accounts.load(path, demo=True)
    with pytest.raises(AccountsInvalid, match="https"):
        accounts.load(path)


@pytest.mark.parametrize(
    ("change", "said"),
    [
        ({"account": "No Such"}, "name"),
        ({"account": None}, "name"),
        ({"api_key": ""}, "api_key"),
        ({"entity": None}, "entity"),
        ({"webhook_secrets": []}, "webhook_secrets"),
        ({"webhook_secrets": "whsec"}, "webhook_secrets"),
        ({"webhook_secrets": [""]}, "webhook_secrets"),
        ({"api_base": "ftp://x"}, "api_base"),
        ({"color": 1}, "color"),
    ],
)
def test_what_is_wrong_is_said(written, change, said):
    with pytest.raises(AccountsInvalid, match=said):
        accounts.load(written({**ENTRY, **change}))


def test_an_account_given_twice_is_refused(written):
    with pytest.raises(AccountsInvalid, match="twice"):
        accounts.load(written(ENTRY, ENTRY))


@pytest.mark.parametrize("text", ["", "{}", "[1]", "nonsense"])
def test_a_file_that_is_no_list_of_accounts_is_refused(tmp_path, text):
    (tmp_path / "accounts.json").write_text(text, encoding="utf-8")

    with pytest.raises(AccountsInvalid):
        accounts.load(tmp_path / "accounts.json")


def test_a_file_that_is_not_there_is_refused(tmp_path):
    with pytest.raises(AccountsInvalid, match="FileNotFoundError"):
        accounts.load(tmp_path / "none.json")
