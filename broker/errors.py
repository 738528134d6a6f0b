"""The one family of errors, split by whose fault it is.

Every refusal that Harkara gives (over HTTP, in the client, on the command line) is one of these classes.
Each has a stable `code` (the last part of `urn:harkara:problem:<code>`), an HTTP `status` and a command-line
`exit_code`; these three never change once published. The words in `detail` are for people and may change.

An error carries no content of a bulletin beyond the refused value itself, and that is cut short: an error
travels to logs and to terminals.
"""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, replace
from typing import ClassVar

GOT_LIMIT_CHARS = 80
"""How much of a refused value an error repeats."""


@dataclass(frozen=True, slots=True)
class Problem:
    """One thing that is wrong in what was sent.

    `pointer` is an RFC 6901 JSON pointer into it ("" is the whole), `expected` and `got` are for people,
    `hint` says how to mend it (may be empty).
    """

    pointer: str
    expected: str
    got: str
    hint: str = ""

    def as_json(self) -> dict[str, str]:
        """Give the member of `errors` of RFC 9457 that this is."""
        found = {"pointer": self.pointer, "expected": self.expected, "got": self.got}
        return found | {"hint": self.hint} if self.hint else found


def shorten(value: object) -> str:
    """Give `value` as a short, printable text for `Problem.got`."""
    text = value if isinstance(value, str) else repr(value)
    text = "".join(c if c.isprintable() else f"\\u{ord(c):04x}" for c in text[: GOT_LIMIT_CHARS + 1])
    return text if len(text) <= GOT_LIMIT_CHARS else text[:GOT_LIMIT_CHARS] + "…"


class HarkaraError(Exception):
    """The root of the family. Raise a class below it, never itself."""

    code: ClassVar[str] = "error"
    status: ClassVar[int] = 500
    exit_code: ClassVar[int] = 3

    def __init__(self, detail: str, *problems: Problem, retry_after: float | None = None) -> None:
        super().__init__(detail)
        self.detail = detail
        self.problems = problems
        self.retry_after = retry_after
        """Seconds after which the same request may be sent again, or None."""
        self.within = ""
        """JSON pointer of the base64 member of the body into whose decoded document the problems point ("":
        none).
        """


# --- The sender's fault: what was sent cannot be taken ------------------------------------------------------


class Malformed(HarkaraError):
    """The bytes are not a document of the kind expected."""

    code, status = "malformed", 400


class BadSignature(HarkaraError):
    """A signature does not verify, or is missing."""

    code, status = "bad-signature", 401


class UnknownKey(HarkaraError):
    """No active member has the key that signed."""

    code, status = "unknown-key", 401


class ExpiredKey(HarkaraError):
    """The key was valid once, or will be."""

    code, status = "expired-key", 401


class RevokedKey(HarkaraError):
    """The key was revoked in the registry."""

    code, status = "revoked-key", 401


class ClockSkew(HarkaraError):
    """A signed read was made too far from the broker's time. Names both times."""

    code, status = "clock", 401


class Replayed(HarkaraError):
    """A signed read's nonce was used before."""

    code, status = "replayed", 401


class AuthorMismatch(HarkaraError):
    """A document names one author and is signed by another."""

    code, status = "author-mismatch", 403


class MayNotOriginate(HarkaraError):
    """The agency is not entitled to post this category or status."""

    code, status = "may-not-originate", 403


class NotFound(HarkaraError):
    """It does not exist, or the caller may not know that it does."""

    code, status = "not-found", 404


class MethodNotAllowed(HarkaraError):
    """The route exists, the method does not."""

    code, status = "method-not-allowed", 405


class NotAcceptable(HarkaraError):
    """None of the media types asked for can be given."""

    code, status = "not-acceptable", 406


class RequestTimeout(HarkaraError):
    """The request did not arrive in time."""

    code, status = "request-timeout", 408


class IdConflict(HarkaraError):
    """This (originator, id) was accepted before with other bytes."""

    code, status = "id-conflict", 409


class AudienceChanged(HarkaraError):
    """A blind post is not wrapped for the audience of the moment, under pair keys in force."""

    code, status = "audience-changed", 409


class CursorNotOurs(HarkaraError):
    """The cursor names a number or an epoch that this inbox does not have."""

    code, status = "cursor", 409


