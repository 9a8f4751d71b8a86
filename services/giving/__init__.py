"""Giving: campaigns, gifts and the books.

Owns: legal entities, funds, campaigns, their pictures and exact totals, donations, checkouts, SEPA debits,
settlements, refunds, disputes, surpluses (second payments of a gift), payouts, the ledger with its chart of
accounts and closed years, reconciliations with the payment provider and what they find; tax receipts with
their chain, and what the law sets for them; a replica of people as `Donor`.

Says (amicale.giving): campaign.launched, campaign.goal_reached, debit.announced, donation.settled,
donation.failed, donation.refunded, donation.refund_returned, donation.disputed, receipt.issued,
receipt.voided, donor.attached.

Hears: person.card (amicale.people).

Doors: routes under /api/v1/giving (app.py), /webhooks/stripe/giving/<account> (webhooks.py), Kafka
(consumers.py), the clock (schedule.py), and the commands drift, reconcile, lost_gifts,
receipt_chain and demo.
"""
