"""What events hears on Kafka, and what it does then."""

from sqlalchemy.orm import Session

from services.events import registrants
from shared.clock import now
from shared.inbox import hears
from shared.messages import PersonCard


@hears(PersonCard)
def person_card(session: Session, card: PersonCard) -> None:
    registrants.hear(session, card, at=now())
