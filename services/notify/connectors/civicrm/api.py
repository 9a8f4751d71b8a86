"""One call of CiviCRM's API v4, and what its answer means.

`POST <site>/civicrm/ajax/api4/<Entity>/<action>` with `params` as one field of a form, as the page
CRM_Api4_Page_AJAX of civicrm-core reads it; the key goes by the header of its extension authx. A proxy's
page in HTML, an error inside a 200 and an answer of another shape are all a miss: nothing is believed. Signs
that PostgreSQL cannot store come out as U+FFFD: such a text differs from ours, and staff see where.
"""

import json
import re
import time
from dataclasses import dataclass, field
from time import sleep
from typing import Any
from urllib.parse import urlencode

from services.notify.connectors.patience import retry_after_s
from services.notify.connectors.target import Missed, Target
from shared import outbound
from shared.bodies import strict_json

TIMEOUT_S = 10
TOGETHER_S = 45
"""All calls of one delivery end before its claim lapses: nobody else writes about this party meanwhile."""

TRIES = 3
LATE_S = 30
"""So long after a call to make something was given up, the next try looks: it may be done meanwhile."""

MAKING = frozenset({"create", "save"})
LIMITED, PATIENCE_S = 429, 2
ANSWER_MAX = 4 * 1024 * 1024
ID_MAX = 2**63 - 1
UNSTORED = re.compile(r"[\x00\ud800-\udfff]")

Row = dict[str, Any]


@dataclass(frozen=True)
class Api:
    """The API of one CRM."""

    target: Target
    ends: float = field(default_factory=lambda: time.monotonic() + TOGETHER_S)

    def call(self, entity: str, action: str, **params: Any) -> list[Row]:
        """The rows that the CRM answers; Missed when it did not do it, or we cannot know.

        What makes nothing new may be repeated at once. When the CRM asks for a moment's patience, nothing was
        done: it is given, or else all that was read for this delivery would be read again.
        """
        for _ in range(TRIES - 1):
            try:
                return self._once(entity, action, params)
            except Missed as missed:
                wait_s = _before_next(action, missed)
                if wait_s is None:
                    raise
                sleep(wait_s)
        return self._once(entity, action, params)

    def _once(self, entity: str, action: str, params: Row) -> list[Row]:
        answer = self._send(entity, action, params)
        said = _decoded(answer.body)
        if not 200 <= answer.status < 300:
            raise Missed(
                f"{entity}.{action} answered {answer.status}",
                code=answer.status,
                retry_after_s=retry_after_s(answer),
            )
        if not isinstance(said, dict):
            raise Missed(f"{entity}.{action} answered no JSON", code=answer.status)
        rows = said.get("values")
        if "error_message" in said or "error_code" in said:
            raise Missed(f"{entity}.{action} answered an error", code=answer.status)
        if not isinstance(rows, list) or not all(isinstance(row, dict) for row in rows):
            raise Missed(f"{entity}.{action} answered no rows", code=answer.status)
        if any("id" in row and not _is_id(row["id"]) for row in rows):
            raise Missed(f"{entity}.{action} answered an id that is none", code=answer.status)
        return rows

    def _send(self, entity: str, action: str, params: Row) -> outbound.Answer:
        left = self.ends - time.monotonic()
        if left <= 0:
            raise Missed("too much for one time, goes on later")
        try:
            return outbound.send(
                "POST",
                f"{self.target.url.rstrip('/')}/civicrm/ajax/api4/{entity}/{action}",
                body=urlencode({"params": json.dumps(params, ensure_ascii=False)}).encode(),
                headers={
                    "Content-Type": "application/x-www-form-urlencoded",
                    "X-Requested-With": "XMLHttpRequest",
                    "X-Civi-Auth": f"Bearer {self.target.secret}",
                },
                timeout_s=min(TIMEOUT_S, left),
                size_max=ANSWER_MAX,
                allowed_hosts=self.target.allowed_hosts,
            )
        except outbound.AddressRefused:
            raise Missed("AddressRefused") from None
        except outbound.NotSent as error:
            raise Missed(error.why, retry_after_s=LATE_S if action in MAKING else None) from None


def _before_next(action: str, missed: Missed) -> float | None:
    """How long until the same call may be made again; None for not at all in this delivery."""
    if missed.code == LIMITED:
        asked = missed.retry_after_s or PATIENCE_S
        return asked if asked <= PATIENCE_S else None
    again = action not in MAKING and (missed.code is None or missed.code >= 500)
    return 0 if again else None


def _is_id(told: Any) -> bool:
    return isinstance(told, int) and 0 < told <= ID_MAX


def _decoded(body: bytes) -> Any:
    """What a body says in JSON, all of which can be stored; None for anything else, as a page in HTML."""
    try:
        return _storable(strict_json(body.decode("utf-8-sig")))
    except (ValueError, RecursionError):
        return None


def _storable(value: Any) -> Any:
    if isinstance(value, str):
        return UNSTORED.sub("\ufffd", value)
    if isinstance(value, list):
        return [_storable(each) for each in value]
    if isinstance(value, dict):
        return {_storable(name): _storable(each) for name, each in value.items()}
    return value
