"""Every limit of the documents and of what carries them: its name, its unit, its place.

The unit is the last part of the name. Times are µs, like every time in the code. What a document may say is
bounded so that nobody can make others work for it; each bound is far above what a real bulletin needs.
"""

from __future__ import annotations

from typing import Final

SECOND_US: Final = 1_000_000
MINUTE_US: Final = 60 * SECOND_US
HOUR_US: Final = 60 * MINUTE_US
DAY_US: Final = 24 * HOUR_US

# --- What is sent -------------------------------------------------------------------------------------------

PAYLOAD_BYTES: Final = 256 * 1024
"""The JSON of one document: the bytes that are signed."""
STANDING_BYTES: Final = 16 * 1024
"""The JSON of a subscription or acknowledgement: the newest of each agency is kept whole, and every post
reads all subscriptions.
"""
BODY_BYTES: Final = 400 * 1024
"""The body of one post: a payload in base64, its signature, its address."""
BATCH_BULLETINS: Final = 500
BATCH_BYTES: Final = 8 * 1024 * 1024
JSON_DEPTH_LEVELS: Final = 16
"""Nested arrays and objects. The deepest bulletin, with a MultiPolygon, has 8."""
SAFE_INTEGER: Final = 2**53 - 1
"""The largest integer that every JSON parser reads exactly (RFC 8259, section 6)."""

PROBLEMS_ITEMS: Final = 100
"""Problems of one document that a refusal lists: a hostile one could have as many as it has bytes."""

# --- When ---------------------------------------------------------------------------------------------------

SENT_AGE_US: Final = 24 * HOUR_US
"""How long before its posting a bulletin may say that it was sent (an agency's outbox waits out an outage).
"""
SENT_AHEAD_US: Final = 2 * MINUTE_US
"""How far the author's clock may be ahead."""
LIFETIME_US: Final = 90 * DAY_US
"""From `sent` to `expires` at most."""
RESPOND_URGENT_US: Final = 10 * MINUTE_US
RESPOND_ROUTINE_US: Final = HOUR_US

# --- Text, in code points -----------------------------------------------------------------------------------

CODE_CHARS: Final = 64
"""A number, a plate, a make: what is written on a thing."""
LINE_CHARS: Final = 256
"""A name, a desk, a place."""
HEADLINE_CHARS: Final = 320
PROSE_CHARS: Final = 32_768
NOTE_CHARS: Final = 4_096

# --- How many -----------------------------------------------------------------------------------------------

LANGUAGES_BLOCKS: Final = 16
REFERENCES_ITEMS: Final = 64
AREAS_ITEMS: Final = 64
AREA_POINTS: Final = 2_000
"""Positions of one geometry, all rings together."""
RADIUS_METRES: Final = 2_000_000
SUBJECTS_ITEMS: Final = 64
NAMES_ITEMS: Final = 16
"""Names, aliases, nationalities, languages, marks, warrants of one subject, each."""
WARNINGS_ITEMS: Final = 5
ATTACHMENTS_ITEMS: Final = 8
ATTACHMENTS_BYTES: Final = 128 * 1024
"""Contents of all attachments together, decoded."""
CORRELATIONS_ITEMS: Final = 256
RECEIPTS_ITEMS: Final = 64
"""Receipts of one agency for one bulletin."""
CATEGORIES_ITEMS: Final = 16
"""Categories that a subscription names."""

# --- Trust --------------------------------------------------------------------------------------------------

ROOT_KEYS_ITEMS: Final = 16
CARD_KEYS_ITEMS: Final = 16
"""Keys of one card, old and new of both uses."""
SIGNATURES_ITEMS: Final = 16
"""Signatures of one envelope: a card has one for each signing key, a registry one for each root key."""
MEMBERS_ITEMS: Final = 4_096
REGISTRY_BYTES: Final = 32 * 1024 * 1024
"""Registry or entitlements: a card is about 5 KiB."""
READ_AGE_US: Final = 60 * SECOND_US
"""How far `created` of a signed read may be from the broker's time, either way."""
PAIR_KEY_LIFE_US: Final = 4 * HOUR_US
PAIR_KEYS_ITEMS: Final = 128
"""Sealed pair keys that a blind sealer hands in at once: 2.3 KiB each in JSON."""

# --- Records between machines -------------------------------------------------------------------------------

RECORD_BYTES: Final = 1024 * 1024
RECORD_LIST_ITEMS: Final = 8_192
PAGE_BYTES: Final = 16 * 1024 * 1024
"""One answer of an inbox. The broker stops filling one at half of this."""
PADDING_FLOOR_BYTES: Final = 2 * 1024
"""No sealed content is shorter: below it lengths would tell most."""
STAMP_LAG_US: Final = 5 * SECOND_US
"""How much older than the one before it in an inbox a stamp may be."""
