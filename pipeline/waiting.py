"""How OpenMP's threads wait for each other, by what else the machine does."""

import logging
import os
import time
from pathlib import Path

logger = logging.getLogger(__name__)

_STAT = Path("/proc/stat")
_SAMPLE_S = 0.2
_LEAST_IDLE = 0.85  # of the machine; the rest is what a quiet machine does by itself


def choose_waiting(stat: Path = _STAT) -> None:
    """Set OMP_WAIT_POLICY, unless it is set: `active` on an idle machine, else `passive`. Before torch is loaded.

    Threads that spin need no waking: on two idle cores `mini`'s synthesizer trains nearly twice as fast. But where
    another process needs the core, a spinning thread keeps it, and a step takes up to five times as long.
    """
    if os.environ.get("OMP_WAIT_POLICY"):
        return
    idle = idle_share(stat)
    policy = "active" if idle is not None and idle >= _LEAST_IDLE else "passive"
    os.environ["OMP_WAIT_POLICY"] = policy
    logger.info("omp_wait_policy=%s idle=%s", policy, "unknown" if idle is None else f"{idle:.2f}")


def idle_share(stat: Path = _STAT) -> float | None:
    """Measure the share of all cores' time that is idle now; None where the system does not say."""
    try:
        before = _times(stat)
        time.sleep(_SAMPLE_S)
        after = _times(stat)
    except (OSError, ValueError, IndexError):
        return None
    passed = [b - a for a, b in zip(before, after, strict=True)]
    total = sum(passed)
    return (passed[3] + passed[4]) / total if total > 0 else None  # idle, and idle while a disk is awaited


def _times(stat: Path) -> list[int]:
    """The first line of /proc/stat: ticks since the start, by kind. Guests' are part of user's."""
    name, *ticks = stat.read_text(encoding="ascii").partition("\n")[0].split()
    if name != "cpu":
        raise ValueError(name)
    return [int(tick) for tick in ticks[:8]]
