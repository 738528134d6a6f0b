"""What is to be posted, read from a file: our own bulletins, or CAP and STIX, which are imported.

Whatever an import filled, changed or kept elsewhere is said on stderr: nothing happens silently.
"""

from __future__ import annotations

import codecs
import json
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any, Final, Literal

import click

from broker.cli import files
from broker.cli.blank_bulletin import unfilled
from broker.cli.command import flag
from broker.cli.extras import needing
from broker.cli.moment import MOMENT, now
from broker.cli.parameters import together
from broker.cli.refusals import MisuseError, harmless
from broker.errors import Malformed, Problem, SchemaError
from broker.protocol import limits, strictjson, times
from broker.protocol.vocabulary import CATEGORIES, MARKINGS, Category, Marking

Foreign = Literal["cap", "stix"]
Format = Literal["bulletin"] | Foreign
SENTENCE_CHARS: Final = 240
"""How much of a sentence about an import is shown; --json has all of it."""
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
    """One bulletin to be posted, not yet complete. `label` says which one it is among several.

    `announced` are sentences about what an import filled, changed or kept elsewhere.
    """

    label: str
    fields: dict[str, Any]
    announced: tuple[str, ...] = ()
    imported: bool = False


@dataclass(frozen=True, slots=True)
class Unread:
    """One of several that cannot be posted, and why."""

    label: str
    error: SchemaError


@dataclass(frozen=True, slots=True)
class Reading:
    """What a file holds: bulletins to post, at least one, and what cannot be one."""

    documents: list[Document]
    refused: list[Unread]


blind_flag = flag(
    "--blind",
    is_flag=True,
    help="Sealed here for those whom the broker names: it sees who and what kind, and no word of FILE.",
)


def source_flags(function: Callable[..., Any]) -> Callable[..., Any]:
    """Give a command a file to post and what belongs to it: the argument FILE and the flags of
    `source_of`.
    """
    for declare in (
        flag(
            "--expires",
            per_command=True,
            type=MOMENT,
            help="Until when it is of use, where the file does not say.",
        ),
        flag(
            "--marking",
            per_command=True,
            type=click.Choice(MARKINGS),
            help="Who may see it, where the file does not say.",
        ),
        flag(
            "--category",
            per_command=True,
            type=click.Choice(CATEGORIES),
            help="What it is about, where the file does not say.",
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


def read_documents(source: Source, originator: str) -> Reading:
    """Read what is to be posted. What cannot be imported harms nothing beside it.

    Raises `MisuseError`, `Malformed`, `TooLarge`, or `SchemaError` when nothing at all can be posted.
    """
    content = files.read_input(source.file, "a bulletin")
    form = source.format or looks_like(content)
    if form == "bulletin":
        return Reading([Document(source.file, _bulletin(content, source))], [])
    return _imported(content, form, source, originator)


def announce(document: Document, *, as_json: bool) -> None:
    """Say on stderr what an import did; with --json one line of JSON."""
    if not document.announced:
        return
    if as_json:
        click.echo(json.dumps({"label": document.label, "announced": document.announced}), err=True)
        return
    click.echo(harmless(document.label), err=True)
    for sentence in document.announced:
        cut = sentence if len(sentence) <= SENTENCE_CHARS else f"{sentence[:SENTENCE_CHARS]}…"
        click.echo(f"  {harmless(cut)}", err=True)


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


def _imported(content: bytes, form: Foreign, source: Source, originator: str) -> Reading:
    from broker.cli.foreign import read_foreign  # late: most agencies import nothing

    expires_at = times.parse(source.expires) if source.expires else None
    with needing(form, "interop"):
        found, refused = read_foreign(
            form, content, originator, source.category, source.marking, expires_at, bool(source.to), now()
        )
    unread = [Unread(one.label, SchemaError(one.reason, *one.problems)) for one in refused]
    if not found:
        if len(unread) == 1:
            raise unread[0].error
        raise SchemaError(
            f"none of the {len(unread)} in the file can be posted",
            *(problem for one in unread for problem in one.error.problems),
        )
    return Reading([Document(one.label, one.document, one.announced, imported=True) for one in found], unread)


def looks_like(content: bytes) -> Format:
    """Give what a file seems to be. Whatever is neither CAP nor STIX is read as a bulletin, and says what is
    wrong.
    """
    if content.startswith((codecs.BOM_UTF16_LE, codecs.BOM_UTF16_BE)):
        content = content.decode("utf-16", "ignore").encode()
    start = content[: limits.LINE_CHARS].lstrip(b"\xef\xbb\xbf \t\r\n")
    if start.startswith((b"<", b"\0<")):
        return "cap"
    # No bulletin has members of these names; in a text their quotation marks would be escaped.
    if b'"spec_version"' in content or (b'"bundle"' in content and b'"objects"' in content):
        return "stix"
    return "bulletin"
