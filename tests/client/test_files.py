"""What the client keeps on disk: whole or not at all, for its owner alone, and one holder of a lock."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
import time
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from broker.client.file_lock import FileLock
from broker.client.inbox_check import EntryEnd, Position, SeenHead
from broker.client.outbox import Kept, Outbox, name_of
from broker.client.place import Place, PlaceFile, place_json, read_place
from broker.client.private_files import make_directory, read_secret, remove_unfinished, write
from broker.client.state import State, check_consumer, default_state
from broker.errors import (
    HarkaraError,
    IdConflict,
    NotFound,
    OutOfWindow,
    RevokedKey,
    SchemaError,
    StoreUnavailable,
    UnsafeConfiguration,
)
from broker.protocol.head import read_head
from broker.protocol.limits import DAY_US
from tests.client.test_inbox_check import INBOX, START, walk
from tests.exchange_fixtures import FIA, NOW, make_exchange, post_body, sign_bulletin

EXCHANGE = make_exchange()


# --- files --------------------------------------------------------------------------------------------------


def test_a_file_is_written_for_its_owner_alone(tmp_path: Path) -> None:
    path = tmp_path / "secret"
    write(path, b"one")
    write(path, b"two")
    assert path.read_bytes() == read_secret(path) == b"two"
    assert path.stat().st_mode & 0o777 == 0o600
    assert list(tmp_path.iterdir()) == [path]


def test_a_secret_that_others_can_read_is_refused_with_the_way_to_mend_it(tmp_path: Path) -> None:
    path = tmp_path / "secret"
    path.write_bytes(b"x")
    path.chmod(0o640)
    with pytest.raises(UnsafeConfiguration, match="chmod 600"):
        read_secret(path)


@pytest.mark.parametrize(
    ("name", "error"),
    [
        pytest.param("missing", NotFound, id="a-file-that-is-not-there"),
        pytest.param(".", UnsafeConfiguration, id="a-directory"),
    ],
)
def test_what_cannot_be_read_is_an_error_in_words(
    tmp_path: Path, name: str, error: type[HarkaraError]
) -> None:
    with pytest.raises(error):
        read_secret(tmp_path / name)


def test_what_cannot_be_written_leaves_nothing_behind(tmp_path: Path) -> None:
    (tmp_path / "taken").mkdir()
    with pytest.raises(UnsafeConfiguration, match="cannot be written"):
        write(tmp_path / "taken", b"x")
    assert [path.name for path in tmp_path.iterdir()] == ["taken"]


def test_a_state_that_cannot_be_made_is_said_in_words(tmp_path: Path) -> None:
    (tmp_path / "file").write_bytes(b"")
    with pytest.raises(UnsafeConfiguration, match="cannot be made"):
        State.of(tmp_path / "file", EXCHANGE.id, FIA).outbox  # noqa: B018 (it is made when asked for)
    with pytest.raises(UnsafeConfiguration, match="cannot be made"):
        FileLock(tmp_path / "file" / "lock").acquire()


def test_what_a_crash_left_is_removed(tmp_path: Path) -> None:
    (tmp_path / ".new-0011").write_bytes(b"half")
    (tmp_path / "kept.json").write_bytes(b"whole")
    remove_unfinished(tmp_path)
    assert [path.name for path in tmp_path.iterdir()] == ["kept.json"]


WRITER = """
import sys
from pathlib import Path
from broker.client.private_files import write
n = 0
while True:
    n += 1
    write(Path(sys.argv[1]), str(n).encode() * 20_000)
    print(n, flush=True)
