"""Stand-ins for the outside world, in one process: `python -m sandbox`.

A payment provider that real Stripe code talks to, a mailbox that receives what notify sends, a
receiver of our own outbound webhooks, an authenticator for the demo's accounts. They behave like the
real ones, can be told to misbehave (`/sandbox/control`), and keep their state through `kill -9`.
It starts only with AMICALE_DEMO=1: no sandbox ever stands beside real money.
"""
