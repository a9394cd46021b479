"""Real servers on free ports of the loopback, and what tests send to them."""

import contextlib
import io
import socket
import threading
import time
from dataclasses import dataclass

import httpx2
import numpy as np
import openai
import soundfile
import uvicorn

from peewee_model.service.app import build
from peewee_model.service.settings import Settings
from tests.closure import ROOT

RELEASE = f"{ROOT}/examples/store@stable"
SAMPLE = ROOT / "docs/samples/kathleen.flac"
HELLO = "Hello there, good people."
LONG = "Hello there, good people of the north. " * 12


@dataclass(frozen=True)
class Running:
    """A server that runs in a thread of this process."""

    port: int
    gate: object

    @property
    def url(self):
        return f"http://127.0.0.1:{self.port}"

    @property
    def service(self):
        """Its parts, to look at what no answer shows."""
        return self.gate._app.state.service

    def client(self, key="none"):
        """OpenAI's own client."""
        return openai.OpenAI(base_url=f"{self.url}/v1", api_key=key, max_retries=0, timeout=30)

    def http(self, **options):
        """A client that sends whatever a test wants."""
        return httpx2.Client(base_url=self.url, timeout=30, trust_env=False, **options)


@contextlib.contextmanager
def served(folder, release=RELEASE, **changes):
    """Run a server; `changes` are those of its settings."""
    changes = {"own_voices": (("kathleen", SAMPLE),), "reload_s": 0.0, "grace_s": 5.0} | changes
    gate = build(Settings(release, folder, **changes))
    with socket.socket() as listening:
        listening.bind(("127.0.0.1", 0))
        times = {"timeout_keep_alive": Settings.keep_alive_s, "timeout_graceful_shutdown": 5}
        server = uvicorn.Server(uvicorn.Config(gate, log_config=None, access_log=False, **times))
        thread = threading.Thread(target=server.run, kwargs={"sockets": [listening]})
        thread.start()
        try:
            until(lambda: server.started)
            yield Running(listening.getsockname()[1], gate)
        finally:
            server.should_exit = True
            thread.join(timeout=20)
            assert not thread.is_alive(), "the server did not stop"


def until(condition, seconds=20.0):
    """Wait until something is true."""
    deadline = time.monotonic() + seconds
    while not condition():
        assert time.monotonic() < deadline, f"not true after {seconds} s"
        time.sleep(0.01)


def piece_of(path, start_s, end_s):
    """A part of a recording, as a WAV file's content."""
    samples, rate = soundfile.read(path, dtype="float32", start=0)
    buffer = io.BytesIO()
    soundfile.write(buffer, samples[round(start_s * rate) : round(end_s * rate)], rate, format="WAV")
    return buffer.getvalue()


def wav_samples(content):
    """The samples of a WAV, and its rate."""
    samples, rate = soundfile.read(io.BytesIO(content), dtype="float32")
    return samples, rate


def loud_s(samples, rate):
    """Where the last sound of a speech ends, in seconds."""
    loud = np.flatnonzero(np.abs(samples) > 0.02)
    return loud[-1] / rate
