"""`python -m pipeline.tracking.sender [SPOOL]`: sends spools to MLflow, beside a stage and with less priority.

A stage starts it, and holds the other end of its stdin. When that end closes, the sender sends what is left and ends.
If the server is down, it says so once, and tries again; what it can't send stays for the sender of the next stage.
"""

import logging
import os
import signal
import sys
import threading
from itertools import groupby
from pathlib import Path

from peewee_model import environment
from pipeline.logs import log_to_stderr
from pipeline.tracking import spool
from pipeline.tracking.delivery import Delivery, NotReceivedError
from pipeline.tracking.settings import PAGE, run_page

logger = logging.getLogger("pipeline.tracking.sender")

EVERY_S, AGAIN_S = 2.0, 20.0
"""Seconds between two looks at the spools; the second, after the server could not be reached."""
LAST_S = 60.0
"""A sender never outlives its stage by more."""


class Sender:
    """Sends spools.

    Args:
        own: The spool of the stage that started this process.
    """

    def __init__(self, own: Path | None) -> None:
        self._own = own
        self._delivery: Delivery | None = None
        self._shown = False

    def send_all(self) -> None:
        """Send what there is, the oldest spool first.

        Raises:
            NotReceivedError: If MLflow can't be reached.
        """
        self._delivery = self._delivery or Delivery()
        for folder in spool.waiting(spool.ROOT):
            if folder == self._own or not spool.is_written(folder):
                with spool.sending(folder) as mine:
                    if mine:
                        self._send(folder, self._delivery)

    def _send(self, folder: Path, delivery: Delivery) -> None:
        over = not spool.is_written(folder)  # looked at before the events are read
        events = spool.read_events(folder, 0)
        kinds = {event["kind"] for event, _ in events}
        if not events:
            if over:  # killed before it wrote any
                spool.forget(folder)
            return
        if not over and kinds == {"start"} and events[0][0]["resumes"]:  # which run it continues is not known yet
            return
        sent = spool.read_sent(folder)
        if not sent["run"]:
            training = next((event["run"] for event, _ in events if event["kind"] == "training"), None)
            sent["run"] = delivery.open_run(events[0][0], training)
            spool.write_sent(folder, sent)
        run = sent["run"]
        if folder == self._own:
            self._show(run, delivery)
        new = [(event, end) for event, end in events if end > sent["offset"]]
        for kind, group in groupby(new, lambda item: item[0]["kind"]):
            some = list(group)
            if kind == "metrics":
                delivery.add_metrics(run, [event for event, _ in some])
            elif kind == "file":
                for event, end in some:
                    delivery.add_file(run, folder, event)
                    spool.write_sent(folder, sent | {"offset": end})
            elif kind == "end":
                delivery.end(run, some[0][0]["status"], some[0][0]["time_ms"])
            spool.write_sent(folder, sent | {"offset": some[-1][1]})
        if over:
            if "end" not in kinds:  # the stage was killed
                delivery.end(run, "KILLED")
            spool.forget(folder)

    def _show(self, run: str, delivery: Delivery) -> None:
        """Say where the run is, once, and begin to log the machine's load."""
        if self._shown:
            return
        self._shown = True
        page = run_page(delivery.experiment, run)
        logger.info("MLflow's run: %s", page)
        if outcomes := environment.OUTCOMES.path():
            (outcomes / PAGE).write_text(page, encoding="utf-8")
        delivery.watch(run)


def main(own: Path | None) -> None:
    """Send until the stage has ended and all is sent, or MLflow can't be reached any more."""
    for number in (signal.SIGINT, signal.SIGTERM):
        signal.signal(number, signal.SIG_IGN)  # the stage receives them too, and its end is this one's
    os.nice(10)
    log_to_stderr()
    logging.getLogger("urllib3").setLevel(logging.ERROR)
    ended = threading.Event()
    threading.Thread(target=_follow, args=(ended,), daemon=True).start()
    sender, said = Sender(own), False
    while True:
        last, reached = ended.is_set(), True
        try:
            sender.send_all()
        except NotReceivedError as error:
            reached = False
            if not said:
                logger.warning("MLflow is out of reach, so what is tracked waits in %s: %s", spool.ROOT, error)
            said = True
        if last:
            return
        ended.wait(EVERY_S if reached else AGAIN_S)


def _follow(ended: threading.Event) -> None:
    """Wait until the process that started this one closes the pipe, or is gone."""
    sys.stdin.buffer.read()
    ended.set()
    threading.Event().wait(LAST_S)
    os._exit(1)


if __name__ == "__main__":
    main(Path(sys.argv[1]) if len(sys.argv) > 1 else None)
