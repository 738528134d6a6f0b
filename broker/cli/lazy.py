"""A group of commands that are loaded when they are called, and listed without being loaded.

The table is the one place that says which commands there are, and each command's one-line summary:
listing them costs no import, which keeps `harkara --help` below 0.2 s.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from difflib import get_close_matches
from importlib import import_module
from typing import Any

import click

from broker.cli.command import guarded


@dataclass(frozen=True, slots=True)
class Entry:
    """One command of a group: its name, `module:attribute`, its summary, and the heading it is
    listed under.
    """

    name: str
    place: str
    summary: str
    heading: str = "Commands"


class LazyGroup(click.Group):
    """A group over a table of entries, listed in the order of the table."""

    def __init__(self, *args: Any, entries: Sequence[Entry], **settings: Any) -> None:
        super().__init__(*args, **settings)
        self.entries = {entry.name: entry for entry in entries}

    def list_commands(self, ctx: click.Context) -> list[str]:
        """Give the names, in the order of the table."""
        return list(self.entries)

    def get_command(self, ctx: click.Context, cmd_name: str) -> click.Command | None:
        """Load a command."""
        if (entry := self.entries.get(cmd_name)) is None:
            return None
        module, _, attribute = entry.place.partition(":")
        with guarded():
            command = getattr(import_module(module), attribute)
        command.short_help = entry.summary
        return command

    def resolve_command(
        self, ctx: click.Context, args: list[str]
    ) -> tuple[str | None, click.Command | None, list[str]]:
        """Find the command that is called. Raises a usage error that names the nearest one."""
        if args and args[0] not in self.entries and not args[0].startswith("-"):
            near = get_close_matches(args[0], self.entries, 1)
            ctx.fail(f"there is no command {args[0]!r}" + (f": {near[0]}?" if near else ""))
        return super().resolve_command(ctx, args)

    def format_commands(self, ctx: click.Context, formatter: click.HelpFormatter) -> None:
        """List the commands under their headings, without loading any."""
        headings = dict.fromkeys(entry.heading for entry in self.entries.values())
        width = max(len(name) for name in self.entries)
        for heading in headings:
            listed = [e for e in self.entries.values() if e.heading == heading]
            with formatter.section(heading):
                formatter.write_dl([(e.name.ljust(width), e.summary) for e in listed])
