"""The embedded server: durable, private, one to a directory, gone with its parent."""

from __future__ import annotations

import asyncio
import os
import signal
import stat
import sys
import textwrap
from pathlib import Path

import pytest

from broker.errors import StoreUnavailable, UnsafeConfiguration
from broker.store import data_directory
from broker.store.binary import BINARY_VARIABLE, find_binary
from broker.store.data_directory import DataDirectory
from broker.store.embedded import EmbeddedStore
from broker.store.records import Appended
from broker.store.store import Store
from tests.store.items import new_item
from tests.stores import store_binary
from tests.waiting import until


def lives(pid: int) -> bool:
    try:
        state = Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()[0]
    except FileNotFoundError:
        return False
    return state != "Z"


def embedded(directory: Path) -> EmbeddedStore:
    return EmbeddedStore(directory, binary=store_binary())


async def test_it_is_safe_private_and_keeps_what_it_took(tmp_path: Path) -> None:
    directory = tmp_path / "data" / "store"
    async with embedded(directory) as server, await Store.open(server.url) as store:
        assert isinstance(await store.committer.commit(new_item(1)), Appended)
        assert stat.S_IMODE(directory.stat().st_mode) == 0o700
        assert stat.S_IMODE((directory / "store.sock").stat().st_mode) == 0o600
        settings = await store.connections.reading.config_get("port")
        assert settings == {"port": "0"}, "it listens on no network"

    async with embedded(directory) as server, await Store.open(server.url) as store:
        [body] = await store.log.bodies([new_item(1).item])
        assert body is not None


async def test_it_leaves_no_process_and_no_socket(tmp_path: Path) -> None:
    server = embedded(tmp_path)
    await server.start()
    pid = server.pid
    assert pid is not None
    await server.stop()
    await server.stop()
    assert not lives(pid)
    assert not (tmp_path / "store.sock").exists()


