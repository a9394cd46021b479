"""moto's S3 server as a process: prints its environment as JSON, serves until stopped or its caller is gone."""

import json
import logging
import os
import time

from moto.server import ThreadedMotoServer

if __name__ == "__main__":
    logging.getLogger("werkzeug").setLevel(logging.ERROR)
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
    parent = os.getppid()
    while os.getppid() == parent:  # tests that were killed leave no server behind
        time.sleep(1)
