"""Pictures of campaigns: drawn, light, and chosen by what they show."""

from flask_babel import gettext as _

NAMES = ("skyline", "library", "laboratory", "music", "sport", "garden")


def file_of(name: str | None) -> str:
    """The asset of the picture called `name`; the skyline when there is none of that name."""
    return f"{name if name in NAMES else NAMES[0]}.svg"


def described() -> list[tuple[str, str, str]]:
    """Each picture: the name that is kept, what people call it, and what can be seen on it."""
    words = {
        "skyline": (_("The town"), _("roofs and towers at dusk, a few windows lit")),
        "library": (_("The library"), _("shelves, and an open book under a lamp")),
        "laboratory": (_("The laboratory"), _("a flask, test tubes and a molecule")),
        "music": (_("Music"), _("an audience, and notes in the light of the stage")),
        "sport": (_("Sport"), _("a crew of four rowing at sunset")),
        "garden": (_("The garden"), _("a bench between two trees in blossom")),
    }
    return [(name, *words[name]) for name in NAMES]