async def test_a_second_server_on_the_same_directory_is_refused_naming_the_holder(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(data_directory, "LOCK_WAIT_S", 0.1)
    async with embedded(tmp_path) as first:
        with pytest.raises(UnsafeConfiguration, match=f"process {os.getpid()}"):
            await embedded(tmp_path).start()
        assert first.pid is not None
        assert lives(first.pid)
    async with embedded(tmp_path):
        pass


async def test_a_directory_open_to_others_is_closed_to_them(tmp_path: Path) -> None:
    directory = tmp_path / "open"
    directory.mkdir(mode=0o755)
    async with embedded(directory):
        assert stat.S_IMODE(directory.stat().st_mode) == 0o700


async def test_a_path_that_is_no_directory_is_refused(tmp_path: Path) -> None:
    (tmp_path / "file").write_text("")
    with pytest.raises(UnsafeConfiguration, match="cannot be used"):
        await embedded(tmp_path / "file").start()


async def test_a_path_too_long_for_a_socket_works_all_the_same(tmp_path: Path) -> None:
    directory = tmp_path / ("d" * 90) / ("e" * 90)
    server = embedded(directory)
    await server.start()
    socket = server.directory.socket()
    assert stat.S_IMODE(socket.parent.stat().st_mode) == 0o700
    async with await Store.open(server.url):
        pass
    await server.stop()
    assert not socket.parent.exists()


async def test_the_short_place_of_a_broker_that_was_killed_is_used_again_and_removed_at_the_end(
    tmp_path: Path,
) -> None:
    long = tmp_path / ("x" * 100)
    killed = DataDirectory(long)
    await killed.lock()
    short = killed.socket().parent
    os.close(killed.lock_fd)  # as the system does when a process is killed
    again = DataDirectory(long)
    await again.lock()
    assert again.socket().parent == short
    again.unlock()
    assert not short.exists()


async def test_a_short_place_that_somebody_else_could_enter_is_not_used(tmp_path: Path) -> None:
    long = tmp_path / ("x" * 100)
    open_to_all = tmp_path / "open"
    open_to_all.mkdir()
    open_to_all.chmod(0o755)
    directory = DataDirectory(long)
    await directory.lock()
    (long / "socket-directory").symlink_to(open_to_all)
    assert directory.socket().parent != open_to_all
    directory.unlock()
    assert open_to_all.exists()


async def test_a_path_with_spaces_and_letters_of_any_script_works(tmp_path: Path) -> None:
    async with embedded(tmp_path / 'ہرکارہ of?#% "1"') as server, await Store.open(server.url):
        pass


async def test_a_killed_server_is_started_again_with_what_it_had(tmp_path: Path) -> None:
    async with embedded(tmp_path) as server, await Store.open(server.url) as store:
        await store.committer.commit(new_item(1))
        before = server.pid
        assert before is not None
        os.kill(before, signal.SIGKILL)
        await until(lambda: server.failure is not None)
        await until(lambda: server.failure is None)
        assert server.pid != before
        [body] = await store.log.bodies([new_item(1).item])
        assert body is not None


async def test_a_full_disk_is_told_and_the_server_returns_when_there_is_space(tmp_path: Path) -> None:
    # A program that behaves as the server does on a full disk (it logs this and ends) until space returns.
    full = tmp_path / "full"
    program = tmp_path / "server"
    program.write_text(
        textwrap.dedent(f"""\
        #!/bin/sh
        if [ -e {full} ]; then
          while [ "$1" != --logfile ]; do shift; done
          echo '# Error writing to the AOF file: No space left on device' >> "$2"
          echo '# Exiting to prevent the loss of data' >> "$2"
          exit 1
        fi
        exec {store_binary()} "$@"
        """)
    )
    program.chmod(0o700)
    async with EmbeddedStore(tmp_path / "data", binary=program) as server:
        full.touch()
        assert server.pid is not None
        os.kill(server.pid, signal.SIGKILL)
        await until(lambda: server.failure is not None and "disk is full" in server.failure)
        full.unlink()
        await until(lambda: server.failure is None)
        async with await Store.open(server.url):
            pass


COMPLAINS = """#!/bin/sh
while [ "$1" != --logfile ]; do shift; done
echo "Bad file format" >> "$2"
exit 1
"""


@pytest.mark.parametrize(
    ("program", "told"),
    [
        pytest.param("#!/bin/sh\nexit 3\n", "it has logged nothing", id="ends at once"),
        pytest.param(COMPLAINS, "Bad file format", id="does not like its files"),
    ],
)
async def test_a_server_that_does_not_start_shows_the_end_of_its_log(
    tmp_path: Path, program: str, told: str
) -> None:
    binary = tmp_path / "server"
    binary.write_text(program)
    binary.chmod(0o700)
    server = EmbeddedStore(tmp_path / "data", binary=binary)
    with pytest.raises(StoreUnavailable, match=told):
        await server.start()
    async with embedded(tmp_path / "data"):  # the lock was given back
        pass


RUNNER = """
import asyncio, sys, threading
from pathlib import Path
from broker.store.embedded import EmbeddedStore

async def main():
    server = EmbeddedStore(Path(sys.argv[1]), binary=Path(sys.argv[2]))
    await server.start()
    await asyncio.to_thread(lambda: None)  # other threads come and go
    print(server.pid, flush=True)
    await asyncio.sleep(60)

if sys.argv[3] == "uvloop":
    import uvloop
    uvloop.run(main())
else:
    asyncio.run(main())
"""


@pytest.mark.parametrize("loop", ["asyncio", "uvloop"])
async def test_it_ends_with_a_broker_that_is_killed_and_the_next_broker_can_start(
    tmp_path: Path, loop: str
) -> None:
    broker = await asyncio.create_subprocess_exec(
        *(sys.executable, "-c", RUNNER, str(tmp_path), str(store_binary()), loop),
        stdout=asyncio.subprocess.PIPE,
    )
    assert broker.stdout is not None
    pid = int(await broker.stdout.readline())
    await asyncio.sleep(0.3)
    assert lives(pid), "it must not end with a thread that did not start it"
    broker.kill()
    await broker.wait()
    async with embedded(tmp_path) as server, await Store.open(server.url):
        assert not lives(pid)


@pytest.mark.parametrize(
    ("environment", "refused"),
    [
        pytest.param({BINARY_VARIABLE: "/nowhere/valkey-server"}, True, id="named but not there"),
        pytest.param({BINARY_VARIABLE: "/etc/passwd"}, True, id="named but not a program"),
        pytest.param({BINARY_VARIABLE: "/"}, True, id="named but a directory"),
        pytest.param({BINARY_VARIABLE: sys.executable}, False, id="named and a program"),
        pytest.param({}, False, id="from the package"),
    ],
)
def test_the_program_is_the_one_named_or_found(environment: dict[str, str], refused: bool) -> None:
    if refused:
        with pytest.raises(UnsafeConfiguration, match=BINARY_VARIABLE):
            find_binary(environment)
    else:
        assert os.access(find_binary(environment), os.X_OK)
