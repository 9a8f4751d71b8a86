"""A payment provider that speaks the part of Stripe's API that shared/payments uses.

`api` is what our services call, `page` what the donor sees, `courier` brings the webhooks. The rules
are in `checkouts`, `refunds` and `disputes`; `objects` and `events` keep and tell.
"""
