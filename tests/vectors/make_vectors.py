"""Make `schemas/vectors/` anew. The bytes are always the same, but for what HPKE drew once and is kept."""

from __future__ import annotations

import click

from tests.vectors.making import recorded_in, write
from tests.vectors.vector import DIRECTORY


def main() -> None:
    """Write every vector and tell which changed."""
    for name in write(DIRECTORY, recorded_in(DIRECTORY)):
        click.echo(f"changed: {name}")


if __name__ == "__main__":
    main()
