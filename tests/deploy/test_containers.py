"""docker-compose.yml says what compose understands, what our processes read, and nothing that must not be."""

import json
import re
import stat
from dataclasses import MISSING, fields
from importlib import import_module
from importlib.util import find_spec
from pathlib import Path
from typing import Any

import check_jsonschema
import jsonschema
import pytest

from deploy.docker import secrets
from shared.kafka import KafkaSettings
from shared.settings import MigrationSettings, Process, Settings
from tests.support.compose import ROOT, NotTold, load
from web.settings import WebSettings

TOLD = {
    "PUBLIC_URL": "https://alumni.example.edu",
    "SCHOOL_NAME": "Example University",
    "CONTACT_EMAIL": "office@alumni.example.edu",
    "EMAIL_FROM": "Alumni <alumni@example.edu>",
    "SECRETS": "secrets",
}
FILE = load(TOLD)
CONTAINERS: dict[str, dict[str, Any]] = FILE["services"]
ONCE = {name for name in CONTAINERS if name == "topics" or name.endswith("-migrate")}
OURS = {name for name, each in CONTAINERS.items() if each["image"].startswith("amicale:")}
STAY = set(CONTAINERS) - ONCE
# Web is told where events is before it reads it.
NOT_YET = {"EVENTS_URL"} - {each.name.upper() for each in fields(WebSettings)}


def settings_of(name: str) -> type[Process]:
    """What reads the environment of one of our containers."""
    service = name.partition("-")[0]
    if name == "topics":
        return KafkaSettings
    if name.endswith("-migrate"):
        return MigrationSettings
    if service == "web":
        return WebSettings
    if not find_spec(f"services.{service}.settings"):
        return Settings
    module = import_module(f"services.{service}.settings")
    found: type[Process] = getattr(module, f"{service.title()}Settings")
    return found


def told_to(name: str) -> set[str]:
    """The settings that a container is told, by a variable or by a file."""
    read = {each.name.upper() for each in fields(settings_of(name))}
    told = set(CONTAINERS[name]["environment"])
    return {each if each in read else each.removesuffix("_FILE") for each in told}


def test_compose_understands_the_file() -> None:
    schema = Path(check_jsonschema.__file__).parent / "builtin_schemas/vendor/compose-spec.json"

    jsonschema.validate(FILE, json.loads(schema.read_text()))


@pytest.mark.parametrize("name", TOLD)
def test_what_must_be_given_is_asked_for_in_a_sentence(name: str) -> None:
    with pytest.raises(NotTold, match=rf"{name}: \w+ \w+"):
        load({key: value for key, value in TOLD.items() if key != name})


@pytest.mark.parametrize("name", sorted(OURS))
def test_a_process_is_told_all_that_it_must_know_and_nothing_that_it_does_not_read(name: str) -> None:
    kind = settings_of(name)
    must = {
        each.name.upper()
        for each in fields(kind)
        if each.default is MISSING and each.default_factory is MISSING and each.name != "service"
    }
    read = {each.metadata.get("env", each.name.upper()) for each in fields(kind)}

    assert must - told_to(name) == set()
    assert told_to(name) - read - NOT_YET == set()


@pytest.mark.parametrize("name", sorted(OURS))
def test_commands_name_modules_that_exist(name: str) -> None:
    words = CONTAINERS[name]["command"]

    assert words[:2] == ["python", "-m"]
    named = [words[2], *(word.partition(":")[0] for word in words[3:] if re.match(r"(services|web)\.", word))]
    waits_for_events = (
        {"services.events", "services.events.app"} if not find_spec("services.events.app") else ()
    )
    assert [module for module in named if module not in waits_for_events and not find_spec(module)] == []


def test_nothing_of_the_demo_is_there() -> None:
    assert not any("AMICALE_DEMO" in each.get("environment", {}) for each in CONTAINERS.values())
    assert "sandbox" not in (ROOT / "deploy/docker/Dockerfile").read_text()
    ignored = (ROOT / ".dockerignore").read_text().splitlines()
    assert "!sandbox" not in ignored
    assert ignored.index("services/*/demo*.py") > ignored.index("!services")


def test_nothing_that_runs_needs_the_demos_data() -> None:
    demo = set(ROOT.glob("services/*/demo*.py"))
    running = {each for part in ("services", "shared", "web") for each in (ROOT / part).rglob("*.py")} - demo

    named = re.compile(r"^\s*(from|import) .*\bdemo(_\w+)?\b", re.MULTILINE)
    assert demo and [each for each in running if named.search(each.read_text())] == []


@pytest.mark.parametrize("name", sorted(CONTAINERS))
def test_a_container_may_do_nothing_but_its_work(name: str) -> None:
    told = CONTAINERS[name]

    assert int(told["user"].partition(":")[0]) > 0
    assert told["cap_drop"] == ["ALL"] and "cap_add" not in told and "privileged" not in told
    assert told["security_opt"] == ["no-new-privileges:true"]
    assert told.get("read_only") is True or name == "kafka"
    assert {"mem_limit", "cpus", "pids_limit", "restart", "logging"} <= set(told)
    assert told["logging"]["options"]["max-size"]


