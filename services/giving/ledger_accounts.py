"""The chart of accounts of an entity: numbers and labels as its accountant knows them."""

from dataclasses import dataclass
from datetime import datetime
from typing import Any
from uuid import UUID

from marshmallow import Schema, fields, validate
from sqlalchemy import exists, select
from sqlalchemy.orm import Session

from services.giving import books
from services.giving.models import LedgerAccount, Transaction
from services.giving.models.ledger_accounts import CHARTED, NUMBER
from services.giving.settings import current
from shared import audit
from shared.auth import caller
from shared.clock import now
from shared.errors import Conflict, NotFound
from shared.http import Blueprint

routes = Blueprint("ledger_accounts", __name__, url_prefix="/api/v1/giving/entities")

LABEL_MAX = 100


class NumberTaken(Conflict):
    """Another kind of account of this entity has this number: two kinds share none."""


class AccountWish(Schema):
    """Three digits of the plan comptable, then the body's own digits and capitals."""

    number = fields.String(validate=validate.Regexp(rf"{NUMBER}\Z", error="Not an account number."))
    label = fields.String(
        validate=[
            validate.Length(1, LABEL_MAX),
            validate.Regexp(r"[^\W_][^\t\r\n]*\Z", error="Begins with a letter or digit, on one line."),
        ]
    )


class AccountWritten(Schema):
    """What who writes an account is answered."""

    id = fields.UUID(required=True)
    number = fields.String(required=True)
    label = fields.String(required=True)


class AccountShown(AccountWritten):
    """`kind` is what the books call it; those of gifts, refunds and disputes are one a fund."""

    kind = fields.String(required=True, validate=validate.OneOf(CHARTED))
    fund_id = fields.UUID(required=True, allow_none=True)


class AccountsShown(Schema):
    """The whole chart, by number."""

    items = fields.List(fields.Nested(AccountShown), required=True)


@routes.get("/<uuid:entity_id>/accounts", allow="giving.read")
@routes.response(200, AccountsShown)
def index(entity_id: UUID) -> Any:
    """Every account of this entity, by number."""
    with Transaction() as session:
        return {"items": Chart.of(session, entity_id).accounts}


@routes.patch("/<uuid:entity_id>/accounts/<uuid:account_id>", allow="giving.manage", refuses=(NumberTaken,))
@routes.arguments(AccountWish)
@routes.response(200, AccountWritten)
def change(wish: dict[str, str], entity_id: UUID, account_id: UUID) -> Any:
    """Renumber or rename an account; its entries follow, in every year that is not closed."""
    with Transaction() as session:
        return write(session, entity_id, account_id, by=caller().person_id, at=now(), **wish)


def write(
    session: Session, entity_id: UUID, account_id: UUID, *, by: UUID | None, at: datetime, **wish: str
) -> LedgerAccount:
    """Funds may share the number of a kind of account; two kinds may not."""
    books.lock(session, entity_id)
    account = session.get(LedgerAccount, account_id)
    if account is None or account.entity_id != entity_id:
        raise NotFound
    number = wish.get("number", account.number)
    taken = exists().where(
        LedgerAccount.entity_id == entity_id,
        LedgerAccount.number == number,
        LedgerAccount.kind != account.kind,
    )
    if session.execute(select(taken)).scalar_one():
        raise NumberTaken
    changed = {name: value for name, value in wish.items() if getattr(account, name) != value}
    before = {name: getattr(account, name) for name in changed}
    for name, value in changed.items():
        setattr(account, name, value)
    if changed:
        audit.record(
            session,
            by=by,
            action="ledger_account.changed",
            subject=("ledger_account", account_id),
            fields=sorted(changed),
            right="giving.manage",
            detail={"before": before, "after": changed},
            at=at,
            key=current().link_key,
        )
    return account


@dataclass(frozen=True)
class Chart:
    """The accounts of an entity, by number; found by what the books call them."""

    accounts: list[LedgerAccount]
    by_kind: dict[tuple[str, UUID | None], LedgerAccount]

    @classmethod
    def of(cls, session: Session, entity_id: UUID) -> "Chart":
        books.of(session, entity_id)
        own = select(LedgerAccount).where(LedgerAccount.entity_id == entity_id)
        accounts = list(session.execute(own.order_by(LedgerAccount.number, LedgerAccount.id)).scalars())
        return cls(accounts, {(each.kind, each.fund_id): each for each in accounts})

    def account(self, kind: str, fund_id: UUID | None = None) -> LedgerAccount:
        """The account of a kind, and of a fund where it has several."""
        return self.by_kind[kind, fund_id]

    def numbered(self, number: str) -> list[LedgerAccount]:
        """The accounts of a number, which are of one kind, or NotFound."""
        found = [each for each in self.accounts if each.number == number]
        if not found:
            raise NotFound
        return found
