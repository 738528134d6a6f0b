"""`harkara verify`: who signed a file, whether it is unchanged, and whether a broker took it,
without asking anybody.
"""

from __future__ import annotations

from pathlib import Path
from typing import Any

import click

from broker.cli import files
from broker.cli.agency_flags import AgencyFlags, identity_flags
from broker.cli.command import command, flag
from broker.cli.known_registry import trusted_registry
from broker.cli.moment import now
from broker.cli.output import result
from broker.cli.parameters import FILE
from broker.cli.proofs import read_proof, verify_proof
from broker.cli.refusals import MisuseError, brief, harmless
from broker.errors import HarkaraError, NotAuthentic
from broker.protocol import times

EXAMPLE = """
$ harkara verify post.json --registry exchange/registry.json
$ harkara verify post.json --registry exchange/registry.json --out signed-bytes.json
"""


@command("verify", example=EXAMPLE)
@click.argument("file", metavar="FILE|-")
@flag("--out", per_command=True, type=FILE, help="Write the exact bytes that were signed here.")
@identity_flags
def verify(file: str, agency: AgencyFlags, out: Path | None, as_json: bool) -> None:
    """Verify FILE: what harkara sign or harkara export wrote, or any signed document of the exchange.

    With --registry it needs no identity; without, the registry that yours received last is trusted.
    Without a broker's stamp the time of signing is the author's own word. Exit code 5: not authentic.
    """
    trusted = trusted_registry(agency)
    try:
        proof = read_proof(files.read_input(file, "a signed file"))
    except HarkaraError as error:
        raise MisuseError(
            f"{file} is not a signed file: {brief(error)}",
            "the signature is in what `harkara export NUMBER --proof FILE` or `harkara sign` writes",
        ) from None
    try:
        verified = verify_proof(proof, trusted, now())
    except HarkaraError as error:
        raise NotAuthentic(error.detail, *error.problems) from None
    if out is not None:
        files.write_new(out, proof.statement.payload)
    found: dict[str, Any] = {
        "authentic": True,
        "author": verified.author.id,
        "names": verified.author.names,
        "kid": proof.statement.signature.kid.hex(),
        "payload_type": proof.statement.payload_type,
        "sha256": verified.sha256,
        "said_at": verified.said_at,
    }
    words = [
        f"Authentic: signed by {verified.author.id} ({harmless(verified.author.names['en'])})",
        f"  what      {proof.statement.payload_type}",
        f"  key       {proof.statement.signature.kid.hex()[:16]}…, of registry version {trusted.version}",
        f"  bytes     {len(proof.statement.payload)}, SHA-256 {verified.sha256}",
        f"  said at   {verified.said_at}",
    ]
    if verified.stamp is not None:
        taken = times.format(verified.stamp.taken_at)
        found["stamp"] = {"taken_at": taken, "broker": verified.broker, "sealed": verified.stamp.sealed.hex()}
        words.append(f"  accepted  {taken} by the broker {verified.broker}")
    else:
        words.append("  accepted  no stamp: whether and when a broker took it is not shown")
    result(found, words, as_json=as_json)
