"""An attachment is what its size and digest say, and its name can do no harm where it is saved."""

from __future__ import annotations

import base64
import hashlib
from typing import Any

import pytest

from broker.errors import SchemaError
from broker.protocol import limits
from broker.protocol.attachments import Attachment
from broker.protocol.bulletin import read_bulletin
from broker.protocol.schema_walk import convert
from tests.protocol.drafts import filled, payload


def _attachment(content: bytes = b"plate", **changes: Any) -> dict[str, Any]:
    return {
        "name": "plate.jpg",
        "media_type": "image/jpeg",
        "size": len(content),
        "sha256": hashlib.sha256(content).hexdigest(),
        "content": base64.b64encode(content).decode(),
    } | changes


@pytest.mark.parametrize(
    "changes",
    [
        pytest.param({}, id="a-picture"),
        pytest.param({"name": "تصویر ۱.jpg"}, id="an-urdu-name"),
        pytest.param({"name": "CONTENT.txt"}, id="a-name-that-begins-like-a-device"),
        pytest.param({"media_type": "application/vnd.ms-excel"}, id="a-vendor-s-media-type"),
        pytest.param(_attachment(b""), id="an-empty-file"),
    ],
)
def test_an_attachment_is_taken(changes: dict[str, Any]) -> None:
    attachment = convert(_attachment() | changes, Attachment)
    assert hashlib.sha256(attachment.decoded()).hexdigest() == attachment.sha256


@pytest.mark.parametrize(
    ("changes", "pointer", "words"),
    [
        pytest.param({"size": 6}, "/size", "5, the size", id="another-size"),
        pytest.param({"sha256": "ab" * 32}, "/sha256", "the SHA-256 of the content", id="another-digest"),
        pytest.param({"content": "cGxhdGU"}, "/content", "not base64", id="no-padding"),
        pytest.param({"content": "cGxhdGV="}, "/content", "canonical", id="bits-left-over"),
        pytest.param({"content": "cGxh\ndGU="}, "/content", "not base64", id="a-line-break"),
        pytest.param({"content": "cGxhdGU=AAAA"}, "/content", "not base64", id="more-after-the-padding"),
        pytest.param({"content": "__-_"}, "/content", "not base64", id="the-url-alphabet"),
        pytest.param({"content": "سلام"}, "/content", "not base64", id="urdu"),
        pytest.param({"name": "../../etc/passwd"}, "/name", "without path", id="a-path"),
        pytest.param({"name": r"..\plate.jpg"}, "/name", "without path", id="a-path-of-windows"),
        pytest.param({"name": ".bashrc"}, "/name", "without path", id="a-hidden-file"),
        pytest.param({"name": "plate.jpg "}, "/name", "without path", id="a-space-at-the-end"),
        pytest.param({"name": "plate."}, "/name", "without path", id="a-dot-at-the-end"),
        pytest.param({"name": "a:b"}, "/name", "without path", id="a-stream-of-windows"),
        pytest.param({"name": "a\nb"}, "/name", "without path", id="a-name-in-two-lines"),
        pytest.param({"name": "con.txt"}, "/name", "Windows", id="a-device"),
        pytest.param({"name": "LPT1"}, "/name", "Windows", id="a-printer"),
        pytest.param({"name": "a" * 129}, "/name", "at most 128", id="a-long-name"),
        pytest.param({"media_type": "image/jpeg; q=1"}, "/media_type", "media type", id="parameters"),
        pytest.param({"size": limits.ATTACHMENTS_BYTES + 1}, "/size", "at most", id="too-large"),
    ],
)
def test_an_attachment_is_refused(changes: dict[str, Any], pointer: str, words: str) -> None:
    with pytest.raises(SchemaError) as refused:
        convert(_attachment() | changes, Attachment)
    (problem,) = (it for it in refused.value.problems if it.pointer == pointer)
    assert words in f"{problem.expected}, {problem.hint}"


@pytest.mark.parametrize(
    ("attachments", "words"),
    [
        pytest.param([_attachment(), _attachment(b"x")], "each name once", id="a-name-twice"),
        pytest.param(
            [_attachment(bytes(limits.ATTACHMENTS_BYTES // 2 + 1), name=name) for name in "ab"],
            "bytes together",
            id="too-large-together",
        ),
        pytest.param([_attachment(name=f"{n}") for n in range(9)], "at most 8", id="too-many"),
    ],
)
def test_attachments_are_refused_together(attachments: list[dict[str, Any]], words: str) -> None:
    with pytest.raises(SchemaError, match=words):
        read_bulletin(payload(filled(attachments=attachments)))


def test_attachments_as_large_as_allowed_fit_into_a_payload() -> None:
    bulletin = read_bulletin(payload(filled(attachments=[_attachment(bytes(limits.ATTACHMENTS_BYTES))])))
    assert len(bulletin.attachments[0].decoded()) == limits.ATTACHMENTS_BYTES