@pytest.mark.parametrize("name", sorted(CONTAINERS))
def test_an_image_is_pinned_by_a_tag(name: str) -> None:
    tag = CONTAINERS[name]["image"].rpartition(":")[2]

    assert re.match(r"v?\d+\.\d+", tag)


@pytest.mark.parametrize("name", sorted(STAY))
def test_what_stays_says_whether_it_is_well_and_has_time_to_end(name: str) -> None:
    told = CONTAINERS[name]

    assert told["healthcheck"]["test"][0] == "CMD"
    assert "readyz" not in " ".join(told["healthcheck"]["test"]) or name == "mailpit"
    assert told["restart"] == "unless-stopped" and told["stop_grace_period"]


def test_a_service_starts_on_its_migrated_database_and_its_worker_with_the_topics() -> None:
    for service in secrets.SERVICES:
        migrated = {"condition": "service_completed_successfully"}
        assert CONTAINERS[f"{service}-api"]["depends_on"] == {f"{service}-migrate": migrated}
        after = {f"{service}-migrate": migrated, "topics": migrated}
        assert CONTAINERS[f"{service}-worker"]["depends_on"] == after
        assert CONTAINERS[f"{service}-migrate"]["depends_on"] == {
            "postgres": {"condition": "service_healthy"}
        }


def test_gunicorn_and_the_worker_have_the_time_they_take_to_end() -> None:
    graceful = re.search(r"graceful_timeout = (\d+)", (ROOT / "deploy/gunicorn.conf.py").read_text())
    assert graceful is not None

    for name in OURS - ONCE:
        need = 3 if name.endswith("-worker") else int(graceful[1])
        assert int(CONTAINERS[name]["stop_grace_period"].removesuffix("s")) > need


def test_only_the_gateway_is_reached_from_outside_and_it_reaches_no_database_or_broker() -> None:
    published = {name for name, each in CONTAINERS.items() if "ports" in each}
    assert published == {"gateway", "mailpit"}
    assert CONTAINERS["mailpit"]["profiles"] == ["catcher"]
    assert all(port.startswith("127.0.0.1:") for port in CONTAINERS["mailpit"]["ports"])

    reached = {name for name, each in CONTAINERS.items() if set(each["networks"]) & {"public", "inside"}}
    assert set(CONTAINERS["gateway"]["networks"]) == {"public", "inside"}
    assert reached == {"gateway", "web", "web-live", *(f"{service}-api" for service in secrets.SERVICES)}
    assert all(FILE["networks"][name]["internal"] for name in ("inside", "database", "broker"))


def test_secrets_are_files_that_the_script_makes_or_somebody_gives() -> None:
    assert set(FILE["secrets"]) == {*secrets.KEYS, *secrets.DOORS, *secrets.GIVEN}
    for name, told in CONTAINERS.items():
        listed = set(told.get("secrets", ()))
        named = {
            value.removeprefix("/run/secrets/")
            for value in told.get("environment", {}).values()
            if str(value).startswith("/run/secrets/")
        }
        if name == "postgres":
            named |= set(secrets.DOORS)
        assert named == listed, name
        assert not [key for key in told.get("environment", {}) if re.search(r"(KEY|PASSWORD|SMTP_URL)$", key)]


def test_an_owners_address_is_told_to_the_migration_alone() -> None:
    owners = {name for name in secrets.DOORS if "owner" in name}
    told = {name for name, each in CONTAINERS.items() if owners & set(each.get("secrets", ()))}

    assert told == {"postgres", *(f"{service}-migrate" for service in secrets.SERVICES)}


def test_secrets_are_made_once_for_their_owner_alone(tmp_path: Path) -> None:
    folder = tmp_path / "secrets"
    secrets.make(folder)
    made = {path.name: path.read_text() for path in folder.iterdir()}

    with pytest.raises(secrets.Refused, match="Nothing was changed"):
        secrets.make(folder)

    assert {path.name: path.read_text() for path in folder.iterdir()} == made
    assert set(made) == {*secrets.KEYS, *secrets.DOORS} and len(set(made.values())) == len(made)
    assert {stat.S_IMODE(path.stat().st_mode) for path in folder.iterdir()} == {0o600}
    assert stat.S_IMODE(folder.stat().st_mode) == 0o700
    assert secrets.missing(folder) == ["smtp_url", "provider_accounts.json"]


def test_one_secret_is_made_anew_and_the_others_stay(tmp_path: Path) -> None:
    folder = tmp_path / "secrets"
    secrets.make(folder)
    before = {path.name: path.read_text() for path in folder.iterdir()}

    secrets.renew(folder, "database_url_giving")

    after = {path.name: path.read_text() for path in folder.iterdir()}
    assert {name for name in before if before[name] != after[name]} == {"database_url_giving"}
    with pytest.raises(secrets.Refused):
        secrets.renew(folder, "smtp_url")
    with pytest.raises(secrets.Refused):
        secrets.put(folder, "link_key", "x")
