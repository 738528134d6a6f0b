"""XML from outside: what is read whatever wraps it, and what is refused before it can do anything."""

from __future__ import annotations

import base64
import contextlib
from pathlib import Path
from typing import Any

import pytest
from lxml import etree  # pyright: ignore[reportAttributeAccessIssue]

from broker.errors import Malformed, TooLarge
from broker.interop.imported import IMPORT_SOURCE_BYTES, Imported, Refused
from tests.interop.alerts import alert, document, imported, info, read, refused
from tests.waiting import comes_to_an_end

ONE = alert()
TWO = alert(identifier="FIA-2")

WRAPPED = [
    pytest.param(ONE, id="one-alert"),
    pytest.param('<?xml version="1.0"?>\n' + ONE, id="with-a-declaration"),
    pytest.param('\n\n  <?xml version="1.0"?>' + ONE, id="with-space-before-the-declaration"),
    pytest.param("<!-- a --><?go fast?>" + ONE + "<!-- b -->", id="between-comments-and-instructions"),
    pytest.param(f"<a><b>{ONE}</b></a>", id="in-any-element"),
    pytest.param(f'<s:Envelope xmlns:s="urn:s"><s:Body>{ONE}</s:Body></s:Envelope>', id="in-a-soap-envelope"),
    pytest.param(
        ONE.replace("<", "<c:").replace("<c:/", "</c:").replace("xmlns", "xmlns:c"), id="with-a-prefix"
    ),
    pytest.param(ONE.replace("<info>", "<!--x--><info>"), id="with-a-comment-inside"),
    pytest.param(ONE.replace("plates<", "pl<!-- -->ates<"), id="with-a-comment-inside-a-text"),
    pytest.param(ONE.replace("A van without plates", "<![CDATA[A van without plates]]>"), id="with-cdata"),
    pytest.param("\ufeff" + ONE, id="with-a-byte-order-mark"),
]


@pytest.mark.parametrize("source", WRAPPED)
def test_an_alert_is_found_whatever_wraps_it(source: str) -> None:
    assert document(source)["text"]["en"]["headline"] == "A van without plates"


@pytest.mark.parametrize(
    ("encoding", "declared"),
    [
        pytest.param("utf-8", "UTF-8", id="utf-8"),
        pytest.param("utf-16", "UTF-16", id="utf-16-with-mark"),
        pytest.param("utf-16-le", None, id="utf-16-without-mark"),
        pytest.param("utf-16-be", None, id="utf-16-the-other-way-round"),
        pytest.param("iso-8859-1", "ISO-8859-1", id="latin-1"),
        pytest.param("windows-1252", "windows-1252", id="windows"),
    ],
)
def test_encodings_are_read(encoding: str, declared: str | None) -> None:
    head = f'<?xml version="1.0" encoding="{declared}"?>' if declared else '<?xml version="1.0"?>'
    source = (head + alert(info(headline="Café à Gwadar"))).encode(encoding)
    assert document(source)["text"]["en"]["headline"] == "Café à Gwadar"


def test_arabic_script_in_its_windows_encoding_is_read() -> None:
    head = '<?xml version="1.0" encoding="windows-1256"?>'
    source = (head + alert(info(headline="خبردار", language="ur"))).encode("windows-1256")
    assert document(source)["text"]["ur"]["headline"] == "خبردار"


@pytest.mark.parametrize(
    "source",
    [
        pytest.param(f"<alerts>{ONE}{TWO}</alerts>", id="in-one-element"),
        pytest.param(ONE + TWO, id="behind-one-another"),
        pytest.param(f'<?xml version="1.0"?>{ONE}\n<?xml version="1.0"?>\n{TWO}\n', id="two-documents"),
    ],
)
def test_every_alert_of_a_document_is_found_in_order(source: str) -> None:
    assert [one.label.split(",")[1] for one in read(source)] == ["FIA-1", "FIA-2"]


@pytest.mark.parametrize(
    "bad",
    [
        pytest.param(alert(status="Draft"), id="a-draft"),
        pytest.param(alert(status=None), id="without-status"),
        pytest.param(alert(namespace="urn:oasis:names:tc:emergency:cap:9.9"), id="of-an-unknown-version"),
        pytest.param("<alert><identifier>x</identifier></alert>", id="without-a-namespace"),
    ],
)
def test_one_bad_alert_harms_no_other(bad: str) -> None:
    found = read(f"<feed>{ONE}{bad}{TWO}</feed>".replace("<alert><", '<alert xmlns=""><'))
    assert [type(one) for one in found] == [Imported, Refused, Imported]


def test_behind_one_another_a_broken_document_harms_no_other() -> None:
    broken = f'<?xml version="1.0"?><alert xmlns="urn:oasis:names:tc:emergency:cap:1.2"><oops></alert>{TWO}'
    found = read(f'<?xml version="1.0"?>{ONE}{broken}')
    assert [type(one) for one in found] == [Imported, Refused, Imported]
    assert "not well-formed" in str(found[1])


