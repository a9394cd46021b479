"""A real HTTP server on a loopback port that misbehaves on purpose, and the 14 ways in which it does (T2).

A behaviour is a function `(rng, variant, payload) -> Case`; `variant` walks through its kinds as the seeds go up.
"""

import contextlib
import email.utils
import socket
import struct
import threading
import time
import traceback
from collections.abc import Callable
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer

from pipeline.download.answer import ChecksumError, DownloadError, RefusedError, UnreachableError, WebPageError

PAGE = b"<!DOCTYPE html>\n<html><head><title>Please log in</title></head><body>" + b"wait. " * 200 + b"</body></html>"


class Exchange(BaseHTTPRequestHandler):
    """One request and the means to answer it, well or badly."""

    protocol_version = "HTTP/1.1"
    server: "HostileServer"

    def do_GET(self):
        span = self.headers.get("Range")
        self.start = int(span.removeprefix("bytes=").removesuffix("-")) if span else None
        self.if_range = self.headers.get("If-Range")
        self.number = len(self.server.requests)
        self.server.requests.append((self.path, self.start, self.if_range))
        self.close_connection = True
        with contextlib.suppress(ConnectionError):  # the client may leave whenever it likes
            self.server.script(self)

    def log_message(self, format, *args):
        pass

    def answer(self, status, body=b"", **headers):
        """Answer with a length unless `Content_Length=None` says not to; underscores stand for hyphens."""
        headers = {"Content_Length": len(body), "Connection": "close", **headers}
        self.send_response(status)
        for name, value in headers.items():
            if value is not None:
                self.send_header(name.replace("_", "-"), str(value))
        self.end_headers()
        self.wfile.write(body)

    def drop(self, reset=False):
        if reset:
            self.connection.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
            self.connection.close()

    def hold(self):
        """Say nothing more until the client leaves."""
        self.connection.settimeout(30)
        with contextlib.suppress(OSError):
            self.connection.recv(1)

    def serve(self, payload, etag='"v1"', upto=None, **headers):
        """Answer as a good server does, but for stopping after `upto` bytes of the body."""
        start = self.start if self.if_range in (None, etag) else None
        if start is None:
            status, body, span = 200, payload, None
        elif start >= len(payload):
            return self.answer(416, Content_Range=f"bytes */{len(payload)}")
        else:
            status, body, span = 206, payload[start:], f"bytes {start}-{len(payload) - 1}/{len(payload)}"
        headers = {"Content_Length": len(body), "ETag": etag, "Content_Range": span, **headers}
        return self.answer(status, body[:upto], **headers)


Script = Callable[[Exchange], None]


class HostileServer(ThreadingHTTPServer):
    """Follows a script.

    Attributes:
        script: Answers each request.
        requests: (path, start of the range or None, If-Range or None) of each.
    """

    daemon_threads = True
    block_on_close = False

    def __init__(self, script):
        super().__init__(("127.0.0.1", 0), Exchange)
        self.script = script
        self.requests = []
        self.mistakes = []

    @property
    def url(self):
        return f"http://127.0.0.1:{self.server_address[1]}"

    def handle_error(self, request, client_address):
        self.mistakes.append(traceback.format_exc())  # of a script: that a client leaves is suppressed before


@contextlib.contextmanager
def serving(script):
    server = HostileServer(script)
    threading.Thread(target=server.serve_forever, args=(0.01,), daemon=True).start()
    try:
        yield server
    finally:
        server.shutdown()
        server.server_close()
        assert server.mistakes == []


@dataclass
class Case:
    """What the server does, and what has to come of it.

    Attributes:
        script: The server's.
        error: The error that is right, or None where the archive has to arrive.
        keeps: Whether an error leaves what had arrived, to go on from.
        waits: The least waits that the server asked for, in order.
        stall_s: The client's stall time-out.
    """

    script: Script
    error: type[DownloadError] | None = None
    keeps: bool = False
    waits: list[float] = field(default_factory=list)
    stall_s: float = 10.0


def ignored_range(rng, variant, payload):
    cut = rng.randrange(1000, len(payload))

    def script(x):
        if x.number == 0:
            x.serve(payload, upto=cut)
        else:
            x.answer(200, payload, ETag='"v1"')

    return Case(script)


