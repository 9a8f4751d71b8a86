"""The payment provider, seen from our side.

`accounts` says which provider accounts a service has, `gateway` speaks to the provider, `webhook`
listens to it, `records` are the answers. Only here, and in sandbox/, is stripe imported, and only
inside the functions that use it: it costs half a second and 35 MB.

    from shared.payments import accounts, gateway, webhook
"""
