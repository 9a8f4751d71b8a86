"""How large the proofs are: a tenth in `make test`, the whole by `make chaos` (CHAOS_SCALE=1)."""

import os

SCALE = float(os.environ.get("CHAOS_SCALE", "0.1"))


def sized(whole: int, *, least: int = 1) -> int:
    """A number of the proof's full size, at the scale of this run."""
    return max(least, round(whole * SCALE))
