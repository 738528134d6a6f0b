"""Whatever a bundle holds, as long as it is STIX: it becomes bulletins, and its objects are found again."""

from __future__ import annotations

import base64
import json
from typing import Any

from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from broker.errors import Malformed
from broker.interop.imported import ImportDefaults, Imported
from broker.protocol import limits, times
from broker.protocol.bulletin import read_bulletin_object
from tests.interop.alerts import NOW, ORIGINATOR
from tests.interop.objects import bundle, read, relation, report, thing

WORDS = st.text(st.characters(exclude_categories=("Cs",)), max_size=40)
TYPES = st.sampled_from(
    [
        "identity",
        "threat-actor",
        "location",
        "indicator",
        "x-vehicle",
        "x-person",
        "phone-number",
        "user-account",
        "note",
        "tool",
        "x-misp-object",
        "email-addr",
        "bank-account",
    ]
)
NAMES = st.sampled_from(
    [
        "name",
        "description",
        "aliases",
        "identity_class",
        "country",
        "latitude",
        "longitude",
        "precision",
        "roles",
        "value",
        "account_login",
        "license_plate",
        "gender",
        "labels",
        "x_misp_name",
        "confidence",
        "lang",
        "cnic",
        "administrative_area",
        "resource_level",
        "contact_information",
        "extensions",
        "iban",
        "date_of_birth",
    ]
)
VALUES = (
    WORDS
    | st.integers(-200, 200)
    | st.floats(-200, 200)
    | st.booleans()
    | st.lists(WORDS, max_size=4)
    # Plain names: two that differ by a letter nobody sees are one after an import.
    | st.dictionaries(st.from_regex(r"[a-z_]{1,12}", fullmatch=True), WORDS, max_size=2)
    | st.sampled_from(
        ["individual", "organization", "PK", "PK-KP", "victim", "vehicle", "person", "+923001234567"]
    )
)


@st.composite
def bundles(draw: st.DrawFn) -> bytes:
    kinds = draw(st.lists(TYPES, min_size=1, max_size=8))
    objects = [
        thing(kind, f"{n}", **draw(st.dictionaries(NAMES, VALUES, max_size=6)))
        for n, kind in enumerate(kinds)
    ]
    pairs = draw(st.lists(st.tuples(st.sampled_from(objects), st.sampled_from(objects)), max_size=3))
    objects += [
        relation(draw(st.sampled_from(["targets", "uses", "attributed-to"])), *pair) for pair in pairs
    ]
    if draw(st.booleans()):
        objects.append(report(*objects, name=draw(WORDS), description=draw(WORDS)))
    return bundle(*{one["id"]: one for one in objects}.values())


@settings(
    max_examples=60, deadline=None, suppress_health_check=[HealthCheck.too_slow, HealthCheck.data_too_large]
)
@given(bundles(), st.sampled_from(["TLP:GREEN", "TLP:RED"]))
def test_every_bundle_becomes_bulletins_that_the_broker_takes(source: bytes, marking: Any) -> None:
    defaults = ImportDefaults(category="other", marking=marking, expires_at=NOW + limits.DAY_US)
    found = read(source, defaults)
    words = ""
    for one in found:
        assert isinstance(one, Imported), one
        filled: dict[str, Any] = {"originator": ORIGINATOR, "exchange": "0" * 64, "registry": 1}
        filled |= {"sent": times.format(NOW), "address_digest": "0" * 64}
        read_bulletin_object(one.document | filled)
        files = [base64.b64decode(file["content"]).decode() for file in one.document.get("attachments", ())]
        words += json.dumps(one.document) + "".join(files)
    assert all(each["id"] in words for each in json.loads(source)["objects"])
    assert read(source, defaults) == found


@settings(max_examples=60, deadline=None)
@given(
    st.recursive(
        VALUES, lambda inner: st.lists(inner, max_size=3) | st.dictionaries(WORDS | st.just("objects"), inner)
    )
)
def test_whatever_the_json_is_only_a_known_refusal_comes(value: Any) -> None:
    try:
        read(json.dumps(value).encode())
    except Malformed as why:
        assert why.detail != ""  # noqa: PT017
