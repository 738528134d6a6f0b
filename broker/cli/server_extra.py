"""Whether the server is installed: an agency's install is the client alone."""

from __future__ import annotations

from broker.cli.refusals import MisuseError


def require_server() -> None:
    """Load the server. Raises `MisuseError` when this is an agency's install."""
    try:
        import broker.wiring  # noqa: F401
    except ModuleNotFoundError as missing:
        raise MisuseError(f"this needs {missing.name}", "pip install 'harkara[server]'") from None
