"""`harkara registry sign`: sign the next version with root keys, on a machine that need not be connected."""

from __future__ import annotations

from pathlib import Path

from broker.cli import files
from broker.cli.command import command, flag
from broker.cli.output import remark, result
from broker.cli.parameters import FILE
from broker.cli.refusals import MisuseError, brief
from broker.cli.registry_draft import read_draft, require_next, signed_by, write_draft
from broker.cli.registry_words import changes
from broker.cli.trust_files import TrustFiles, trust_flags
from broker.errors import HarkaraError, Problem, UnknownKey
from broker.protocol import dsse, keys
from broker.protocol.key_files import read_root_key
from broker.protocol.keys import SigningKey

EXAMPLE = """
$ harkara registry sign --data exchange --root-key exchange/root.key
"""


@command("registry sign", example=EXAMPLE)
@trust_flags
@flag(
    "--root-key",
    type=FILE,
    multiple=True,
    secret_file=True,
    help="A root key; may be repeated.  [default: DIR/root.key]",
)
def sign(trust: TrustFiles, root_key: tuple[Path, ...], as_json: bool) -> None:
    """Show what the next version changes, and sign it.

    With several root keys each holder signs in turn: send registry-next.json on. It can be
    published when k of them have signed.
    """
    current = trust.in_force()
    draft = read_draft(trust)
    registry, entitlements = draft.documents()
    require_next(trust, registry, current)
    signers = [_load(path) for path in root_key or (trust.root_key,)]
    roots = {
        keys.key_id(keys.ED25519, dsse.decode64(public, "/root_keys")) for public in registry.root_keys
    } | current.registry.roots.keys()
    for key in signers:
        if key.kid not in roots:
            raise UnknownKey(
                "this is no root key of the exchange",
                Problem("/root_keys", "one of the root keys of the registry", f"{key.kid.hex()[:16]}…"),
            )
        draft = signed_by(draft, key)
    write_draft(trust, draft)
    told = changes(current.registry.document, current.entitlements.document, registry, entitlements)
    signed = len(draft.registry.signatures)
    found = {"version": registry.version, "signatures": signed, "k": registry.k, "changes": told}
    words = [
        f"Version {registry.version} has {signed} of {registry.k} signatures.",
        *(f"  {line}" for line in told),
    ]
    result(found, words, as_json=as_json)
    following = "publish" if signed >= registry.k else "sign --root-key ANOTHER"
    remark(f"\nNext: {trust.then(following)}", as_json=as_json)


def _load(path: Path) -> SigningKey:
    content = files.read_private(path, "a root key", "name it: --root-key FILE")
    try:
        return read_root_key(content)
    except HarkaraError as error:
        raise MisuseError(f"{path} is not a root key: {brief(error)}") from None
