"""The path of something through the services, and what was written because of it."""

from datetime import datetime
from itertools import pairwise
from typing import Any

from web import clients, session
from web.clients import Problem, ServiceDown, segment
from web.console.shell import tried
from web.console.times import span


def of(correlation_id: str) -> dict[str, Any]:
    """The steps that each service tells, merged by time; a silent service is named."""
    steps, silent = [], []
    for name, service in clients.services().items():
        try:
            steps += service.get(f"/paths/{segment(correlation_id)}")["steps"]
        except ServiceDown:
            silent.append(name)
        except Problem as problem:
            if problem.status not in {403, 404}:
                raise
    steps.sort(key=lambda step: step["at"])
    return {"steps": _with_gaps(steps), "silent": silent}


def emails(correlation_id: str) -> dict[str, Any] | None:
    """What was written because of it, for who may read that; None when notify is silent."""
    if not session.visitor().may("mailings.read"):
        return None
    return tried(clients.notify().get, "/emails", correlation_id=correlation_id, limit=20)


def _with_gaps(steps: list[dict]) -> list[dict]:
    """Each step with the time since the one before it."""
    times = [datetime.fromisoformat(step["at"]) for step in steps]
    gaps = [""] + ["+" + span(later - earlier) for earlier, later in pairwise(times)]
    return [step | {"gap": gap} for step, gap in zip(steps, gaps, strict=True)]
