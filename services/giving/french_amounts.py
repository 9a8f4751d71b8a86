"""Amounts in French words, as a tax receipt bears them: `quatre-vingt-onze euros et cinq centimes`."""

from num2words import num2words


def in_words(amount_minor: int) -> str:
    """Euros and centimes in words; before a whole million, `de` stands between: `un million d’euros`."""
    euros, centimes = divmod(amount_minor, 100)
    said = [] if euros == 0 and centimes else [_counted(euros, "euro")]
    if centimes:
        said.append(_counted(centimes, "centime"))
    return " et ".join(said)


def _counted(number: int, unit: str) -> str:
    plural = "" if number < 2 else "s"
    between = " d’" if number and number % 1_000_000 == 0 else " "
    return f"{_words(number)}{between}{unit}{plural}"


def _words(number: int) -> str:
    """num2words leaves the s of `cents` and `quatre-vingts` before `mille`, where French has none."""
    text = str(num2words(number, lang="fr"))
    return text.replace("cents mille", "cent mille").replace("quatre-vingts mille", "quatre-vingt mille")
