"""What is to be posted, read from a file: our own bulletins, or CAP and STIX, which are imported.

Whatever an import filled, changed or kept elsewhere is said on stderr: nothing happens silently.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any, Final, Literal

import click

from broker.cli import files
from broker.cli.command import flag
from broker.cli.drafting import unfilled
from broker.cli.moment import MOMENT, now
from broker.cli.output import remark
from broker.cli.parameters import together
from broker.cli.refusals import MisuseError, harmless
from broker.errors import Malformed, Problem, SchemaError
from broker.protocol import limits, strictjson, times
from broker.protocol.vocabulary import CATEGORIES, MARKINGS, Category, Marking

Foreign = Literal["cap", "stix"]
Format = Literal["bulletin"] | Foreign
FORMATS: Final[tuple[Format, ...]] = ("bulletin", "cap", "stix")


@dataclass(frozen=True, slots=True)
class Source:
    """Where a post comes from, and what is said for what it lacks itself."""

    file: str
    format: Format | None
    category: Category | None
    marking: Marking | None
    expires: str | None
    to: list[str]
    excepted: list[str]


@dataclass(frozen=True, slots=True)
class Document:
    """One bulletin to be posted, not yet complete. `label` says which one it is among several."""

    label: str
    fields: dict[str, Any]


def source_flags(function: Callable[..., Any]) -> Callable[..., Any]:
    """Give a command a file to post and what belongs to it: the argument FILE and the flags of
    `source_of`.
    """
    for declare in (
        flag("--expires", type=MOMENT, help="Until when it is of use, where the file does not say."),
        flag("--marking", type=click.Choice(MARKINGS), help="Who may see it, where the file does not say."),
        flag(
            "--category", type=click.Choice(CATEGORIES), help="What it is about, where the file does not say."
        ),
        flag("--format", type=click.Choice(FORMATS), help="What the file is.  [default: as it looks]"),
        flag(
            "--except",
            "except_",
            multiple=True,
            metavar="AGENCY",
            help="Not for these; with commas, or repeated.",
        ),
        flag(
            "--to",
            multiple=True,
            metavar="AGENCY",
            help="For these alone; group:NAME too; with commas, or repeated.",
        ),
        click.argument("file", metavar="FILE|-"),
    ):
        function = declare(function)
    return function


def source_of(given: dict[str, Any]) -> Source:
    """Take the values of `source_flags` out of what a command was given."""
    return Source(
        file=given.pop("file"),
        format=given.pop("format"),
        category=given.pop("category"),
        marking=given.pop("marking"),
        expires=given.pop("expires"),
        to=together(given.pop("to")),
        excepted=together(given.pop("except_")),
    )


def read_documents(source: Source, originator: str, *, as_json: bool) -> list[Document]:
    """Read what is to be posted. What cannot be imported is said and left out, and harms nothing beside it.

    Raises `MisuseError`, `Malformed`, `TooLarge`, or `SchemaError` when nothing at all can be posted.
    """
    content = files.read_input(source.file, "a bulletin")
    form = source.format or _looks_like(content)
    if form == "bulletin":
        return [Document(source.file, _bulletin(content, source))]
    return _imported(content, form, source, originator, as_json)


def _bulletin(content: bytes, source: Source) -> dict[str, Any]:
    value = strictjson.decode(content)
    if not isinstance(value, dict):
        raise Malformed("not a bulletin", Problem("", "an object", type(value).__name__))
    if "statement" in value or "payloadType" in value:
        raise MisuseError(
            f"{source.file} is signed already", "post the bulletin itself; harkara verify reads it"
        )
    if empty := list(unfilled(value)):
        raise SchemaError(
            f"{len(empty)} texts are still empty",
            *(
                Problem(pointer, "a text", "an empty one", "fill it in, or remove the field")
                for pointer in empty
            ),
        )
    given = {"category": source.category, "marking": source.marking, "expires": source.expires}
    return {name: text for name, text in given.items() if text is not None} | value


def _imported(
    content: bytes, form: Foreign, source: Source, originator: str, as_json: bool
) -> list[Document]:
    try:
        from broker.cli.imports import read_foreign  # late: most agencies import nothing
    except ModuleNotFoundError as missing:
        raise MisuseError(f"{form} needs {missing.name}", "pip install 'harkara[interop]'") from None
    expires_at = times.parse(source.expires) if source.expires else None
    found, refused = read_foreign(
        form, content, originator, source.category, source.marking, expires_at, now()
    )
    for label, sentences in [*refused, *((one.label, one.announced) for one in found)]:
        for sentence in sentences:
            remark(harmless(f"{label}: {sentence}"), as_json=as_json)
    if not found:
        raise SchemaError(
            "nothing in the file can be posted",
            *(Problem("", "what can be imported", harmless(label), "; ".join(why)) for label, why in refused),
        )
    return [Document(one.label, one.document) for one in found]


def _looks_like(content: bytes) -> Format:
    start = content[: limits.LINE_CHARS].lstrip(b"\xef\xbb\xbf \t\r\n")
    if start.startswith(b"<"):
        return "cap"
    # Whatever is no STIX bundle is read as a bulletin, and says what is wrong.
    if b'"bundle"' in content and b'"spec_version"' in content:
        return "stix"
    return "bulletin"
