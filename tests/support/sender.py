"""The senders of notify as a process of its own, to be killed: database address, mail server, guard.

`guarded` writes down what came of an email after it was sent, as notify does; `unguarded` before, so that a
test can show what the guard is for. Claims lapse after half a second instead of a minute and a half.
"""

import sys
import threading
from datetime import timedelta

from services.notify import schedule, sendings
from services.notify.answers import SENT, Outcome
from services.notify.mailer import Mailer
from services.notify.models import Transaction, database
from services.notify.models import email as email_model
from services.notify.settings import current, use
from shared.clock import now
from tests.notify.conftest import told


def main(database_url: str, smtp_url: str, guard: str) -> None:
    """Send until killed."""
    email_model.CLAIM = timedelta(seconds=0.5)
    database.connect(database_url)
    use(told(database_url))
    send = schedule.send_next if guard == "guarded" else forgetful
    threads = [threading.Thread(target=run, args=(send, smtp_url), daemon=True) for _ in range(2)]
    for each in threads:
        each.start()
    print("sending", flush=True)
    for each in threads:
        each.join()


def run(send, smtp_url: str) -> None:
    by, idle = Mailer(smtp_url), threading.Event()
    while True:
        if not send(by):
            idle.wait(0.02)


def forgetful(by: Mailer) -> int:
    """What must not be done: the outcome is committed before anybody knows it."""
    with Transaction() as session:
        email = sendings.claim(session, at=now())
        if email is None:
            return 0
        session.flush()
        sendings.conclude(session, email.id, attempt=email.attempts, outcome=Outcome(SENT, 250), at=now())
    sendings.attempt(email, by, current())
    return 1


if __name__ == "__main__":
    main(*sys.argv[1:])
