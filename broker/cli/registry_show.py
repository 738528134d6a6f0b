"""`harkara registry show`: members, their keys, and, for the operator, what each may."""

from __future__ import annotations

from pathlib import Path

from broker.cli.agency_flags import AgencyFlags, identity_flags
from broker.cli.command import command, flag
from broker.cli.known_registry import trusted_registry
from broker.cli.moment import now
from broker.cli.output import remark, result
from broker.cli.parameters import DIRECTORY
from broker.cli.refusals import MisuseError
from broker.cli.registry_draft import read_draft
from broker.cli.registry_words import registry_json, registry_words
from broker.cli.trust_files import ENTITLEMENTS, EXCHANGE, NEXT, REGISTRY, ROOT_KEY, TrustFiles
from broker.protocol.registry import Registry, Standing

EXAMPLE = """
$ harkara registry show --data exchange
$ harkara registry show --registry exchange/registry.json
"""


@command("registry show", example=EXAMPLE)
@flag("--data", type=DIRECTORY, help="The directory of the exchange, as harkara init made it.")
@flag(
    "--next",
    "show_next",
    per_command=True,
    is_flag=True,
    help="With --data: the next version, which is being prepared.",
)
@identity_flags
def show(data: Path | None, show_next: bool, agency: AgencyFlags, as_json: bool) -> None:
    """Verify a registry and list it.

    With --data it is the operator's, with entitlements. An agency sees the one that it received
    last, or the file that --registry names.
    """
    if data is not None:
        registry = _show_own(data, show_next, as_json)
    else:
        if show_next:
            raise MisuseError("whose next version?", "--data DIR, as harkara init made it")
        registry = trusted_registry(agency)
        result(
            registry_json(registry.document, None), registry_words(registry.document, None), as_json=as_json
        )
    if registry.standing(now()) is not Standing.CURRENT:
        remark(f"\nThis registry expired on {registry.document.expires[:10]}.", as_json=as_json)


def _show_own(data: Path, show_next: bool, as_json: bool) -> Registry:
    trust = TrustFiles(data / EXCHANGE, data / REGISTRY, data / ENTITLEMENTS, data / NEXT, data / ROOT_KEY)
    current = trust.in_force()
    documents = current.registry.document, current.entitlements.document
    found: dict[str, object] = {}
    words: list[str] = []
    if show_next:
        draft = read_draft(trust)
        documents = draft.documents()
        found = {"signatures": len(draft.registry.signatures)}
        words = ["", f"Signed by {found['signatures']}: not in force."]
    result(registry_json(*documents) | found, [*registry_words(*documents), *words], as_json=as_json)
    return current.registry
