"""Decodes an upload in a process of its own, which has limits of memory and time and can be killed.

Decoders are the largest part of a server that reads what strangers send. The child receives the file on stdin, reads
no other file of it, and returns samples on stdout after a line of JSON.
"""

import asyncio
import json
import os
import resource
import sys
from typing import Any

import numpy as np

from peewee_model.audio.clip import Float32Array
from peewee_model.errors import AudioError
from peewee_model.service.settings import Limits

_MOST_RATE = 48_000
"""Hz; no encoder of voices reads more, and a longer answer would only fill memory."""


async def decode(content: bytes, limits: Limits) -> tuple[Float32Array, int]:
    """Decode a recording.

    Args:
        content: The file, of any kind that a reference may be.
        limits: Of time, memory and length.

    Returns:
        One channel (S,), and its rate in Hz.

    Raises:
        AudioError: If it can't be used.
    """
    found, samples = await _asked(content, limits)
    return np.frombuffer(samples, dtype=np.float32), int(found["rate"])


async def examine(content: bytes, limits: Limits, key: str) -> dict[str, Any]:
    """Look for the marks of synthetic speech: `cloning.marks.Marks.record`.

    Args:
        content: As for `decode`.
        limits: As for `decode`.
        key: Of the mark.

    Raises:
        AudioError: If the recording can't be used.
    """
    found, _ = await _asked(content, limits, key)
    return found


async def _asked(content: bytes, limits: Limits, *key: str) -> tuple[dict[str, Any], bytes]:
    """Let a child read a recording; return its line of JSON, and what is behind it."""
    command = [sys.executable, "-m", __name__, str(limits.decode_bytes), str(limits.decode_s), str(limits.upload_s)]
    command += key
    kept = {name: os.environ[name] for name in ("PATH", "PYTHONPATH", "LANG") if name in os.environ}
    child = await asyncio.create_subprocess_exec(
        *command,
        stdin=asyncio.subprocess.PIPE,
        stdout=asyncio.subprocess.PIPE,
        stderr=asyncio.subprocess.DEVNULL,
        env={**kept, "OMP_NUM_THREADS": "1", "OPENBLAS_NUM_THREADS": "1"},
        start_new_session=True,
    )
    try:
        async with asyncio.timeout(limits.decode_s):
            answer, _ = await child.communicate(content)
    except TimeoutError:
        raise AudioError("unreadable", f"the recording took more than {limits.decode_s:g} s to decode") from None
    finally:
        if child.returncode is None:
            child.kill()
            await child.wait()
    head, _, samples = answer.partition(b"\n")
    if child.returncode or not head:
        raise AudioError("unreadable", "the recording took too much memory or time, or broke the decoder; send WAV")
    found: dict[str, Any] = json.loads(head)
    if "reason" in found:
        raise AudioError(found["reason"], found["message"])
    return found, samples


def limit(n_bytes: int, seconds: float) -> None:
    """Limit this process: memory and time of the processor; it writes no file and leaves no core."""
    resource.setrlimit(resource.RLIMIT_AS, (n_bytes, n_bytes))
    resource.setrlimit(resource.RLIMIT_CPU, (int(seconds) + 1, int(seconds) + 1))
    resource.setrlimit(resource.RLIMIT_FSIZE, (0, 0))
    resource.setrlimit(resource.RLIMIT_CORE, (0, 0))


def answer_of(content: bytes, longest_s: float, key: str | None = None) -> bytes:
    """Decode, and write what `decode` reads; with a key, what `examine` reads."""
    from peewee_model.audio.clip import resample
    from peewee_model.cloning.marks import find_marks
    from peewee_model.cloning.sources import read_source

    try:
        if key is not None:
            return json.dumps(find_marks(content, "the recording", key, longest_s).record()).encode() + b"\n"
        clip = read_source(content, "the recording", max_duration_s=longest_s)
    except AudioError as error:
        return json.dumps({"reason": error.reason, "message": str(error)}).encode() + b"\n"
    rate = min(clip.sample_rate, _MOST_RATE)
    samples = resample(clip.samples, clip.sample_rate, rate)
    return json.dumps({"rate": rate}).encode() + b"\n" + np.ascontiguousarray(samples, dtype=np.float32).tobytes()


def _child() -> None:
    n_bytes, seconds, longest_s = (float(word) for word in sys.argv[1:4])
    limit(int(n_bytes), seconds)
    sys.stdout.buffer.write(answer_of(sys.stdin.buffer.read(), longest_s, *sys.argv[4:5]))


if __name__ == "__main__":
    _child()
