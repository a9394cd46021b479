"""T24: ten times as many clients as a server takes at once. `FAULTS=full` makes it five minutes."""

import threading
import time
from collections import Counter

import psutil

from peewee_model.service.settings import Limits
from tests.peewee_model.service.running import HELLO, served, wav_samples

AT_ONCE = 2
GOOD = {"model": "peewee-tts", "voice": "kathleen", "input": HELLO, "response_format": "wav"}


def test_server_sheds_what_it_can_not_speak_and_stays_as_it_was(tmp_path, at_most):
    """Only 200 and 429 with a time to wait; what is spoken is whole; memory stays; health answers."""
    seconds = at_most(3.0, 300.0)
    answers, broken, slowest = Counter(), [], [0.0]
    with served(tmp_path, limits=Limits(requests=AT_ONCE)) as server, server.http() as http:
        whole = len(wav_samples(http.post("/v1/audio/speech", json=GOOD).content)[0])
        for _ in range(5):  # caches are full
            http.post("/v1/audio/speech", json=GOOD)
        before, end = psutil.Process().memory_info().rss, time.monotonic() + seconds

        def ask():
            with server.http() as own:
                while time.monotonic() < end:
                    answer = own.post("/v1/audio/speech", json=GOOD)
                    answers[answer.status_code] += 1
                    if answer.status_code == 429 and answer.headers["retry-after"] == "1":
                        time.sleep(0.2)  # five times sooner than it may
                    elif answer.status_code != 200 or len(wav_samples(answer.content)[0]) != whole:
                        broken.append(answer.text[:200])

        clients = [threading.Thread(target=ask) for _ in range(10 * AT_ONCE)]
        for client in clients:
            client.start()
        while time.monotonic() < end:
            started = time.monotonic()
            assert http.get("/healthz").status_code == 200
            slowest[0] = max(slowest[0], time.monotonic() - started)
            time.sleep(0.1)
        for client in clients:
            client.join()
        grown = psutil.Process().memory_info().rss / before
    assert not broken
    assert answers[200] > at_most(0.0, seconds)
    assert answers[429] > answers[200]
    assert answers.keys() == {200, 429}
    assert grown < 1.1
    assert slowest[0] < at_most(10.0, 1.0)
