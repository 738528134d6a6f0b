"""Whatever an alert says, as long as it is CAP: it becomes a bulletin, or is refused by name."""

from __future__ import annotations

from typing import Any

from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from broker.interop.cap import read_cap
from broker.interop.imported import ImportDefaults, Imported
from broker.interop.wording import mend
from broker.protocol import limits, times
from broker.protocol.bulletin import read_bulletin_object
from tests.interop.alerts import NOW, ORIGINATOR, alert, area, element, info, pair

WORDS = st.text(
    st.characters(
        exclude_categories=("Cs", "Cc"),
        exclude_characters="\ufffe\uffff",
    ),
    min_size=1,
    max_size=60,
)
NAMES = WORDS.filter(lambda text: mend(text).text.strip() != "")
MAYBE = st.none() | WORDS
PAIRS = st.lists(st.tuples(WORDS, WORDS), max_size=3)
NUMBERS = st.integers(-8999, 8999).map(lambda n: n / 100)
POSITIONS = st.tuples(NUMBERS, st.integers(-17999, 17999).map(lambda n: n / 100))
TIMES = st.integers(NOW - 400 * limits.DAY_US, NOW + 400 * limits.DAY_US).map(
    lambda at: times.format(at // 1_000_000 * 1_000_000).replace("Z", "-00:00")
)
LANGUAGES = (
    st.sampled_from(["en", "en-US", "ur", "ur-PK", "EN-us", "fr_CA", "zh-Hant-TW", "x-none", "sd"]) | MAYBE
)


@st.composite
def areas(draw: st.DrawFn) -> str:
    polygons = draw(st.lists(st.lists(POSITIONS, min_size=3, max_size=8, unique=True), max_size=3))
    circles = draw(st.lists(st.tuples(POSITIONS, st.integers(0, 30_000)), max_size=2))
    more = [element("polygon", " ".join(f"{lat},{lon}" for lat, lon in corners)) for corners in polygons]
    more += [element("circle", f"{lat},{lon} {radius / 10}") for (lat, lon), radius in circles]
    codes = st.sampled_from(
        [("ISO 3166-2", "PK-PB"), ("ISO 3166-2", "pk-is"), ("SAME", "006037"), ("ISO 3166", "x")]
    )
    more += [pair("geocode", *code) for code in draw(st.lists(codes, max_size=3))]
    more.append(element("altitude", draw(st.none() | st.just("120"))))
    return area(draw(MAYBE), *more)


@st.composite
def infos(draw: st.DrawFn) -> str:
    said: dict[str, Any] = {
        "language": draw(LANGUAGES),
        "event": draw(NAMES),
        "urgency": draw(st.sampled_from(["Immediate", "Expected", "Future", "Past", "Unknown"])),
        "severity": draw(st.sampled_from(["Extreme", "Severe", "Moderate", "Minor", "Unknown"])),
        "certainty": draw(st.sampled_from(["Observed", "Likely", "Possible", "Unlikely", "Unknown"])),
        "headline": draw(MAYBE),
        "description": draw(MAYBE),
        "instruction": draw(MAYBE),
        "contact": draw(st.none() | WORDS | st.just("Desk +92 51 910 5555")),
        "onset": draw(st.none() | TIMES),
        "expires": draw(st.none() | TIMES),
        "web": draw(MAYBE),
    }
    more = [pair("parameter", *one) for one in draw(PAIRS)] + [pair("eventCode", *one) for one in draw(PAIRS)]
    return info(*more, *draw(st.lists(areas(), max_size=3)), **said)


@st.composite
def alerts(draw: st.DrawFn) -> str:
    kind = draw(st.sampled_from(["Alert", "Update", "Cancel"]))
    said: dict[str, Any] = {
        "identifier": draw(st.uuids()).hex,
        "sender": draw(st.sampled_from(["desk@fia.example.pk", "Desk 3 Lahore"])),
        "sent": draw(TIMES),
        "status": draw(st.sampled_from(["Actual", "Exercise", "System", "Test"])),
        "msgType": kind,
        "scope": draw(st.sampled_from(["Public", "Restricted", "Private"])),
        "note": draw(MAYBE),
        "source": draw(MAYBE),
    }
    if kind != "Alert":
        said["references"] = f"desk@fia.example.pk,FIA-0,{draw(TIMES)}"
    return alert(*draw(st.lists(infos(), min_size=1, max_size=4)), **said)


@settings(
    max_examples=60, deadline=None, suppress_health_check=[HealthCheck.too_slow, HealthCheck.data_too_large]
)
@given(alerts(), st.sampled_from(["TLP:GREEN", "TLP:AMBER", "TLP:RED"]))
def test_every_alert_becomes_a_bulletin_that_the_broker_takes(source: str, marking: Any) -> None:
    defaults = ImportDefaults(category="other", marking=marking, expires_at=NOW + limits.DAY_US)
    (one,) = read_cap(source.encode(), originator=ORIGINATOR, defaults=defaults, now=NOW)
    assert isinstance(one, Imported), one
    filled = {"originator": ORIGINATOR, "exchange": "0" * 64, "registry": 1, "sent": times.format(NOW)}
    filled |= {"address_digest": "0" * 64} if marking == "TLP:RED" else {}
    assert read_bulletin_object(one.document | filled).marking == marking
    assert read_cap(source.encode(), originator=ORIGINATOR, defaults=defaults, now=NOW) == [one]


@settings(max_examples=60, deadline=None)
@given(st.binary(max_size=200) | st.text(max_size=200).map(str.encode))
def test_whatever_the_bytes_are_only_a_known_refusal_comes(source: bytes) -> None:
    from broker.errors import Malformed

    try:
        assert read_cap(source, originator=ORIGINATOR, defaults=ImportDefaults(), now=NOW) != []
    except Malformed as why:
        assert why.detail != ""  # noqa: PT017
