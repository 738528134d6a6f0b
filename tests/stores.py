"""Real servers for tests: started here, on random sockets, in directories of their own, gone when the tests
end.

HARKARA_TEST_STORE chooses which: `valkey` (the one that the package brings; the default) or `redis` (from the
PATH).
"""

from __future__ import annotations

import os
import shutil
import signal
import subprocess
import tempfile
import time
from collections.abc import Sequence
from pathlib import Path
from types import TracebackType

import redis
from redis.backoff import NoBackoff
from redis.retry import Retry

from broker.store.binary import BINARY_VARIABLE, find_binary
from broker.store.embedded import DURABLE_FLAGS
from broker.store.guardian import end_with_parent

START_LIMIT_S = 60.0


def store_binary() -> Path:
    """Give the server program that this test run uses."""
    kind = os.environ.get("HARKARA_TEST_STORE", "valkey")
    if kind == "valkey":
        return find_binary({})
    if kind == "redis":
        found = shutil.which("redis-server")
        if found is None:
            raise RuntimeError("HARKARA_TEST_STORE=redis needs redis-server on the PATH")
        return Path(found)
    raise RuntimeError(f"HARKARA_TEST_STORE is {kind!r}: use 'valkey' or 'redis'")


def without_settings() -> dict[str, str]:
    """Give this environment without the settings of whoever runs the tests, but for the store they name."""
    return {
        name: value
        for name, value in os.environ.items()
        if not name.startswith("HARKARA_") or name == BINARY_VARIABLE
    }


class Server:
    """A server over a directory of its own. `flags` come after the durable ones and so overrule them."""

    def __init__(self, flags: Sequence[str] = ()) -> None:
        self.directory = Path(tempfile.mkdtemp(prefix="hk-test-"))
        self.socket = self.directory / "s"
        self._flags = [*DURABLE_FLAGS, "--dir", str(self.directory), "--unixsocket", str(self.socket)]
        self._flags += ["--logfile", str(self.directory / "log"), *flags]
        self._process: subprocess.Popen[bytes] | None = None

    @property
    def url(self) -> str:
        """Give the address of the server, the same for each start."""
        return f"unix://{self.socket}"

    @property
    def pid(self) -> int:
        """Give the process id of the running server."""
        assert self._process is not None
        return self._process.pid

    def client(self) -> redis.Redis:
        """Give a client for looking in and for breaking things."""
        return redis.Redis(unix_socket_path=str(self.socket), socket_timeout=10, retry=Retry(NoBackoff(), 0))

    def start(self) -> Server:
        """Start the server and wait until it answers."""
        self._process = subprocess.Popen(
            [store_binary(), *self._flags],
            stdin=subprocess.DEVNULL,
            stdout=subprocess.DEVNULL,
            stderr=subprocess.DEVNULL,
            preexec_fn=end_with_parent(),
        )
        deadline = time.monotonic() + START_LIMIT_S
        with self.client() as client:
            while True:
                try:
                    client.ping()
                except redis.AuthenticationError:
                    return self  # it answers, to those who know its password
                except (redis.RedisError, OSError):
                    if time.monotonic() > deadline or self._process.poll() is not None:
                        self.kill()
                        raise
                    time.sleep(0.01)
                else:
                    return self

    def kill(self) -> None:
        """End the server at once, as a crash does."""
        self._end(signal.SIGKILL)

    def pause(self) -> None:
        """Stop the server from answering, without closing its connections."""
        os.kill(self.pid, signal.SIGSTOP)

    def resume(self) -> None:
        """Let a paused server answer again."""
        os.kill(self.pid, signal.SIGCONT)

    def close(self) -> None:
        """End the server and remove its files."""
        self._end(signal.SIGKILL)
        shutil.rmtree(self.directory, ignore_errors=True)

    def _end(self, how: signal.Signals) -> None:
        if self._process is not None:
            self._process.send_signal(how)
            self._process.wait(START_LIMIT_S)
            self._process = None

    def __enter__(self) -> Server:
        return self.start()

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.close()
