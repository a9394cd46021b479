"""An HTTP proxy before a real S3 server: it counts what passes, and goes wrong on purpose.

A client signs its requests for the host that it calls, the proxy's; `Host` goes on unchanged, so signatures stay valid.
What happens to a request is a `Plan`'s choice. `chosen_by(seed)` chooses by the seed and the request alone, never by
the clock or by the order in which parallel requests arrive, so that a seed that fails can be run again.
"""

import contextlib
import enum
import http.client
import random
import socket
import struct
import threading
import time
from collections import Counter
from dataclasses import dataclass
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from urllib.parse import urlsplit


class Fault(enum.Enum):
    """What goes wrong with one request. Those whose name ends with `after` have done their work before."""

    NONE = "none"
    DROP = "drop"
    DROP_AFTER = "drop after"
    CUT = "cut"
    CONFLICT = "409"
    PRECONDITION = "412"
    PRECONDITION_AFTER = "412 after"
    ERROR = "500"
    ERROR_AFTER = "500 after"
    SLOW_DOWN = "503"
    SLOW = "slow"
    DENY = "403"
    SAY = "what `FaultProxy.says` holds"


STATUS = {
    Fault.CONFLICT: (409, "ConditionalRequestConflict"),
    Fault.PRECONDITION: (412, "PreconditionFailed"),
    Fault.PRECONDITION_AFTER: (412, "PreconditionFailed"),
    Fault.ERROR: (500, "InternalError"),
    Fault.ERROR_AFTER: (500, "InternalError"),
    Fault.SLOW_DOWN: (503, "SlowDown"),
    Fault.DENY: (403, "AccessDenied"),
}
AFTER = (Fault.DROP_AFTER, Fault.PRECONDITION_AFTER, Fault.ERROR_AFTER)
CONDITIONAL = (Fault.CONFLICT, Fault.PRECONDITION, Fault.PRECONDITION_AFTER)
SLOW_S = 0.3


@dataclass(frozen=True)
class Request:
    """One request as it came in.

    Attributes:
        number: Of all requests, from 0, in the order of their arrival.
        repeat: How often the same method and path came before.
        conditional: Whether it is a put-if-absent.
    """

    number: int
    repeat: int
    method: str
    path: str
    conditional: bool


@dataclass(frozen=True)
class Exchange:
    """A request and its result."""

    request: Request
    fault: Fault
    received: int
    """Bytes of the answer's body; a cut one counts in full."""


def no_fault(request):
    return Fault.NONE


def deny_delete(request):
    """The server's side of a publisher without permission to delete."""
    return Fault.DENY if request.method == "DELETE" or request.path.endswith("?delete") else Fault.NONE


def chosen_by(seed):
    """A plan by seed: how often things go wrong, in which ways, and with which requests."""
    rng = random.Random(seed)
    rate = rng.choice([0.1, 0.3, 0.6])
    kinds = [fault for fault in Fault if fault not in (Fault.NONE, Fault.DENY, Fault.SAY)]
    kinds = rng.sample(kinds, rng.randrange(2, len(kinds) + 1))

    def plan(request):
        rng = random.Random(f"{seed} {request.method} {request.path} {request.repeat}")
        fault = rng.choice(kinds) if rng.random() < rate else Fault.NONE
        return Fault.NONE if fault in CONDITIONAL and not request.conditional else fault

    return plan


class FaultProxy(ThreadingHTTPServer):
    """Stands before a server and follows a plan.

    Attributes:
        plan: Chooses what happens to a request.
        says: Status, code and message that `Fault.SAY` answers with.
        ignore_conditions: Take `If-None-Match` off every request: a store that does not know conditions.
        exchanges: All that has passed.
        delay_s: How long each request waits, as on a long way to the server.
        before, after: Called with each request before it goes on, and when the server has answered.
    """

    daemon_threads = True
    block_on_close = False
    request_queue_size = 128

    def __init__(self, upstream, plan=no_fault):
        super().__init__(("127.0.0.1", 0), _Handler)
        address = urlsplit(upstream)
        assert address.hostname and address.port
        self.upstream = (address.hostname, address.port)
        self.plan = plan
        self.says = (418, "Teapot", "I am a teapot")
        self.delay_s = 0.0
        self.ignore_conditions = False
        self.exchanges = []
        self.before = lambda request: None
        self.after = lambda request: None
        self._lock = threading.Lock()
        self._count = 0
        self._seen = Counter()

    @property
    def endpoint(self):
        return f"http://127.0.0.1:{self.server_address[1]}"

    @property
    def faults(self):
        """How often each fault was."""
        return Counter(exchange.fault for exchange in self.exchanges if exchange.fault is not Fault.NONE)

    def received(self, method="GET", part=""):
        """Bytes of answers' bodies to requests of a method whose path contains a part."""
        return sum(
            exchange.received
            for exchange in self.exchanges
            if exchange.request.method == method and part in exchange.request.path
        )

    def take(self, method, path, conditional):
        with self._lock:
            request = Request(self._count, self._seen[method, path], method, path, conditional)
            self._count += 1
            self._seen[method, path] += 1
            return request

    def handle_error(self, request, client_address):
        pass  # a client that left, or was killed


