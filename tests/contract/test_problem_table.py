"""docs/problems.md is the family of errors: each code once, with status, exit code and meaning."""

from __future__ import annotations

import inspect
import re

from broker.errors import family
from tests.architecture.tree import REPOSITORY

ROW = re.compile(r"^\| `([a-z-]+)` \| (\d{3}) \| (\d) \| (.+?) \| (.+) \|$", re.MULTILINE)
ROWS = ROW.findall((REPOSITORY / "docs" / "problems.md").read_text("utf-8"))


def test_the_table_has_every_code_once_and_no_other() -> None:
    assert sorted(row[0] for row in ROWS) == sorted(kind.code for kind in family())


def test_each_row_says_what_the_class_says() -> None:
    said = {code: (int(status), int(leaves), meaning) for code, status, leaves, meaning, _ in ROWS}
    meant = {
        kind.code: (kind.status, kind.exit_code, inspect.getdoc(kind))
        for kind in family()
        if kind.code in said
    }
    assert said == meant


def test_the_rows_stand_in_the_order_of_their_statuses() -> None:
    statuses = [int(row[1]) for row in ROWS]
    assert statuses == sorted(statuses)
