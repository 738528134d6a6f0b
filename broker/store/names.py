"""Every key of the store, in one place.

Three families of keys, each in one cluster slot, so that a script never spans two: `{log}…` (what was
accepted), sixteen partitions `{in:00}` … `{in:0f}` (the inboxes), and nothing else. An item is named
`<originator>/<id>`, an agency by its id. Which partition an agency has follows from its id alone and never
changes: CRC16 (XMODEM, as Redis itself uses for slots) modulo sixteen.
"""

from __future__ import annotations

from binascii import crc_hqx

PARTITIONS = 16
"""How many partitions the inboxes are spread over: fixed for ever, since an agency's partition follows from
it.
"""

LOG = "{log}"
STATE = "{log}:st"
ROUTED_TO = "{log}:to"
TICKS = "{log}:t"
SUBSCRIPTIONS = "{log}:s"
LEASE = "{log}:lease"

BODY_PREFIX = "{log}:b:"
DECISION_PREFIX = "{log}:w:"
OPENING_PREFIX = "{log}:o:"
RECIPIENTS_PREFIX = "{log}:r:"
RECEIPTS_PREFIX = "{log}:q:"


def body(item: str) -> str:
    """Give the key of the body of `item` (`<originator>/<id>`), which is also the index of ids."""
    return BODY_PREFIX + item


def decision(item: str) -> str:
    """Give the key of the frozen routing decision of `item`."""
    return DECISION_PREFIX + item


def opening(item: str) -> str:
    """Give the key of the encrypted policy opening of `item`."""
    return OPENING_PREFIX + item


def recipients(item: str) -> str:
    """Give the key of the record of recipients of `item`, written once it is routed."""
    return RECIPIENTS_PREFIX + item


def receipts(item: str) -> str:
    """Give the key of the set of receipts for `item`."""
    return RECEIPTS_PREFIX + item


def pair_key(pkid: bytes) -> str:
    """Give the key of a sealed pair key."""
    return "{log}:k:" + pkid.hex()


def registry(version: int) -> str:
    """Give the key of one version of the registry."""
    return f"{{log}}:reg:{version}"


def partition_of(agency: str) -> int:
    """Give the partition, 0 to 15, of an agency's inbox."""
    return crc_hqx(agency.encode(), 0) % PARTITIONS


def partition_tag(partition: int) -> str:
    """Give the hash tag of a partition, such as `{in:0f}`."""
    return f"{{in:{partition:02x}}}"


def heads(partition: int) -> str:
    """Give the key of the hash of heads of a partition."""
    return partition_tag(partition) + ":h"


def acknowledgements(partition: int) -> str:
    """Give the key of the hash of highest acknowledgements of a partition."""
    return partition_tag(partition) + ":a"


def inbox(agency: str) -> str:
    """Give the key of the stream that is an agency's inbox."""
    return f"{partition_tag(partition_of(agency))}:{agency}"
