"""The composed store, started by its own script with its own settings and accounts, on a socket.

The server is the `redis-server` on the PATH, as in the image; where there is none, the Valkey that the
package brings.
"""

from __future__ import annotations

import shutil
import subprocess
import time
from collections.abc import Iterator
from pathlib import Path

import pytest

from broker.store.binary import find_binary

REPOSITORY = Path(__file__).resolve().parents[2]
DEPLOY = REPOSITORY / "deploy"
PASSWORD = "b7f1c0ffee"


def composed_server() -> Path:
    """Give the server program that stands in for the image's."""
    found = shutil.which("redis-server")
    return Path(found) if found else find_binary()


@pytest.fixture
def store_url(tmp_path: Path) -> Iterator[str]:
    """Give the URL of the broker's account at a composed store."""
    secret, run, stored = tmp_path / "store-url", tmp_path / "run", tmp_path / "stored"
    run.mkdir()
    stored.mkdir()
    secret.write_text(f"redis://harkara:{PASSWORD}@store:6379/0\n", "utf-8")
    socket = run / "s"
    process = subprocess.Popen(
        ["sh", DEPLOY / "store.sh", "start", "--port", "0", "--unixsocket", socket],
        env={
            "PATH": "/usr/bin:/bin",
            "STORE_URL_FILE": str(secret),
            "STORE_SETTINGS": str(DEPLOY),
            "STORE_RUN": str(run),
            "STORE_DATA": str(stored),
            "STORE_SERVER": str(composed_server()),
        },
        stdout=subprocess.DEVNULL,
    )
    try:
        patience = time.monotonic() + 60
        while not socket.exists():
            assert process.poll() is None, "the store ended at once"
            assert time.monotonic() < patience, "the store does not come up"
            time.sleep(0.02)
        yield f"unix://harkara:{PASSWORD}@{socket}"
    finally:
        process.terminate()
        process.wait(60)
