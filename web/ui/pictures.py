"""Pictures of campaigns: drawn, light, and chosen by name."""

NAMES = ("skyline", "library", "laboratory", "music", "sport", "garden")


def file_of(name: str | None) -> str:
    """The asset of the picture called `name`; the skyline when there is none of that name."""
    return f"{name if name in NAMES else NAMES[0]}.svg"
