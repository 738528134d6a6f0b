"""The parser of Server-Sent Events: the grammar as a table; any cut gives the same events."""

from __future__ import annotations

from itertools import pairwise

import pytest
from hypothesis import given
from hypothesis import strategies as st

from broker.client.sse import Event, EventParser
from broker.errors import Malformed


@pytest.mark.parametrize(
    ("stream", "events"),
    [
        pytest.param(b"data: one\n\n", [Event("message", "one")], id="data-alone"),
        pytest.param(b"data:one\n\n", [Event("message", "one")], id="no-space-after-the-colon"),
        pytest.param(b"data:  one\n\n", [Event("message", " one")], id="one-space-only-is-dropped"),
        pytest.param(b"event: head\ndata: x\n\n", [Event("head", "x")], id="a-named-event"),
        pytest.param(
            b"id: 7\nevent: receipt\ndata: x\n\n", [Event("receipt", "x", "7")], id="a-numbered-event"
        ),
        pytest.param(b"data: a\ndata: b\n\n", [Event("message", "a\nb")], id="two-lines-of-data"),
        pytest.param(b"data\n\n", [Event("message", "")], id="a-field-without-a-colon"),
        pytest.param(
            b"data: a\r\n\r\ndata: b\r\n\r\n", [Event("message", "a"), Event("message", "b")], id="crlf"
        ),
        pytest.param(b"data: a\r\rdata: b\r\r", [Event("message", "a"), Event("message", "b")], id="cr"),
        pytest.param(b": ping\n\n", [], id="a-comment"),
        pytest.param(b"retry: 2000\n\n", [], id="a-field-of-no-interest"),
        pytest.param(b"event: head\n\n", [], id="an-event-without-data"),
        pytest.param(b"data: a\n", [], id="an-event-that-is-not-finished"),
        pytest.param(b"\xef\xbb\xbfdata: a\n\n", [Event("message", "a")], id="a-byte-order-mark"),
        pytest.param(
            b"id: 1\ndata: a\n\ndata: b\n\n",
            [Event("message", "a", "1"), Event("message", "b")],
            id="an-id-is-its-own",
        ),
        pytest.param(b"id: 1\x002\ndata: a\n\n", [Event("message", "a")], id="an-id-with-nul"),
        pytest.param("data: فوری\n\n".encode(), [Event("message", "فوری")], id="urdu"),
        pytest.param(b"data: \xff\n\n", [Event("message", "\ufffd")], id="no-utf-8"),
        pytest.param(b"\n\n\n", [], id="blank-lines"),
        pytest.param(b"DATA: a\n\n", [], id="names-are-in-lower-case"),
    ],
)
def test_a_stream_gives_its_events(stream: bytes, events: list[Event]) -> None:
    assert EventParser().feed(stream) == events


STREAM = (
    b'\xef\xbb\xbfretry: 2000\r\n\r\n: ping\n\nid: 1\r\nevent: bulletin\r\ndata: {"a":1}\r\n\r\n'
    + "event: notice\rdata: ختم\r\rdata: a\ndata: b\n\n".encode()
)


@given(st.lists(st.integers(min_value=0, max_value=len(STREAM)), max_size=12))
def test_any_cut_of_the_bytes_gives_the_same_events(cuts: list[int]) -> None:
    parser, found = EventParser(), []
    edges = [0, *sorted(cuts), len(STREAM)]
    for begin, end in pairwise(edges):
        found += parser.feed(STREAM[begin:end])
    assert found == EventParser().feed(STREAM)
    assert len(found) == 3


@pytest.mark.parametrize(
    "chunks",
    [
        pytest.param([b"data: " + b"x" * 200], id="a-line-that-does-not-end"),
        pytest.param([b"data: xxxxxxxxxx\n"] * 20, id="an-event-that-does-not-end"),
        pytest.param([b"junk: xxxxxxxxxx\n"] * 20, id="fields-without-end"),
        pytest.param([b"x" * 60, b"x" * 60], id="in-pieces"),
    ],
)
def test_nobody_fills_the_memory(chunks: list[bytes]) -> None:
    parser = EventParser(most_bytes=100)
    with pytest.raises(Malformed):
        list(map(parser.feed, chunks))


def test_the_bound_is_for_one_event_not_for_the_stream() -> None:
    parser = EventParser(most_bytes=100)
    assert sum(len(parser.feed(b"data: " + b"x" * 50 + b"\n\n")) for _ in range(50)) == 50
