"""The scalar types that documents are made of: each with its form, its length, an example and what to say on
refusal.

A type here is `Annotated[…, Meta(…)]`: msgspec checks pattern and length, `schema_walk` says in words what
was expected (`title`) and how to mend it (`extra["mend"]`), `json_schema` publishes all of it. Patterns end
in `\\Z`, because `$` also matches before a final newline in Python; the JSON Schemas write `$`, which does
not there.
"""

from __future__ import annotations

from typing import Annotated, Any, Final

from msgspec import Meta

from broker.protocol import limits, times

LINE: Final = r"^\S(?:[^\n]*\S)?\Z"
"""One line, neither empty nor with space at either end."""

UUID: Final = r"[0-9a-f]{8}-[0-9a-f]{4}-[457][0-9a-f]{3}-[89ab][0-9a-f]{3}-[0-9a-f]{12}"
AREA_CODE: Final = r"[A-Z]{2}(?:-[A-Z0-9]{1,3})?"
EXAMPLE_ID: Final = "0199b2d4-6f1e-7c3a-9d52-3f0a8c1e7b64"
EXAMPLE_TIME: Final = "2026-03-01T09:30:00+05:00"


def words(description: str, **more: Any) -> Meta:
    """Give the description of a field, for `schemas/` and for people."""
    return Meta(description=description, **more)


def _lower(text: str) -> str:
    return "write it in lower case" if text != text.lower() else ""


def _upper(text: str) -> str:
    return "write it in capital letters" if text != text.upper() else ""


def _line(text: str) -> str:
    if "\n" in text:
        return "write it in one line"
    return "remove the space at its ends" if text != text.strip() else ""


def _uuid(text: str) -> str:
    if text.startswith(("urn:uuid:", "{")):
        return "leave out urn:uuid: and braces"
    return _lower(text) or "versions 4, 5 and 7 are taken"


def _phone(text: str) -> str:
    bare = text.replace(" ", "").replace("-", "").replace("(", "").replace(")", "")
    if bare.startswith("03") and len(bare) == 11:
        return f"write +92{bare[1:]}"
    return "begin with + and the country code, without spaces or dashes"


def _cnic(text: str) -> str:
    return f"write {text[:5]}-{text[5:12]}-{text[12:]}" if text.isdigit() and len(text) == 13 else ""


Time = Annotated[
    str,
    Meta(
        title="RFC 3339 time with offset",
        pattern=rf"^{times.TIME}\Z",
        examples=[EXAMPLE_TIME],
        extra={"mend": times.mend},
    ),
]
Id = Annotated[
    str,
    Meta(
        title="UUID of version 4, 5 or 7 in canonical lower case",
        pattern=rf"^{UUID}\Z",
        examples=[EXAMPLE_ID],
        extra={"mend": _uuid},
    ),
]
AgencyId = Annotated[
    str,
    Meta(
        title="agency id: country or int, a dot, a name",
        pattern=r"^[a-z]{2,3}\.[a-z0-9-]{2,32}\Z",
        examples=["pk.fia"],
        extra={"mend": _lower},
    ),
]
Digest = Annotated[
    str,
    Meta(
        title="32 bytes in lower-case hex",
        pattern=r"^[0-9a-f]{64}\Z",
        examples=["5f70bf18a086007016e948b04aed3b82103a36bea41755b6cddfaf10ace3c6ef"],
        extra={"mend": _lower},
    ),
]
Version = Annotated[int, Meta(title="version number", ge=1, le=limits.SAFE_INTEGER, examples=[7])]
Count = Annotated[int, Meta(title="whole number", ge=0, le=limits.SAFE_INTEGER, examples=[42])]
Language = Annotated[
    str,
    Meta(
        title="BCP 47 language tag in its usual case",
        pattern=r"^[a-z]{2,3}(?:-[A-Z][a-z]{3})?(?:-(?:[A-Z]{2}|[0-9]{3}))?\Z",
        examples=["ur"],
    ),
]
Country = Annotated[
    str,
    Meta(
        title="ISO 3166-1 alpha-2 country code",
        pattern=r"^[A-Z]{2}\Z",
        examples=["PK"],
        extra={"mend": _upper},
    ),
]
AreaCode = Annotated[
    str,
    Meta(
        title="ISO 3166-2 code, or the country's alone",
        pattern=rf"^{AREA_CODE}\Z",
        examples=["PK-PB"],
        extra={"mend": _upper},
    ),
]
Phone164 = Annotated[
    str,
    Meta(
        title="E.164 number",
        pattern=r"^\+[1-9][0-9]{6,14}\Z",
        examples=["+92519105555"],
        extra={"mend": _phone},
    ),
]
Date = Annotated[
    str,
    Meta(
        title="date YYYY-MM-DD",
        pattern=r"^(?:1[89]|20|21)[0-9]{2}-(?:0[1-9]|1[0-2])-(?:0[1-9]|[12][0-9]|3[01])\Z",
        examples=["2031-08-14"],
    ),
]
PartialDate = Annotated[
    str,
    Meta(
        title="date as far as it is known: YYYY, YYYY-MM or YYYY-MM-DD",
        pattern=r"^(?:1[89]|20|21)[0-9]{2}(?:-(?:0[1-9]|1[0-2])(?:-(?:0[1-9]|[12][0-9]|3[01]))?)?\Z",
        examples=["1987-11"],
    ),
]
Cnic = Annotated[
    str,
    Meta(
        title="CNIC number",
        pattern=r"^[0-9]{5}-[0-9]{7}-[0-9]\Z",
        examples=["35202-1234567-1"],
        extra={"mend": _cnic},
    ),
]
Code = Annotated[
    str,
    Meta(
        title=f"one line of at most {limits.CODE_CHARS} characters",
        max_length=limits.CODE_CHARS,
        pattern=LINE,
        extra={"mend": _line},
    ),
]
Line = Annotated[
    str,
    Meta(
        title=f"one line of at most {limits.LINE_CHARS} characters",
        max_length=limits.LINE_CHARS,
        pattern=LINE,
        extra={"mend": _line},
    ),
]
Headline = Annotated[
    str,
    Meta(
        title=f"one line of at most {limits.HEADLINE_CHARS} characters",
        max_length=limits.HEADLINE_CHARS,
        pattern=LINE,
        extra={"mend": _line},
    ),
]
Prose = Annotated[
    str,
    Meta(
        title=f"text of at most {limits.PROSE_CHARS} characters",
        max_length=limits.PROSE_CHARS,
        pattern=r"\S",
    ),
]
Note = Annotated[
    str,
    Meta(
        title=f"text of at most {limits.NOTE_CHARS} characters",
        max_length=limits.NOTE_CHARS,
        pattern=r"\S",
    ),
]
