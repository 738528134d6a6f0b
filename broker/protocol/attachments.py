"""Files that travel inside a bulletin: small, few, and held to what is said of them.

A recipient writes `name` to a disk, so it can be no path, no hidden file and no device of Windows.
"""

from __future__ import annotations

import base64
import binascii
import hashlib
from collections.abc import Iterable
from typing import Annotated, Final

from msgspec import Meta

from broker.errors import Problem, shorten
from broker.protocol import limits
from broker.protocol.fields import Digest, words
from broker.protocol.rules import Record, Rule

_DEVICES: Final = {"CON", "PRN", "AUX", "NUL", *(f"{port}{n}" for port in ("COM", "LPT") for n in range(10))}


def decode_base64(text: str) -> bytes:
    """Give the bytes of standard base64 with padding. Raises ValueError for any other spelling of the same
    bytes.
    """
    try:
        found = base64.b64decode(text, validate=True)
    except (binascii.Error, ValueError):
        raise ValueError("not base64") from None
    if base64.b64encode(found).decode() != text:
        raise ValueError("not the one canonical spelling")
    return found


def _device(it: Attachment) -> Iterable[Problem]:
    if it.name.partition(".")[0].rstrip().upper() in _DEVICES:
        yield Problem("/name", "a name that every system can write", it.name, "Windows keeps it for a device")


def _content(it: Attachment) -> Iterable[Problem]:
    try:
        content = decode_base64(it.content)
    except ValueError as why:
        yield Problem("/content", "standard base64 with padding", shorten(it.content), str(why))
        return
    if len(content) != it.size:
        yield Problem("/size", f"{len(content)}, the size of the content", str(it.size))
    if (digest := hashlib.sha256(content).hexdigest()) != it.sha256:
        yield Problem("/sha256", f"{digest}, the SHA-256 of the content", it.sha256)


class Attachment(Record, frozen=True, kw_only=True):
    """A file. `size` and `sha256` are those of the decoded content, and are compared with it."""

    name: Annotated[
        str,
        Meta(
            title="file name without path, of at most 128 characters",
            max_length=128,
            pattern=r'^[^\s./\\:*?"<>|](?:[^\n/\\:*?"<>|]*[^\s./\\:*?"<>|])?\Z',
            examples=["vehicle.jpg"],
        ),
    ]
    media_type: Annotated[
        str,
        Meta(
            title="media type",
            max_length=127,
            pattern=r"^[a-z]+/[a-z0-9][a-z0-9.+-]*\Z",
            examples=["image/jpeg"],
        ),
    ]
    size: Annotated[int, Meta(title="size in bytes", ge=0, le=limits.ATTACHMENTS_BYTES, examples=[2048])]
    sha256: Digest
    content: Annotated[str, words("The file in base64."), Meta(title="standard base64 with padding")]

    RULES = (
        Rule(("name",), _device),
        Rule(("size", "sha256", "content"), _content),
    )

    def decoded(self) -> bytes:
        """Give the bytes of the file."""
        return decode_base64(self.content)