class RolledBack(HarkaraError):
    """The reader holds a chain that the inbox does not have."""

    code, status, exit_code = "rollback", 409, 5


class VersionConflict(HarkaraError):
    """A registry or subscription is not newer than the one in force."""

    code, status = "version-conflict", 409


class TooLarge(HarkaraError):
    """More bytes, lines or members than a limit allows."""

    code, status = "too-large", 413


class UnsupportedMediaType(HarkaraError):
    """The content type or encoding is not one that this route takes."""

    code, status = "unsupported-media-type", 415


class SchemaError(HarkaraError):
    """The document is well-formed and some of its fields are not acceptable. Lists all of them."""

    code, status = "schema", 422


class WrongExchange(HarkaraError):
    """The document was made for another exchange."""

    code, status = "wrong-exchange", 422


class OutOfWindow(HarkaraError):
    """`sent` or `at` is too old or too far ahead, or `expires` has passed."""

    code, status = "out-of-window", 422


class UnknownAgency(HarkaraError):
    """The address names an agency or group that the exchange does not have."""

    code, status = "unknown-agency", 422


class WrongAddress(HarkaraError):
    """The address opening is missing, not needed, or not the one that the bulletin commits to."""

    code, status = "wrong-address", 422


class RateLimited(HarkaraError):
    """An agency or a peer is at its limit."""

    code, status = "rate-limited", 429


# --- The broker's or its store's fault: the same request may succeed later ----------------------------------


class Unavailable(HarkaraError):
    """The broker cannot serve this now."""

    code, status, exit_code = "unavailable", 503, 4


class StoreUnavailable(Unavailable):
    """The store does not answer."""

    code = "store-unavailable"


class StoreTampered(Unavailable):
    """What the store holds is not what the brokers wrote: an operator must look at it."""

    code = "store-tampered"


class OutcomeUnknown(Unavailable):
    """The store may or may not have taken the write: repeat it, repeating is harmless."""

    code = "outcome-unknown"


class RouterBehind(Unavailable):
    """The router lags: accepting more would only lengthen the queue."""

    code = "router-behind"


class RegistryExpired(Unavailable):
    """The registry's grace is over: nothing can be posted until a newer one is published."""

    code, exit_code = "registry-expired", 3


class Unreachable(HarkaraError):
    """The client could not reach the broker."""

    code, status, exit_code = "unreachable", 503, 4


# --- Somebody in between: what arrived is not authentic -----------------------------------------------------


class NotAuthentic(HarkaraError):
    """Something that must verify does not. Never says which secret comparison failed."""

    code, status, exit_code = "not-authentic", 422, 5


class InboxBroken(NotAuthentic):
    """An inbox shows a gap, a fork or a rollback: the feed stops, loudly."""

    code = "inbox-broken"


# --- The operator's fault: the set-up is not safe -----------------------------------------------------------


class UnsafeConfiguration(HarkaraError):
    """Harkara refuses to run like this. The detail says how to mend it."""

    code, status, exit_code = "unsafe-configuration", 503, 6


@contextmanager
def pointing_within(member: str) -> Iterator[None]:
    """Mark the errors raised inside: their pointers lead into the document that `member` holds in base64."""
    try:
        yield
    except HarkaraError as error:
        if error.problems:  # a store that does not answer points nowhere
            error.within = error.within or member
        raise


@contextmanager
def pointing_below(member: str) -> Iterator[None]:
    """Put `member` before the pointers of the errors raised inside: the part that was read stands there.

    Pointers that lead into a document in base64 stay; the pointer of that document moves.
    """
    try:
        yield
    except HarkaraError as error:
        if error.within:
            error.within = member + error.within
            raise
        error.problems = tuple(
            replace(problem, pointer=member + problem.pointer) for problem in error.problems
        )
        raise


@contextmanager
def pointing_at(member: str) -> Iterator[None]:
    """Let the errors raised inside point at `member` ("" for the whole body): what they name lies inside
    it, in a form that pointers do not lead into.
    """
    try:
        yield
    except HarkaraError as error:
        error.within = ""
        error.problems = tuple(replace(problem, pointer=member) for problem in error.problems)
        raise


def family() -> Iterator[type[HarkaraError]]:
    """Give every class of the family, for documentation and for the test that walks the codes."""
    found = list(HarkaraError.__subclasses__())
    while found:
        kind = found.pop()
        found.extend(kind.__subclasses__())
        yield kind
