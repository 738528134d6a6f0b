"""`harkara post`: say something to the exchange. What was signed is kept, so the same file posted
again is no second post.
"""

from __future__ import annotations

from contextlib import suppress
from dataclasses import dataclass
from typing import Any

import click

from broker.cli.agency_flags import AgencyFlags, agency_flags
from broker.cli.command import command, flag
from broker.cli.connection import connected
from broker.cli.imported_before import posted_before
from broker.cli.moment import whole_second
from broker.cli.output import remark, result
from broker.cli.refusals import brief, harmless
from broker.cli.sources import (
    Document,
    Source,
    announce,
    blind_flag,
    read_documents,
    source_flags,
    source_of,
)
from broker.client.agency import Agency
from broker.client.items import Posted
from broker.errors import HarkaraError, IdConflict, Unavailable, Unreachable
from broker.protocol import times

EXAMPLE = """
$ export HARKARA_IDENTITY=fia/pk.fia.key
$ harkara post boat.json --to pk.anf
$ harkara post boat.json --to pk.anf --blind
$ harkara draft human-trafficking --short --headline "Recruiter active in Quetta" | harkara post -
"""


@command("post", example=EXAMPLE)
@source_flags
@flag("--anew", is_flag=True, help="As something new, even if the same was posted before.")
@blind_flag
@flag("--only-id", is_flag=True, help="Print the ids alone, for scripts.")
@agency_flags
async def post(
    agency: AgencyFlags, anew: bool, blind: bool, only_id: bool, as_json: bool, **given: Any
) -> None:
    """Check, sign and post FILE: a bulletin, or CAP or STIX with one or many.

    It is on disk at the broker when this ends with exit code 0. When the broker does not answer,
    the signed bytes are kept: post the same file again, and the same bytes are sent.
    """
    source = source_of(given)
    printer = Printer(as_json, only_id)
    async with connected(agency) as connection:
        reading = read_documents(source, connection.id)
        for document in reading.documents:
            announce(document, as_json=as_json)
        for unread in reading.refused:
            printer.refused(unread.error, unread.label)
        try:
            how = How(source, anew, blind)
            failed = await _post_all(connection, reading.documents, how, printer)
        except (Unreachable, Unavailable):
            remark("The signed post is kept: post the same file again.", as_json=as_json)
            raise
        # Earlier posts are looked for again; what cannot be asked now is asked the next time.
        with suppress(HarkaraError):
            for lost in await connection.recheck():
                remark(f"The broker had lost {connection.id}/{lost}: it was posted again.", as_json=as_json)
    if wrong := [*failed, *(unread.error for unread in reading.refused)]:
        raise click.exceptions.Exit(wrong[0].exit_code)


@dataclass(frozen=True, slots=True)
class How:
    """For whom, and how it is posted."""

    source: Source
    anew: bool
    blind: bool


@dataclass(frozen=True, slots=True)
class Printer:
    """How what the broker said about posts is printed."""

    as_json: bool
    only_id: bool = False

    def accepted(self, posted: Posted, label: str = "") -> None:
        """Print what the broker accepted."""
        if self.only_id:
            click.echo(posted.id)
            return
        taken = times.format(posted.taken_at)
        found: dict[str, Any] = {
            "originator": posted.originator,
            "id": posted.id,
            "taken_at": taken,
            "repeated": posted.repeated,
            "stmt": posted.stamp.stmt.hex(),
            "sealed": posted.stamp.sealed.hex(),
        }
        if posted.recipients is not None:
            found["recipients"] = posted.recipients
        if posted.sealed_for:
            found["sealed_for"] = list(posted.sealed_for)
        again = ", as before: it was accepted already" if posted.repeated else ""
        words = (
            f"Accepted  {posted.originator}/{posted.id}  {times.format(whole_second(posted.taken_at))}{again}"
        )
        lines = [words, *_sealed_for(posted)]
        result(found | ({"label": label} if label else {}), lines, as_json=self.as_json)
        if posted.recipients == 0:
            remark(f"Nobody receives {posted.id}: `harkara audience` says why.", as_json=self.as_json)

    def refused(self, error: HarkaraError, label: str) -> None:
        """Print why one of many was refused."""
        problem = {
            "code": error.code,
            "detail": error.detail,
            "errors": [one.as_json() for one in error.problems],
        }
        words = harmless(f"Refused   {label}: {brief(error)}")
        if self.only_id:
            remark(words)
        else:
            result({"label": label, "problem": problem}, words, as_json=self.as_json)


def _sealed_for(posted: Posted) -> list[str]:
    if not posted.sealed_for:
        return []
    return [f"          sealed here for {len(posted.sealed_for)}: {', '.join(posted.sealed_for)}"]


async def _post_all(
    connection: Agency, documents: list[Document], how: How, printer: Printer
) -> list[HarkaraError]:
    """Post one or many, print what was said about each, and give the refusals of many."""
    if len(documents) == 1:
        printer.accepted(await _post_one(connection, documents[0], how))
        return []
    fields = [document.fields for document in documents]
    source = how.source
    answers = await connection.post_many(fields, to=source.to, except_=source.excepted, blind=how.blind)
    failed: list[HarkaraError] = []
    for document, answer in zip(documents, answers, strict=True):
        told = answer if isinstance(answer, Posted) else await _before(connection, document, source, answer)
        if told is not None:
            printer.accepted(told, document.label)
        elif isinstance(answer, HarkaraError):
            printer.refused(answer, document.label)
            failed.append(answer)
    return failed


async def _post_one(connection: Agency, document: Document, how: How) -> Posted:
    source = how.source
    try:
        return await connection.post(
            document.fields, to=source.to, except_=source.excepted, anew=how.anew, blind=how.blind
        )
    except IdConflict as error:
        if (before := await _before(connection, document, source, error)) is None:
            raise
        return before


async def _before(
    connection: Agency, document: Document, source: Source, error: HarkaraError
) -> Posted | None:
    if not document.imported:
        return None
    addressed = bool(source.to or source.excepted)
    return await posted_before(connection, document.fields, error, addressed=addressed)
