"""Make all vectors: run each operation on its inputs, hold each refusal to its error, write the files.

`recorded-hpke.json` keeps what HPKE gave when a sealed pair key was first made, by name: the library draws
its own entropy, so it cannot be made again. It is kept as long as it opens to what it should.
"""

from __future__ import annotations

import json
from dataclasses import replace
from pathlib import Path

from broker.errors import HarkaraError, NotAuthentic
from broker.protocol.keys import HPKE, SealingKey, read_sealing_public
from tests.vectors import answers, blind_posts, broker_words, members, names, statements, trust
from tests.vectors.operations import OPERATIONS
from tests.vectors.vector import RECORDED, Vector


class Recorder:
    """Gives recorded HPKE outputs, and records new ones."""

    def __init__(self, recorded: dict[str, str]) -> None:
        self.recorded = recorded

    def __call__(self, name: str, plaintext: bytes, key: SealingKey, info: bytes) -> bytes:
        """Give enc ‖ ct of `plaintext` for `key` under `info`."""
        if not self._opens(name, plaintext, key, info):
            self.recorded[name] = HPKE.encrypt(plaintext, read_sealing_public(key.public), info).hex()
        return bytes.fromhex(self.recorded[name])

    def _opens(self, name: str, plaintext: bytes, key: SealingKey, info: bytes) -> bool:
        try:
            return key.open(bytes.fromhex(self.recorded.get(name, "")), info) == plaintext
        except NotAuthentic:
            return False


def recorded_in(directory: Path) -> Recorder:
    """Give what is recorded in a directory of vectors."""
    path = directory / RECORDED
    return Recorder(json.loads(path.read_bytes()) if path.exists() else {})


def make(recorder: Recorder) -> list[Vector]:
    """Give all vectors, their expected outputs filled. Raises AssertionError when a refusal is none."""
    found = [
        *names.vectors(),
        *trust.vectors(),
        *statements.vectors(),
        *members.vectors(recorder),
        *broker_words.vectors(),
        *answers.vectors(),
        *blind_posts.vectors(),
    ]
    return [replace(vector, expected=_run(vector)) for vector in found]


def write(directory: Path, recorder: Recorder) -> list[str]:
    """Write the files of all vectors; give the names of those that changed."""
    files = {f"{vector.name}.json": vector.to_bytes() for vector in make(recorder)}
    files[RECORDED] = json.dumps(recorder.recorded, indent=1, sort_keys=True).encode() + b"\n"
    changed = [
        name
        for name, contents in files.items()
        if not (directory / name).exists() or (directory / name).read_bytes() != contents
    ]
    for name in changed:
        (directory / name).write_bytes(files[name])
    return changed


def _run(vector: Vector) -> dict[str, object]:
    operation = OPERATIONS[vector.operation]
    for refusal in vector.refusals:
        try:
            operation(refusal.inputs(vector.inputs))
        except HarkaraError as error:
            if error.code != refusal.error:
                raise AssertionError(
                    f"{vector.name}, {refusal.name}: {error.code}: {error.detail}"
                ) from error
        else:
            raise AssertionError(f"{vector.name}, {refusal.name}: not refused")
    return operation(dict(vector.inputs))
