"""What real publishers write otherwise than CAP asks: it is read where it leaves nothing open, else kept in
words; and either way it is said.
"""

from __future__ import annotations

import base64
from typing import Any

import pytest

from broker.interop.imported import ImportDefaults, Imported, Refused
from broker.protocol import limits, times
from tests.interop.alerts import (
    NOW,
    SENT,
    alert,
    area,
    document,
    element,
    imported,
    info,
    kept,
    pair,
    read,
)

RING = {"type": "Polygon", "coordinates": [[[71.4, 34.1], [71.5, 34.2], [71.6, 34.0], [71.4, 34.1]]]}
TRIANGLE = "34.1,71.4 34.2,71.5 34.0,71.6 34.1,71.4"


def said(source: str) -> str:
    return "\n".join(imported(source).announced)


# --- Text ---------------------------------------------------------------------------------------------------

URDU = "خیبر پختونخوا میں شدید بارش"
HEBREW = "היכנסו למרחב המוגן"
ARABIC = "أمطار غزيرة"
CONTROLS = [
    pytest.param(f"\u202b{URDU}\u202c", URDU, "U+202B, U+202C", id="urdu-embedded"),
    pytest.param(f"\u2067{HEBREW}\u2069", HEBREW, "U+2067, U+2069", id="hebrew-isolated"),
    pytest.param(f"\u2068{ARABIC}\u2069\ufeff", ARABIC, "U+2068, U+2069", id="arabic-isolated"),
    pytest.param(f"\u202a{URDU}\u202c\u200b", URDU, "U+200B", id="a-zero-width-space"),
    pytest.param(f"{URDU}\u00ad\u2060", URDU, "U+00AD, U+2060", id="a-soft-hyphen"),
    pytest.param(f"\u202e{URDU}\u202c", URDU, "U+202E", id="an-override"),
]


@pytest.mark.parametrize("field", ["headline", "description", "instruction"])
@pytest.mark.parametrize(("raw", "text", "codes"), CONTROLS)
def test_controls_of_direction_go_and_are_told_with_their_place(
    field: str, raw: str, text: str, codes: str
) -> None:
    source = alert(info(language="ur-PK", **{field: raw}))
    assert document(source)["text"]["ur-PK"][field] == text
    (sentence,) = [one for one in imported(source).announced if codes in one]
    assert f"/alert/info[1]/{field}" in sentence


@pytest.mark.parametrize(
    ("source", "where"),
    [
        pytest.param(alert(source="\u202bمحکمہ\u202c"), "/alert/source", id="source"),
        pytest.param(alert(sender="\u202bمحکمہ\u202c"), "/alert/sender", id="sender"),
        pytest.param(alert(identifier="\u2067۱\u2069"), "/alert/identifier", id="identifier"),
        pytest.param(alert(info(area("\u202bپشاور\u202c"))), "/area[1]/areaDesc", id="area"),
        pytest.param(alert(info(pair("parameter", "n", "\u202bx\u202c"))), "/parameter", id="parameter"),
        pytest.param(alert(info(pair("parameter", "\u202bn\u202c", "x"))), "/parameter", id="name-of-one"),
        pytest.param(alert(info(contact="\u202a+92 51 925 0360\u202c")), "/contact", id="contact"),
        pytest.param(alert("", note="\u202bنوٹ\u202c"), "/alert/note", id="note"),
    ],
)
def test_no_element_refuses_an_alert_by_its_controls(source: str, where: str) -> None:
    assert where in next(one for one in imported(source).announced if "turn the direction" in one)


def test_losses_are_told_once_for_the_document_and_the_source_goes_along() -> None:
    one = imported(alert(info(headline="\u202bا\u202c", description="\u202bب\u202c"), info(language="he")))
    assert len([sentence for sentence in one.announced if "U+202B" in sentence]) == 1
    assert [file["name"] for file in one.document["attachments"]] == ["cap-alert.xml"]


def test_an_override_is_an_alarm_that_comes_first() -> None:
    first = imported(alert(info(description="pay \u202e1001\u202c now"))).announced[0]
    assert first.startswith("BEWARE")
    assert "U+202E" in first


def test_where_nothing_was_taken_out_nothing_is_said_of_it() -> None:
    assert "took out" not in said(alert(info(headline=f"{URDU}\u200f 12\u00a0km")))


def test_html_in_a_text_becomes_text_and_the_source_goes_along() -> None:
    source = alert(info(description="<p>Road <b>closed</b></p><p>Use N-5 &lt; 3&nbsp;t</p>"))
    assert document(source)["text"]["en"]["description"] == "Road closed\n\nUse N-5 < 3\u00a0t"
    assert "without the HTML" in said(source)
    assert [file["name"] for file in document(source)["attachments"]] == ["cap-alert.xml"]


