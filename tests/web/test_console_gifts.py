"""The path of one gift in the console: how long it took."""

from web.console.gifts import _from_payment


def step(second, kind):
    return {"at": f"2026-03-14T09:00:{second:06.3f}+00:00", "kind": kind}


def test_the_seconds_count_from_the_confirmation_not_from_an_earlier_refusal():
    refused = [step(1, "form_filled"), step(5, "payment_declined"), step(5.2, "provider_event")]
    paid = [
        step(30, "provider_event"),
        step(30.1, "settled"),
        step(30.4, "published"),
        step(30.75, "email_sent"),
    ]

    assert _from_payment(refused) is None
    assert _from_payment(refused + paid) == 0.75


def test_a_message_of_the_provider_after_the_payment_does_not_begin_the_count_anew():
    steps = [
        step(30, "provider_event"),
        step(30.1, "settled"),
        step(30.2, "provider_event"),
        step(31, "heard"),
    ]

    assert _from_payment(steps) == 1.0