def shifted_206(rng, variant, payload):
    cut = rng.randrange(1000, len(payload) - 2000)
    shift = rng.choice([-1, 1]) * rng.randrange(1, 900)
    lies = variant % 2

    def script(x):
        if x.start is None:
            x.serve(payload, upto=cut if x.number == 0 else None)
        else:
            at = x.start + shift
            said = x.start if lies else at
            span = f"bytes {said}-{said + len(payload) - at - 1}/{len(payload)}"
            x.answer(206, payload[at:], ETag='"v1"', Content_Range=span)

    return Case(script)


def changed_etag(rng, variant, payload):
    old = rng.randbytes(len(payload) + (0, 700, -700)[variant % 3])
    cut = rng.randrange(1000, len(old) - 1000)
    heeds = variant % 2 == 0

    def script(x):
        if x.number == 0:
            x.serve(old, upto=cut)
        else:
            x.serve(payload, etag='"v2"' if heeds else x.if_range or '"v2"', ETag='"v2"')

    return Case(script)


def range_416_complete(rng, variant, payload):
    def script(x):
        if x.number == 0:  # everything, but not the last chunk that says so
            x.answer(200, Content_Length=None, Transfer_Encoding="chunked", ETag='"v1"')
            size = rng.randrange(1000, 50_000)
            for at in range(0, len(payload), size):
                piece = payload[at : at + size]
                x.wfile.write(b"%x\r\n%s\r\n" % (len(piece), piece))
        else:
            x.serve(payload)

    return Case(script)


def range_416_short(rng, variant, payload):
    old = payload + rng.randbytes(5000) if variant % 2 else rng.randbytes(len(payload) + 5000)
    cut = len(payload) + rng.randrange(1, 4000)

    def script(x):
        if x.number == 0:
            x.serve(old, upto=cut)
        elif x.start is not None:
            x.answer(416, Content_Range=f"bytes */{len(payload)}" if variant % 3 else None)
        else:
            x.serve(payload)

    return Case(script)


def no_length(rng, variant, payload):
    cut = rng.randrange(1000, len(payload))
    kind = ("whole", "cut once", "always cut", "chunked", "cut, then 206 without length")[variant % 5]

    def script(x):
        if kind == "chunked":
            x.answer(200, Content_Length=None, Transfer_Encoding="chunked")
            x.wfile.write(b"%x\r\n%s\r\n0\r\n\r\n" % (len(payload), payload))
        elif kind == "always cut":
            x.answer(200, payload[:cut], Content_Length=None)
        elif kind == "whole" or x.number > 0:
            x.serve(payload, Content_Length=None)
        else:
            x.serve(payload, upto=cut, Content_Length=None)

    return Case(script, ChecksumError if kind == "always cut" else None)


