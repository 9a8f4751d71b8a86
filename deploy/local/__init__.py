"""The whole system on one machine, by one command: `python -m deploy.local` (what `make run` does).

It starts PostgreSQL, a Kafka-protocol broker, the gateway and the payment sandbox from wheels, then the
services and the web pages; starts again what dies; and stops everything on Ctrl-C. What it keeps lives in
one folder, DATA. Nothing here is imported by the services, and nothing of it runs in production.
"""
