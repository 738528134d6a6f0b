"""Who is it: signed reads (RFC 9421), from the bytes of a request to an agency of the registry, or a refusal.

A request has exactly one signature. It covers `@method`, `@authority`, `@path`, `@query`, with a body also
`content-digest`; its parameters are `created` within 60 s of our clock, `nonce` (used once), `keyid` (hex
of a signing key in force) and `tag="harkara-read"`. The key decides the algorithm. `@authority` must be one
of ours: a read signed for somebody else's server, and passed on by it, is no read here.

The library verifies; age, nonce, tag and the one signature are asked here. Source: schemas/protocol.md,
"Answers".
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterable
from dataclasses import dataclass, replace
from datetime import timedelta
from typing import Any, Final

from aiohttp import web
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PublicKey
from http_message_signatures.algorithms import ED25519  # type: ignore[reportPrivateImportUsage]
from http_message_signatures.exceptions import HTTPMessageSignaturesException
from http_message_signatures.resolvers import HTTPSignatureKeyResolver
from http_message_signatures.signatures import HTTPMessageVerifier

from broker.errors import BadSignature, ClockSkew, ExpiredKey, Problem, RevokedKey, UnknownKey, shorten
from broker.protocol import times
from broker.protocol.card import Card, PublicKey
from broker.protocol.limits import READ_AGE_US, SECOND_US
from broker.protocol.registry import Registry
from broker.web import signature_words
from broker.web.nonces import Nonces
from broker.web.query import TARGET
from broker.web.target import Target, normalise_authority

TAG: Final = "harkara-read"
COMPONENTS: Final = ("@method", "@authority", "@path", "@query")
NONCE_CHARS: Final = range(16, 65)
_KEY_ID: Final = re.compile(r"[0-9a-f]{64}")
_LOOPBACK: Final = re.compile(r"(?:localhost|127(?:\.[0-9]{1,3}){3}|\[::1\])(?::[0-9]{1,5})?")
_LATEST_SECOND: Final = 253_402_300_799
"""The end of the year 9999."""


@dataclass(frozen=True, slots=True)
class Caller:
    """A member whose signature over this very request was verified."""

    agency: str
    kid: bytes


class Callers:
    """Tells who sent a request. `authorities` are the names of this server; none on loopback only.

    `charge` counts a read of an agency, and raises when that is one too many.
    """

    def __init__(
        self,
        registry: Callable[[], Registry],
        authorities: Iterable[str],
        scheme: str,
        clock: Callable[[], int],
        nonces: Nonces,
        charge: Callable[[str], None],
    ) -> None:
        self._registry = registry
        self._authorities = frozenset(normalise_authority(name, scheme) for name in authorities)
        self.scheme = scheme
        self._clock = clock
        self._nonces = nonces
        self._charge = charge

    def identify(
        self, request: web.Request, body: bytes | None = None, *, expired_too: bool = False
    ) -> Caller:
        """Verify the signature of a request over itself and, when given, over its body.

        With `expired_too` a key that is not in force passes, unless it was revoked: for fetching the
        registry, which an agency needs to become valid again. Raises `BadSignature`, `ClockSkew`,
        `UnknownKey`, `ExpiredKey`, `RevokedKey`, `Replayed`, or `RateLimited` when it has read enough.
        """
        target = request[TARGET]
        self.check_authority(target)
        registry, now = self._registry(), self._clock()
        verifier = _Verifier(lambda kid: _signer(registry, kid, now, expired_too), now)
        needed = COMPONENTS if body is None else (*COMPONENTS, "content-digest")
        try:
            # No expected tag: with one, the library would pass over further signatures instead of refusing
            # them.
            verifier.verify(_Message(request, target, self.scheme), require_components=needed, body=body)
        except HTTPMessageSignaturesException as why:
            found = signature_words.problem(str(why))
            raise BadSignature("the request's signature does not verify", found) from None
        self._nonces.use(verifier.member, verifier.nonce, now)
        # Last: neither a forged read nor one that is played again is at the agency's expense.
        self._charge(verifier.member)
        return Caller(verifier.member, verifier.kid)

    def check_authority(self, target: Target) -> None:
        """Refuse a request for another server. Raises `BadSignature`."""
        known = (
            target.authority in self._authorities
            if self._authorities
            else _LOOPBACK.fullmatch(target.authority)
        )
        if not known:
            raise BadSignature(
                "signed for another server",
                Problem(
                    "/@authority", "a name of this server", shorten(target.authority), "see serve --authority"
                ),
            )

    def still_in_force(self, caller: Caller) -> None:
        """Ask again after a wait. Raises `UnknownKey`, `ExpiredKey` or `RevokedKey`."""
        self._registry().signer(caller.kid, self._clock())


def _signer(registry: Registry, kid: bytes, now: int, expired_too: bool) -> tuple[Card, PublicKey]:
    try:
        return registry.signer(kid, now)
    except (UnknownKey, ExpiredKey, RevokedKey) as error:
        if expired_too and isinstance(error, ExpiredKey):
            return next(
                (card, key) for card in registry.cards.values() for key in card.keys if key.kid == kid
            )
        error.problems = tuple(
            replace(problem, pointer="/signature-input/keyid") for problem in error.problems
        )
        raise


class _Message:
    """The view of a request that the library asks for."""

    def __init__(self, request: web.Request, target: Target, scheme: str) -> None:
        self.method = request.method
        self.url = f"{scheme}://{target.authority}{target.origin_form}"
        self.request_target = target.origin_form
        self.headers = _Fields(request.raw_headers)


class _Fields:
    """Header fields in their order, one by one."""

    def __init__(self, raw: tuple[tuple[bytes, bytes], ...]) -> None:
        self._raw = raw

    def items(self) -> list[tuple[str, str]]:
        return [(name.decode("latin-1"), value.decode("latin-1")) for name, value in self._raw]


class _Key(HTTPSignatureKeyResolver):
    """The one key that was found."""

    def __init__(self) -> None:
        self.public: Ed25519PublicKey | None = None

    def resolve_public_key(self, key_id: str) -> Ed25519PublicKey | None:
        return self.public


class _Verifier(HTTPMessageVerifier):
    """The library's verifier with our rules for the parameters, asked before anything is computed."""

    max_clock_skew = timedelta(microseconds=READ_AGE_US)

    def __init__(self, find: Callable[[bytes], tuple[Card, PublicKey]], now: int) -> None:
        self._key = _Key()
        super().__init__(signature_algorithm=ED25519, key_resolver=self._key)
        self._find = find
        self._now = now
        self.kid = b""
        self.nonce = ""
        self.member = ""

    def validate_created_and_expires(self, sig_input: Any, max_age: timedelta | None = None) -> None:
        """Ask the rules of the parameters. The library calls this for each signature, before it looks for
        the key.
        """
        said = sig_input.params
        if said.get("tag") != TAG:
            raise _parameter("tag", TAG, said.get("tag"))
        nonce = said.get("nonce")
        if not isinstance(nonce, str) or len(nonce) not in NONCE_CHARS:
            raise _parameter("nonce", f"{NONCE_CHARS[0]} to {NONCE_CHARS[-1]} characters", nonce)
        self._check_created(said.get("created"))
        if isinstance(expires := said.get("expires"), int) and expires * SECOND_US < self._now:
            raise ClockSkew("the request's signature has expired")
        key_id = said.get("keyid")
        if not isinstance(key_id, str) or _KEY_ID.fullmatch(key_id) is None:
            raise _parameter("keyid", "64 lower-case hex digits", key_id)
        card, key = self._find(bytes.fromhex(key_id))
        if key.signing is None:
            raise UnknownKey("not a signing key", Problem("/signature-input/keyid", "a signing key", key_id))
        self._key.public, self.kid, self.nonce, self.member = key.signing, key.kid, nonce, card.id

    def _check_created(self, created: object) -> None:
        if not isinstance(created, int) or not 0 <= created <= _LATEST_SECOND:
            raise _parameter("created", "seconds since the epoch", created)
        if abs(created * SECOND_US - self._now) > READ_AGE_US:
            theirs, ours = times.format(created * SECOND_US), times.format(self._now)
            raise ClockSkew(
                f"the request was signed at {theirs}, and the broker's time is {ours}",
                Problem("/signature-input/created", f"within {READ_AGE_US // SECOND_US} s of {ours}", theirs),
            )


def _parameter(name: str, expected: str, got: object) -> BadSignature:
    found = "none" if got is None else shorten(got)
    return BadSignature(
        "the request is not signed as reads are", Problem(f"/signature-input/{name}", expected, found)
    )
