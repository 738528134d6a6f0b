"""Every limit of the listener: its name, its unit, and the attack it stops.

The limits of documents stand in `protocol.limits`; these bound what a peer can hold open, before anything
is known about who it is. A test shortens the times; an operator changes `connections_per_peer`.
"""

from __future__ import annotations

from dataclasses import dataclass

from broker.protocol.limits import BODY_BYTES


@dataclass(frozen=True, slots=True)
class Limits:
    """The limits of one listener. Times are seconds."""

    request_line_bytes: int = 8 * 1024
    field_bytes: int = 8 * 1024
    fields: int = 64

    head_and_body_seconds: float = 15.0
    """From the first byte of a request to the last of its body (slow loris)."""
    free_body_bytes: int = BODY_BYTES
    body_bytes_per_second: int = 64 * 1024
    """A body of more than `free_body_bytes` has so much longer: a batch over a slow line is no attack."""
    body_memory_bytes: int = 128 * 1024 * 1024
    """What the larger bodies may hold together, unverified as they are, above `free_body_bytes` each."""

    idle_seconds: float = 75.0
    """An open connection without a request."""
    lingering_seconds: float = 2.0
    """How long the rest of a refused body is read and thrown away, so that the peer sees the refusal."""
    write_seconds: float = 30.0
    """A peer that does not read its answer, or its feed, is cut."""
    handshake_seconds: float = 10.0
    connections_per_peer: int = 256
    """Open connections of one address; 0 for none (behind a proxy all come from one)."""

    long_poll_seconds: int = 60
    feed_buffer_bytes: int = 64 * 1024
    """Socket buffer of one feed: a stalled reader holds this, not the 2.8 MB that the kernel would give it.
    """
    feed_queue_events: int = 16
    feed_lost_seconds: float = 120.0
    """A feed whose peer is gone without a word. Longer than `write_seconds`: the kernel counts from when the
    peer's window closed, however much it takes in between, and would cut a reader that is only slow.
    """

    shutdown_seconds: float = 10.0
    """How long requests that have begun may take when the broker stops."""
