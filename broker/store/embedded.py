"""The embedded store: a real Valkey (or Redis) of our own, on a Unix socket in a private directory.

It keeps every write on disk before it answers, listens on no network, ends with the process that started it,
and is started again when it ends by itself, as it does on a full disk. What it logs is kept in `store.log`;
the last lines are part of every error about it.
"""

from __future__ import annotations

import asyncio
from pathlib import Path
from urllib.parse import quote

from redis.asyncio import Redis
from redis.asyncio.retry import Retry
from redis.backoff import NoBackoff
from redis.exceptions import BusyLoadingError, RedisError

from broker.errors import StoreUnavailable
from broker.store.binary import find_binary
from broker.store.data_directory import DataDirectory
from broker.store.guardian import end_with_parent

START_LIMIT_S = 15.0
"""How long a server may take until it answers; reading its files does not count."""
STOP_LIMIT_S = 10.0
"""How long it may take to end before it is killed."""
RESTART_PAUSES_S = (0.2, 0.5, 1.0, 2.0)
"""Pauses before a server that ended by itself is started again; the last one repeats."""
STEADY_S = 10.0
"""A server that ran for this long is started again without a long pause."""
LOG_LIMIT_BYTES = 4 * 1024 * 1024
"""A longer log is put aside at the next start."""
LOG_TAIL_LINES = 8
_POLL_S = 0.02

DURABLE_FLAGS = (
    *("--port", "0", "--unixsocketperm", "600"),
    *("--appendonly", "yes", "--appendfsync", "always", "--no-appendfsync-on-rewrite", "no"),
    *("--save", "", "--maxmemory-policy", "noeviction", "--daemonize", "no"),
)


class EmbeddedStore:
    """One server over one directory. `start` it, use `url`, `stop` it; or use it as an async context.

    `maximum_bytes` limits its memory (0: no limit).
    """

    def __init__(self, directory: Path, *, binary: Path | None = None, maximum_bytes: int = 0) -> None:
        self.directory = DataDirectory(directory)
        self.failure: str | None = None
        """Why the server is not running, for health pages; None while it runs."""
        self._binary = binary
        self._maximum_bytes = maximum_bytes
        self._process: asyncio.subprocess.Process | None = None
        self._keeper: asyncio.Task[None] | None = None
        self._stopping = False
        self._log_start = 0

    @property
    def url(self) -> str:
        """The address to connect to. The same for every start."""
        return f"unix://{quote(str(self.directory.socket()))}"

    @property
    def pid(self) -> int | None:
        """The server's process id while it runs."""
        return self._process.pid if self._process is not None and self._process.returncode is None else None

    async def start(self) -> None:
        """Start the server and wait until it has read its files and answers.

        Call it from the thread that lives as long as the server should. Raises `UnsafeConfiguration` when the
        directory or the program cannot be used, `StoreUnavailable` with the end of its log when it does not
        come up.
        """
        binary = self._binary or find_binary()
        await self.directory.lock()
        self._stopping = False
        try:
            await self._spawn(binary)
        except BaseException:
            await self._end()
            self.directory.unlock()
            raise
        self._keeper = asyncio.create_task(self._keep(binary), name="harkara-embedded-store")

    async def stop(self) -> None:
        """Stop the server; what it answered is on disk. Harmless when it does not run."""
        self._stopping = True
        if self._keeper is not None:
            self._keeper.cancel()
            await asyncio.wait([self._keeper])
            self._keeper = None
        await self._end()
        self.directory.unlock()

    async def __aenter__(self) -> EmbeddedStore:
        await self.start()
        return self

    async def __aexit__(self, *_: object) -> None:
        await self.stop()

    async def _spawn(self, binary: Path) -> None:
        socket = self.directory.socket()
        socket.unlink(missing_ok=True)
        self._put_long_log_aside()
        log = self.directory.log
        self._log_start = log.stat().st_size if log.exists() else 0
        flags = [*DURABLE_FLAGS, "--dir", str(self.directory.path), "--unixsocket", str(socket)]
        flags += ["--logfile", str(log), "--maxmemory", str(self._maximum_bytes)]
        # Without a session of its own, Ctrl-C in a terminal would stop the store before the broker has
        # finished.
        self._process = await asyncio.create_subprocess_exec(
            str(binary),
            *flags,
            stdin=asyncio.subprocess.DEVNULL,
            stdout=asyncio.subprocess.DEVNULL,
            stderr=asyncio.subprocess.DEVNULL,
            pass_fds=(self.directory.lock_fd,),
            preexec_fn=end_with_parent(),
            start_new_session=True,
        )
        await self._wait_until_ready(self._process, socket)
        self.failure = None

    async def _wait_until_ready(self, process: asyncio.subprocess.Process, socket: Path) -> None:
        loop = asyncio.get_running_loop()
        deadline = loop.time() + START_LIMIT_S
        client = Redis(unix_socket_path=str(socket), socket_timeout=5, retry=Retry(NoBackoff(), 0))
        try:
            while True:
                if process.returncode is not None:
                    raise StoreUnavailable(f"the embedded store did not start: {self._why_it_ended()}")
                try:
                    if await client.execute_command("PING"):
                        return
                except BusyLoadingError:
                    deadline = loop.time() + START_LIMIT_S
                except (RedisError, OSError) as error:
                    if loop.time() > deadline:
                        raise StoreUnavailable(
                            f"the embedded store does not answer: {self._why_it_ended()}"
                        ) from error
                await asyncio.sleep(_POLL_S)
        finally:
            await client.aclose()

    async def _keep(self, binary: Path) -> None:
        """Start the server again whenever it ends by itself."""
        loop = asyncio.get_running_loop()
        failures, started_at = 0, loop.time()
        while not self._stopping:
            if self._process is not None:
                await self._process.wait()
            self.failure = f"the embedded store has ended: {self._why_it_ended()}"
            failures = 0 if loop.time() - started_at > STEADY_S else failures + 1
            await asyncio.sleep(RESTART_PAUSES_S[min(failures, len(RESTART_PAUSES_S) - 1)])
            try:
                started_at = loop.time()
                await self._spawn(binary)
            except (StoreUnavailable, OSError) as error:
                self.failure = str(error)
                await self._end()

    async def _end(self) -> None:
        process, self._process = self._process, None
        if process is None or process.returncode is not None:
            return
        process.terminate()
        try:
            async with asyncio.timeout(STOP_LIMIT_S):
                await process.wait()
        except TimeoutError:
            process.kill()
            await process.wait()

    def _why_it_ended(self) -> str:
        """Give the end of this start's log, and in plain words what it means where that is known."""
        try:
            with self.directory.log.open("rb") as log:
                log.seek(self._log_start)
                text = log.read().decode("utf-8", "replace")
        except FileNotFoundError:
            return "it has logged nothing"
        except OSError as error:
            return f"its log cannot be read ({error.strerror})"
        lines = text.splitlines()[-LOG_TAIL_LINES:]
        told = "; ".join(line.strip() for line in lines if line.strip()) or "it has logged nothing"
        if "No space left on device" in text:
            return f"the disk is full, free space in {self.directory.path} ({told})"
        return told

    def _put_long_log_aside(self) -> None:
        log = self.directory.log
        if log.exists() and log.stat().st_size > LOG_LIMIT_BYTES:
            log.replace(log.with_suffix(".log.1"))
