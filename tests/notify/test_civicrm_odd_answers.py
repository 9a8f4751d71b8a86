"""A CiviCRM, or what stands before it, that answers what none should: said, tried again, never stuck."""

from dataclasses import replace
from datetime import timedelta

import httpx
import pytest
from sqlalchemy import select

from services.notify import comparisons, memories, schedule
from services.notify.connectors import civicrm
from services.notify.connectors.civicrm import api, records
from services.notify.models import CrmComparison, CrmDifference, Transaction
from shared import outbound
from tests.support import facts
from tests.support.crm_changes import Clock, again, conflicts_found, last, push, settle
from tests.support.facts import NOW

ODD = {
    "deep": (b"[" * 200_000, "answered no JSON"),
    "deep inside": (b'{"values": [{"x": ' + b"[" * 500 + b"]" * 500 + b"}]}", "answered no JSON"),
    "no text": (b"\xff\xfe\x00{", "answered no JSON"),
    "twice the same": (b'{"values": [], "values": [{"id": 1}]}', "answered no JSON"),
    "no number": (b'{"values": [{"id": 1e999}]}', "answered no JSON"),
    "a long number": (b'{"values": [{"id": ' + b"9" * 40 + b"}]}", "answered an id that is none"),
    "an id of letters": (b'{"values": [{"id": "one"}]}', "answered an id that is none"),
}


@pytest.fixture
def answering(monkeypatch):
    """Set the bytes that every call is answered."""

    def answer(body):
        told = outbound.Answer(200, httpx.Headers(), body)
        monkeypatch.setattr(api.outbound, "send", lambda *_, **__: told)

    return answer


@pytest.fixture
def rewriting(monkeypatch):
    """Set what stands in answers in place of -odd-: what no CiviCRM would take."""
    sent, instead = outbound.send, {}

    def send(*told, **more):
        answer = sent(*told, **more)
        return replace(answer, body=answer.body.replace(b"-odd-", instead.get("text", b"-odd-")))

    monkeypatch.setattr(api.outbound, "send", send)
    return lambda text: instead.update(text=text)


def _begun(crm):
    with Transaction() as session:
        return comparisons.start(session, crm.subscription_id, by=None, at=NOW).id


def _read(comparison_id):
    with Transaction() as session:
        return session.get_one(CrmComparison, comparison_id)


@pytest.mark.parametrize(("body", "said"), ODD.values(), ids=ODD)
def test_an_answer_that_cannot_be_read_is_a_miss_of_deliveries_and_comparisons(
    demo, crm, answering, body, said
):
    settle(demo, facts.settled())
    comparison_id = _begun(crm)
    answering(body)

    push()
    schedule.compare_next(clock=Clock())

    assert last().status == "queued" and said in last().error
    comparison = _read(comparison_id)
    assert said in comparison.error and comparison.next_attempt_at < NOW + timedelta(minutes=1)


def test_what_no_rule_foresaw_is_a_miss_that_names_no_value(demo, crm, monkeypatch):
    settle(demo, facts.settled())
    comparison_id = _begun(crm)

    def confused(*_, **__):
        raise KeyError("claire@example.org")

    monkeypatch.setattr(api.Api, "call", confused)
    push()
    schedule.compare_next(clock=Clock())

    told = "answered what cannot be read (KeyError)"
    assert (last().status, last().error, _read(comparison_id).error) == ("queued", told, told)


@pytest.mark.parametrize("odd", [rb"\u0000", rb"\ud800"])
def test_signs_that_cannot_be_kept_are_a_conflict_and_a_difference_like_any_other(demo, crm, rewriting, odd):
    message, clock = facts.settled(), Clock()
    settle(demo, message)
    push(clock)
    crm.change(message.party_id, first_name="Cla-odd-ire")
    rewriting(odd)

    comparison_id = _begun(crm)
    while schedule.compare_next(clock=clock):
        pass
    settle(demo, facts.settled(again(message)))
    push(clock)

    assert (_read(comparison_id).status, _read(comparison_id).differing_count) == ("finished", 1)
    [conflict] = conflicts_found()
    assert (last().status, conflict.theirs) == ("delivered", "Cla\ufffdire")


@pytest.mark.parametrize(
    ("theirs", "kept"),
    [
        ("é" * 200_000, "é" * 499 + "…"),
        ("é" * 500, "é" * 500),
        ("Claire\u202eriaM", "Claire\ufffdriaM"),
        ("\u0643\u0644\u064a\u0631", "\u0643\u0644\u064a\u0631"),
    ],
    ids=["long", "not too long", "turned", "written from the right"],
)
def test_of_what_stands_there_so_much_is_kept_as_staff_can_read(demo, crm, rewriting, theirs, kept):
    message, clock = facts.settled(), Clock()
    settle(demo, message)
    push(clock)
    crm.change(message.party_id, first_name="-odd-")
    rewriting(theirs.encode())

    comparison_id = _begun(crm)
    while schedule.compare_next(clock=clock):
        pass
    settle(demo, facts.settled(again(message)))
    push(clock)

    with Transaction() as session:
        differs = select(CrmDifference.theirs).where(CrmDifference.comparison_id == comparison_id)
        assert session.execute(differs).scalar_one() == kept
    [conflict] = conflicts_found()
    assert conflict.theirs == kept


def test_what_differs_after_what_is_shown_is_told_by_its_mark(demo, crm, rewriting):
    message, clock = facts.settled(), Clock()
    settle(demo, message)
    push(clock)
    crm.change(message.party_id, first_name="-odd-")
    for end in ("one", "two"):
        rewriting(("é" * 600 + end).encode())
        settle(demo, facts.settled(again(message)))
        push(clock)
        [conflict] = conflicts_found()
        assert conflict.their_mark == records.mark(memories.key(demo), "first_name", "é" * 600 + end)


def test_a_record_of_whoever_is_no_text_ends_no_comparison(demo, crm, monkeypatch):
    comparison_id, called = _begun(crm), api.Api.call

    def call(self, entity, action, **params):
        if entity != "Contribution":
            return called(self, entity, action, **params)
        return [{"id": 1, "trxn_id": str(facts.settled().donation_id), civicrm.gifts.WHOSE: [5]}]

    monkeypatch.setattr(api.Api, "call", call)
    while schedule.compare_next(clock=Clock()):
        pass

    comparison = _read(comparison_id)
    assert (comparison.status, comparison.extra_count) == ("finished", 1)
