"""What goes wrong is told in words, and has its exit code; no traceback for anything that can be expected."""

from __future__ import annotations

import json
import os
import subprocess
from pathlib import Path

import pytest

from broker.cli import refusals
from broker.cli.refusals import MisuseError
from broker.errors import HarkaraError, Malformed, Problem, RateLimited, family
from tests.cli.runner import PROGRAM, SECONDS, call, environment, program


def shell(line: str) -> subprocess.CompletedProcess[str]:
    """Run a line of bash in which `harkara` is the program."""
    quoted = " ".join(f"'{part}'" for part in PROGRAM)
    return subprocess.run(
        ["bash", "-c", f'harkara() {{ {quoted} "$@"; }}; {line}'],
        capture_output=True,
        text=True,
        env=environment(),
        timeout=SECONDS,
        check=False,
    )


@pytest.mark.parametrize("kind", [pytest.param(kind, id=kind.__name__) for kind in family()])
def test_every_error_of_the_family_has_an_exit_code_that_is_documented(kind: type[HarkaraError]) -> None:
    assert kind.exit_code in refusals.EXIT_CODES
    assert kind.exit_code >= refusals.REFUSED


def test_a_refusal_names_place_expectation_and_way_out(capsys: pytest.CaptureFixture[str]) -> None:
    problem = Problem("/text/en", "a text", "a number", "write it in quotes")
    assert refusals.tell(Malformed("not a bulletin", problem), as_json=False) == 3
    told = capsys.readouterr()
    assert told.out == ""
    assert all(
        words in told.err for words in ("not a bulletin", "/text/en", "a text", "a number", "in quotes")
    )


def test_a_refusal_in_json_holds_everything(capsys: pytest.CaptureFixture[str]) -> None:
    problems = [Problem(f"/{n}", "x", "y") for n in range(50)]
    error = RateLimited("too many", *problems, retry_after=2.5)
    error.within = "/statement/payload"
    refusals.tell(error, as_json=True)
    found = json.loads(capsys.readouterr().err)
    assert (found["code"], found["exit_code"], found["retry_after"]) == ("rate-limited", 3, 2.5)
    assert found["within"] == "/statement/payload"
    assert len(found["errors"]) == 50


@pytest.mark.parametrize(
    ("detail", "problem", "times"),
    [
        pytest.param(
            "/a: expected a text, got 1", Problem("/a", "a text", "1", "quote it"), 1, id="said already"
        ),
        pytest.param(
            "expected JSON, got a list", Problem("", "JSON", "a list"), 1, id="said without a place"
        ),
        pytest.param("expected a text", Problem("/a", "a text", "1"), 2, id="half said"),
        pytest.param("/b: expected a text, got 1", Problem("/a", "a text", "1"), 2, id="of another place"),
        pytest.param("no", Problem("/a", "a text", "1"), 1, id="said nowhere"),
    ],
)
def test_one_problem_is_said_once(
    detail: str, problem: Problem, times: int, capsys: pytest.CaptureFixture[str]
) -> None:
    refusals.tell(Malformed(detail, problem), as_json=False)
    told = capsys.readouterr().err
    assert told.count(problem.expected) == times
    assert problem.got in told
    assert problem.pointer in told
    assert problem.hint in told
    brief = refusals.brief(Malformed(detail, problem))
    assert brief.count(problem.expected) == times
    assert problem.got in brief


def test_two_problems_are_both_listed_though_the_words_say_the_first(
    capsys: pytest.CaptureFixture[str],
) -> None:
    both = Problem("/a", "a text", "1"), Problem("/b", "a number", "x")
    refusals.tell(Malformed("/a: expected a text, got 1 (and 1 more)", *both), as_json=False)
    told = capsys.readouterr().err
    assert "  /a\n" in told
    assert "  /b\n" in told


def test_a_problem_without_a_place_has_no_line_for_it(capsys: pytest.CaptureFixture[str]) -> None:
    refusals.tell(RateLimited("too much", Problem("", "64 MiB a minute", "more")), as_json=False)
    assert [line.strip().split()[0] for line in capsys.readouterr().err.splitlines()] == [
        "harkara:",
        "expected",
        "got",
    ]


