"""How every web process runs: `gunicorn -c deploy/gunicorn.conf.py 'services.giving.app:create_app()'`.

One gthread worker of 8 threads per core given to the service; more threads or more workers than cores lose
throughput and multiply the slowest answers. Nothing is preloaded: connections and threads do not survive
a fork.
"""

import ctypes
import signal
import sys

worker_class = "gthread"
workers = 1
threads = 8
preload_app = False

# The gateway closes its idle connections after 30 s; closing them first here would lose requests on the way.
keepalive = 65
timeout = 60
graceful_timeout = 20
backlog = 512

# A public door: nothing longer is a request of ours.
limit_request_line = 4094
limit_request_fields = 60
limit_request_field_size = 8190

# Access is logged by the application, as facts, with the route's template; never a query string.
accesslog = None
errorlog = "-"
loglevel = "warning"

# Its default is one path for all services of a user: they would take each other's place.
control_socket_disable = True

# The gateway alone says who the client is.
forwarded_allow_ips = ""
proxy_protocol = False


DRAINED_BYTES = 64 * 1024
"""From here on, gunicorn does not read away a body that the application left unread."""
HELD_BYTES = 1_000_000
"""Up to here the gateway has read a body whole before it sends it on (deploy/gateway/Caddyfile)."""


def pre_request(worker, req):
    """A connection that brings a large body brings nothing after it, and the answer says so.

    Else, when the body was refused unread, the connection is closed after an answer that promised to keep it;
    the gateway has sent the next person's request on it by then, and that one is lost.
    """
    length = _length(req)
    if length is None or length >= DRAINED_BYTES:
        req.must_close = True


def post_request(worker, req, environ, resp):
    """A body that the gateway holds whole is read to its end: cut off, its sender may lose the answer."""
    length = _length(req)
    if length is not None and DRAINED_BYTES <= length <= HELD_BYTES:
        req.body.read(HELD_BYTES)


def _length(req):
    """Bytes of the body; None when it does not say."""
    told = dict(req.headers)
    return None if "TRANSFER-ENCODING" in told else int(told.get("CONTENT-LENGTH") or 0)


def post_fork(server, worker):
    """A worker ends with its master, however that ends."""
    if sys.platform == "linux":
        ctypes.CDLL(None).prctl(1, signal.SIGTERM)


def child_exit(server, worker):
    """Let the gauges of a dead worker go."""
    if "prometheus_client" in sys.modules:
        from prometheus_client import multiprocess

        multiprocess.mark_process_dead(worker.pid)
