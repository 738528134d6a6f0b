"""What the operator of an exchange needs of the store: that its directory is free or served, and that
the server loses nothing.
"""

from __future__ import annotations

from pathlib import Path
from urllib.parse import quote, urlsplit

import click
from click.core import ParameterSource

from broker.cli import doctor_cures as cures
from broker.cli import files
from broker.cli.agency_flags import AgencyFlags
from broker.cli.doctor_broker import answers
from broker.cli.doctor_finding import Finding, why
from broker.cli.extras import needing
from broker.errors import HarkaraError, Problem, UnsafeConfiguration

STORE_DIRECTORY = "store"
"""Below the directory of an exchange (`broker.wiring`)."""


async def use_checks(data: Path, agency: AgencyFlags) -> list[Finding]:
    """Look who uses the embedded store of an exchange. One that a broker serves at the address is well;
    where none answers, whoever holds it keeps another broker from starting.
    """
    holder = holder_of(data / STORE_DIRECTORY)
    if holder is None:
        return [Finding("data-in-use", "pass", "no broker uses it")]
    if await answers(agency):
        return [Finding("data-in-use", "pass", f"process {holder} serves it at {agency.url}")]
    seen = f"process {holder} uses {data / STORE_DIRECTORY}, and no broker answers at {agency.url}"
    source = click.get_current_context().get_parameter_source("url")
    # By default nobody said that it should be served there: it may well be served elsewhere.
    outcome = "warn" if source is ParameterSource.DEFAULT else "fail"
    cure = cures.lines(
        "# if that process is to go on: --url with its address, or another --data. Else:",
        cures.command("kill", holder),
        cures.serving(data, urlsplit(agency.url).netloc),
    )
    return [Finding("data-in-use", outcome, seen, cure)]


def holder_of(directory: Path) -> str | None:
    """Give the process that holds the lock of a store's directory, None when nobody does."""
    if not files.POSIX:
        return None
    import fcntl  # late: not on Windows, where there is no embedded store

    try:
        with (directory / "lock").open("rb") as lock:
            try:
                fcntl.flock(lock, fcntl.LOCK_SH | fcntl.LOCK_NB)
            except BlockingIOError:
                return lock.read(32).decode("ascii", "replace").strip() or "unknown"
    except OSError:
        return None
    return None


async def embedded_checks(data: Path) -> list[Finding]:
    """Look at the embedded store while it runs."""
    socket = (data / STORE_DIRECTORY / "store.sock").absolute()
    if holder_of(data / STORE_DIRECTORY) is None or not socket.exists():
        return []
    return await store_checks(f"unix://{quote(str(socket))}")


async def store_checks(url: str) -> list[Finding]:
    """Look at the settings, commands and clock of a server. Nothing is raised but `MisuseError` for an
    install without the server.
    """
    with needing("looking at a store", "server"):
        from broker.store.store import Store
    shown = cures.without_password(url)
    try:
        store = Store(url)
    except UnsafeConfiguration as error:
        return [Finding("store", "fail", why(error), "# redis://, rediss:// or unix://")]
    try:
        await store.check()
    except UnsafeConfiguration as error:
        return [_unsafe(url, problem) for problem in error.problems]
    except HarkaraError as error:
        return [
            Finding("store", "fail", f"{shown}: {why(error)}", "# start the store, or name another --store")
        ]
    finally:
        await store.connections.close()
    return [Finding("store", "pass", f"{shown} keeps what it accepted")]


def _unsafe(url: str, problem: Problem) -> Finding:
    from broker.store.safety import REQUIRED_SETTINGS

    name = problem.pointer.removeprefix("/")
    seen = f"{name} of {cures.without_password(url)} is {problem.got}, must be {problem.expected}"
    if name not in REQUIRED_SETTINGS:
        return Finding("store", "fail", seen, f"# {problem.hint}")
    required, reason = REQUIRED_SETTINGS[name]
    return Finding("store", "fail", f"{seen}: {reason}", cures.store_setting(url, name, required))
