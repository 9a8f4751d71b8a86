"""Settings are read once, from the environment or from files, and what is missing is named."""

from pathlib import Path

import pytest

from shared.settings import Held, Settings, SettingsMissing

GIVEN = {
    "PUBLIC_URL": "http://127.0.0.1:8080",
    "DATABASE_URL": "postgresql://app@db/giving",
    "KAFKA_BOOTSTRAP_SERVERS": "127.0.0.1:9092",
    "DIRECTORY_URL": "http://127.0.0.1:8083",
    "LINK_KEY": "k" * 32,
}


def test_each_field_comes_from_the_variable_of_its_name() -> None:
    settings = Settings.from_env("giving", GIVEN | {"AMICALE_DEMO": "1", "DATABASE_POOL_SIZE": "3"})

    assert (settings.service, settings.demo, settings.database_pool_size) == ("giving", True, 3)
    assert settings.link_key == "k" * 32


def test_a_secret_may_stand_in_a_file(tmp_path: Path) -> None:
    (tmp_path / "key").write_text("from the file\n")

    settings = Settings.from_env(
        "giving",
        {k: v for k, v in GIVEN.items() if k != "LINK_KEY"} | {"LINK_KEY_FILE": str(tmp_path / "key")},
    )

    assert settings.link_key == "from the file"


def test_everything_missing_or_malformed_is_named_at_once(tmp_path: Path) -> None:
    told = {"DATABASE_POOL_SIZE": "many", "AMICALE_DEMO": "perhaps", "LINK_KEY_FILE": str(tmp_path / "none")}

    with pytest.raises(SettingsMissing) as refusal:
        Settings.from_env("giving", told)

    for name in (
        "PUBLIC_URL is missing",
        "DATABASE_URL is missing",
        "LINK_KEY cannot be read",
        "DATABASE_POOL_SIZE cannot be read",
        "AMICALE_DEMO cannot be read",
    ):
        assert name in str(refusal.value)


def test_secrets_stay_out_of_the_repr() -> None:
    shown = repr(Settings.from_env("giving", GIVEN | {"DATABASE_URL": "postgresql://app:hush@db/giving"}))

    assert "hush" not in shown
    assert "kkkk" not in shown


def test_a_process_asks_for_the_settings_that_it_was_told() -> None:
    load, use, current = Held(Settings, "giving").doors()
    told = Settings.from_env("giving", GIVEN)

    with pytest.raises(RuntimeError, match="giving was not told"):
        current()
    use(told)

    assert current() is told
    with pytest.raises(SettingsMissing):
        load()
    assert current() is told


def test_what_one_service_is_told_is_not_told_to_another() -> None:
    (_, use, _), (_, _, other) = Held(Settings, "giving").doors(), Held(Settings, "notify").doors()

    use(Settings.from_env("giving", GIVEN))

    with pytest.raises(RuntimeError):
        other()
