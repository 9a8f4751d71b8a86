"""The floor that settlement is measured against: bare Flask and one CTE that writes the same rows.

It verifies the same signature and keeps the same guards of the database, and knows nothing else: no
accounts, no comparison of what was paid, no message contract, no settings, no telemetry.
"""

import json
import os
from datetime import UTC, datetime

import psycopg
from flask import Flask, request
from stripe import WebhookSignature

from shared.db import uuid7

app = Flask(__name__)
_connections: dict[int, psycopg.Connection[tuple[object, ...]]] = {}

SETTLE = """
with told as (
  insert into provider_events (account, event_id, type, object_id, happened_at, received_at, source, body)
  values ('fondation', %(event)s, 'checkout.session.completed', %(session)s,
          %(at)s, %(at)s, 'webhook', %(body)s)
  on conflict do nothing returning 1
), gift as (
  update donations set settled_at = %(at)s, claimed_until = null from told
  where id = %(donation)s and settled_at is null returning id, campaign_id, donor_id, amount_minor
), closed as (
  update checkouts set closed_at = %(at)s, outcome = 'paid', payment_id = %(payment)s from gift
  where checkouts.donation_id = gift.id
), proof as (
  insert into settlements (donation_id, checkout_id, account, payment_id, paid_at, settled_at, retry_at)
  select id, %(checkout)s, 'fondation', %(payment)s, %(at)s, %(at)s, %(at)s from gift
), booked as (
  insert into ledger_transactions (id, kind, entity_id, donation_id, reference, at, posted_at)
  select %(number)s, 'gift', c.entity_id, gift.id, %(payment)s, %(at)s, %(at)s
  from gift join campaigns c on c.id = gift.campaign_id
), entries as (
  insert into ledger_entries
    (transaction_id, line, account, fund_id, campaign_id, currency, debit_minor, credit_minor)
  select %(number)s, 1, 'provider', null, null, 'EUR', amount_minor, 0 from gift
  union all
  select %(number)s, 2, 'gifts', c.fund_id, c.id, 'EUR', 0, amount_minor
  from gift join campaigns c on c.id = gift.campaign_id
), giver as (
  insert into campaign_donors (campaign_id, party_id, donations_count, first_at)
  select campaign_id, donor_id, 1, %(at)s from gift
  on conflict (campaign_id, party_id) do update set donations_count = campaign_donors.donations_count + 1
  returning case donations_count when 1 then 1 else 0 end as is_first
), total as (
  update campaign_totals set raised_minor = raised_minor + gift.amount_minor,
    donations_count = donations_count + 1, donors_count = donors_count + giver.is_first, latest_at = %(at)s
  from gift, giver where campaign_totals.campaign_id = gift.campaign_id
)
insert into outbox (id, topic, type, key, correlation_id, headers, payload, contact)
select %(message)s, 'amicale.giving', 'donation.settled', %(donation)s, %(donation)s,
       %(headers)s, %(payload)s, %(contact)s
from gift
"""


@app.post("/webhooks/stripe/giving/fondation")
def receive() -> dict[str, bool]:
    """Verify, parse, one statement."""
    text = request.get_data().decode()
    WebhookSignature.verify_header(text, request.headers["Stripe-Signature"], os.environ["BENCH_SECRET"], 300)
    event = json.loads(text)
    told = event["data"]["object"]
    at, donation = datetime.now(UTC), told["client_reference_id"]
    _connection().execute(
        SETTLE,
        {
            "event": event["id"],
            "session": told["id"],
            "payment": told["payment_intent"],
            "checkout": told["metadata"]["checkout_id"],
            "donation": donation,
            "number": uuid7(),
            "message": uuid7(),
            "body": text,
            "at": at,
            "headers": json.dumps(
                {"ce_id": donation, "ce_time": at.isoformat(), "ce_type": "donation.settled"}
            ),
            "payload": json.dumps(
                {"donation_id": donation, "amount_minor": told["amount_total"], "pad": "x" * 500}
            ),
            "contact": json.dumps({"email": "p@example.org", "party_id": donation, "pad": "x" * 100}),
        },
    )
    return {"received": True}


def _connection() -> psycopg.Connection[tuple[object, ...]]:
    """One a process, committing by itself."""
    if os.getpid() not in _connections:
        _connections[os.getpid()] = psycopg.connect(os.environ["DATABASE_URL"], autocommit=True)
    return _connections[os.getpid()]
