"""Two faces on the same services: the portal of alumni and donors, the console of the staff.

No database and no Kafka: everything shown is asked from the services over HTTP, everything done is asked
of them. What a browser holds is one opaque cookie.
"""
