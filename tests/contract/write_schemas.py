"""Write `schemas/*.schema.json` from the types: `python -m tests.contract.write_schemas [DIRECTORY]`."""

from __future__ import annotations

import sys
from pathlib import Path

from broker.protocol import json_schema

SCHEMAS = Path(__file__).parents[2] / "schemas"


def write(directory: Path) -> None:
    """Write the schema of each document into `directory`."""
    for document in json_schema.DOCUMENTS:
        (directory / json_schema.file_name(document)).write_bytes(json_schema.schema_json(document))


if __name__ == "__main__":
    write(Path(sys.argv[1]) if len(sys.argv) > 1 else SCHEMAS)
