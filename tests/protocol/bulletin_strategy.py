"""Hypothesis strategies of valid bulletins: every category, several languages, every kind of subject and
geometry.

`bulletin_objects()` gives the JSON object, `bulletins()` the Bulletin. `sent` is `SENT` of `drafts`.
"""

from __future__ import annotations

import base64
import hashlib
import unicodedata
from typing import Any

from hypothesis import strategies as st

from broker.protocol import limits, times
from broker.protocol.answers import receipt_id
from broker.protocol.bulletin import Bulletin, read_bulletin_object
from broker.protocol.vocabulary import BULLETIN_TYPES, CATEGORIES, MARKINGS, SEVERITIES, STATUSES
from tests.protocol.drafts import EXCHANGE, SENT

SENT_AT = times.parse(SENT)
LATIN = "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789 .,-'\"\\/~é\u200e"
ARABIC = "ابپتٹجچحخدڈذرڑزژسشصضطظعغفقکگلمنںوہھءیےۓئؤ۰۱۲۳ ۔،؟\u200f"


def lines(most: int = 40) -> st.SearchStrategy[str]:
    """Give one line in Latin or Arabic script, in NFC, without space at its ends."""
    letters = st.sampled_from([LATIN, ARABIC]).flatmap(
        lambda script: st.text(script, min_size=1, max_size=most)
    )
    return letters.map(lambda text: unicodedata.normalize("NFC", text).strip()).filter(bool)


def prose() -> st.SearchStrategy[str]:
    """Give lines parted by LF."""
    return st.lists(lines(), min_size=1, max_size=4).map("\n".join)


def moments(after: int, before: int) -> st.SearchStrategy[str]:
    """Give RFC 3339 times between two µs since the epoch, some written with Pakistan's offset."""
    five_hours = 5 * limits.HOUR_US
    in_utc = st.integers(after, before).map(times.format)
    in_pakistan = st.integers(after, before).map(
        lambda at: times.format(at + five_hours).removesuffix("Z") + "+05:00"
    )
    return in_utc | in_pakistan


def ids() -> st.SearchStrategy[str]:
    """Give UUIDs of version 4, 5 or 7."""
    raw = st.tuples(st.binary(min_size=16, max_size=16), st.sampled_from("457"), st.sampled_from("89ab"))
    return raw.map(
        lambda it: f"{(h := it[0].hex())[:8]}-{h[8:12]}-{it[1]}{h[13:16]}-{it[2]}{h[17:20]}-{h[20:]}"
    )


def numbers(length: int) -> st.SearchStrategy[str]:
    """Give so many digits."""
    return st.text("0123456789", min_size=length, max_size=length)


countries = st.sampled_from(["PK", "IR", "AF", "CN", "TR", "AE"])
codes = lines(12)


def _subject(
    kind: str, need: dict[str, Any], **may: st.SearchStrategy[Any]
) -> st.SearchStrategy[dict[str, Any]]:
    return st.fixed_dictionaries({"type": st.just(kind), **need}, optional={**may, "note": prose()})


names = st.fixed_dictionaries(
    {"script": st.sampled_from(["Latn", "Arab"]), "given": lines(20)},
    optional={"family": lines(20), "father": lines(20)},
)
persons = _subject(
    "person",
    {
        "role": st.sampled_from(["suspect", "wanted", "missing", "associate"]),
        "names": st.lists(names, min_size=1, max_size=2),
    },
    aliases=st.lists(lines(20), min_size=1, max_size=2),
    birth=st.sampled_from(["1987", "1987-11", "2000-02-29"]),
    sex=st.sampled_from(["female", "male", "other"]),
    nationalities=st.lists(countries, min_size=1, max_size=2),
    height_cm=st.integers(30, 280),
    languages=st.lists(st.sampled_from(["ur", "ps", "en-GB", "zh-Hant"]), min_size=1, max_size=2),
    cnic=st.just("35202-1234567-1"),
    warrants=st.lists(st.fixed_dictionaries({"authority": lines(20)}), min_size=1, max_size=2),
)
subjects = st.one_of(
    persons,
    _subject("vehicle", {"plate": codes}, country=countries, make=codes, colour=codes, chassis=codes),
    _subject("document", {"kind": st.sampled_from(["passport", "visa"]), "number": codes}, country=countries),
    _subject("phone", {"imei": numbers(15)}, number=numbers(9).map("+92{}".format), imsi=numbers(15)),
    _subject("vessel", {"name": lines(20)}, imo=numbers(7), mmsi=numbers(9), flag=countries),
    _subject("firearm", {"make": codes}, model=codes, calibre=codes, serial=codes),
    _subject("goods", {"substance": lines(20), "quantity": st.integers(1, 10**6), "unit": st.just("kg")}),
    _subject("organisation", {"name": lines(20)}, country=countries),
    _subject("account", {"handle": lines(20)}, iban=st.just("PK36SCBL0000001123456702"), service=lines(20)),
)

positions = st.tuples(
    st.floats(-180, 180, allow_nan=False).map(lambda x: round(x, 5)),
    st.floats(-90, 90, allow_nan=False).map(lambda y: round(y, 5)),
).map(list)
rings = st.lists(positions, min_size=3, max_size=6).map(lambda ring: [*ring, ring[0]])
polygons = st.lists(rings, min_size=1, max_size=2)
geometries = st.one_of(
    st.fixed_dictionaries({"type": st.just("Point"), "coordinates": positions}),
    st.fixed_dictionaries({"type": st.just("Polygon"), "coordinates": polygons}),
    st.fixed_dictionaries(
        {"type": st.just("MultiPolygon"), "coordinates": st.lists(polygons, min_size=1, max_size=2)}
    ),
)
areas = st.fixed_dictionaries(
    {"name": lines(20)}, optional={"code": st.sampled_from(["PK", "PK-PB", "PK-IS"]), "geometry": geometries}
)


