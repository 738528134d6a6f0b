"""An exchange that is served by the program itself, and its agencies, for tests of the commands
that ask a broker.
"""

from __future__ import annotations

import json
import os
import signal
import subprocess
import threading
import time
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from queue import Empty, Queue
from typing import IO, Any

from tests.cli.runner import PROGRAM, Done, call, environment, must

AGENCIES = {
    "pk.fia": ("all", "all"),
    "pk.anf": ("drug-smuggling", "all"),
    "pk.asf": ("other", "drug-smuggling"),
}
"""What each may originate and receive."""
READY_S = 60
END_S = 60
"""How long a program may take to begin and to end. Generous: the machine may be busy with other tests."""


class Running:
    """A program that runs beside the test, with its output line by line."""

    def __init__(
        self,
        *arguments: str | Path,
        out: int = subprocess.PIPE,
        variables: dict[str, str] | None = None,
        program: Sequence[str] = PROGRAM,
    ) -> None:
        self.process = subprocess.Popen(
            [*program, *map(str, arguments)],
            stdin=subprocess.DEVNULL,
            stdout=out,
            stderr=subprocess.PIPE,
            env=environment(**(variables or {})),
        )
        self.told: list[str] = []
        self._lines: Queue[str] = Queue()
        self._readers = [
            threading.Thread(target=self._read, args=(stream,), daemon=True)
            for stream in (self.process.stdout, self.process.stderr)
            if stream is not None
        ]
        for reader in self._readers:
            reader.start()

    def wait_for(self, words: str, seconds: float = READY_S) -> str:
        """Give the next line that has `words` in it; fail with what was told instead."""
        while True:
            try:
                line = self._lines.get(timeout=seconds)
            except Empty:
                raise AssertionError(f"no line with {words!r} came; told: {self.told}") from None
            self.told.append(line)
            if words in line:
                return line

    def end(self, number: int = signal.SIGTERM) -> int:
        """Send a signal, wait for the end, and give the exit code. What was told is in `told`."""
        self.process.send_signal(number)
        return self.wait()

    def wait(self) -> int:
        """Wait for the end, and give the exit code."""
        try:
            code = self.process.wait(END_S)
        except subprocess.TimeoutExpired:
            self.process.kill()
            self.process.wait()
            raise AssertionError(f"it did not end; told: {self._rest()}") from None
        self._rest()
        return code

    def _rest(self) -> list[str]:
        for reader in self._readers:
            reader.join(END_S)
        while not self._lines.empty():
            self.told.append(self._lines.get())
        for stream in (self.process.stdout, self.process.stderr):
            if stream is not None:
                stream.close()
        return self.told

    def _read(self, stream: IO[bytes]) -> None:
        for line in stream:
            self._lines.put(line.decode().rstrip("\n"))


@contextmanager
def running(
    *arguments: str | Path,
    out: int = subprocess.PIPE,
    variables: dict[str, str] | None = None,
    program: Sequence[str] = PROGRAM,
) -> Iterator[Running]:
    """Run a program (`harkara`, unless named) beside the test; it has ended when the context does. `out` is
    a file descriptor.
    """
    started = Running(*arguments, out=out, variables=variables, program=program)
    try:
        yield started
    finally:
        if started.process.poll() is None:
            started.process.kill()
        started.wait()


@dataclass
class World:
    """An exchange in `home`, served at `url`. `state` is the agencies' own."""

    home: Path
    url: str
    state: Path
    _number: int = field(default=0)

    def variables(self, agency: str) -> dict[str, str]:
        """Give the environment of an agency."""
        return {
            "HARKARA_URL": self.url,
            "HARKARA_IDENTITY": str(self.home / agency / f"{agency}.key"),
            "HARKARA_STATE": str(self.state),
        }

    def call(self, agency: str, *arguments: str | Path, given: str | None = None, **variables: str) -> Done:
        """Call a command as an agency."""
        return call(*arguments, given=given, **(self.variables(agency) | variables))

    def must(self, agency: str, *arguments: str | Path, given: str | None = None, **variables: str) -> Done:
        """Call a command as an agency; it has to succeed."""
        return must(*arguments, given=given, **(self.variables(agency) | variables))

    def bulletin(self, **fields: Any) -> str:
        """Give a bulletin that was never posted before."""
        self._number += 1
        headline = f"Bulletin {self._number} of {os.urandom(4).hex()}"
        made = must(
            "draft", fields.pop("category", "drug-smuggling"), "--short", "--headline", headline, "--json"
        )
        return json.dumps(made.json | fields)

    def post(self, agency: str, *arguments: str, **fields: Any) -> str:
        """Post a new bulletin as an agency, wait until it is in all inboxes, and give its id."""
        done = self.must(agency, "post", "-", "--only-id", *arguments, given=self.bulletin(**fields))
        return self.routed(agency, done.out.strip())

    def routed(self, agency: str, item_id: str) -> str:
        """Wait until what an agency posted is in all inboxes (accepted means on disk, not yet routed)."""
        self._until(
            lambda: all(
                row["routed"] for row in self.must(agency, "receipts", item_id, "--json").json["delivered"]
            )
        )
        return item_id

    def feed(self, agency: str, *arguments: str) -> list[Any]:
        """Give what the feed of an agency prints, by default all of its inbox."""
        done = self.must(agency, "feed", "--json", *(arguments or ("--after", "0")))
        return [json.loads(line) for line in done.out.splitlines()]

    def ids(self, agency: str, *arguments: str) -> list[str]:
        """Give the ids of what the feed of an agency prints. Everything in it verifies."""
        items = self.feed(agency, *arguments)
        assert all(item["verified"] for item in items), items
        return [item["id"] for item in items]

    def number_of(self, agency: str, item_id: str) -> str:
        """Wait until an item is in the inbox of an agency, and give the number that it has there."""
        found: list[int] = []

        def look() -> bool:
            found[:] = [item["number"] for item in self.feed(agency) if item.get("id") == item_id]
            return bool(found)

        self._until(look)
        return str(found[0])

    def _until(self, holds: Callable[[], bool]) -> None:
        deadline = time.monotonic() + READY_S
        while not holds():
            assert time.monotonic() < deadline, "it did not come to hold"
            time.sleep(0.05)


def make_exchange(home: Path) -> Path:
    """Make an exchange with all agencies enrolled in `home`, and give its directory."""
    data = home / "exchange"
    must("init", data)
    for agency, (originate, receive) in AGENCIES.items():
        must("keys", "new", agency, "--exchange", data / "exchange.json", "--out", home / agency)
        grant = ("--originate", originate, "--receive", receive, "--marking", "TLP:RED")
        must("registry", "add", home / agency / f"{agency}.card.json", "--data", data, *grant)
    must("registry", "sign", "--data", data)
    must("registry", "publish", "--data", data, "--offline")
    return data


@contextmanager
def served(data: Path) -> Iterator[str]:
    """Serve an exchange on a free port, and give its address."""
    with running(
        "serve", "--data", data, "--listen", "127.0.0.1:0", "--ops", "127.0.0.1:0", "--json"
    ) as broker:
        yield json.loads(broker.wait_for('"url"'))["url"]
        assert broker.end() == 0, broker.told
