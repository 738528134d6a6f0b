"""`harkara fetch` and `harkara export`: one bulletin again, its attachments, and what proves it to others."""

from __future__ import annotations

from pathlib import Path
from typing import Any, Literal

import click

from broker.cli import files
from broker.cli.agency_flags import AgencyFlags, agency_flags
from broker.cli.command import command, flag
from broker.cli.connection import connected, verified_item
from broker.cli.extras import needing
from broker.cli.feed_json import item_json
from broker.cli.output import pretty, remark, result
from broker.cli.parameters import DIRECTORY, FILE
from broker.cli.refusals import MisuseError
from broker.client.items import Evidence, Received, ReceivedBulletin
from broker.protocol import dsse

ForeignForm = Literal["cap", "stix"]
Form = Literal["bulletin"] | ForeignForm

FETCH_EXAMPLE = """
$ export HARKARA_IDENTITY=anf/pk.anf.key
$ harkara fetch 1 --out boat-as-signed.json
$ harkara fetch 1 --as cap --out boat.cap.xml
"""
EXPORT_EXAMPLE = """
$ export HARKARA_IDENTITY=anf/pk.anf.key
$ harkara export 1 --proof boat.proof.json
$ harkara verify boat.proof.json --registry exchange/registry.json
"""


@command("fetch", example=FETCH_EXAMPLE)
@click.argument("item", metavar="NUMBER|ORIGINATOR/ID")
@flag(
    "--as",
    "form",
    type=click.Choice(["bulletin", "cap", "stix"]),
    default="bulletin",
    show_default=True,
    help="As what to write it: as it was signed, as CAP 1.2 or as STIX 2.1.",
)
@flag(
    "--out",
    per_command=True,
    type=FILE,
    help="Write it here: the exact bytes that were signed, or the document of --as.",
)
@flag("--attachments", type=DIRECTORY, help="Write the attachments into this directory.")
@agency_flags
async def fetch(
    agency: AgencyFlags, item: str, form: Form, out: Path | None, attachments: Path | None, as_json: bool
) -> None:
    """Show one item again: a number of your inbox, or ORIGINATOR/ID of what you received or posted.

    As CAP or STIX it is a copy for other systems, which the author's signature does not cover; without
    --out it goes to stdout.
    """
    async with connected(agency) as connection:
        found = await verified_item(connection, item)
    written = found.evidence.statement.payload if form == "bulletin" else _foreign(found, form)
    if out is not None:
        files.write_new(out, written, private=True)
    elif form != "bulletin":
        click.echo(written.decode(), nl=not written.endswith(b"\n"))
        return
    if attachments is not None and isinstance(found, ReceivedBulletin):
        _write_attachments(found, attachments, as_json)
    if as_json:
        result(item_json(found), "", as_json=True)
        return
    from broker.cli import rendering  # late: rich is for people only

    rendering.show(found, rendering.console())


@command("export", example=EXPORT_EXAMPLE)
@click.argument("item", metavar="NUMBER|ORIGINATOR/ID")
@flag("--proof", type=FILE, required=True, help="Write the proof here.")
@agency_flags
async def export(agency: AgencyFlags, item: str, proof: Path, as_json: bool) -> None:
    """Write what proves one item to a third party: the author's statement and the broker's stamp.

    harkara verify checks it offline, years later too. The proof holds the content in clear.
    """
    async with connected(agency) as connection:
        found = await verified_item(connection, item)
    files.write_new(proof, (pretty(_proof(found.evidence)) + "\n").encode(), private=True)
    written = {"proof": str(proof), "originator": found.originator, "id": found.id}
    result(written, f"Wrote the proof of {found.originator}/{found.id} to {proof}", as_json=as_json)


def _foreign(found: Received, form: ForeignForm) -> bytes:
    if not isinstance(found, ReceivedBulletin):
        raise MisuseError("a receipt has no form in CAP or STIX", "leave out --as")
    from broker.cli.foreign import write_foreign  # late: most agencies export nothing

    with needing(form, "interop"):
        return write_foreign(form, found.bulletin)


def _proof(evidence: Evidence) -> dict[str, Any]:
    return {
        "statement": dsse.to_json(evidence.statement),
        "stamp": dsse.to_json(evidence.stamp),
        "sealed_header": dsse.encode64(evidence.sealed_header),
        "ciphertext_digest": evidence.ciphertext_digest.hex(),
    }


def _write_attachments(found: ReceivedBulletin, directory: Path, as_json: bool) -> None:
    files.directory_for_secrets(directory)
    for attachment in found.bulletin.attachments:
        # The name was validated: it is no path, no hidden file and no device.
        files.write_new(directory / attachment.name, attachment.decoded(), private=True)
        remark(f"Wrote {directory / attachment.name}", as_json=as_json)
