"""A thousand requests that are made from the OpenAPI document: no fault of the server, and errors in one form."""

import pytest
import schemathesis
import torch
from hypothesis import HealthCheck, given, settings

from tests.peewee_model.service.running import served

N_REQUESTS = 1000
pytestmark = pytest.mark.system


def test_generated_requests_find_no_fault_of_the_server(tmp_path):
    """Right and wrong ones, by schemathesis: each answer is below 500, and every error has OpenAI's form."""
    with served(tmp_path) as server:
        torch.set_flush_denormal(False)  # Hypothesis makes such numbers, and a release that is loaded switches them off
        schema = schemathesis.openapi.from_url(f"{server.url}/openapi.json")
        operations = [found.ok() for found in schema.get_all_operations()]
        each = 2 * N_REQUESTS // len(operations)  # some have fewer different requests
        statuses = []
        for operation in operations:
            strategy = operation.as_strategy()

            @settings(
                max_examples=each, deadline=None, database=None, derandomize=True, suppress_health_check=HealthCheck
            )
            @given(strategy)
            def ask(case):
                answer = case.call(base_url=server.url)
                statuses.append(answer.status_code)
                assert answer.status_code < 500, (case.as_curl_command(), answer.text)
                if answer.status_code >= 400 and case.method != "HEAD":
                    assert set(answer.json()["error"]) == {"message", "type", "param", "code"}, answer.text

            ask()
        assert len(statuses) >= N_REQUESTS
        assert {200, 400, 404} <= set(statuses)
        with server.http() as http:
            assert http.get("/readyz").status_code == 200
