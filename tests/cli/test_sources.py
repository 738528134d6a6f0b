"""What a file that is posted without --format seems to be."""

from __future__ import annotations

import json

import pytest

from broker.cli.sources import Format, looks_like

REPORT = {"type": "report", "spec_version": "2.1", "id": "report--1"}
LOOKS: list[tuple[str, bytes, Format]] = [
    ("an-alert", b"<alert/>", "cap"),
    ("an-alert-behind-space", b"\r\n \t<?xml version='1.0'?><alert/>", "cap"),
    ("an-alert-behind-a-mark", b"\xef\xbb\xbf<alert/>", "cap"),
    ("an-alert-in-utf-16", "<alert/>".encode("utf-16"), "cap"),
    ("an-alert-in-utf-16-without-a-mark", "<alert/>".encode("utf-16-be"), "cap"),
    ("a-bundle", json.dumps({"type": "bundle", "objects": [REPORT]}).encode(), "stix"),
    ("a-bundle-of-observables", b'{"type": "bundle", "objects": [{"type": "url"}]}', "stix"),
    ("one-object", json.dumps(REPORT).encode(), "stix"),
    ("a-list-of-objects", json.dumps([REPORT]).encode(), "stix"),
    ("a-bundle-in-utf-16", json.dumps(REPORT).encode("utf-16"), "stix"),
    ("a-bulletin", b'{"type": "Alert"}', "bulletin"),
    ("a-bulletin-that-speaks-of-stix", json.dumps({"request": 'the "spec_version"?'}).encode(), "bulletin"),
    ("nothing", b"", "bulletin"),
    ("half-of-utf-16", b"\xff\xfe{", "bulletin"),
]


@pytest.mark.parametrize(("content", "form"), [pytest.param(*case[1:], id=case[0]) for case in LOOKS])
def test_a_file_is_what_it_looks_like(content: bytes, form: Format) -> None:
    assert looks_like(content) == form
