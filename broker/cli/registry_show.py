"""`harkara registry show`: members, their keys, and, for the operator, what each may."""

from __future__ import annotations

from pathlib import Path

from broker.cli.command import command, flag
from broker.cli.identity_files import load_envelope, load_exchange
from broker.cli.moment import now
from broker.cli.output import remark, result
from broker.cli.parameters import DIRECTORY, FILE
from broker.cli.refusals import MisuseError
from broker.cli.registry_draft import read_draft
from broker.cli.registry_words import registry_json, registry_words
from broker.cli.trust_files import ENTITLEMENTS, EXCHANGE, NEXT, REGISTRY, TrustFiles
from broker.protocol.registry import Standing, open_registry

EXAMPLE = """
$ harkara registry show --data exchange
$ harkara registry show --registry exchange/registry.json
"""


@command("show", example=EXAMPLE)
@flag("--data", type=DIRECTORY, help="The directory of the exchange, as harkara init made it.")
@flag("--exchange", type=FILE, help="exchange.json.  [default: beside the registry]")
@flag("--registry", type=FILE, help=f"A registry.  [default: DIR/{REGISTRY}]")
@flag("--next", "show_next", is_flag=True, help="Show the next version, which is being prepared.")
def show(
    data: Path | None, exchange: Path | None, registry: Path | None, show_next: bool, as_json: bool
) -> None:
    """Verify a registry and list it. With --data the entitlements are listed too."""
    if data is None and registry is None:
        raise MisuseError("which registry?", "--data DIR, or --registry FILE")
    place = registry or (data or Path()) / REGISTRY
    trusted = exchange or place.parent / EXCHANGE
    if data is not None and registry is None:
        trust = TrustFiles(trusted, place, data / ENTITLEMENTS, data / NEXT, data / "root.key")
        current = trust.in_force()
        opened, granted = current.registry, current.entitlements.document
        if show_next:
            draft = read_draft(trust)
            documents = draft.documents()
            signed = {"signatures": len(draft.registry.signatures)}
            words = [*registry_words(*documents), "", f"Signed by {signed['signatures']}: not in force."]
            result(registry_json(*documents) | signed, words, as_json=as_json)
            return
    else:
        opened, granted = open_registry(load_envelope(place, "a registry"), load_exchange(trusted)), None
    result(registry_json(opened.document, granted), registry_words(opened.document, granted), as_json=as_json)
    if opened.standing(now()) is not Standing.CURRENT:
        remark(f"\nThis registry expired on {opened.document.expires[:10]}.", as_json=as_json)
