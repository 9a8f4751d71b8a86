"""Events: what there is to attend, its seats, and who takes them.

Owns: events, the counter of their seats, registrations and the names of who comes; a replica of people as
`Registrant`.

Says (amicale.events): event.published, event.rescheduled, event.cancelled, registration.confirmed,
registration.rescheduled, registration.cancelled, registrant.attached.

Hears: person.card (amicale.people).

Doors: routes under /api/v1/events (app.py), Kafka (consumers.py), the clock (schedule.py), and the commands
drift and demo.
"""
