"""Ports that must be known before anybody listens there, or be had again after a restart.

One that the system picked (port 0) and gave back belongs to whoever asks next: another test's listener, or
its outgoing connection. So these lie below those that the system gives out, and are drawn at random: tests
run beside each other.
"""

from __future__ import annotations

import random
import socket
from pathlib import Path

GIVEN_OUT = Path("/proc/sys/net/ipv4/ip_local_port_range")
LOWEST = 10_000


def free_port() -> int:
    """Give a port of this machine on which nobody listens, and that the system gives to nobody."""
    highest = int(GIVEN_OUT.read_text().split()[0]) if GIVEN_OUT.exists() else 32_768
    draw = random.SystemRandom()
    while True:
        port = draw.randrange(LOWEST, max(highest, LOWEST + 1_000))
        with socket.socket() as probe:
            try:
                probe.bind(("127.0.0.1", port))
            except OSError:
                continue
            return port
