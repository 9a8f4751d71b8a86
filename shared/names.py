"""Names of people are free, but for addresses of the web: a name stands in emails that we send."""

import re
import unicodedata

ADDRESS = re.compile(
    r"""
    :\s*//                                # https://…
    | \b(https?|ftp|mailto|tel|javascript)\s*:
    | \bwww\s*\.                          # www.…
    | (?<=[^\W_]{2})\s?\.(com|net|org|info|biz|xyz|top|online|site|shop|store|club|link|click|live|vip|icu
        |app|dev|page|web|cloud|fun|win|bet|casino|io|me|ly|gg|gl|tk|cc|eu|fr|be|ch|de|uk|ru|su|cn|us|in|co
      )(?![^\W_.])
    """,
    re.VERBOSE | re.IGNORECASE,
)
"""A scheme, `www.`, or a word with a common ending of a domain. Initials (`J.R.R.`) are one letter each.
What stands before the dot is looked back at, so that a long name costs no more than its length."""


def holds_address(name: str) -> bool:
    """Whether a mail program would make a link of some part of `name`; wide letters and invisible signs
    do not hide one.
    """
    plain = unicodedata.normalize("NFKC", name).replace("\u3002", ".").replace("\u2024", ".")
    return ADDRESS.search("".join(each for each in plain if unicodedata.category(each) != "Cf")) is not None