@st.composite
def attachments(draw: st.DrawFn) -> list[dict[str, Any]]:
    """Give up to two small files under different names."""
    contents = draw(st.lists(st.binary(max_size=64), min_size=1, max_size=2))
    return [
        {
            "name": f"file-{n}.bin",
            "media_type": "application/octet-stream",
            "size": len(content),
            "sha256": hashlib.sha256(content).hexdigest(),
            "content": base64.b64encode(content).decode(),
        }
        for n, content in enumerate(contents)
    ]


@st.composite
def bulletin_objects(draw: st.DrawFn) -> dict[str, Any]:
    """Give the JSON object of a valid bulletin."""
    type_ = draw(st.sampled_from(BULLETIN_TYPES))
    marking = draw(st.sampled_from(MARKINGS))
    expires_at = draw(st.integers(SENT_AT + limits.HOUR_US, SENT_AT + limits.LIFETIME_US))
    document: dict[str, Any] = {
        "id": draw(ids()),
        "originator": draw(
            st.sampled_from(["pk.fia", "pk.islamabad-police", "cn.beijing-police", "int.interpol"])
        ),
        "exchange": EXCHANGE,
        "registry": draw(st.integers(1, limits.SAFE_INTEGER)),
        "status": draw(st.sampled_from(STATUSES)),
        "type": type_,
        "category": draw(st.sampled_from(CATEGORIES)),
        "sent": SENT,
        "expires": draw(moments(expires_at, expires_at)),
        "marking": marking,
    }
    if type_ != "Alert":
        document["references"] = draw(
            st.lists(ids().filter(lambda it: it != document["id"]), min_size=1, max_size=3, unique=True)
        )
    if marking in ("TLP:AMBER+STRICT", "TLP:RED"):
        document["address_digest"] = draw(st.binary(min_size=32, max_size=32)).hex()
    if type_ != "Cancel" or draw(st.booleans()):
        block = st.fixed_dictionaries(
            {"headline": lines()}, optional={"description": prose(), "instruction": prose()}
        )
        languages = st.sampled_from(["en", "ur", "ps", "zh-Hans-CN"])
        document["text"] = draw(st.dictionaries(languages, block, min_size=1, max_size=3))
        document["urgency"] = draw(st.sampled_from(["Immediate", "Expected", "Future", "Past", "Unknown"]))
        document["severity"] = draw(st.sampled_from(SEVERITIES))
        document["certainty"] = draw(
            st.sampled_from(["Observed", "Likely", "Possible", "Unlikely", "Unknown"])
        )
    if draw(st.booleans()):
        document["respond_by"] = draw(st.sampled_from(["urgent", "routine"]) | moments(SENT_AT, expires_at))
        document["request"] = draw(prose())
    return document | draw(
        st.fixed_dictionaries(
            {},
            optional={
                "onset": moments(SENT_AT, expires_at),
                "issued": moments(SENT_AT - limits.DAY_US, SENT_AT),
                "handling": st.just({"code": "H3", "text": "Ask first."}) | st.just({"code": "H1"}),
                "evaluation": st.just({"scale": "admiralty", "source": "F", "information": 6})
                | st.just({"scale": "europol-4x4", "source": "X", "information": 4}),
                "contact": st.fixed_dictionaries({"desk": lines(), "phone": st.just("+92519261234")}),
                "action": st.sampled_from(
                    ["inform", "locate", "discreet-check", "detain", "seize", "protect"]
                ),
                "warnings": st.lists(
                    st.sampled_from(["armed", "violent", "medical"]), min_size=1, unique=True
                ),
                "areas": st.lists(areas, min_size=1, max_size=2),
                "subjects": st.lists(subjects, min_size=1, max_size=3),
                "attachments": attachments(),
                "correlations": st.lists(
                    st.fixed_dictionaries({"system": st.just("cap"), "key": lines(20), "value": prose()}),
                    min_size=1,
                    max_size=3,
                ),
            },
        )
    )


def bulletins() -> st.SearchStrategy[Bulletin]:
    """Give valid bulletins."""
    return bulletin_objects().map(read_bulletin_object)


@st.composite
def receipt_objects(draw: st.DrawFn) -> dict[str, Any]:
    """Give the JSON object of a valid receipt."""
    stmt = draw(st.binary(min_size=32, max_size=32)).hex()
    kind = draw(st.sampled_from(["opened", "actioned", "refused", "confirmed", "denied", "later"]))
    at = draw(moments(SENT_AT, SENT_AT + limits.DAY_US))
    document = {
        "exchange": EXCHANGE,
        "registry": 7,
        "id": receipt_id(stmt, "pk.anf", kind, at),
        "agency": "pk.anf",
        "originator": "pk.fia",
        "bulletin": draw(ids()),
        "stmt": stmt,
        "sealed": draw(st.binary(min_size=32, max_size=32)).hex(),
        "kind": kind,
        "at": at,
    }
    if kind == "later":
        document["until"] = times.format(times.parse(at) + draw(st.integers(1, limits.DAY_US)))
    return document | draw(st.fixed_dictionaries({}, optional={"actor": lines(), "note": prose()}))
