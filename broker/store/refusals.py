"""Turns what redis-py raises into the errors of Harkara, in one place.

The one distinction that matters: after a failed *read* the store is merely unavailable; after a failed
*write* the outcome is unknown, unless the server's own answer shows that it wrote nothing.
"""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager

from redis.exceptions import RedisError

from broker.errors import OutcomeUnknown, StoreUnavailable, shorten

RETRY_AFTER_S = 1.0

_REFUSED_BEFORE_WRITING = {
    "OOM": "the store has no memory left: raise maxmemory, or wait until bulletins expire",
    "MISCONF": "the store cannot write to its disk: see the store's log and free space there",
    "READONLY": "the store is a replica: give the address of the primary",
    "LOADING": "the store is still reading its file",
    "BUSY": "the store is busy with another script",
    "MASTERDOWN": "the store is a replica without its primary",
    "CLUSTERDOWN": "the store's cluster is incomplete",
    "NOREPLICAS": "the store has too few replicas connected",
    "TRYAGAIN": "a slot of the store's cluster is moving",
    "NOPERM": "the store's account may not run a command that Harkara needs: see `harkara doctor`",
    "NOAUTH": "the store asks for a password: put it into the URL",
    "WRONGPASS": "the store does not accept this user name and password",
    "MOVED": "the store is one node of a cluster, and another node has this key",
}
"""Code of the server's answer, and what to tell. All come before a script's first write."""


def code_of(error: BaseException) -> str:
    """Give the server's code in an error (`OOM`, `NOSCRIPT` …), or the first word of its text."""
    if error.args and isinstance(error.args[0], RedisError):
        error = error.args[0]  # redis-py wraps what a new connection on a Unix socket fails of
    return getattr(error, "status_code", None) or str(error).partition(" ")[0]


def refused_before_writing(error: BaseException) -> bool:
    """Tell whether `error` is the server's own word that nothing was written."""
    return code_of(error) in _REFUSED_BEFORE_WRITING


def _tell(error: BaseException) -> str:
    told = _REFUSED_BEFORE_WRITING.get(code_of(error))
    return told or f"the store does not answer: {shorten(str(error) or type(error).__name__)}"


def unavailable(error: BaseException) -> StoreUnavailable:
    """Give the refusal for an `error` after which nothing was, or could have been, written."""
    return StoreUnavailable(_tell(error), retry_after=RETRY_AFTER_S)


def outcome_unknown(error: BaseException) -> OutcomeUnknown:
    """Give the refusal for a write whose reply was lost."""
    return OutcomeUnknown(
        f"the outcome is unknown, repeat the request (that is harmless): {_tell(error)}",
        retry_after=RETRY_AFTER_S,
    )


@contextmanager
def reading() -> Iterator[None]:
    """Raise `StoreUnavailable` for whatever a read fails of."""
    try:
        yield
    except (RedisError, OSError) as error:
        raise unavailable(error) from error


@contextmanager
def writing() -> Iterator[None]:
    """Raise `StoreUnavailable` for a write that was refused, `OutcomeUnknown` for a lost reply."""
    try:
        yield
    except (RedisError, OSError) as error:
        if refused_before_writing(error):
            raise unavailable(error) from error
        raise outcome_unknown(error) from error
