"""Alerts and notes against real HTTP servers."""

import json
import threading
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer

import pytest

pytestmark = pytest.mark.system

TELL = "import json; from dags.alerts import tell; tell('it broke', 'because'); print(json.dumps('told'))"


@pytest.fixture
def hook():
    """A webhook: its URL, and what it was sent."""
    received = []

    class Hook(BaseHTTPRequestHandler):
        def _answer(self):
            body = json.loads(self.rfile.read(int(self.headers["Content-Length"])))
            received.append((self.command, self.path, body))
            self.send_response(200)
            self.end_headers()
            self.wfile.write(b'{"access_token": "t"}')

        do_POST = do_PATCH = _answer  # noqa: N815, names that http.server asks for

        def log_message(self, *arguments):
            """Be quiet."""

    server = ThreadingHTTPServer(("127.0.0.1", 0), Hook)
    threading.Thread(target=server.serve_forever, daemon=True).start()
    yield f"http://127.0.0.1:{server.server_port}", received
    server.shutdown()
    server.server_close()


def connection(**fields):
    return json.dumps({"conn_type": "generic", **fields})


def test_webhook_and_apprise_hear_the_same(in_airflow, hook):
    """Both kinds of address in one connection."""
    url, received = hook
    addresses = f"{url}/hook {url.replace('http://', 'json://')}/apprise"
    assert in_airflow(TELL, AIRFLOW_CONN_PEEWEE_ALERTS=connection(password=addresses)) == "told"
    assert received[0] == ("POST", "/hook", {"title": "it broke", "text": "because"})
    assert received[1][1] == "/apprise"
    assert (received[1][2]["title"], received[1][2]["message"]) == ("it broke", "because")


def test_alert_that_fails_stops_nobody(in_airflow, hook, capfd):
    """Neither the task nor the other addresses; and the address, which is a key, is not logged."""
    url, received = hook
    addresses = f"http://127.0.0.1:1/planted-key unknown://planted-key {url}/hook"
    assert in_airflow(TELL, AIRFLOW_CONN_PEEWEE_ALERTS=connection(password=addresses)) == "told"
    assert [path for _, path, _ in received] == ["/hook"]
    assert "planted-key" not in "".join(capfd.readouterr())


def test_nobody_to_tell_is_fine(in_airflow):
    """Only the log then."""
    assert in_airflow(TELL) == "told"


SEALED = {
    "run": "r", "version": "0123456789abcdef", "commit": "c0ffee", "branch": "runs/r", "tag": None,
    "metrics": {"speaker": {"eer": 0.05}, "speech": {"synthesized": {"cer": 0.25, "note": "x"}}},
    "headlines": [
        {"path": "speaker.eer", "name": "equal error rate", "value": 0.05, "text": "5.0 %"},
        {"path": "speech.synthesized.cer", "name": "error rate, synthesized", "value": 0.25, "text": "25.0 %"},
    ],
}  # fmt: skip
ANNOUNCE = """
import json
from types import SimpleNamespace
from dags.announce import announce
from dags.assets import RELEASE
outlet, run = SimpleNamespace(extra=None), SimpleNamespace(dag_id="peewee_retrain", run_id="manual__2026:00+00:00")
announce({"outlet_events": {RELEASE: outlet}, "dag_run": run}, %s)
print(json.dumps(outlet.extra))
"""


def test_release_is_told_by_asset_and_note(in_airflow, hook):
    """Version, commit and the figures that say most."""
    url, received = hook
    there = connection(host=url, login="admin", password="x")
    extra = in_airflow(ANNOUNCE % SEALED, AIRFLOW_CONN_PEEWEE_AIRFLOW=there)
    assert (extra["version"], extra["commit"]) == ("0123456789abcdef", "c0ffee")
    assert extra["metrics"] == {"speaker.eer": 0.05, "speech.synthesized.cer": 0.25}
    method, path, body = received[-1]
    assert (method, path) == (
        "PATCH",
        "/api/v2/dags/peewee_retrain/dagRuns/manual__2026%3A00%2B00%3A00?update_mask=note",
    )
    assert body["note"].splitlines()[0] == "release 0123456789abcdef"
    assert body["note"].splitlines()[2:] == ["equal error rate 5.0 %", "error rate, synthesized 25.0 %"]


def test_note_that_can_t_be_written_stops_nothing(in_airflow):
    """The release is out all the same."""
    there = connection(host="http://127.0.0.1:1", login="admin", password="x")
    assert in_airflow(ANNOUNCE % SEALED, AIRFLOW_CONN_PEEWEE_AIRFLOW=there)["version"] == "0123456789abcdef"
