"""What a bulletin must keep between its fields (docs, "The bulletin"). `BULLETIN_RULES` is the table.

Each check is given the bulletin, or what is right of it, and looks only at the fields that its rule names.
"""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any, Final

from broker.errors import Problem
from broker.protocol import limits, times
from broker.protocol.rules import Rule, readable, together
from broker.protocol.subjects import Person
from broker.protocol.vocabulary import NAMED_MARKINGS, OPEN_MARKINGS


def handling_text(it: Any) -> Iterable[Problem]:
    """H3 says that the text tells what to do: then there is one."""
    if it.code == "H3" and it.text is None:
        yield Problem("/text", "text, because the code is H3", "nothing", "say what is asked of the reader")


def _needed(name: str) -> Rule:
    def check(it: Any) -> Iterable[Problem]:
        if it.type != "Cancel" and getattr(it, name) is None:
            yield Problem(f"/{name}", f"{name}, except in a Cancel", "nothing")

    return Rule(("type", name), check, {"if": _CANCEL, "else": {"required": [name]}})


def _references(it: Any) -> Iterable[Problem]:
    if it.type == "Alert" and it.references:
        yield Problem(
            "/references", "no references in an Alert", f"{len(it.references)}", "make it an Update or Cancel"
        )
    if it.type != "Alert" and not it.references:
        yield Problem("/references", f"the ids that this {it.type} is about", "nothing")
    if len(set(it.references)) != len(it.references):
        yield Problem("/references", "each id once", "an id twice")


def _not_itself(it: Any) -> Iterable[Problem]:
    if it.id in it.references:
        yield Problem(
            f"/references/{it.references.index(it.id)}", "the id of an earlier bulletin", "its own id"
        )


def _address(it: Any) -> Iterable[Problem]:
    if it.marking in NAMED_MARKINGS and it.address_digest is None:
        yield Problem(
            "/address_digest",
            f"an address, because {it.marking} goes to named agencies",
            "nothing",
            "post it with --to",
        )


def _protected(it: Any) -> Iterable[Problem]:
    for n, subject in enumerate(it.subjects):
        if isinstance(subject, Person) and subject.protected and it.marking in OPEN_MARKINGS:
            yield Problem(
                "/marking", f"TLP:AMBER or narrower, because /subjects/{n} is a {subject.role}", it.marking
            )


def _lifetime(it: Any) -> Iterable[Problem]:
    try:
        life = times.parse(it.expires) - times.parse(it.sent)
    except ValueError:
        return  # said by the rule on that field
    if life <= 0:
        yield Problem("/expires", f"a time after sent, {it.sent}", it.expires)
    elif life > limits.LIFETIME_US:
        yield Problem(
            "/expires",
            f"at most {limits.LIFETIME_US // limits.DAY_US} days after sent, {it.sent}",
            it.expires,
        )


def _before_expiry(name: str) -> Rule:
    def check(it: Any) -> Iterable[Problem]:
        text = getattr(it, name)
        if text is None or text in ("urgent", "routine"):
            return
        try:
            late = times.parse(text) > times.parse(it.expires)
        except ValueError:
            return
        if late:
            yield Problem(f"/{name}", f"a time not after expires, {it.expires}", text)

    return Rule((name, "expires"), check)


def _respond_by(text: str) -> None:
    if text not in ("urgent", "routine"):
        times.parse(text)


def _attachments(it: Any) -> Iterable[Problem]:
    if (size := sum(attachment.size for attachment in it.attachments)) > limits.ATTACHMENTS_BYTES:
        yield Problem("/attachments", f"at most {limits.ATTACHMENTS_BYTES} bytes together", f"{size}")
    if len({attachment.name for attachment in it.attachments}) != len(it.attachments):
        yield Problem("/attachments", "each name once", "a name twice")


_TIMES: Final = ("sent", "issued", "onset", "expires")
_CANCEL: Final = {"properties": {"type": {"const": "Cancel"}}}
_ALERT: Final = {"properties": {"type": {"const": "Alert"}}}


BULLETIN_RULES: Final[tuple[Rule, ...]] = (
    *(readable(name, times.parse, "a time") for name in _TIMES),
    readable("respond_by", _respond_by, "urgent, routine or a time"),
    *(_needed(name) for name in ("text", "urgency", "severity", "certainty")),
    Rule(
        ("type", "references"),
        _references,
        {
            "if": _ALERT,
            "then": {"not": {"required": ["references"]}},
            "else": {"required": ["references"]},
        },
    ),
    Rule(("id", "references"), _not_itself),
    Rule(
        ("marking", "address_digest"),
        _address,
        {
            "if": {"properties": {"marking": {"enum": sorted(NAMED_MARKINGS)}}},
            "then": {"required": ["address_digest"]},
        },
    ),
    Rule(("marking", "subjects"), _protected),
    Rule(("sent", "expires"), _lifetime),
    _before_expiry("onset"),
    _before_expiry("respond_by"),
    together("respond_by", "request"),
    Rule(("attachments",), _attachments),
)
