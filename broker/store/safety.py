"""Whether a server may be trusted with what must not be lost: its settings, commands and clock.

Checked at start and on each new connection that writes items, since after a failover the server behind an
address may be another one. What is wrong is told all at once, each with its mend. Commands are probed, never
versions: Valkey calls itself Redis 7.2.4.
"""

from __future__ import annotations

import time
from collections.abc import Sequence
from typing import Any

from redis.asyncio.connection import AbstractConnection
from redis.exceptions import BusyLoadingError, ResponseError

from broker.errors import Problem, UnsafeConfiguration, shorten
from broker.store.refusals import code_of

REQUIRED_SETTINGS = {
    "appendonly": ("yes", "every accepted bulletin is on disk before its answer"),
    "appendfsync": ("always", "under 'everysec' a power cut loses a second of accepted bulletins"),
    "no-appendfsync-on-rewrite": ("no", "with 'yes' nothing is on disk while the file is rewritten"),
    "maxmemory-policy": ("noeviction", "any other policy deletes accepted bulletins when memory is short"),
}
"""Each setting, the value that it must have, and what goes wrong otherwise."""

REQUIRED_COMMANDS = (
    *("xadd", "xrange", "xrevrange", "xread", "xinfo", "xtrim", "eval", "evalsha", "time", "wait"),
    *("get", "set", "mget", "getrange", "exists", "unlink", "pexpireat"),
    *("hget", "hset", "hmget", "hgetall", "hincrby", "sadd", "smembers"),
)

CLOCK_TOLERANCE_S = 2.0
PROBE_SCRIPT = "#!lua flags=no-writes\nreturn 1"


async def check_server(connection: AbstractConnection) -> None:
    """Raise `UnsafeConfiguration`, with one `Problem` for each thing wrong, unless the server is safe to
    write to.

    `connection` is connected and authenticated. Raises redis-py's own errors when the server does not answer,
    and while it is still loading.
    """
    before = time.time()
    settings, facts, commands, probe, clock = await _ask(
        connection,
        ("CONFIG", "GET", *REQUIRED_SETTINGS),
        ("INFO",),
        ("COMMAND", "INFO", *REQUIRED_COMMANDS),
        ("EVAL", PROBE_SCRIPT, 0),
        ("TIME",),
    )
    after = time.time()
    problems = [
        *_settings_problems(settings),
        *_role_problems(facts),
        *_command_problems(commands, probe),
        *_clock_problems(clock, before, after),
    ]
    if problems:
        told = "; ".join(f"{p.pointer[1:]} is {p.got}, must be {p.expected}: {p.hint}" for p in problems)
        raise UnsafeConfiguration(f"the store is not safe to use: {told}", *problems)


async def _ask(connection: AbstractConnection, *commands: Sequence[Any]) -> list[Any]:
    """Give the reply to each command, the server's refusal being one; raise when it is still loading."""
    await connection.send_packed_command(connection.pack_commands(commands))
    replies: list[Any] = []
    loading: BusyLoadingError | None = None
    for _ in commands:
        try:
            replies.append(await connection.read_response())
        except BusyLoadingError as error:
            loading = error
        except ResponseError as error:
            replies.append(error)
    if loading is not None:
        raise loading
    return replies


def _settings_problems(reply: Any) -> list[Problem]:
    if isinstance(reply, ResponseError):
        return [
            Problem(
                "/CONFIG GET",
                "allowed",
                f"refused ({shorten(str(reply))})",
                "Harkara must see the server's settings; grant the account '+config|get', "
                "as in: ACL SETUSER <name> +config|get",
            )
        ]
    flat = [value.decode() if isinstance(value, bytes) else str(value) for value in reply]
    found = dict(zip(flat[::2], flat[1::2], strict=True))
    problems = []
    for setting, (required, why) in REQUIRED_SETTINGS.items():
        value = found.get(setting, "not known to the server")
        if value != required:
            line = f"{setting} {required}"
            hint = f"CONFIG SET {line}, and '{line}' in its configuration file ({why})"
            problems.append(Problem(f"/{setting}", f"'{required}'", f"'{shorten(value)}'", hint))
    return problems


def _role_problems(reply: Any) -> list[Problem]:
    if isinstance(reply, ResponseError):
        return [Problem("/INFO", "allowed", f"refused ({shorten(str(reply))})", "ACL SETUSER <name> +info")]
    facts = dict(line.split(":", 1) for line in reply.decode().splitlines() if ":" in line)
    problems = []
    role = facts.get("role", "unknown")
    if role != "master":
        hint = "give the address of the primary, or make this server one: REPLICAOF NO ONE"
        problems.append(Problem("/role", "primary", f"'{shorten(role)}'", hint))
    if facts.get("cluster_enabled", "0") == "1":
        hint = "use a server without cluster mode: 'cluster-enabled no' in its configuration file"
        problems.append(Problem("/cluster-enabled", "'no'", "'yes'", hint))
    return problems


def _command_problems(commands: Any, probe: Any) -> list[Problem]:
    problems = []
    if isinstance(commands, ResponseError):
        hint = "ACL SETUSER <name> +command|info"
        problems.append(Problem("/COMMAND INFO", "allowed", f"refused ({shorten(str(commands))})", hint))
    else:
        missing = [name for name, known in zip(REQUIRED_COMMANDS, commands, strict=True) if not known]
        if missing:
            hint = "use Redis 7.0 or newer, or Valkey, without rename-command"
            problems.append(Problem("/commands", ", ".join(missing), "missing", hint))
    if isinstance(probe, ResponseError):
        if code_of(probe) == "NOPERM":
            hint = "grant the account '+eval +evalsha': ACL SETUSER <name> +@scripting"
        else:
            hint = "use Redis 7.0 or newer, or Valkey, and do not rename EVAL"
        problems.append(Problem("/scripts", "allowed", f"refused ({shorten(str(probe))})", hint))
    return problems


def _clock_problems(reply: Any, before: float, after: float) -> list[Problem]:
    if isinstance(reply, ResponseError):
        return [Problem("/TIME", "allowed", f"refused ({shorten(str(reply))})", "ACL SETUSER <name> +time")]
    theirs = int(reply[0]) + int(reply[1]) / 1e6
    off = max(before - theirs, theirs - after, 0.0)
    if off <= CLOCK_TOLERANCE_S:
        return []
    hint = "set both clocks by the same source (chrony, ntpd)"
    return [Problem("/clock", f"within {CLOCK_TOLERANCE_S:g} s of the broker's", f"{off:.1f} s away", hint)]