@pytest.mark.parametrize(
    ("arguments", "said"),
    [
        pytest.param(
            ["keys", "card", "broken.json"], "no name in double quotes at line 1, column 2", id="card"
        ),
        pytest.param(
            ["registry", "show", "--data", "exchange"], "no name in double quotes at line 1", id="registry"
        ),
        pytest.param(
            ["keys", "new", "pk.fia", "--exchange", "exchange/exchange.json", "--desk", "x", "--phone", "12"],
            "E.164",
            id="phone",
        ),
    ],
)
def test_what_is_wrong_with_a_file_or_flag_is_said_once_and_in_plain_words(
    exchange: Path, arguments: list[str], said: str
) -> None:
    for name in ("broken.json", "exchange/registry.json"):
        Path(name).write_text("{'a': 1}")
    done = call(*arguments)
    assert done.code != 0
    assert done.err.count(said) == 1
    assert done.err.count("got ") == 1
    assert "Expecting" not in done.err


def test_many_problems_are_counted(capsys: pytest.CaptureFixture[str]) -> None:
    refusals.tell(Malformed("x", *[Problem(f"/{n}", "x", "y") for n in range(50)]), as_json=False)
    assert "30 more" in capsys.readouterr().err


@pytest.mark.parametrize("detail", ["\x1b[2Jgone", "a\u202eb", "bell\x07"])
def test_what_a_broker_says_cannot_drive_the_terminal(
    detail: str, capsys: pytest.CaptureFixture[str]
) -> None:
    refusals.tell(Malformed(detail, Problem(detail, detail, detail, detail)), as_json=False)
    refusals.tell(MisuseError(detail, detail), as_json=False)
    assert not {"\x1b", "\u202e", "\x07"} & set(capsys.readouterr().err)


@pytest.mark.parametrize(
    ("arguments", "code"),
    [
        pytest.param(["draft", "other", "--expires", "99999999d"], 2, id="a-time-beyond-the-calendar"),
        pytest.param(["draft", "other", "--expires", "2026-02-31T00:00:00Z"], 2, id="a-day-that-is-not"),
        pytest.param(["draft", "other", "--expires", "tomorrow"], 2, id="a-word"),
        pytest.param(["init", "x", "--valid", "99999999d"], 2, id="a-validity-beyond-the-calendar"),
        pytest.param(["init", "x", "--name", ""], 3, id="no-name"),
        pytest.param(["init", "x", "--name", "a\u202eb"], 3, id="a-name-that-hides-something"),
        pytest.param(["init", "/dev/null/x"], 2, id="below-a-file"),
        pytest.param(["keys", "card", "/dev/null"], 2, id="an-empty-card"),
        pytest.param(["keys", "card", "."], 2, id="a-directory"),
        pytest.param(["sign", "/dev/zero", "--identity", "/dev/null"], 6, id="an-identity-open-to-all"),
        pytest.param(["registry", "show", "--data", "nowhere"], 2, id="no-exchange"),
        pytest.param(["feed", "--url", "http://[::1", "--identity", "nowhere"], 2, id="no-identity"),
    ],
)
def test_what_nobody_should_type_is_told_too(arguments: list[str], code: int) -> None:
    done = call(*arguments)
    assert (done.code, done.out) == (code, ""), done.err
    assert done.err.startswith("harkara: ")
    assert not Path("x").exists()


def test_a_full_disk_under_the_output_is_told() -> None:
    done = shell("harkara draft other > /dev/full")
    assert done.returncode == 6
    assert "No space left" in done.stderr
    assert "Traceback" not in done.stderr


def test_an_output_that_is_closed_is_no_failure() -> None:
    done = shell("harkara draft other --json >&-")
    assert (done.returncode, done.stderr) == (0, "")


def test_a_reader_that_has_gone_is_no_failure_that_anybody_hears_of() -> None:
    reading, writing = os.pipe()
    os.close(reading)
    done = subprocess.run(
        [*PROGRAM, "draft", "other"],
        stdout=writing,
        stderr=subprocess.PIPE,
        env=environment(),
        timeout=SECONDS,
        check=False,
    )
    os.close(writing)
    assert b"Traceback" not in done.stderr
    assert done.returncode == 141


def test_json_is_asked_for_by_variable_too() -> None:
    done = program("keys", "card", "nowhere.json", HARKARA_JSON="1")
    assert done.code == 2
    assert json.loads(done.err)["code"] == "usage"
