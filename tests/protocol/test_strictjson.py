"""One document, one meaning: what parsers are known to differ on is refused, and the refusal says where."""

from __future__ import annotations

import json
import math
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from broker.errors import Malformed, TooLarge
from broker.protocol import limits, strictjson
from tests.waiting import comes_to_an_end


@pytest.mark.parametrize(
    ("payload", "value"),
    [
        pytest.param(b"{}", {}, id="an-empty-object"),
        pytest.param(b' [1, -2.5, true, "a"]\n', [1, -2.5, True, "a"], id="white-space-around"),
        pytest.param(
            b'{"a":{"a":1},"b":{"a":2}}', {"a": {"a": 1}, "b": {"a": 2}}, id="a-name-in-two-objects"
        ),
        pytest.param(b"9007199254740991", 2**53 - 1, id="the-largest-safe-integer"),
        pytest.param(rb'"\ud83d\ude00"', "\U0001f600", id="an-escaped-pair"),
        pytest.param('"ہرکارہ"'.encode(), "ہرکارہ", id="urdu"),
        pytest.param(rb'"null NaN [[[["', "null NaN [[[[", id="words-inside-text"),
        pytest.param(b"[" * 16 + b"]" * 16, json.loads("[" * 16 + "]" * 16), id="as-deep-as-allowed"),
        pytest.param(b"[" + b"[]," * 300 + b"[]]", [[]] * 301, id="many-brackets-that-are-not-deep"),
    ],
)
def test_what_all_parsers_read_alike_is_read(payload: bytes, value: Any) -> None:
    assert strictjson.decode(payload) == value


@pytest.mark.parametrize(
    ("payload", "pointer", "got"),
    [
        pytest.param(b'{"a":1,"b":2,"a":1}', "/a", "it twice", id="a-name-twice"),
        pytest.param(b'{"x":[0,{"a":1,"a":2}]}', "/x/1/a", "it twice", id="a-name-twice-deep-inside"),
        pytest.param(rb'{"a":1,"\u0061":2}', "/a", "it twice", id="a-name-twice-once-escaped"),
        pytest.param(b'{"a/b~":{"c":1,"c":2}}', "/a~1b~0/c", "it twice", id="a-pointer-escapes-its-names"),
        pytest.param(b"null", "", "null", id="null"),
        pytest.param(b'{"a":[1,null]}', "/a/1", "null", id="null-in-a-list"),
        pytest.param(b'{"a":NaN}', "/a", "NaN", id="nan"),
        pytest.param(b"[Infinity]", "/0", "Infinity", id="infinity"),
        pytest.param(b"[-Infinity]", "/0", "-Infinity", id="minus-infinity"),
        pytest.param(b'{"a":1e999}', "/a", "1e999", id="a-float-beyond-a-double"),
        pytest.param(b'{"a":9007199254740992}', "/a", "9007199254740992", id="an-integer-beyond-2^53"),
        pytest.param(b'{"a":-9007199254740992}', "/a", "-9007199254740992", id="below-minus-2^53"),
        pytest.param(b"[" + b"9" * 5000 + b"]", "/0", "9" * 80 + "…", id="an-integer-of-5000-digits"),
        pytest.param(rb'{"a":"x\ud800"}', "/a", "U+D800 at column 2", id="a-high-surrogate-alone"),
        pytest.param(rb'{"a":"\udc00\ud800"}', "/a", "U+DC00 at column 1", id="a-pair-in-the-wrong-order"),
        pytest.param(rb'{"\uDFFF":1}', "/\udfff", "U+DFFF at column 1", id="a-surrogate-in-a-name"),
        pytest.param(b'\xef\xbb\xbf{"a":1}', "", "a byte order mark", id="a-byte-order-mark"),
        pytest.param(b'{"a":"\xff"}', "", "byte 0xff at offset 6", id="no-utf-8"),
        pytest.param(b'"\xed\xa0\x80"', "", "byte 0xed at offset 1", id="a-surrogate-in-utf-8"),
        pytest.param(b'"\xc0\xaf"', "", "byte 0xc0 at offset 1", id="an-overlong-form"),
        pytest.param('{"a":1}'.encode("utf-16"), "", "byte 0xff at offset 0", id="utf-16"),
        pytest.param(b"{} {}", "", "more than one at line 1, column 4", id="a-second-document"),
        pytest.param(b'{"a":1}\x00', "", "more than one at line 1, column 8", id="a-zero-after-the-end"),
        pytest.param(b"", "", "no value at line 1, column 1", id="nothing"),
        pytest.param(b"{'a':1}", "", "no name in double quotes at line 1, column 2", id="single-quotes"),
        pytest.param(b'{"a":1,}', "", "no name in double quotes at line 1", id="a-trailing-comma"),
        pytest.param(
            b'["a\tb"]', "", "a control character in a text at line 1, column 4", id="a-tab-in-text"
        ),
        pytest.param(b'{"a" 1}', "", "no colon after a name at line 1, column 6", id="no-colon"),
        pytest.param(b'["a', "", "a text without an end at line 1, column 2", id="a-text-without-end"),
        pytest.param(rb'["\x"]', "", "an escape that JSON does not have", id="an-escape-of-python"),
        pytest.param(rb'["\u00g0"]', "", "an escape that JSON does not have", id="an-escape-cut-short"),
        pytest.param(b"[01]", "", "no comma before the next member", id="a-leading-zero"),
        pytest.param(b'[{"a":1,"a":2},x]', "", "no value", id="a-name-twice-and-no-json"),
        pytest.param(b"[" * 17 + b"]" * 17, "", "more", id="a-level-too-deep"),
        pytest.param(b'{"a":' * 100 + b"1" + b"}" * 100, "", "more", id="objects-too-deep"),
        pytest.param(b"[" * 17, "", "no value", id="too-deep-and-cut-short"),
        pytest.param(b"[" * 100_000, "", "more", id="a-hundred-thousand-levels"),
    ],
)
def test_what_parsers_differ_on_is_refused_where_it_stands(payload: bytes, pointer: str, got: str) -> None:
    with pytest.raises(Malformed) as refused:
        strictjson.decode(payload)
    assert refused.value.problems[0].pointer == pointer
    assert refused.value.problems[0].got.startswith(got)


