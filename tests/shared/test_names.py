"""Names of people: whatever people are called is taken, addresses of the web are not."""

import pytest

from shared.names import holds_address


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
