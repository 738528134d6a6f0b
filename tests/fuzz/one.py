"""Fuzz one target until told to stop: `python -m tests.fuzz.one NAME CORPUS [libFuzzer options]`.

atheris watches which branches of the code each input reaches. The first error that may not leave a decoder,
or an input that takes longer than `-timeout`, ends the process with the input in a file.
"""

from __future__ import annotations

import sys

import atheris

# Code is watched from when it is loaded.
with atheris.instrument_imports(include=["broker"]):  # pyright: ignore[reportAttributeAccessIssue]
    from tests.fuzz.targets import TARGETS


def run(arguments: list[str]) -> None:
    """Fuzz the target that the first argument names."""
    target = TARGETS[arguments[1]]

    def test_one(data: bytes) -> None:
        target(data)

    atheris.Setup([arguments[0], *arguments[2:]], test_one)
    atheris.Fuzz()


if __name__ == "__main__":
    run(sys.argv)
