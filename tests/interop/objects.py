"""STIX objects for tests, as plain values."""

from __future__ import annotations

import json
import uuid
from typing import Any

from broker.interop.imported import ImportDefaults, Imported, Refused
from broker.interop.stix import read_stix
from broker.interop.stix_markings import TLP2_IDS
from tests.interop.alerts import NOW, ORIGINATOR, TOLD

AMBER = TLP2_IDS["TLP:AMBER"]
GREEN = TLP2_IDS["TLP:GREEN"]
CREATED = "2026-02-20T08:00:00.000Z"


def identifier(kind: str, name: str = "1") -> str:
    return f"{kind}--{uuid.uuid5(uuid.NAMESPACE_URL, f'{kind} {name}')}"


def thing(kind: str, name: str = "1", /, **said: Any) -> dict[str, Any]:
    """An object with what STIX requires of every domain object; None leaves a property out."""
    basis = {
        "type": kind,
        "spec_version": "2.1",
        "id": identifier(kind, name),
        "created": CREATED,
        "modified": CREATED,
    }
    return {key: value for key, value in (basis | said).items() if value is not None}


def observable(kind: str, name: str = "1", /, **said: Any) -> dict[str, Any]:
    return thing(kind, name, created=None, modified=None, **said)


def report(*objects: dict[str, Any], **said: Any) -> dict[str, Any]:
    basis = {
        "name": "Vans towards Torkham",
        "published": "2026-02-21T09:00:00Z",
        "object_marking_refs": [AMBER],
        "object_refs": [one["id"] for one in objects] or [identifier("indicator")],
    }
    return thing("report", **(basis | said))


def bundle(*objects: dict[str, Any], **said: Any) -> bytes:
    return json.dumps(
        {"type": "bundle", "id": identifier("bundle"), "objects": list(objects)} | said
    ).encode()


def story(*objects: dict[str, Any], **said: Any) -> bytes:
    """A bundle of a report and these objects."""
    return bundle(report(*objects, **said), *objects)


def relation(kind: str, source: dict[str, Any], target: dict[str, Any]) -> dict[str, Any]:
    name = f"{source['id']} {kind} {target['id']}"
    return thing(
        "relationship", name, relationship_type=kind, source_ref=source["id"], target_ref=target["id"]
    )


def read(source: bytes, defaults: ImportDefaults = TOLD) -> list[Imported | Refused]:
    return read_stix(source, originator=ORIGINATOR, defaults=defaults, now=NOW)


def imported(source: bytes, defaults: ImportDefaults = TOLD) -> Imported:
    (one,) = read(source, defaults)
    assert isinstance(one, Imported), one
    return one


def refused(source: bytes, defaults: ImportDefaults = TOLD) -> Refused:
    (one,) = read(source, defaults)
    assert isinstance(one, Refused), one
    return one


def kept(source: bytes, key: str) -> list[str]:
    return [one["value"] for one in imported(source).document.get("correlations", ()) if one["key"] == key]


def person(name: str = "Gul Khan", /, **said: Any) -> dict[str, Any]:
    return thing("identity", name, **({"name": name, "identity_class": "individual"} | said))