class _Handler(BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"
    server: FaultProxy

    def setup(self):
        super().setup()
        self.connection.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)

    def handle_any(self):
        body = self._body()
        conditional = self.headers.get("If-None-Match") == "*"
        request = self.server.take(self.command, self.path, conditional)
        fault = self.server.plan(request)
        self.server.before(request)
        time.sleep(self.server.delay_s)
        if fault is Fault.SLOW:
            time.sleep(SLOW_S)
        if fault in (Fault.DROP, Fault.SAY) or (fault in STATUS and fault not in AFTER):
            self.server.exchanges.append(Exchange(request, fault, 0))
            self._drop() if fault is Fault.DROP else self._refuse(fault)
        else:
            self._pass_on(request, fault, body)

    do_GET = do_HEAD = do_PUT = do_POST = do_DELETE = do_OPTIONS = handle_any  # noqa: N815 - http.server's names

    def log_message(self, format, *args):
        pass

    def _body(self):
        if self.headers.get("Transfer-Encoding", "").lower() != "chunked":
            return self.rfile.read(int(self.headers.get("Content-Length", 0)))
        pieces = []
        while size := int(self.rfile.readline().split(b";")[0], 16):
            pieces.append(self.rfile.read(size))
            self.rfile.readline()
        while self.rfile.readline().strip():
            pass
        return b"".join(pieces)

    def _pass_on(self, request, fault, body):
        upstream = http.client.HTTPConnection(*self.server.upstream, timeout=120)
        try:
            upstream.putrequest(self.command, self.path, skip_host=True, skip_accept_encoding=True)
            dropped = {"transfer-encoding", "content-length", "connection", "expect"}
            if self.server.ignore_conditions:
                dropped.add("if-none-match")
            for name, value in self.headers.items():
                if name.lower() not in dropped:
                    upstream.putheader(name, value)
            if body or self.command in ("PUT", "POST"):
                upstream.putheader("Content-Length", str(len(body)))
            upstream.endheaders(body)
            response = upstream.getresponse()
            answer = response.read()
        finally:
            upstream.close()
        self.server.after(request)
        self.server.exchanges.append(Exchange(request, fault, 0 if fault in AFTER else len(answer)))
        if fault is Fault.DROP_AFTER:
            self._drop()
        elif fault in AFTER:
            self._refuse(fault)
        else:
            self._answer(response, answer, cut=fault is Fault.CUT)

    def _answer(self, response, answer, cut):
        self.send_response_only(response.status, response.reason)
        length = response.headers.get("Content-Length", "0") if self.command == "HEAD" else str(len(answer))
        for name, value in response.getheaders():
            if name.lower() not in ("transfer-encoding", "content-length", "connection"):
                self.send_header(name, value)
        if response.status != http.HTTPStatus.NO_CONTENT:
            self.send_header("Content-Length", length)
        self.end_headers()
        self.wfile.write(answer[: len(answer) // 2] if cut else answer)
        if cut:
            self._drop()

    def _refuse(self, fault):
        status, code, message = self.server.says if fault is Fault.SAY else (*STATUS[fault], STATUS[fault][1])
        xml = f"<Error><Code>{code}</Code><Message>{message}</Message></Error>"
        body = b"" if self.command == "HEAD" else xml.encode()
        self.send_response_only(status)
        self.send_header("Content-Type", "application/xml")
        self.send_header("Content-Length", str(len(body)))
        self.end_headers()
        if self.command != "HEAD":
            self.wfile.write(body)

    def _drop(self):
        self.wfile.flush()
        self.close_connection = True
        self.connection.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
        with contextlib.suppress(OSError):
            self.connection.shutdown(socket.SHUT_RDWR)


@contextlib.contextmanager
def before(upstream, plan=no_fault):
    """Serve a proxy before a server."""
    proxy = FaultProxy(upstream, plan)
    threading.Thread(target=proxy.serve_forever, args=(0.01,), daemon=True).start()
    try:
        yield proxy
    finally:
        proxy.shutdown()
        proxy.server_close()