def test_elements_of_html_in_a_text_are_read_as_html() -> None:
    source = alert(info()).replace(
        "<headline>", "<description><p>Road closed</p><p>Use N-5</p></description><headline>"
    )
    assert document(source)["text"]["en"]["description"] == "Road closed\n\nUse N-5"


def test_a_hidden_character_in_html_is_taken_out_too() -> None:
    assert document(alert(info(description="a&#x202e;b")))["text"]["en"]["description"] == "ab"


def test_latin_1_with_the_quotation_marks_of_windows_is_read_as_windows_writes_it() -> None:
    source = f'<?xml version="1.0" encoding="ISO-8859-1"?>{alert(info(headline="HERE"))}'
    made = document(source.encode("latin-1").replace(b"HERE", b"don\x92t \x96 Montr\xe9al"))
    assert made["text"]["en"]["headline"] == "don’t – Montréal"


def test_a_cut_text_with_joiners_at_its_end_is_taken() -> None:
    words = "می\u200cخواهم " * 60
    assert len(document(alert(info(headline=words)))["text"]["en"]["headline"]) <= limits.HEADLINE_CHARS


def test_a_long_text_stands_in_the_rest_once() -> None:
    made = document(alert(info(headline="long " * 100, description="x" * (limits.PROSE_CHARS + 10))))
    (rest,) = made["attachments"]
    assert base64.b64decode(rest["content"]).count(b"xxxxxxxxxx" * 3_000) == 1


# --- Areas --------------------------------------------------------------------------------------------------

READ_AREAS = [
    pytest.param(element("polygon", "34.1,71.4 34.2,71.5 34.0,71.6"), "", id="a-ring-left-open"),
    pytest.param(element("polygon", TRIANGLE.replace(",", ", ")), "", id="space-behind-commas"),
    pytest.param(element("polygon", TRIANGLE.replace(" ", ";")), "", id="semicolons"),
    pytest.param(element("polygon", TRIANGLE.replace(" ", ",0 ") + ",0"), "heights", id="heights"),
    pytest.param(element("polygon", TRIANGLE.replace(",", " ")), "two by two", id="space-alone"),
    pytest.param(element("polygon", TRIANGLE.replace(" ", ", ")), "two by two", id="commas-alone"),
]
KEPT_AREAS = [
    pytest.param("polygon", "34.1,71.4 34.2,71.5", "enclose nothing", id="two-corners"),
    pytest.param("polygon", "95,2 3,4 5,6", "latitude 95", id="no-such-latitude"),
    pytest.param("polygon", "1,400 3,4 5,6", "longitude 400", id="no-such-longitude"),
    pytest.param("polygon", "Peshawar and Mardan", "no lat,lon pair", id="words"),
    pytest.param("polygon", "34.1N,71.4E 34.2N,71.5E 34.0N,71.6E", "no number", id="letters-of-the-compass"),
    pytest.param("circle", "34.1,71.4", "2 numbers", id="no-radius"),
    pytest.param("circle", "34.1,71.4 -3", "negative", id="negative-radius"),
    pytest.param("circle", "34.1,71.4 nan", "no number", id="radius-nan"),
    pytest.param("circle", "34,1 71,4 5", "5 numbers", id="decimal-commas"),
    pytest.param("circle", "34.1,71.4 2500", "2500 km", id="a-circle-too-large-for-a-bulletin"),
]


@pytest.mark.parametrize(("shape", "remark"), READ_AREAS)
def test_an_outline_written_loosely_is_drawn_and_that_is_said(shape: str, remark: str) -> None:
    source = alert(info(area("Peshawar", shape)))
    assert document(source)["areas"] == [{"name": "Peshawar", "geometry": RING}]
    assert remark in said(source)


@pytest.mark.parametrize(("name", "text", "why"), KEPT_AREAS)
def test_an_outline_that_cannot_be_drawn_is_kept_by_its_area_and_that_is_said(
    name: str, text: str, why: str
) -> None:
    source = alert(info(area("Karachi"), area("Peshawar", element(name, text))))
    assert document(source)["areas"][1]["name"] == "Peshawar"
    assert kept(source, f"area2.{name}") == [text]
    assert why in said(source)


# --- Times and judgements -----------------------------------------------------------------------------------


@pytest.mark.parametrize("field", ["onset", "expires"])
def test_a_time_without_offset_has_that_of_sent(field: str) -> None:
    source = alert(info(**{field: "2026-03-01T15:00:00"}))
    assert document(source)[field] == "2026-03-01T15:00:00+05:00"
    assert "that of sent is taken" in said(source)


