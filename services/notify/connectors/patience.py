"""How long another system asks to be left in peace."""

from contextlib import suppress

from shared import outbound

PATIENCE_MAX_S = 3600.0


def retry_after_s(answer: outbound.Answer) -> float | None:
    """Seconds of `Retry-After`, an hour at most; None when it says none, or a date."""
    with suppress(StopIteration, ValueError):
        text = next(value for name, value in answer.headers.items() if name.lower() == "retry-after")
        return max(0.0, min(float(text), PATIENCE_MAX_S))
    return None
