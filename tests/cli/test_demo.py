"""`harkara demo`: every expectation holds, and whatever ends it, nothing of it is left behind."""

from __future__ import annotations

import json
import signal
from pathlib import Path

import pytest

from tests.cli.world import running


def test_every_expectation_of_the_demonstration_holds(tmp_path: Path) -> None:
    with running("demo", "--once", "--json", variables={"TMPDIR": str(tmp_path)}) as demo:
        told = json.loads(demo.wait_for('"failures"'))
        assert demo.wait() == 0, demo.told
    assert told["failures"] == []
    assert list(tmp_path.glob("harkara-demo-*")) == []


@pytest.mark.parametrize(
    ("number", "code"),
    [
        pytest.param(signal.SIGINT, 130, id="ctrl-c"),
        pytest.param(signal.SIGTERM, 143, id="told-to-end"),
        pytest.param(signal.SIGHUP, 143, id="its-terminal-closed"),
    ],
)
def test_no_key_is_left_behind(tmp_path: Path, number: signal.Signals, code: int) -> None:
    with running("demo", variables={"TMPDIR": str(tmp_path)}) as demo:
        demo.wait_for("Ctrl-C here ends")
        assert list(tmp_path.glob("harkara-demo-*/*.key"))
        assert demo.end(number) == code
    assert list(tmp_path.glob("harkara-demo-*")) == []
    assert "Traceback" not in "\n".join(demo.told)