def drops(rng, variant, payload):
    n = rng.randrange(1, 8)
    heals = variant % 5 != 4

    def script(x):
        if not heals:
            x.serve(payload, upto=0)
        elif x.number < n:
            x.serve(payload, upto=rng.randrange(600, len(payload) // 8))
            x.drop(reset=rng.random() < 0.5)
        else:
            x.serve(payload)

    return Case(script, None if heals else UnreachableError)


def stalls(rng, variant, payload):
    cut = rng.randrange(1000, len(payload) - 1000)
    kind = ("body", "head", "trickle", "body", "for ever")[variant % 5]

    def script(x):
        if kind == "for ever" or (kind == "head" and x.number == 0):
            x.hold()
        elif x.number == 0:
            x.serve(payload, upto=cut)
            while kind == "trickle":
                x.wfile.write(b"?")
                x.wfile.flush()
                time.sleep(0.02)
            x.hold()
        else:
            x.serve(payload)

    return Case(script, UnreachableError if kind == "for ever" else None, stall_s=0.3)


def _asks_to_wait(status, rng, variant, payload):
    cut = rng.randrange(1000, len(payload) - 1000)
    n = rng.randrange(1, 4)
    kind = ("seconds", "date", "nothing", "for ever", "next year")[variant % 5]
    seconds = rng.randrange(5, 800)
    value = {
        "seconds": str(seconds),
        "date": email.utils.formatdate(time.time() + seconds, usegmt=True),
        "next year": str(365 * 86400),
    }.get(kind)

    def script(x):
        if x.number == 0:
            x.serve(payload, upto=cut)
        elif kind in ("for ever", "next year") or x.number <= n:
            x.answer(status, b"busy", Retry_After=value)
        else:
            x.serve(payload)

    hopeless = kind in ("for ever", "next year")
    waits = [0.0, *[seconds - 60.0] * n] if value and not hopeless else []  # a date is counted from an earlier now
    return Case(script, UnreachableError if hopeless else None, keeps=True, waits=waits)


def too_many_429(rng, variant, payload):
    return _asks_to_wait(429, rng, variant, payload)


def unavailable_503(rng, variant, payload):
    return _asks_to_wait(503, rng, variant, payload)


def redirect(rng, variant, payload):
    hops, cut, seen = rng.randrange(1, 5), rng.randrange(1000, len(payload)), [0]
    loops = variant % 5 == 4

    def script(x):
        at = int(x.path.removeprefix("/hop").partition("?")[0]) if x.path.startswith("/hop") else 0
        if loops or at < hops:
            to = f"/hop{at + 1}?token=hush-hush"
            host = "" if rng.random() < 0.5 else f"http://127.0.0.1:{x.server.server_address[1]}"
            x.answer(rng.choice([301, 302, 303, 307, 308]), b"there", Location=host + to)
        else:
            seen[0] += 1
            x.serve(payload, upto=cut if seen[0] == 1 else None)

    return Case(script, RefusedError if loops else None)


def web_page(rng, variant, payload):
    cut = rng.randrange(1000, len(payload))
    late = variant % 2 == 1
    label = ("text/html; charset=utf-8", "application/octet-stream", "text/html")[variant % 3]
    page = PAGE if variant % 3 != 2 else b"Sorry, no such thing here. " * 20

    def script(x):
        if late and x.number == 0:
            x.serve(payload, upto=cut)
        else:
            x.answer(200, page, Content_Type=label)

    return Case(script, WebPageError, keeps=late)


def extra_bytes(rng, variant, payload):
    junk, cut = rng.randbytes(rng.randrange(1, 3000)), rng.randrange(1000, len(payload))
    kind = ("after the length", "counted once", "counted always", "without length", "after a 206")[variant % 5]

    def script(x):
        match kind:
            case "after the length":
                x.answer(200, payload + junk, Content_Length=len(payload))
            case "without length":
                x.answer(200, payload + junk, Content_Length=None)
            case "after a 206" if x.number == 0:
                x.serve(payload, upto=cut)
            case "after a 206":
                x.serve(payload, Content_Length=len(payload) - (x.start or 0) + len(junk))
                x.wfile.write(junk)
            case _:
                bad = kind == "counted always" or x.number == 0
                x.answer(200, payload + junk if bad else payload)

    return Case(script, ChecksumError if kind in ("counted always", "without length") else None)


def missing_bytes(rng, variant, payload):
    lost, cut = rng.randrange(1, 900), rng.randrange(1000, len(payload) - 1000)
    kind = ("announced", "not announced once", "not announced", "in the middle", "in a 206")[variant % 5]

    def script(x):
        whole = x.number > 0
        match kind:
            case "announced":
                x.serve(payload, upto=None if whole else len(payload) - lost)
            case "not announced once" | "not announced":
                x.answer(200, payload if whole and kind == "not announced once" else payload[:-lost])
            case "in the middle":
                x.answer(200, payload if whole else payload[:cut] + payload[cut + lost :])
            case "in a 206" if x.number == 1:
                rest = payload[x.start : -lost]
                x.serve(payload, upto=len(rest), Content_Length=len(rest))
            case _:
                x.serve(payload, upto=None if whole else cut)

    return Case(script, ChecksumError if kind == "not announced" else None)


BEHAVIOURS = (
    ignored_range, shifted_206, changed_etag, range_416_complete, range_416_short, no_length, drops, stalls,
    too_many_429, unavailable_503, redirect, web_page, extra_bytes, missing_bytes,
)  # fmt: skip
