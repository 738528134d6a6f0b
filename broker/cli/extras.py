"""Whether what a command needs is installed: an agency's install is the client alone."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager

from broker.cli.refusals import MisuseError


@contextmanager
def needing(what: str, extra: str) -> Iterator[None]:
    """Around late imports: say in words which extra brings what is missing. Raises `MisuseError`."""
    try:
        yield
    except ModuleNotFoundError as missing:
        raise MisuseError(f"{what} needs {missing.name}", f"pip install 'harkara[{extra}]'") from None


def require_server() -> None:
    """Load the server. Raises `MisuseError` when this is an agency's install."""
    with needing("serving", "server"):
        import broker.wiring  # noqa: F401
