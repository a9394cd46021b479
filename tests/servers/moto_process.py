"""moto's S3 server as a process: prints its environment as JSON, serves until stopped or its caller is gone.

moto looks whether an object exists and then writes it, in threads: now and then two racing put-if-absents win. AWS lets
one win, so here each put runs by itself.
"""

import json
import logging
import os
import threading
import time

from moto.s3.responses import S3Response
from moto.server import ThreadedMotoServer

_put_object = S3Response.put_object
_one_at_a_time = threading.Lock()


def put_object(self):
    """Put an object, with nobody else between the look and the write."""
    with _one_at_a_time:
        return _put_object(self)


if __name__ == "__main__":
    S3Response.put_object = put_object
    logging.getLogger("werkzeug").setLevel(logging.ERROR)
    parent = os.getppid()  # before the first output: a caller may be killed as soon as it has read it
    server = ThreadedMotoServer("127.0.0.1", 0)
    server.start()
    host, port = server.get_host_and_port()
    print(
        json.dumps(
            {
                "AWS_ENDPOINT_URL": f"http://{host}:{port}",
                "AWS_ACCESS_KEY_ID": "moto",
                "AWS_SECRET_ACCESS_KEY": "moto-secret",
                "AWS_DEFAULT_REGION": "us-east-1",
            }
        ),
        flush=True,
    )
    while os.getppid() == parent:  # tests that were killed leave no server behind
        time.sleep(1)
    os._exit(0)  # the server's own thread would keep the process