def test_an_atom_entry_that_only_links_is_refused_by_itself() -> None:
    entry = "<entry><id>urn:1</id><link href='https://x.example'/></entry>"
    found = read(
        f'<feed xmlns="http://www.w3.org/2005/Atom">{entry}<entry><content>{ONE}</content></entry></feed>'
    )
    assert isinstance(found[0], Refused)
    assert found[0].label == "urn:1"
    assert "fetch" in found[0].reason
    assert isinstance(found[1], Imported)


LAUGHS = "".join(f'<!ENTITY l{n} "{f"&l{n - 1};" * 10}">' for n in range(1, 10))
ATTACKS = [
    pytest.param(
        f"<!DOCTYPE x [<!ENTITY l0 'ha'>{LAUGHS}]>" + alert(source="&l9;"), "DTD", id="billion-laughs"
    ),
    pytest.param('<!DOCTYPE x [<!ENTITY e SYSTEM "file:///etc/passwd">]>' + ONE, "DTD", id="external-entity"),
    pytest.param('<!DOCTYPE x SYSTEM "http://127.0.0.1:1/x.dtd">' + ONE, "DTD", id="external-dtd"),
    pytest.param('<?xml version="1.0"?><!-- a --><!DOCTYPE x>' + ONE, "DTD", id="dtd-behind-a-comment"),
    pytest.param(alert("&undeclared;"), "Entity", id="undeclared-entity"),
    pytest.param(
        alert('<xi:include xmlns:xi="http://www.w3.org/2001/XInclude" href="file:///etc/passwd"/>'),
        "XInclude",
        id="xinclude",
    ),
    pytest.param("<a>" * 5000 + ONE + "</a>" * 5000, "at most 256 elements", id="depth"),
    pytest.param(ONE[:-4], "not well-formed", id="cut-off"),
    pytest.param("", "not well-formed", id="empty"),
    pytest.param("not xml", "not well-formed", id="words"),
    pytest.param('{"type": "bundle"}', "not well-formed", id="json"),
    pytest.param("<a/>", "no CAP alert", id="no-alert"),
    pytest.param("<html><body>Login</body></html>", "no CAP alert", id="a-login-page"),
    pytest.param(ONE.replace("FIA-1", "a\x01b"), "not well-formed", id="control-character"),
    pytest.param('<?xml version="1.0" encoding="utf-7"?>' + ONE, "utf-7", id="utf-7"),
    pytest.param('<?xml version="1.0" encoding="rot13"?>' + ONE, "rot13", id="a-codec-that-is-no-encoding"),
    pytest.param(ONE.encode() + b"\xff", "utf-8", id="not-utf-8"),
    pytest.param(b"\xfe\xff\x00", "utf-16", id="half-of-a-utf-16-character"),
    pytest.param(b"\x00" * 100, "not well-formed", id="zeros"),
]


@pytest.mark.parametrize(("source", "says"), ATTACKS)
def test_dangerous_or_broken_xml_is_refused_with_the_reason(source: str | bytes, says: str) -> None:
    with comes_to_an_end(), pytest.raises(Malformed) as why:
        read(source)
    assert says in why.value.detail


@pytest.mark.parametrize(
    ("links", "said"),
    [
        pytest.param("<link href='https://x.example/1'/>", "fetch https://x.example/1 and", id="a-link"),
        pytest.param(
            "<link href='https://x.example/page'/><link type='application/cap+xml' href='https://x.example/cap'/>",
            "fetch https://x.example/cap and",
            id="the-link-to-cap",
        ),
        pytest.param("<link/>", "fetch the alert that it is about and", id="no-link"),
    ],
)
def test_an_entry_without_an_alert_says_where_the_alert_is(links: str, said: str) -> None:
    (refusal,) = read(f'<feed xmlns="http://www.w3.org/2005/Atom"><entry><id>1</id>{links}</entry></feed>')
    assert isinstance(refusal, Refused)
    assert said in refusal.reason


def test_a_dtd_behind_an_alert_refuses_what_it_belongs_to() -> None:
    first, second = read(f'{ONE}<!DOCTYPE x [<!ENTITY e "x">]>{TWO}')
    assert isinstance(first, Imported)
    assert isinstance(second, Refused)
    assert "DTD" in second.reason


def test_a_dtd_in_utf_16_is_seen() -> None:
    with pytest.raises(Malformed, match="DTD"):
        read(f'<!DOCTYPE x [<!ENTITY e "x">]>{ONE}'.encode("utf-16"))


def test_a_file_that_is_too_large_is_not_parsed() -> None:
    with pytest.raises(TooLarge):
        read(b" " * (IMPORT_SOURCE_BYTES + 1))


@pytest.mark.parametrize(
    "source",
    [
        pytest.param(alert(references="a,b " * 500_000), id="references-without-times"),
        pytest.param(alert(info(description="\u064e\u200d" * 100_000)), id="joiners-behind-marks"),
        pytest.param(alert(info(contact="+1 " * 300_000)), id="nearly-numbers"),
        pytest.param(alert(references=" " * 2_000_000 + "x"), id="a-run-of-space"),
        pytest.param(alert(info(), *[info(headline=f"n{n}") for n in range(5_000)]), id="thousands-of-infos"),
        pytest.param("<!--" * 200_000, id="unfinished-comments"),
        pytest.param("<?xml " * 200_000, id="unfinished-declarations"),
        pytest.param((ONE + "\n") * 2_000 + "<", id="thousands-of-documents"),
    ],
)
def test_a_hostile_file_comes_to_an_end(source: str) -> None:
    with comes_to_an_end(), contextlib.suppress(Malformed):
        assert read(source) != []


