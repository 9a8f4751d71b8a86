"""What people are told, and what other systems are told about them.

Owns: emails (queue, bodies, outcomes), the replica of people it writes to, guests, the story of each
party (timeline, gifts and registrations as told), subscriptions of partners and the deliveries made to them;
of each CRM the marks of what was written there (memories, events), what is being made there (holds),
conflicts, comparisons and the differences they found.
Says: `crm.conflict_found` on `amicale.notify`.
Hears: `person.card`, `donation.settled`, `debit.announced`, `donation.failed`, `donation.refunded`,
`donation.refund_returned`, `donation.disputed`, `donor.attached`,
`receipt.issued`, `receipt.voided`,
`registration.confirmed`, `registration.rescheduled`, `registration.cancelled`, `registrant.attached`,
`sign_in.link_issued`, `account.opened`.
Doors: `/api/v1/notify/` (emails, subscriptions, deliveries, conflicts, comparisons, timelines), the consumers
above, and by the clock: the senders of emails, the pushers of deliveries, the comparisons with CRMs, the
clearing of secrets; and the command demo.
"""
