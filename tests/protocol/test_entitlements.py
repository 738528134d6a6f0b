"""Entitlements: those of the registry and no others, closed vocabularies, closed by default."""

from __future__ import annotations

import json
from typing import Any

import pytest

from broker.errors import HarkaraError, NotAuthentic, SchemaError
from broker.protocol import dsse
from broker.protocol.entitlements import (
    ENTITLEMENTS_TYPE,
    Entitlements,
    entitlements_digest,
    read_entitlements,
)
from tests.exchange_fixtures import ACADEMY, BEIJING, FIA, GRANTS, fixed, make_exchange

EXCHANGE = make_exchange()
ENVELOPE = EXCHANGE.entitlements_envelope
DOCUMENT: dict[str, Any] = json.loads(ENVELOPE.payload)
ROOT = EXCHANGE.root_keys[0]


def read(envelope: dsse.Envelope, **changes: Any) -> Entitlements:
    fields: dict[str, Any] = {
        "exchange": EXCHANGE.id,
        "version": 1,
        "digest": entitlements_digest(envelope),
    }
    return read_entitlements(envelope, **(fields | changes))


def signed(document: dict[str, Any]) -> dsse.Envelope:
    return ROOT.sign(ENTITLEMENTS_TYPE, json.dumps(document).encode())


def test_they_say_who_may_originate_and_receive_what() -> None:
    found = read(ENVELOPE)
    fia = found.grants[FIA]
    assert "cybercrime" in fia.originate
    assert fia.marking == "TLP:RED"
    assert fia.statuses == {"Actual", "Exercise", "System", "Test"}
    assert found.grants[ACADEMY].statuses == {"Exercise", "Test"}
    assert found.grants[BEIJING].only_named
    assert not fia.only_named
    assert found.groups["federal"] == {"pk.anf", "pk.fia", "pk.moi"}
    assert found.groups["empty"] == frozenset()
    assert found.grants.keys() == GRANTS.keys()


@pytest.mark.parametrize(
    "changes",
    [
        pytest.param({"digest": fixed("another digest")}, id="not-those-of-the-registry"),
        pytest.param({"digest": bytes(32)}, id="a-digest-of-zeros"),
        pytest.param({"digest": b""}, id="no-digest"),
    ],
)
def test_bytes_that_the_registry_does_not_commit_to_are_refused(changes: dict[str, Any]) -> None:
    with pytest.raises(NotAuthentic):
        read(ENVELOPE, **changes)


@pytest.mark.parametrize(
    "envelope",
    [
        pytest.param(dsse.Envelope(ENTITLEMENTS_TYPE, ENVELOPE.payload + b" ", ()), id="one-space-more"),
        pytest.param(signed(DOCUMENT | {"agencies": {}}), id="others-signed-by-the-same-root-key"),
        pytest.param(
            ROOT.sign(dsse.payload_type("registry"), ENVELOPE.payload), id="the-same-bytes-of-another-type"
        ),
    ],
)
def test_other_entitlements_than_those_of_the_registry_are_refused(envelope: dsse.Envelope) -> None:
    with pytest.raises(NotAuthentic):
        read(envelope, digest=EXCHANGE.registry.entitlements_digest)


@pytest.mark.parametrize(
    "changes",
    [
        pytest.param({"version": 2}, id="of-an-earlier-version"),
        pytest.param({"exchange": fixed("another exchange")}, id="of-another-exchange"),
    ],
)
def test_they_belong_to_one_version_of_one_exchange(changes: dict[str, Any]) -> None:
    with pytest.raises(SchemaError):
        read(ENVELOPE, **changes)


def fia(**members: Any) -> dict[str, Any]:
    """The document with members of FIA's grant replaced."""
    return DOCUMENT | {"agencies": {FIA: DOCUMENT["agencies"][FIA] | members}}


RECEIVE = DOCUMENT["agencies"][FIA]["receive"]


@pytest.mark.parametrize(
    ("document", "pointer"),
    [
        pytest.param(fia(originate=["everything"]), "/agencies/pk.fia/originate/0", id="no-category"),
        pytest.param(fia(statuses=["actual"]), "/agencies/pk.fia/statuses/0", id="a-status-in-lower-case"),
        pytest.param(
            fia(receive=RECEIVE | {"marking": "RED"}), "/agencies/pk.fia/receive/marking", id="no-marking"
        ),
        pytest.param(
            fia(receive=RECEIVE | {"only_named": "no"}),
            "/agencies/pk.fia/receive/only_named",
            id="a-truth-in-words",
        ),
        pytest.param(fia(receive={}), "/agencies/pk.fia/receive/categories", id="nothing-said-of-receiving"),
        pytest.param(fia(all=True), "/agencies/pk.fia/all", id="a-field-too-many"),
        pytest.param(DOCUMENT | {"agencies": {"fia": {}}}, "/agencies/fia", id="no-agency-id"),
        pytest.param(DOCUMENT | {"groups": {"Federal": []}}, "/groups/Federal", id="a-group-in-capitals"),
        pytest.param(DOCUMENT | {"groups": {"federal": ["fia"]}}, "/groups/federal/0", id="no-member-id"),
        pytest.param(DOCUMENT | {"salt": "AAAA"}, "/salt", id="a-short-salt"),
        pytest.param(DOCUMENT | {"version": 0}, "/version", id="version-0"),
    ],
)
def test_entitlements_that_are_wrong_are_refused_where_they_are(
    document: dict[str, Any], pointer: str
) -> None:
    with pytest.raises(HarkaraError) as refused:
        read(signed(document))
    assert refused.value.status in (400, 422)
    assert pointer in [problem.pointer for problem in refused.value.problems]


def test_the_salt_keeps_the_digest_from_telling_who_guesses() -> None:
    other = signed(DOCUMENT | {"salt": dsse.encode64(fixed("another salt"))})
    assert entitlements_digest(other) != entitlements_digest(ENVELOPE)
