"""Why an item does not verify: one table, from which reasons and their stable codes come.

A reason never holds content, and for what is encrypted it does not say which secret comparison failed.
Source of each row: schemas/protocol.md, in the sections that the order follows.
"""

from __future__ import annotations

from enum import Enum


class Doubt(Enum):
    """The value is the reason in words; `code` is for machines."""

    # framing and chain
    WITHHELD = "the broker does not give its content (any more)"
    KIND = "of a kind that this version does not know, or that its reference does not name"
    REFERENCE = "not the item that the chain of the inbox names"
    # stamp
    STAMP_FORM = "its stamp cannot be read"
    STAMP_KEY = "stamped by a key that is no broker's of the exchange"
    STAMP_KEY_NOT_IN_FORCE = "stamped by a broker's key that was not in force then"
    STAMP_SIGNATURE = "the signature of its stamp does not verify"
    STAMP_EXCHANGE = "stamped for another exchange"
    STAMP_SEALED = "its stamp is for another sealed item"
    STAMP_LAG = "stamped more than 5 s before an item that stands before it"
    # header
    HEADER_FORM = "its header cannot be read"
    HEADER_EXCHANGE = "sealed for another exchange"
    HEADER_STAMP = "its header does not name the author, id and statement of its stamp"
    SEALER = "sealed by somebody who is neither a broker of the exchange nor the author"
    # key and content
    PAIR_KEY = "the key that it is wrapped under is not one between its sealer and this agency at that time"
    CONTENT = "it does not open"
    # statement
    STATEMENT_KIND = "what is inside is not the kind of statement that it came as"
    STATEMENT = "the statement inside is not the one that was stamped"
    AUTHOR_KEY = "signed by a key that is no agency's of the exchange"
    AUTHOR_KEY_NOT_IN_FORCE = "signed by a key that was not in force when it was stamped"
    AUTHOR_SIGNATURE = "the author's signature does not verify"
    AUTHOR = "its author, its signer and its header are not one agency"
    SCHEMA = "the statement is not a valid document of its kind"
    ID = "its id is not the one in its header"
    EXCHANGE = "written for another exchange"
    SENT = "its time of sending does not fit the time of its stamp"
    POLICY = "its facts are not those by which it was routed"
    ADDRESS = "its address digest is not the one in its header"
    NOT_FOR_US = "a receipt for another agency's bulletin"

    @property
    def code(self) -> str:
        """Give the stable code, such as `stamp-key`."""
        return self.name.lower().replace("_", "-")


class DoubtfulItem(Exception):
    """An item does not verify, for one reason."""

    def __init__(self, doubt: Doubt, words: str = "") -> None:
        super().__init__(doubt.code)
        self.doubt = doubt
        self.words = words or doubt.value
