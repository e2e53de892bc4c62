"""Checks that a service answers as its OpenAPI description says."""

import itertools

import pytest
import schemathesis
from hypothesis import HealthCheck, Phase, given, seed, settings
from schemathesis.checks import CHECKS

PROMISES = [
    *("not_a_server_error", "status_code_conformance", "content_type_conformance"),
    *("response_headers_conformance", "response_schema_conformance"),
]


@pytest.fixture(scope="session")
def try_operations():
    """Asks an application for every operation of its description, with made-up values.

    `ask(case, number)` yields the answers to one example; each must keep to the description. Of
    operations that take a file there is one example, as each file costs a process, of others 15.
    """

    def try_all(app, ask):
        schema = schemathesis.openapi.from_dict(app.openapi())
        schema.app = app
        checks = CHECKS.get_by_names(PROMISES)
        numbers = itertools.count()
        for found in schema.get_all_operations():
            operation = found.ok()
            takes_file = "multipart/form-data" in str(operation.definition.raw)

            @seed(11)
            @settings(
                max_examples=1 if takes_file else 15,
                deadline=None,
                database=None,
                phases=[Phase.generate],
                suppress_health_check=list(HealthCheck),
            )
            @given(operation.as_strategy())
            def keep_to_it(case):
                for answer in ask(case, next(numbers)):
                    case.validate_response(answer, checks=checks)

            keep_to_it()

    return try_all