@pytest.mark.parametrize("field", ["onset", "expires"])
@pytest.mark.parametrize("text", ["N/A", "tomorrow", "2026-03-01T25:00:00Z", "01/03/2026", "2026-03-01"])
def test_what_is_no_time_is_as_good_as_none_and_kept(field: str, text: str) -> None:
    source = alert(info(**{field: text}))
    assert kept(source, field) == [text]
    assert document(source)["expires"] == times.format(NOW + limits.DAY_US)
    assert f"{text} is no time" in said(source)


@pytest.mark.parametrize(
    "sent", ["2026-03-01 11:00:00+05:00", "2026-03-01T11:00+05:00", "2026-03-01T06:00:00Z"]
)
def test_another_spelling_of_sent_names_the_same_alert(sent: str) -> None:
    assert document(alert(sent=sent))["id"] == document(alert(sent=SENT))["id"]


@pytest.mark.parametrize("field", ["urgency", "severity", "certainty"])
@pytest.mark.parametrize("word", ["High", "4", "Immediate!"])
def test_a_word_that_cap_does_not_know_is_unknown_and_kept(field: str, word: str) -> None:
    source = alert(info(**{field: word}))
    assert document(source)[field] == "Unknown"
    assert kept(source, field) == [word]
    assert f"{word} is none of" in said(source)


@pytest.mark.parametrize("name", ["msgType", "scope"])
def test_a_word_in_other_letters_is_kept_as_cap_writes_it(name: str) -> None:
    word = {"msgType": "Alert", "scope": "Public"}[name]
    assert kept(alert(**{name: word.lower()}), name) == [word]


def test_a_password_of_cap_1_0_goes_nowhere() -> None:
    source = alert(element("password", "s3cret"), info(), namespace="http://www.incident.com/cap/1.0")
    assert "s3cret" not in str(document(source))
    assert "password" in said(source)


# --- Feeds --------------------------------------------------------------------------------------------------

ONE, TWO = alert(identifier="1"), alert(identifier="2")
LINK = "<link>https://x.example/3.xml</link>"
FEEDS = [
    pytest.param(f"<rss><channel><title>t</title><item>{ONE}</item></channel></rss>", [True], id="rss"),
    pytest.param(
        f"<rss><channel><item><description><![CDATA[{ONE}]]></description></item><item>{TWO}</item>"
        f"<item><guid>3</guid>{LINK}</item></channel></rss>",
        [True, True, False],
        id="rss-of-three-kinds",
    ),
    pytest.param(
        '<r:RDF xmlns:r="http://www.w3.org/1999/02/22-rdf-syntax-ns#" xmlns="http://purl.org/rss/1.0/">'
        f"<item><title>a</title>{LINK}</item></r:RDF>",
        [False],
        id="rss-1.0",
    ),
    pytest.param(
        f'<feed xmlns="http://www.w3.org/2005/Atom"><entry><summary>&lt;p&gt;words&lt;/p&gt;</summary>{ONE}'
        f"</entry><entry><content type='html'>&lt;p&gt;words&lt;/p&gt;</content></entry></feed>",
        [True, False],
        id="atom-with-html",
    ),
    pytest.param(f"<list><item>{ONE}</item><item><x/></item></list>", [True], id="items-of-something-else"),
]


@pytest.mark.parametrize(("source", "good"), FEEDS)
def test_each_entry_of_a_feed_is_an_alert_or_says_that_it_is_none(source: str, good: list[bool]) -> None:
    assert [isinstance(one, Imported) for one in read(source)] == good


def test_an_item_that_only_links_says_what_to_fetch() -> None:
    (one,) = read(f"<rss><channel><item><guid>3</guid>{LINK}</item></channel></rss>")
    assert isinstance(one, Refused)
    assert one.label == "3"
    assert "fetch https://x.example/3.xml" in one.reason


@pytest.mark.parametrize("namespace", ["urn:oasis:names:tc:emergency:cap:1.3", ""])
def test_an_alert_of_no_version_that_we_know_is_refused_and_harms_no_other(namespace: str) -> None:
    first, second = read(f"<feed>{alert(namespace=namespace)}{ONE}</feed>")
    assert isinstance(first, Refused)
    assert "CAP 1.2, 1.1 or 1.0" in first.reason
    assert isinstance(second, Imported)


def test_a_feed_of_a_thousand_alerts_is_read() -> None:
    alerts = "".join(alert(info(description="d" * 2_000), identifier=str(n)) for n in range(1_000))
    found: list[Any] = read(f'<feed xmlns="urn:x">{alerts}</feed>', ImportDefaults())
    assert len([one for one in found if isinstance(one, Imported)]) == 1_000
