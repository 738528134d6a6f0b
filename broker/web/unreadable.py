"""Words for a request that the parser could not read: which rule of HTTP/1.1 it broke, if that can be told.

The parser's own sentence (llhttp's, or aiohttp's) is looked up by its beginning, and never said itself:
behind it stands the input. A sentence that is not in the table, as another version may have, gives the
general refusal. Source: RFC 9112.
"""

from __future__ import annotations

from typing import Final

from aiohttp.http_exceptions import LineTooLong

from broker.errors import Malformed, Problem
from broker.web.limits import Limits

NOT_HTTP: Final = "not an HTTP/1.1 request"
_ONE_LENGTH: Final = "a Content-Length or a Transfer-Encoding, not both"
_DIGITS: Final = "one Content-Length in plain digits"
_NAMES: Final = "header fields of the form `Name: value`, on one line each"
_CHUNKS: Final = "chunks as RFC 9112, section 7.1, has them"

RULES: Final = (
    ("Received HTTPS traffic", "", "plain HTTP: this port does not speak TLS", "what looks like TLS"),
    ("Pause on PRI/Upgrade", "", "HTTP/1.1", "HTTP/2"),
    ("Invalid method", "", "a method such as GET or POST", "bytes that are none"),
    ("Bad status line:\n  Invalid HTTP version", "", "HTTP/1.1", "another version"),
    ("Bad status line", "", "METHOD PATH HTTP/1.1, and the end of the line", "another first line"),
    ("Missing 'Host'", "/host", "exactly one Host field", "none"),
    ("Duplicate 'Host'", "/host", "exactly one Host field", "more than one"),
    ("Transfer-Encoding can't be present", "/transfer-encoding", _ONE_LENGTH, "both"),
    ("Content-Length can't be present", "/content-length", _ONE_LENGTH, "both"),
    ("Duplicate Content-Length", "/content-length", _DIGITS, "more than one"),
    ("Duplicate 'Content-Length'", "/content-length", _DIGITS, "more than one"),
    ("Invalid character in Content-Length", "/content-length", _DIGITS, "other characters"),
    ("Content-Length overflow", "/content-length", _DIGITS, "a number beyond all limits"),
    (
        "Invalid `Transfer-Encoding`",
        "/transfer-encoding",
        "chunked, once, and nothing else",
        "another coding",
    ),
    ("Request has invalid `Transfer-Encoding`", "/transfer-encoding", "chunked", "another coding"),
    ("Duplicate '", "", "a header field of this kind once", "one of them twice"),
    ("Missing expected CR after header", "", "lines that end in CR LF", "a bare LF"),
    ("Missing expected LF after header", "", "lines that end in CR LF", "a bare CR"),
    ("Invalid header value", "", "text in a header field", "a control character, such as NUL"),
    ("Invalid header token", "", _NAMES, "another line"),
    ("Unexpected whitespace", "", _NAMES, "a line that begins with a space"),
    ("Invalid char in url", "/:path", "a path and query of ASCII characters", "another character"),
    ("Invalid characters in url", "/:path", "a path beginning with /", "another target"),
    ("Invalid character in chunk", "", _CHUNKS, "a size that is not hexadecimal"),
    ("Chunk size overflow", "", _CHUNKS, "a size beyond all limits"),
    ("Expected LF after chunk", "", _CHUNKS, "another length than the chunk says"),
    ("Missing expected CR after chunk", "", _CHUNKS, "a bare LF"),
)
"""The beginning of the parser's sentence; where, what was expected, and what came."""


def refusal(error: BaseException | None, limits: Limits) -> Malformed:
    """Give the refusal that the parser's `error` is."""
    if isinstance(error, LineTooLong):
        most = f"lines of at most {limits.request_line_bytes} bytes"
        return Malformed("a line of the request's head is too long", Problem("", most, "a longer one"))
    said = str(getattr(error, "message", ""))
    if said.startswith("Too many headers"):
        most = f"at most {limits.fields} header fields"
        return Malformed("the request's head has too many fields", Problem("", most, "more"))
    for begins, pointer, expected, got in RULES:
        if said.startswith(begins):
            return Malformed(NOT_HTTP, Problem(pointer, expected, got))
    return Malformed(NOT_HTTP, Problem("", "HTTP/1.1 as RFC 9112 has it", "other bytes"))
