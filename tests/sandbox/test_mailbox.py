"""The mail server: it keeps every email, and misbehaves on request."""

import smtplib
import time
from email.message import EmailMessage

import pytest

from sandbox.mailbox.script import RuleInvalid
from tests.support.mail import mail


@pytest.fixture
def post(tmp_path):
    with mail(tmp_path) as running:
        yield running


def send(post, to="zoe@example.org", *, html="<p>Merci</p>", client=None):
    message = EmailMessage()
    message["Subject"], message["From"], message["To"] = "Merci Zoë", "school@example.org", to
    message["Message-ID"] = "<one@example.org>"
    message.set_content("Merci\n.\npoint\n")
    message.add_alternative(html, subtype="html")
    message.add_attachment(b"%PDF", maintype="application", subtype="pdf", filename="reçu.pdf")
    if client:
        return client.send_message(message)
    with smtplib.SMTP("127.0.0.1", post.port, timeout=5) as client:
        return client.send_message(message)


def test_an_email_is_kept_as_it_came(post):
    send(post)

    (letter,) = post.letters()
    assert (letter.subject, letter.recipients, letter.sender) == (
        "Merci Zoë",
        ["zoe@example.org"],
        "school@example.org",
    )
    assert letter.message_id == "<one@example.org>"
    assert letter.text.splitlines() == ["Merci", ".", "point"]
    assert letter.html.strip() == "<p>Merci</p>"
    assert [(name, kind) for name, kind, _ in letter.attachments] == [("reçu.pdf", "application/pdf")]


@pytest.mark.parametrize(
    "answer", ["450 4.2.1 Later", "451 4.3.0 Trouble", "550 5.1.1 Unknown", "552 5.2.2 Full"]
)
def test_an_address_can_be_refused_as_often_as_told(post, answer):
    post.script({"stage": "rcpt", "address": "*@full.example", "answer": answer, "times": 1})

    with pytest.raises(smtplib.SMTPRecipientsRefused) as refused:
        send(post, "a@full.example")
    send(post, "a@full.example")
    send(post, "b@example.org")

    assert refused.value.recipients["a@full.example"][0] == int(answer[:3])
    assert len(post.letters()) == 2


def test_421_ends_the_connection(post):
    post.script({"stage": "mail", "answer": "421 4.7.0 Too busy"})

    client = smtplib.SMTP("127.0.0.1", post.port, timeout=5)
    with pytest.raises(smtplib.SMTPResponseException) as refused:
        send(post, client=client)

    assert refused.value.smtp_code == 421
    time.sleep(0.1)
    with pytest.raises(smtplib.SMTPServerDisconnected):
        client.docmd("NOOP")


@pytest.mark.parametrize(("cut", "kept"), [("drop", 0), ("drop_mid", 0), ("drop_after", 1)])
def test_a_connection_can_end_during_the_data(post, cut, kept):
    post.script({"stage": "data", "answer": cut, "times": 1})

    with pytest.raises((smtplib.SMTPServerDisconnected, ConnectionError)):
        send(post)
    assert len(post.letters()) == kept

    send(post)
    assert len(post.letters()) == kept + 1


def test_data_can_be_refused_after_it_was_sent(post):
    post.script({"stage": "data", "address": "z*", "answer": "451 4.3.0 Later"})

    with pytest.raises(smtplib.SMTPDataError):
        send(post)
    assert post.letters() == []


def test_a_tarpit_answers_late(post):
    post.script({"stage": "rcpt", "tarpit_s": 0.3})

    started = time.monotonic()
    send(post)

    assert time.monotonic() - started >= 0.3
    assert len(post.letters()) == 1


@pytest.mark.parametrize(
    "rule",
    [
        {},
        {"stage": "helo"},
        {"stage": "mail", "answer": "drop_mid"},
        {"stage": "mail", "answer": "250 OK"},
        {"stage": "mail", "answer": "450 x\r\n250 y"},
        {"stage": "mail", "color": 1},
        {"stage": "mail", "times": 1.5},
        {"stage": "mail", "tarpit_s": 6000},
        "mail",
    ],
)
def test_a_rule_that_means_nothing_is_refused(post, rule):
    with pytest.raises(RuleInvalid):
        post.script(rule)