SIGNATURE = (
    '<ds:Signature xmlns:ds="http://www.w3.org/2000/09/xmldsig#"><ds:SignedInfo>'
    '\n <ds:x a="1"/>\n</ds:SignedInfo></ds:Signature>'
)


def test_the_very_bytes_of_a_signed_alert_travel_along() -> None:
    source = f'<?xml version="1.0" encoding="UTF-8"?>\n{alert(info(), SIGNATURE)}\n\n'
    (attached,) = document(source)["attachments"]
    assert base64.b64decode(attached["content"]) == source.encode()
    assert any("signature" in sentence for sentence in imported(source).announced)


def test_a_signed_alert_of_a_feed_keeps_its_canonical_form() -> None:
    source = alert(info(), SIGNATURE)
    (attached,) = document(f"<feed>\n {source}\n</feed>")["attachments"]
    again = etree.fromstring(base64.b64decode(attached["content"]))
    assert etree.tostring(again, method="c14n2") == etree.tostring(etree.fromstring(source), method="c14n2")


MALFORMED = [
    pytest.param({"identifier": None}, "/alert/identifier", id="no-identifier"),
    pytest.param({"sender": " "}, "/alert/sender", id="blank-sender"),
    pytest.param({"identifier": "\u202b\u200b"}, "/alert/identifier", id="hidden-identifier"),
    pytest.param({"sent": None}, "/alert/sent", id="no-sent"),
    pytest.param({"sent": "2026-03-01T11:00:00"}, "/alert/sent", id="sent-without-offset"),
    pytest.param({"sent": "2026-03-01"}, "/alert/sent", id="sent-without-time"),
    pytest.param({"sent": "2026-02-30T11:00:00Z"}, "/alert/sent", id="sent-on-no-day"),
    pytest.param({"sent": "2026-03-01T11:00:00+15:00"}, "/alert/sent", id="sent-at-no-offset"),
    pytest.param({"status": "Draft"}, "/alert/status", id="draft"),
    pytest.param({"status": "Real"}, "/alert/status", id="unknown-status"),
    pytest.param({"msgType": None}, "/alert/msgType", id="no-type"),
    pytest.param({"msgType": "Ack"}, "/alert/msgType", id="ack"),
    pytest.param({"msgType": "Error"}, "/alert/msgType", id="error"),
    pytest.param({"msgType": "Cancel"}, "/alert/references", id="cancel-of-nothing"),
    pytest.param(
        {"msgType": "Cancel", "references": "FIA-0"}, "/alert/references", id="cancel-of-half-a-name"
    ),
]


@pytest.mark.parametrize(("changed", "pointer"), MALFORMED)
def test_a_wrong_alert_is_refused_and_the_element_named(changed: dict[str, Any], pointer: str) -> None:
    refusal = refused(alert(**changed))
    assert [problem.pointer for problem in refusal.problems] == [pointer]
    assert refusal.reason.startswith(pointer)


WRONG_INFOS = [
    pytest.param(info(headline=None, event=None), "event", id="no-event"),
    pytest.param(info("<headline>Another</headline>"), "headline", id="two-headlines"),
]


@pytest.mark.parametrize(("wrong", "name"), WRONG_INFOS)
def test_a_wrong_info_is_refused_and_the_element_named(wrong: str, name: str) -> None:
    refusal = refused(alert(info(), wrong))
    assert [problem.pointer for problem in refusal.problems] == [f"/alert/info[2]/{name}"]


def test_everything_that_is_wrong_is_named_at_once() -> None:
    refusal = refused(alert(info(event=None, headline=None), status="Draft", scope="Private", msgType="Ack"))
    assert len(refusal.problems) == 4


def test_an_unknown_element_is_kept_as_text_and_the_source_attached() -> None:
    one = imported(alert(info("<threat>high</threat>")))
    assert {"system": "cap", "key": "unknown:threat", "value": "high"} in one.document["correlations"]
    assert [file["name"] for file in one.document["attachments"]] == ["cap-alert.xml"]


def test_the_schema_of_cap_is_not_asked_for() -> None:
    xsi = 'xmlns:xsi="http://www.w3.org/2001/XMLSchema-instance"'
    located = f'<alert {xsi} xsi:schemaLocation="urn:x http://127.0.0.1:1/x.xsd" '
    assert imported(ONE.replace("<alert ", located)).document["status"] == "Actual"


def test_nothing_in_the_inputs_has_a_dtd() -> None:
    for path in (Path(__file__).parents[1] / "inputs" / "cap").glob("*.xml"):
        assert b"<!DOCTYPE" not in path.read_bytes()
