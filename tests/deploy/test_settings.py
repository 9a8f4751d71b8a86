"""What `make run` is told, and what it answers to nonsense."""

import pytest

from deploy.local.problem import CannotGoOn
from deploy.local.settings import load, misspelt


def test_nothing_told_means_port_8080_and_a_folder_beside_the_code() -> None:
    told = load({})

    assert (told.port, told.host, told.data.name) == (8080, "127.0.0.1", "data")


@pytest.mark.parametrize("port", ["0", "80", "eighty", "-1", "70000", "8080.0", "٨٠٨٠"])
def test_a_port_that_makes_no_sense_is_said_in_one_sentence(port: str) -> None:
    with pytest.raises(CannotGoOn, match=r"PORT is .*make run PORT="):
        load({"PORT": port})


@pytest.mark.parametrize("number", ["0", "-1", "two", "9", "1.5", "²"])
def test_a_number_of_processes_that_makes_no_sense_is_said(number: str) -> None:
    with pytest.raises(CannotGoOn, match=r"PROCESSES is .*from 1 to 8"):
        load({"PROCESSES": number})


@pytest.mark.parametrize(
    "alone", ["STRIPE_API_KEY", "STRIPE_WEBHOOK_SECRET", "DATABASE_URL_GIVING", "DATABASE_OWNER_URL_NOTIFY"]
)
def test_halves_of_a_pair_are_refused(alone: str) -> None:
    with pytest.raises(CannotGoOn, match="go together"):
        load({alone: "x"})


@pytest.mark.parametrize(
    ("wrong", "meant"),
    [
        ("KAFKA_BOOTSTRAP_SERVER", "KAFKA_BOOTSTRAP_SERVERS"),
        ("STRIPE_APIKEY", "STRIPE_API_KEY"),
        ("DATABASE_URL_GIVIN", "DATABASE_URL_GIVING"),
        ("SMPT_URL", "SMTP_URL"),
        ("AMICALE_DEMO_DATAS", "AMICALE_DEMO_DATA"),
    ],
)
def test_a_misspelt_name_is_told_the_right_one(wrong: str, meant: str) -> None:
    assert misspelt({wrong: "x"}) == [f"{wrong} is not a setting and does nothing; did you mean {meant}?"]


def test_an_unknown_name_of_ours_is_said() -> None:
    assert misspelt({"AMICALE_COLOUR": "red"}) == ["AMICALE_COLOUR is not a setting and does nothing."]


def test_a_misspelt_word_on_makes_command_line_is_said() -> None:
    (said,) = misspelt({"MAKEFLAGS": " -- PROT=9000", "PROT": "9000"})

    assert "PROT is not a setting" in said and "PORT" in said


def test_names_of_other_people_are_left_alone() -> None:
    theirs = {
        "PATH": "/bin",
        "HOSTNAME": "x",
        "HOME": "/",
        "LANG": "C",
        "DATE": "1",
        "POST": "1",
        "SHELL": "sh",
    }

    assert misspelt(theirs) == []


def test_a_parts_environment_has_no_settings_meant_for_python_or_make() -> None:
    told = load({"PYTHONPATH": "/x", "MAKEFLAGS": "x", "PGPASSWORD": "x", "HOME": "/h", "STRIPE_API_KEY": ""})

    assert dict(told.inherited) == {"HOME": "/h"}