def test_every_fault_of_a_document_is_named() -> None:
    with pytest.raises(Malformed) as refused:
        strictjson.decode(rb'{"a":null,"b":[1e999,"\ud800"],"a":1}')
    assert [problem.pointer for problem in refused.value.problems] == ["/a", "/b/0", "/b/1", "/a"]


def test_the_list_of_faults_has_an_end() -> None:
    with pytest.raises(Malformed) as refused:
        strictjson.decode(b"[" + b"null," * 10_000 + b"null]")
    assert len(refused.value.problems) == limits.PROBLEMS_ITEMS


def test_a_document_above_its_size_is_refused_unread() -> None:
    with pytest.raises(TooLarge):
        strictjson.decode(b"[" * (limits.PAYLOAD_BYTES + 1))
    assert strictjson.decode(b'"' + b"a" * (limits.PAYLOAD_BYTES - 2) + b'"')


@pytest.mark.parametrize(
    "payload",
    [
        pytest.param(b"[" * 262_144, id="brackets"),
        pytest.param(b'"' + rb"\"" * 131_000, id="an-unterminated-string-of-escapes"),
        pytest.param(b'["' + rb"\\" * 131_000, id="an-unterminated-string-of-backslashes"),
        pytest.param(b"[" + b"[]," * 300 + b'"' + rb"\"" * 130_000, id="the-same-after-many-brackets"),
        pytest.param(b'"' * 262_144, id="quotation-marks"),
        pytest.param(b"[]" * 131_000, id="many-documents"),
        pytest.param(b"[" + b"[]," * 87_000, id="cut-short"),
        pytest.param(b"[" + b'"[",' * 65_000, id="brackets-in-strings"),
        pytest.param(b"9" * 262_144, id="one-number"),
    ],
)
def test_every_document_is_refused_in_the_end(payload: bytes) -> None:
    with comes_to_an_end(), pytest.raises(Malformed):
        strictjson.decode(payload)


json_values = st.recursive(
    st.booleans()
    | st.integers(-(2**53) + 1, 2**53 - 1)
    | st.floats(allow_nan=False, allow_infinity=False)
    | st.text(st.characters(exclude_categories=["Cs"])),
    lambda inner: (
        st.lists(inner, max_size=4) | st.dictionaries(st.text('ab"\\/~é', max_size=3), inner, max_size=4)
    ),
    max_leaves=12,
)


@given(json_values, st.booleans())
def test_every_plain_json_value_comes_back(value: Any, ascii_only: bool) -> None:
    payload = json.dumps(value, ensure_ascii=ascii_only).encode()
    assert strictjson.decode(payload, max_depth=64) == value


@given(st.binary(max_size=40) | st.text(r'[]{}",:\ud8null019eE.-NaInfity ', max_size=40).map(str.encode))
def test_any_bytes_are_read_as_the_standard_library_does_or_refused(payload: bytes) -> None:
    try:
        value = strictjson.decode(payload)
    except Malformed:
        return
    assert value == json.loads(payload)
    assert not isinstance(value, float) or math.isfinite(value)
