"""Names of people: whatever people are called is taken, addresses of the web are not."""

import pytest
from marshmallow import ValidationError

from shared.names import Name, PersonName, holds_address, is_line
from tests.support.marks import MARKS, soon


@pytest.mark.parametrize(
    "name",
    [
        "http://win.example",
        "Claire https://a.b",
        "https: //a.b",
        "www.gagnez-ici.test",
        "WWW . gagnez . test",
        "bit.ly/x",
        "Gagnez sur primes.com",
        "primes.com/claire",
        "primes.co.uk",
        "claire@primes.org",
        "ｗｗｗ．primes．com",
        "prim\u200bes.c\u200bom",
        "mailto:claire",
        "see evil.support",
        "aide.assistance",
        "Win.Support",
        "primes.banque",
        "Anne.marie",
    ],
)
def test_an_address_is_recognised(name):
    assert holds_address(name)


@pytest.mark.parametrize(
    "name",
    [
        "Claire",
        "Jean-Baptiste",
        "D’Aubigné",
        "O'Neill",
        "J.R.R. Tolkien",
        "J.-P.",
        "M.Dupont",
        "St.John",
        "St.Clair",
        "Dr.Martin",
        "Mac.Comber",
        "Sammy Davis Jr.",
        "Dr. Martin",
        "Nguyễn Thị Minh Khai",
        "Комаров",
        "李 小龍",
        "Ørsted-Håkonsen",
        "Marie c/o Durand",
        "Famille Martin & Cie",
        "de. Me",
        "Wwwedenski",
        "Comtesse de Ségur, née Rostopchine",
    ],
)
def test_a_name_is_free(name):
    assert not holds_address(name)


@pytest.mark.parametrize(
    "text", ["", " ", "\u200b", "\u00a0\u200d", "\u3164", "Ann\r\nBcc: x", "\u202eeirA", "Z\u2066oé", "\x00"]
)
def test_what_shows_nothing_or_turns_the_rest_is_no_line(text):
    assert not is_line(text)


@pytest.mark.parametrize("text", ["Zoé", "李", "نازنین\u200cزهرا", "N’", "क्\u200dष"])
def test_signs_that_join_letters_are_part_of_a_name(text):
    assert is_line(text)


def test_a_very_long_name_is_read_in_the_time_of_its_length():
    assert not holds_address("Mac.C " * 50_000 + "." * 50_000)


@pytest.mark.parametrize("field", [Name(), PersonName(), Name(most=2000)])
def test_what_is_far_too_long_is_refused_before_it_is_composed(field):
    with soon(), pytest.raises(ValidationError, match="Length must be between"):
        field.deserialize(MARKS)


def test_a_name_may_arrive_with_its_marks_apart():
    assert PersonName().deserialize("e\u0302\u0323" * 100) == "\u1ec7" * 100
    with pytest.raises(ValidationError, match="Length must be between"):
        PersonName().deserialize("e\u0302\u0323" * 101)
