"""Findings: what does not agree between the provider and our books, for a person to look at."""

from datetime import datetime
from typing import Any
from uuid import UUID

from marshmallow import Schema, fields, validate
from prometheus_client import Counter
from sqlalchemy import func, select
from sqlalchemy.dialects.postgresql import insert
from sqlalchemy.orm import Session

from services.giving.models import Finding, Transaction
from services.giving.settings import current
from shared import audit
from shared.auth import caller
from shared.clock import now
from shared.db import lock, uuid7
from shared.http import Blueprint
from shared.pages import PageQuery, page, paged
from shared.telemetry import log

FOUND = Counter("amicale_giving_findings_total", "Differences found, each once.", ["kind"])

routes = Blueprint("findings", __name__, url_prefix="/api/v1/giving/findings")


class FindingShown(Schema):
    """One difference. `detail` holds ids, sums and states of both sides."""

    id = fields.UUID(required=True)
    account = fields.String(required=True)
    kind = fields.String(required=True)
    reference = fields.String(required=True)
    donation_id = fields.UUID(allow_none=True)
    detail = fields.Dict(required=True)
    found_at = fields.AwareDateTime(required=True)
    resolved_at = fields.AwareDateTime(allow_none=True)
    note = fields.String(allow_none=True)


class FindingResolved(Schema):
    """What who looked at it is answered: to read it, and what others noted, is another right."""

    id = fields.UUID(required=True)
    resolved_at = fields.AwareDateTime(required=True)


class Resolution(Schema):
    """What was found out, and done."""

    note = fields.String(required=True, validate=validate.Length(3, 1000))


@routes.get("", allow="giving.read")
@routes.arguments(PageQuery, location="query")
@routes.response(200, paged(FindingShown))
def index(query: dict[str, Any]) -> Any:
    """What waits to be looked at, newest first."""
    with Transaction() as session:
        waiting = select(Finding).where(Finding.resolved_at.is_(None))
        return page(session, waiting, keys=[Finding.found_at.desc(), Finding.id.desc()], **query)


@routes.post("/<uuid:finding_id>/resolutions", allow="giving.manage")
@routes.arguments(Resolution)
@routes.response(201, FindingResolved)
def resolve(wish: dict[str, str], finding_id: UUID) -> Any:
    """Say what became of it; it no longer waits. The same difference is never found again."""
    with Transaction() as session:
        return close(session, finding_id, note=wish["note"], by=caller().person_id, at=now())


def close(session: Session, finding_id: UUID, *, note: str, by: UUID | None, at: datetime) -> Finding:
    """Somebody looked at it; a second time changes nothing."""
    finding = lock(session, Finding, finding_id)
    if finding.resolved_at is None:
        finding.resolved_at, finding.resolved_by, finding.note = at, by, note
        audit.record(
            session,
            by=by,
            action="finding.resolved",
            subject=("finding", finding_id),
            right="giving.manage",
            detail=note,
            at=at,
            key=current().link_key,
        )
    return finding


def record(
    session: Session,
    kind: str,
    account: str,
    reference: str,
    donation_id: UUID | None,
    detail: dict[str, Any],
    *,
    at: datetime,
) -> bool:
    """Write a difference down, once; whether it is new."""
    statement = insert(Finding).values(
        id=uuid7(),
        account=account,
        kind=kind,
        reference=reference,
        donation_id=donation_id,
        detail=detail,
        found_at=at,
    )
    new = session.execute(statement.on_conflict_do_nothing().returning(Finding.id)).scalar_one_or_none()
    if new is not None:
        FOUND.labels(kind).inc()
        about = {} if donation_id is None else {"correlation_id": str(donation_id)}
        log.error(
            "payment does not agree with the books",
            kind=kind,
            account=account,
            reference=reference,
            finding_id=str(new),
            **about,
        )
    return new is not None


def for_staff(session: Session) -> dict[str, int]:
    """How many differences nobody has looked at."""
    waiting = select(func.count()).select_from(Finding).where(Finding.resolved_at.is_(None))
    return {"differences with the provider": session.execute(waiting).scalar_one()}


def mismatch(
    session: Session,
    kind: str,
    account: str,
    reference: str,
    donation_id: UUID | None,
    detail: dict[str, Any],
    *,
    at: datetime,
) -> str:
    """Record it, and say so: what the provider told is not applied."""
    record(session, kind, account, reference, donation_id, detail, at=at)
    return "mismatch"
