"""What is wrong with the signature of a read, in our own words.

The library's sentence is looked up by its beginning and never said itself: it may repeat the header. One that
is not in the table, as another version may have, gets the general words. Source: RFC 9421, section 3.2.
"""

from __future__ import annotations

from typing import Final

from broker.errors import Problem

EXPECTED: Final = "one RFC 9421 signature over this request"
GENERAL: Final = "one that does not verify"
SAID: Final = (
    ('Expected "Signature-Input"', "/signature-input", "no such header field"),
    ('Expected "Signature"', "/signature", "no such header field"),
    ("No signatures", "/signature", "none"),
    ("Multiple signatures", "/signature", "more than one"),
    (
        'Malformed structured header field "Signature-Input"',
        "/signature-input",
        "a field that cannot be read",
    ),
    ('Malformed structured header field "Signature"', "/signature", "a field that cannot be read"),
    ("Signature-Input and Signature", "/signature-input", "another label than in Signature"),
    ("Signature-Input member", "/signature-input", "a field that cannot be read"),
    ("Signature member", "/signature", "a field that cannot be read"),
    ("Parameter", "/signature-input", "a parameter of another type"),
    ("Unexpected signature metadata", "/signature-input", "a parameter that is not known"),
    ("Unexpected algorithm", "/signature-input/alg", "another algorithm than the key's, ed25519"),
    ("Signature is missing a required", "/signature-input", "a parameter too few"),
    ("Required component", "/signature-input", "one that covers too little"),
    ("Component", "/signature-input", "one that covers what this request does not have"),
    ("The message body requires", "/content-digest", "no signed Content-Digest"),
    ("Content-Digest does not match", "/content-digest", "the digest of another body"),
    ("Malformed Content-Digest", "/content-digest", "a field that cannot be read"),
    ("Content-Digest", "/content-digest", "no digest"),
    ("Content digest", "/content-digest", "a field that cannot be read"),
    ("Duplicate content digest", "/content-digest", "one algorithm twice"),
    ("Unsupported content digest", "/content-digest", "another algorithm than sha-256 or sha-512"),
    ("Invalid sha-", "/content-digest", "a digest of another length"),
)
"""The beginning of the library's sentence; where, and what came."""


def problem(sentence: str) -> Problem:
    """Give the problem that the library means."""
    for begins, pointer, got in SAID:
        if sentence.startswith(begins):
            return Problem(pointer, EXPECTED, got)
    return Problem("/signature", EXPECTED, GENERAL)
