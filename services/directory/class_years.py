"""Class years: how many people each class has, and how many of them can be reached."""

from marshmallow import Schema, fields
from sqlalchemy import distinct, func, select
from sqlalchemy.orm import Session

from services.directory.models import Degree, Email, Transaction
from shared.http import Blueprint

routes = Blueprint("class_years", __name__, url_prefix="/api/v1/directory/class-years")


class ClassYear(Schema):
    class_year = fields.Integer()
    people = fields.Integer()
    reachable = fields.Integer(metadata={"description": "with an address that is not lost"})


class ClassYears(Schema):
    items = fields.List(fields.Nested(ClassYear))
    next = fields.String(allow_none=True, dump_default=None)


@routes.get("", allow="people.read")
@routes.response(200, ClassYears)
def index():
    """Every class, the latest first. Somebody with two degrees counts in both classes."""
    with Transaction() as session:
        return {"items": counted(session)}


def counted(session: Session) -> list[dict]:
    """People and reachable people by class year."""
    statement = (
        select(
            Degree.class_year,
            func.count(distinct(Degree.person_id)).label("people"),
            func.count(distinct(Email.person_id)).label("reachable"),
        )
        .outerjoin(Email, (Email.person_id == Degree.person_id) & Email.lost_at.is_(None))
        .group_by(Degree.class_year)
        .order_by(Degree.class_year.desc())
    )
    return [dict(row._mapping) for row in session.execute(statement)]
