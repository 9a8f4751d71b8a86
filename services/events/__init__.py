"""The calendar: what people attend. Nothing stands here yet.

Owns: events, tickets, registrations.
Says: `event.*`, `registration.*`, on `amicale.events`.
Hears: `person.card`.
Doors: none until its first route lands; the local stack starts only services that have an `app`.
"""
