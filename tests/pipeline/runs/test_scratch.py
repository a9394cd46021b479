"""The folder in which a worker clones."""

import subprocess
import sys
from pathlib import Path

from pipeline.runs.scratch import scratch


def test_scratch_of_a_killed_worker_is_removed_by_the_next(tmp_path):
    """That of a living one is not."""
    code = (
        "import sys, time\nfrom pathlib import Path\nfrom pipeline.runs.scratch import scratch\n"
        "with scratch(Path(sys.argv[1])) as folder:\n    print(folder, flush=True)\n    time.sleep(600)"
    )
    command = [sys.executable, "-c", code, str(tmp_path)]
    worker = subprocess.Popen(command, stdout=subprocess.PIPE, text=True)
    assert worker.stdout
    folder = Path(worker.stdout.readline().strip())
    with scratch(tmp_path) as mine:
        assert folder.is_dir()
        assert mine.is_dir()
    worker.kill()
    worker.communicate()
    with scratch(tmp_path):
        assert not folder.exists()
    assert list(tmp_path.iterdir()) == []