"""


def test_a_writer_killed_at_any_moment_leaves_a_whole_file(tmp_path: Path) -> None:
    path = tmp_path / "kept"
    for pause in (0.0, 0.003, 0.007, 0.011):
        with subprocess.Popen(
            [sys.executable, "-c", WRITER, str(path)], stdout=subprocess.PIPE, text=True
        ) as writer:
            assert writer.stdout is not None
            writer.stdout.readline()
            time.sleep(pause)
            writer.kill()
        content = path.read_bytes()
        one = content[: len(content) // 20_000]
        assert content == one * 20_000


# --- the lock -----------------------------------------------------------------------------------------------

HOLDER = """
import sys, time
from pathlib import Path
from broker.client.file_lock import FileLock
print(FileLock(Path(sys.argv[1])).acquire(), flush=True)
time.sleep(60)
"""


def test_a_lock_has_one_holder_and_ends_with_its_process(tmp_path: Path) -> None:
    path = tmp_path / "lock"
    with subprocess.Popen(
        [sys.executable, "-c", HOLDER, str(path)], stdout=subprocess.PIPE, text=True
    ) as holder:
        assert holder.stdout is not None
        assert holder.stdout.readline().strip() == "True"
        assert not FileLock(path).acquire()
        os.kill(holder.pid, signal.SIGKILL)
        holder.wait()
    lock = FileLock(path)
    assert lock.acquire()
    assert not FileLock(path).acquire()
    lock.release()
    lock.release()
    assert FileLock(path).acquire()


# --- the place ----------------------------------------------------------------------------------------------

HEAD = INBOX.head()
PLACES = [
    pytest.param(Place(START), id="the-beginning"),
    pytest.param(Place(walk(INBOX.arrivals()), 6, 6), id="the-end"),
    pytest.param(Place(walk(INBOX.arrivals()[:4]), handed=3), id="inside-an-entry"),
    pytest.param(
        Place(
            Position(
                START.epoch,
                4,
                2,
                bytes(32),
                EntryEnd(9, bytes(32)),
                SeenHead(read_head(HEAD.payload), HEAD),
                7,
            )
        ),
        id="with-everything",
    ),
]


@pytest.mark.parametrize("place", PLACES)
def test_a_place_is_read_as_it_was_written(place: Place) -> None:
    assert read_place(place_json(place)) == place


@pytest.mark.parametrize(
    "damage",
    [
        pytest.param(lambda raw: raw[:-9], id="cut"),
        pytest.param(lambda raw: b"", id="empty"),
        pytest.param(lambda raw: b"[]", id="another-document"),
        pytest.param(lambda raw: raw.replace(b"place/1", b"place/2"), id="of-another-version"),
        pytest.param(lambda raw: raw.replace(b'"after"', b'"aftre"'), id="a-field-less"),
        pytest.param(lambda raw: raw.replace(START.epoch.hex().encode(), b"00" * 16), id="of-another-epoch"),
    ],
)
def test_a_damaged_place_is_said_and_not_guessed(tmp_path: Path, damage: Callable[[bytes], bytes]) -> None:
    file = PlaceFile(tmp_path, "default")
    file.open()
    file.save(Place(walk(INBOX.arrivals()), 6))
    (path,) = tmp_path.glob("*.json")
    path.write_bytes(damage(path.read_bytes()))
    with pytest.raises(UnsafeConfiguration, match="cannot be read"):
        file.load(START.epoch)
    file.close()


def test_another_epoch_has_a_place_of_its_own(tmp_path: Path) -> None:
    file = PlaceFile(tmp_path, "default")
    file.open()
    old = Place(walk(INBOX.arrivals()), 6)
    file.save(old)
    file.save(Place(Position.start(EXCHANGE.id, bytes(16), FIA)))
    assert file.load(START.epoch) == old
    file.close()


@pytest.mark.parametrize("name", ["", "../x", "A", "a/b", ".hidden", "x" * 65, "a b"])
def test_a_consumer_has_a_name_that_can_be_a_files(name: str) -> None:
    with pytest.raises(SchemaError):
        check_consumer(name)


def test_the_state_is_found_where_the_system_keeps_it(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    monkeypatch.setenv("XDG_STATE_HOME", str(tmp_path))
    assert default_state() == tmp_path / "harkara"
    monkeypatch.setenv("XDG_STATE_HOME", "relative")
    monkeypatch.setenv("HOME", str(tmp_path))
    assert default_state() == tmp_path / ".local" / "state" / "harkara"
    assert State.of(tmp_path, EXCHANGE.id, FIA).outbox.stat().st_mode & 0o777 == 0o700


@pytest.mark.parametrize("there", ["", "harkara", "harkara/exchange", "harkara/exchange/agency"])
def test_each_directory_that_is_made_is_its_owners_alone_and_others_are_left(
    tmp_path: Path, there: str
) -> None:
    before = tmp_path / there
    before.mkdir(parents=True, exist_ok=True)
    before.chmod(0o755)
    make_directory(tmp_path / "harkara/exchange/agency/outbox")
    for each in ("harkara", "harkara/exchange", "harkara/exchange/agency", "harkara/exchange/agency/outbox"):
        made = tmp_path / each
        if made == before or made in before.parents:
            continue
        assert made.stat().st_mode & 0o777 == 0o700, each
    assert before.stat().st_mode & 0o777 == 0o755


def test_a_directory_below_a_file_cannot_be_made(tmp_path: Path) -> None:
    (tmp_path / "file").write_text("")
    for path in (tmp_path / "file", tmp_path / "file/below"):
        with pytest.raises(UnsafeConfiguration, match="cannot be made"):
            make_directory(path)


# --- the outbox ---------------------------------------------------------------------------------------------


def kept(name: str = "a" * 64, *, signed_at: int = NOW, **fields: Any) -> Kept:
    statement, address = sign_bulletin(EXCHANGE, FIA, **fields)
    body = post_body(statement, address)
    return Kept(name, "/v1/bulletins", json.loads(statement.payload)["id"], body, statement, signed_at)


def test_what_was_kept_is_what_comes_back(tmp_path: Path) -> None:
    outbox, first = Outbox(tmp_path), kept()
    assert outbox.keep([(first.name, lambda: first)]) == [first]
    again = Outbox(tmp_path).keep([(first.name, lambda: kept(severity="Minor"))])
    assert again == [replace(first, again=True)]
    stamp = EXCHANGE.signing(FIA).sign("application/vnd.harkara.stamp+msgpack", b"x")
    outbox.file(first, stamp)
    assert next(outbox.unconfirmed()).stamp == stamp


def test_names_follow_what_was_asked_for() -> None:
    assert name_of("bulletin", {"a": 1, "b": [2]}, ["x"]) == name_of("bulletin", {"b": [2], "a": 1}, ["x"])
    different = [
        name_of("bulletin", {"a": 1}, ["x"]),
        name_of("bulletin", {"a": 1}, []),
        name_of("receipt", {"a": 1}),
    ]
    assert len(set(different)) == 3


@pytest.mark.parametrize(
    ("error", "in_doubt", "dropped"),
    [
        pytest.param(SchemaError("x"), False, True, id="refused-the-first-time"),
        pytest.param(SchemaError("x"), True, False, id="refused-while-in-doubt"),
        pytest.param(RevokedKey("x"), True, False, id="a-key-revoked-since-the-first-attempt"),
        pytest.param(OutOfWindow("x"), True, True, id="too-old-and-not-there"),
        pytest.param(IdConflict("x"), True, True, id="the-id-is-anothers"),
        pytest.param(StoreUnavailable("x"), False, False, id="not-about-the-bytes"),
    ],
)
def test_a_statement_is_dropped_only_when_it_was_surely_not_accepted(
    tmp_path: Path, error: HarkaraError, in_doubt: bool, dropped: bool
) -> None:
    outbox, one = Outbox(tmp_path), kept()
    outbox.keep([(one.name, lambda: one)])
    assert outbox.refused(one, error, in_doubt=in_doubt) is dropped
    assert (list(outbox.unconfirmed()) == []) is dropped


def test_a_statement_that_was_stamped_is_never_dropped(tmp_path: Path) -> None:
    outbox, one = Outbox(tmp_path), kept()
    filed = outbox.file(one, EXCHANGE.signing(FIA).sign("application/vnd.harkara.stamp+msgpack", b"x"))
    assert not outbox.refused(filed, OutOfWindow("x"), in_doubt=False)


def test_a_damaged_statement_is_never_signed_anew_in_silence(tmp_path: Path) -> None:
    outbox, one = Outbox(tmp_path), kept()
    outbox.keep([(one.name, lambda: one)])
    path = tmp_path / f"{one.name}.json"
    path.write_bytes(path.read_bytes()[:100])
    with pytest.raises(UnsafeConfiguration, match="damaged"):
        outbox.keep([(one.name, kept)])


def test_what_was_found_a_second_time_is_still_known_by_name(tmp_path: Path) -> None:
    outbox, one = Outbox(tmp_path), kept()
    outbox.keep([(one.name, lambda: one)])
    outbox.confirm(one)
    assert list(outbox.unconfirmed()) == []
    assert outbox.keep([(one.name, kept)])[0].again
    outbox.keep([(one.name, lambda: one)], anew=True)
    assert [found.name for found in outbox.unconfirmed()] == [one.name]


def test_a_damaged_statement_stops_nobody_who_did_not_ask_for_it(tmp_path: Path) -> None:
    outbox, one = Outbox(tmp_path), kept()
    outbox.keep([(one.name, lambda: one)])
    (tmp_path / "broken.json").write_bytes(b"{")
    (tmp_path / "broken.json").chmod(0o600)
    assert [found.name for found in outbox.unconfirmed()] == [one.name]


@pytest.mark.parametrize("confirmed", [False, True])
def test_old_statements_are_removed(tmp_path: Path, confirmed: bool) -> None:
    outbox = Outbox(tmp_path)
    for name, age in (("a" * 64, 29), ("b" * 64, 31)):
        old = kept(name)
        outbox.keep([(name, lambda old=old: old)])
        if confirmed:
            outbox.confirm(old)
        (path,) = tmp_path.rglob(f"{name}.json")
        os.utime(path, ns=(0, (NOW - age * DAY_US) * 1000))
    outbox.tidy(NOW)
    assert [path.stem for path in tmp_path.rglob("*.json")] == ["a" * 64]
