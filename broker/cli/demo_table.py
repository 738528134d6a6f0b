"""What the demonstration shows: a table bulletin × agency, the attempts that were refused, and what to try
next.
"""

from __future__ import annotations

from pathlib import Path
from typing import Any

from rich import box
from rich.console import Console
from rich.table import Table
from rich.text import Text

from broker.cli.demo_run import Cell, Played, Report
from broker.cli.demo_scenario import FIA, ISLAMABAD, MEMBERS
from broker.cli.output import result
from broker.protocol.routing import Reason

WIDTH = 80
"""Of a pipe or a file; a terminal has its own."""
_SHORTER = {
    Reason.STATUS.words: "not this status",
    Reason.MARKING.words: "above GREEN",
    Reason.ONLY_NAMED.words: "only if named",
    Reason.NOT_NAMED.words: "not named",
}
"""The broker's reasons in the width of a column."""
_MARKINGS = {"TLP:CLEAR": "white", "TLP:GREEN": "green", "TLP:AMBER": "yellow", "TLP:RED": "red"}


def report_table(report: Report) -> Table:
    """Give the table: who heard what after how many ms and said what, and who did not and why."""
    table = Table(box=box.SIMPLE_HEAD, pad_edge=False, show_lines=False, padding=(0, 1, 0, 0))
    table.add_column("bulletin", no_wrap=True)
    for member in MEMBERS:
        table.add_column(member.short)
    for played in report.played:
        cells = {cell.agency: cell for cell in played.cells}
        row = [_cell(cells[member.id]) if member.id in cells else Text("posts", "bold") for member in MEMBERS]
        table.add_row(_title(played), *row)
    return table


def report_words(report: Report) -> list[str]:
    """Give the lines below the table."""
    lines = [
        f"refused: {attempt.refusal.attempt} ({attempt.code or 'TAKEN, and must not be'})"
        for attempt in report.refused
    ]
    held = report.expectations - len(report.failures)
    lines += [f"FAILED: {failure}" for failure in report.failures]
    lines.append(f"{held} of {report.expectations} expectations held.")
    return lines


def report_json(report: Report) -> dict[str, Any]:
    """Give the report for scripts."""
    return {
        "bulletins": [
            {
                "title": played.scene.title,
                "originator": played.posted.originator,
                "id": played.posted.id,
                "agencies": [
                    {
                        "agency": cell.agency,
                        "delivered": cell.ms is not None,
                        "ms": None if cell.ms is None else round(cell.ms, 1),
                        "reason": cell.reason,
                        "receipts": list(cell.receipts),
                        "as_expected": cell.holds,
                    }
                    for cell in played.cells
                ],
            }
            for played in report.played
        ],
        "refused": [{"attempt": one.refusal.attempt, "code": one.code} for one in report.refused],
        "failures": list(report.failures),
        "expectations": report.expectations,
    }


def show(report: Report, *, as_json: bool) -> None:
    """Print the report to stdout: one line of JSON, or the table and what else there is to say."""
    if as_json:
        result(report_json(report), [], as_json=True)
        return
    console = Console(highlight=False)
    if not console.is_terminal:
        console.width = WIDTH
    console.print(report_table(report))
    for line in report_words(report):
        console.print(line, style="red" if line.startswith("FAILED") else None)


def next_steps(shell_files: dict[str, Path]) -> list[str]:
    """Give what to try next, as which agency."""
    fia, islamabad = shell_files[FIA], shell_files[ISLAMABAD]
    return [
        "",
        "The broker stays up. In another terminal, you are now FIA:",
        "",
        f"  . {fia}",
        "  harkara feed",
        "  harkara draft human-smuggling > alert.json      # then fill it in",
        "  harkara audience alert.json",
        "  harkara post alert.json",
        "",
        "and in a third one, Islamabad Police:",
        "",
        f"  . {islamabad}",
        "  harkara feed --follow",
        "  harkara ack 1 actioned",
        "",
        "Ctrl-C here ends the demonstration and removes everything it made.",
    ]


def _title(played: Played) -> Text:
    document = played.scene.document
    title = Text(played.scene.title, "bold reverse" if document["status"] != "Actual" else "bold")
    title.append(f"\n{document['marking']}", _MARKINGS.get(document["marking"], "white"))
    if played.scene.blind:
        title.append(", blind")
    return title


def _cell(cell: Cell) -> Text:
    if cell.ms is None:
        text = Text(f"– {_SHORTER.get(cell.reason, cell.reason)}", "dim")
    else:
        text = Text(f"✓ {cell.ms:.0f} ms", "green")
        text.append(f"\n{', '.join(cell.receipts) or 'no receipt'}", "default" if cell.receipts else "red")
    if not cell.holds:
        text.append("\nWRONG", "bold red")
    return text
