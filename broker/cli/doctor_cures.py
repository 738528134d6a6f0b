"""The cures that `harkara doctor` prints: command lines to be copied into a shell.

Each is for whoever asked. Who named the directory of an exchange (`--data`) operates it and gets the
operator's commands; an agency gets its own, and whom to ask for the rest.
"""

from __future__ import annotations

import os
import shlex
import shutil
import sys
from pathlib import Path
from typing import Final
from urllib.parse import unquote, urlsplit

import click

from broker.cli.trust_files import ROOT_KEY, typed

OPERATOR: Final = "# ask the operator of your exchange"
_REACHING: Final = ("url", "ca", "plain_http")
_ASKING: Final = ("identity", "exchange", "registry", "state")
_MISLEADING: Final = ("HARKARA_IDENTITY", "HARKARA_IDENTITY_FILE", "HARKARA_EXCHANGE", "HARKARA_REGISTRY")
_TIME_SERVICES: Final = {
    "chronyc": "sudo chronyc makestep",
    "timedatectl": "sudo timedatectl set-ntp true",
    "sntp": "sudo sntp -sS pool.ntp.org",
    "w32tm": "w32tm /resync",
}
_STORE_CLIENTS: Final = ("valkey-cli", "redis-cli")


def lines(*given: str) -> str:
    """Give a cure of several lines, the empty ones left out."""
    return "\n".join(line for line in given if line)


def command(*words: str | Path) -> str:
    """Give a command line with its words quoted."""
    return shlex.join(map(str, words))


def setting(variable: str, value: str) -> str:
    """Give the line that sets a variable for the commands that follow."""
    if sys.platform == "win32":
        return f"set {variable}={value}"
    return f"export {variable}={shlex.quote(value)}"


def as_asked(*, identity: bool = True) -> list[str]:
    """Give the flags of an agency that were typed: a cure has to mean the same broker and agency.
    What came from variables is there for the cure too.
    """
    context = click.get_current_context()
    found: list[str] = []
    for name in _REACHING + (_ASKING if identity else ()):
        if typed(name):
            option = f"--{name.replace('_', '-')}"
            value = context.params[name]
            found += [option] if value is True else [option, str(value)]
    return found


def again() -> str:
    """Give the line that asks the doctor again, once somebody else has done something."""
    return command("harkara", "doctor", *as_asked())


def renewal(data: Path | None, *, offline: bool = False) -> str:
    """Give how the registry is made valid for longer."""
    if data is None:
        return lines(f"{OPERATOR} to renew the registry (harkara registry renew). Then look again:", again())
    return lines(command("harkara", "registry", "renew", "--data", data), signed(data, offline=offline))


def enrolment(card: Path, *, data: Path | None, drop_keys: bool = False) -> str:
    """Give how a member's newer card gets into the registry."""
    if data is None:
        lost = ", and say that the earlier keys are lost (--drop-keys)" if drop_keys else ""
        return lines(
            f"{OPERATOR} to take this card (harkara registry add): send the file{lost}.",
            "# compare its fingerprint over the telephone:",
            command("harkara", "keys", "card", card),
        )
    dropping = ["--drop-keys"] if drop_keys else []
    return lines(command("harkara", "registry", "add", card, "--data", data, *dropping), signed(data))


def signed(data: Path, *, offline: bool = False) -> str:
    """Give how the operator signs and publishes what is prepared."""
    root = [] if (data / ROOT_KEY).exists() else ["--root-key", "/media/safe/root.key"]
    how = ["--offline"] if offline else as_asked(identity=False)
    return lines(
        command("harkara", "registry", "sign", "--data", data, *root),
        command("harkara", "registry", "publish", "--data", data, *how),
    )


def serving(data: Path, where: str) -> str:
    """Give how a broker is started at HOST:PORT. Variables of an agency's work would mislead it."""
    hidden = [word for name in _MISLEADING if name in os.environ for word in ("-u", name)]
    clean = ["env", *hidden] if hidden else []
    return command(*clean, "harkara", "serve", "--data", data, "--listen", where)


def right_time(theirs: str) -> str:
    """Give how this machine's clock is set: by what it has for that, else to the broker's time."""
    for program, line in _TIME_SERVICES.items():
        if shutil.which(program):
            return line
    return lines(
        "# install a time service (chrony, ntpd); until it runs, the broker's time, a little late by now:",
        command("sudo", "date", "--utc", f"--set={theirs}"),
    )


def store_setting(url: str, name: str, value: str) -> str:
    """Give how a setting of the server at `url` is changed. Its password stays out of the line."""
    parts = urlsplit(url)
    password = "# the password of the store in REDISCLI_AUTH" if parts.password else ""
    keep = f"# and in the store's configuration file, for its next start: {name} {value}"
    client = next((program for program in _STORE_CLIENTS if shutil.which(program)), None)
    if client is None:
        return lines(password, _by_python(url, name, value), keep)
    if parts.scheme == "unix":
        where = ["-s", unquote(parts.path)]
    else:
        where = ["-h", parts.hostname or "localhost", "-p", str(parts.port or 6379)]
        where += ["--tls"] if parts.scheme == "rediss" else []
    where += ["--user", unquote(parts.username)] if parts.username else []
    return lines(password, command(client, *where, "CONFIG", "SET", name, value), keep)


def without_password(url: str) -> str:
    """Give an address of a store as it may be shown."""
    scheme, _, rest = url.partition("://")
    return f"{scheme}://{rest.rpartition('@')[2]}"


def _by_python(url: str, name: str, value: str) -> str:
    # The library is here: it has just looked at the server.
    parts = urlsplit(url)
    user = f"username={unquote(parts.username)!r}, " if parts.username else ""
    who = f"{user}password=os.environ['REDISCLI_AUTH']" if parts.password else user.rstrip(", ")
    reach = ", ".join(filter(None, (repr(without_password(url)), who)))
    code = f"import os, redis; redis.Redis.from_url({reach}).config_set({name!r}, {value!r})"
    return command(sys.executable or "python3", "-c", code)
