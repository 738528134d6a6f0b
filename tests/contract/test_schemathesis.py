"""Whatever the OpenAPI document allows or forbids is sent to a running broker: it answers as the document
says, and never with a fault. `python -m tests.contract.schemathesis_run` does the same for longer.
"""

from __future__ import annotations

from collections.abc import Iterator

import pytest

from tests.contract.hostile_requests import OPERATIONS, Target, attack, running_target

CASES = 238
"""Of each operation: 3,100 in all, since those without parameters have only a few different ones."""

REACHED = {
    "POST /v1/bulletins": {200, 201, 400, 409, 422},
    "POST /v1/receipts": {200, 201, 400, 422},
    "POST /v1/ack": {200, 400, 409, 422},
    "POST /v1/audience": {200, 400, 401, 403, 422},
    "POST /v1/pair-keys": {200, 400, 401, 403, 409, 422},
    "PUT /v1/subscription": {200, 400, 409, 422},
    "PUT /v1/registry": {400, 409},
    "GET /v1/inbox": {200, 400, 401, 409},
    "GET /v1/feed": {200, 400, 401, 409},
    "GET /v1/registry": {200, 304, 400, 401, 404},
    "GET /v1/subscription": {200, 401},
    "GET /v1/bulletins/{originator}/{id}": {200, 401, 404},
    "GET /v1/bulletins/{originator}/{id}/receipts": {200, 401, 404},
    "GET /v1/pair-keys/{id}": {200, 401, 404},
}
"""What must come at least: else the cases do not reach what they are meant for."""


@pytest.fixture(scope="module")
def target() -> Iterator[Target]:
    """One broker for all cases."""
    with running_target() as found:
        yield found


@pytest.mark.timeout(300)
@pytest.mark.parametrize("label", sorted(OPERATIONS))
def test_answers_are_as_the_document_says(label: str, target: Target) -> None:
    statuses = attack(label, target, CASES)
    assert REACHED.get(label, {200}) - statuses.keys() == set(), statuses
