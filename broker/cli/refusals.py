"""Every expected failure, in words on stderr and as an exit code: the one place that does it.

Exit codes: 0 done · 1 the check says no · 2 usage · 3 refused · 4 unreachable · 5 not authentic · 6
unsafe configuration · 130 stopped by Ctrl-C · 141 nobody reads the output any more. What a broker
says is untrusted text: it is shown without control characters, so that it cannot drive the
terminal.
"""

from __future__ import annotations

import json
import os
import sys
from typing import Final

import click

from broker.errors import HarkaraError, Problem, Unreachable

DONE: Final = 0
CHECK_SAYS_NO: Final = 1
USAGE: Final = 2
REFUSED: Final = 3
UNREACHABLE: Final = 4
NOT_AUTHENTIC: Final = 5
UNSAFE: Final = 6
INTERRUPTED: Final = 130
NOBODY_READS: Final = 141
TERMINATED: Final = 143

EXIT_CODES: Final = {
    DONE: "done",
    CHECK_SAYS_NO: "the check says no",
    USAGE: "usage",
    REFUSED: "refused",
    UNREACHABLE: "unreachable",
    NOT_AUTHENTIC: "not authentic",
    UNSAFE: "unsafe configuration",
}

ADDRESS_HINT: Final = "another address: --url or HARKARA_URL"
KEPT: Final = "\n\u200c\u200d\u200e\u200f"
"""No more than bulletins hold: line feed, ZWNJ, ZWJ, LRM, RLM."""
PROBLEMS_SHOWN: Final = 20
"""More are counted, and listed with --json."""


class MisuseError(Exception):
    """What was asked cannot be done as asked: a file that is not there, or not what it should be.
    Exit code 2.
    """

    def __init__(self, detail: str, hint: str = "") -> None:
        super().__init__(detail)
        self.detail = detail
        self.hint = hint


def harmless(text: str) -> str:
    """Give `text` without what could drive a terminal or reorder a line. What Urdu is written with stays."""
    return "".join(c if c.isprintable() or c in KEPT else f"\\u{ord(c):04x}" for c in text)


def brief(error: HarkaraError) -> str:
    """Give an error in one line: its detail, and the first thing that is wrong."""
    if not error.problems or _is_said(error.problems[0], error.detail):
        return error.detail
    first = error.problems[0]
    where = f"{first.pointer}: " if first.pointer else ""
    return f"{error.detail} ({where}expected {first.expected}, got {first.got})"


def _is_said(problem: Problem, detail: str) -> bool:
    """Tell whether the words of a refusal hold all of a problem but its hint: it is said once."""
    return all(words in detail for words in (problem.pointer, problem.expected, problem.got))


def tell(error: HarkaraError | MisuseError | OSError | click.ClickException, *, as_json: bool) -> int:
    """Say on stderr what is wrong, and give the exit code."""
    match error:
        case HarkaraError():
            return _tell_refusal(error, as_json)
        case MisuseError():
            return _tell_plain("usage", error.detail, error.hint, USAGE, as_json)
        case click.ClickException():
            return _tell_click(error, as_json)
        case OSError():
            where = f"{error.filename}: " if error.filename else ""
            return _tell_plain("system", f"{where}{error.strerror or error}", "", UNSAFE, as_json)


def forget_output() -> None:
    """Send what is still to be written nowhere: nobody reads it, and Python would complain about it
    at exit.
    """
    nowhere = os.open(os.devnull, os.O_WRONLY)
    for stream in (sys.stdout, sys.stderr):
        try:
            os.dup2(nowhere, stream.fileno())
        except (OSError, ValueError):
            continue  # a stream of a test, which has no descriptor
    os.close(nowhere)


def _tell_refusal(error: HarkaraError, as_json: bool) -> int:
    if as_json:
        found: dict[str, object] = {"code": error.code, "detail": error.detail, "exit_code": error.exit_code}
        if error.within:
            found["within"] = error.within
        if error.retry_after is not None:
            found["retry_after"] = error.retry_after
        found["errors"] = [problem.as_json() for problem in error.problems]
        if isinstance(error, Unreachable):
            found["hint"] = ADDRESS_HINT
        _write(json.dumps(found, ensure_ascii=False))
        return error.exit_code
    heading = EXIT_CODES.get(error.exit_code, EXIT_CODES[REFUSED])
    _write(
        f"{click.style(f'harkara: {heading}:', fg='red', bold=True)} {harmless(error.detail)}  [{error.code}]"
    )
    only = len(error.problems) == 1
    for problem in error.problems[:PROBLEMS_SHOWN]:
        said = only and not error.within and _is_said(problem, error.detail)
        where = f"{error.within} → {problem.pointer}" if error.within and problem.pointer else problem.pointer
        if where and not said:
            _write(f"  {harmless(where)}")
        told = (("expected", problem.expected), ("got", problem.got)) if not said else ()
        for label, words in (*told, ("hint", problem.hint)):
            if words:
                _write(f"    {label:<9} {harmless(words)}")
    if (more := len(error.problems) - PROBLEMS_SHOWN) > 0:
        _write(f"  … and {more} more: --json lists all")
    if isinstance(error, Unreachable):
        _write(f"    hint      {ADDRESS_HINT}")
    if error.retry_after is not None:
        _write(f"  Try again in {error.retry_after:g} s.")
    return error.exit_code


def _tell_click(error: click.ClickException, as_json: bool) -> int:
    if as_json or not isinstance(error, click.UsageError):
        return _tell_plain("usage", error.format_message(), "", USAGE, as_json)
    if isinstance(error, click.exceptions.NoArgsIsHelpError):
        _write(error.format_message())
        return USAGE
    hint = f"{error.ctx.command_path} --help" if error.ctx is not None else "harkara --help"
    return _tell_plain("usage", error.format_message(), hint, USAGE, as_json)


def _tell_plain(code: str, detail: str, hint: str, exit_code: int, as_json: bool) -> int:
    if as_json:
        found = {"code": code, "detail": detail, "exit_code": exit_code} | ({"hint": hint} if hint else {})
        _write(json.dumps(found, ensure_ascii=False))
        return exit_code
    _write(f"{click.style('harkara:', fg='red', bold=True)} {harmless(detail)}")
    if hint:
        _write(f"    hint      {harmless(hint)}")
    return exit_code


def _write(line: str) -> None:
    click.echo(line, err=True)
