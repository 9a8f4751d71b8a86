"""Names of people: whatever people are called is taken, what could be a link or a number is not."""

import pytest
from marshmallow import ValidationError

from services.directory.demo_names import ORIGINS
from shared.names import Name, PersonName, is_line, is_name, sought
from tests.support.marks import MARKS, soon


@pytest.mark.parametrize(
    "name",
    [
        "Claire",
        "Jean-Baptiste",
        "Jean\u2011Baptiste",
        "Jean\u2013Baptiste",
        "O`Neill",
        "D\u00b4Aubigné",
        "\u01c4. Petrović",
        "D’Aubigné",
        "O'Neill",
        "N’",
        "'t Hooft",
        "Kaho\u02bbolawe",
        "Hryhor\u02bcyev",
        "J.R.R. Tolkien",
        "J.-P.",
        "Ch.-E. Petit",
        "Ma. Teresa",
        "St. John",
        "Martin Luther King Jr.",
        "Smith, Jr.",
        "Sammy Davis Jr., le Grand",
        "Comtesse de Ségur, née Rostopchine",
        "Famille Martin & Cie",
        "Gal·la",
        "Nguyễn Thị Minh Khai",
        "Комаров",
        "Ørsted-Håkonsen",
        "李 小龍",
        "ジョン・スミス",
        "ג׳ורג׳ בן־גוריון",
        "نازنین\u200cزهرا",
        "क्\u200dष",
        "ශ්\u200dරී",
        "བསྟན་འཛིན་རྒྱ་མཚོ",
        "ǃXóõ",
        "Wwwedenski",
    ],
)
def test_whatever_people_are_called_is_a_name(name):
    assert PersonName().deserialize(name) == name


def test_everybody_of_the_demo_has_a_name():
    assert all(map(is_name, (name for each in ORIGINS for name in each.families + each.women + each.men)))


@pytest.mark.parametrize(
    "name",
    [
        "http://win.example",
        "https: //a.b",
        "www.gagnez-ici.test",
        "WWW . gagnez . test",
        "Refund: win-prize-1.com/claim",
        "t.me/evil",
        "1.2.3.4/login",
        "a@b.co",
        "evil[.]com",
        "éxample.рф",
        "x.co/ab",
        "a-b.pw",
        "t.co",
        "T.CO",
        "cut.Pw/abc",
        "call +33612345678",
        "٠٦١٢٣٤",
        "evil_.com",
        "e.v.i.l.com",
        "E.V.I.L.Com",
        "evil.école",
        "evil.’com",
        "evil .com",
        "例.中",
        "例。中",
        "ｗｗｗ．primes．com",
        "primes\ua4f8com",
        "primes\ua4fdcom",
        "primes.\u01f1.",
        "primes.\u01f2. Zoé",
        "mailto:claire",
        "St.John",
        "M.Dupont",
        "Marie c/o Durand",
        "Zoé 😀",
        "-",
        "a" + "\u0301" * 12,
    ],
)
def test_what_a_mail_program_might_make_a_link_of_is_no_name(name):
    with pytest.raises(ValidationError, match="Write letters"):
        PersonName().deserialize(name)


@pytest.mark.parametrize(
    "text",
    [
        "",
        " ",
        "\u200b",
        "\u00a0\u200d",
        "\u3164",
        "Ann\r\nBcc: x",
        "\u202eeirA",
        "Z\u2066oé",
        "\x00",
        "\ufffdo",
    ],
)
def test_what_shows_nothing_or_turns_the_rest_is_no_line(text):
    assert not is_line(text)


@pytest.mark.parametrize("sign", "\u00ad\u061c\u180e\u200b\u200e\u200f\u2060\u206f\ufeff\U000e0041")
def test_a_sign_that_is_not_seen_is_part_of_no_line(sign):
    assert not is_line(f"prim{sign}es")
    with pytest.raises(ValidationError, match="invisible signs"):
        Name().deserialize(f"prim{sign}es")


@pytest.mark.parametrize("text", ["Zoé", "李", "نازنین\u200cزهرا", "N’", "क्\u200dष"])
def test_signs_that_join_letters_are_part_of_a_name(text):
    assert is_line(text)


@pytest.mark.parametrize("field", [Name(), PersonName(), Name(most=2000)])
def test_what_is_far_too_long_is_refused_before_it_is_composed(field):
    with soon(), pytest.raises(ValidationError, match="Length must be between"):
        field.deserialize(MARKS)


def test_a_name_may_arrive_with_its_marks_apart():
    assert PersonName().deserialize("e\u0302\u0323" * 100) == "\u1ec7" * 100
    with pytest.raises(ValidationError, match="Length must be between"):
        PersonName().deserialize("e\u0302\u0323" * 101)


@pytest.mark.parametrize(
    ("q", "words"),
    [(None, []), ("", []), ("Éloïse  ZOLA", ["eloise", "zola"]), ("%", ["%"]), ("!!'", ["!!'"])],
)
def test_a_search_for_signs_alone_is_not_one_for_everybody(q, words):
    assert sought(q) == words
