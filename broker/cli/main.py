"""`harkara`: the table of all commands, and the way in and out of the program."""

from __future__ import annotations

import io
import sys
from typing import Final

import click

from broker import __version__
from broker.cli import refusals
from broker.cli.command import SETTINGS, guarded, wants_json
from broker.cli.lazy import Entry, LazyGroup

START, AGENCY, SAY, HEAR, PROOF, EXCHANGE = (
    "Begin",
    "For an agency",
    "Say",
    "Hear",
    "Prove",
    "For the exchange",
)

ENTRIES: Final = (
    Entry("demo", "broker.cli.demo:demo", "show a whole exchange on this machine, in seconds", START),
    Entry("doctor", "broker.cli.doctor:doctor", "say what is wrong, and how to mend it", START),
    Entry("keys", "broker.cli.keys:keys", "make an identity and its card, renew them", AGENCY),
    Entry("subscribe", "broker.cli.subscribe:subscribe", "say what you want to hear", AGENCY),
    Entry("request", "broker.cli.request:request", "send any request, signed: a curl that signs", AGENCY),
    Entry("draft", "broker.cli.draft:draft", "write a bulletin to fill in", SAY),
    Entry("audience", "broker.cli.audience:audience", "show who would receive a bulletin, and why", SAY),
    Entry("post", "broker.cli.post:post", "say something: a bulletin, CAP or STIX", SAY),
    Entry("receipts", "broker.cli.receipts:receipts", "show who has a bulletin, and what they said", SAY),
    Entry("cancel", "broker.cli.cancel:cancel", "take a bulletin back", SAY),
    Entry("feed", "broker.cli.feed:feed", "show what came for you, each item once", HEAR),
    Entry("fetch", "broker.cli.fetch:fetch", "show one item again, write it or its attachments", HEAR),
    Entry("ack", "broker.cli.answers:ack", "tell that a bulletin was opened, actioned, refused", HEAR),
    Entry("answer", "broker.cli.answers:answer", "answer what a bulletin asks", HEAR),
    Entry("sign", "broker.cli.sign:sign", "check and sign a bulletin: a post, not yet sent", PROOF),
    Entry("export", "broker.cli.fetch:export", "write what proves an item to others", PROOF),
    Entry("verify", "broker.cli.verify:verify", "tell who signed a file, and whether it is unchanged", PROOF),
    Entry("init", "broker.cli.init:init", "make a new exchange: its name, keys and first registry", EXCHANGE),
    Entry("serve", "broker.cli.serve:serve", "run a broker", EXCHANGE),
    Entry("registry", "broker.cli.registry:registry", "enrol members, sign and publish", EXCHANGE),
)

EPILOG: Final = (
    "Every flag can be given as a variable: --some-thing as HARKARA_SOME_THING, or, where other "
    "commands mean something else by it, with the command in front, as its help shows. "
    "Results go to stdout, everything else to stderr. Exit codes: "
    + ", ".join(f"{code} {words}" for code, words in refusals.EXIT_CODES.items())
    + "."
)


@click.group(cls=LazyGroup, entries=ENTRIES, context_settings=SETTINGS, epilog=EPILOG)
@click.version_option(__version__, prog_name="harkara")
def harkara() -> None:
    """Carry threat bulletins between agencies: signed, sealed, numbered, never lost."""


def main() -> None:
    """Run the program."""
    for stream in (sys.stdout, sys.stderr):
        if isinstance(stream, io.TextIOWrapper):
            stream.reconfigure(
                encoding="utf-8", errors="replace"
            )  # names are in Urdu too, pipes on Windows not UTF-8
    try:
        with guarded(as_json=wants_json(sys.argv[1:])):
            code = harkara.main(prog_name="harkara", standalone_mode=False)
    except click.exceptions.Exit as done:
        code = done.exit_code
    except click.Abort:
        code = refusals.INTERRUPTED
    sys.exit(code if isinstance(code, int) else refusals.DONE)
