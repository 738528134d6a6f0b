"""A client written from `schemas/` alone: it posts, reads and believes what it reads, and imports nothing of
the broker.

What a developer of another language would write first, in one file: the standard library, Ed25519, HPKE,
AES-GCM and msgpack. Where it needs to know something that `schemas/protocol.md`, the OpenAPI document or the
JSON Schemas do not say, they are at fault.
"""

from __future__ import annotations

import hashlib
import hmac
import http.client
import json
import secrets
import time
import uuid
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from typing import Any
from urllib.parse import urlsplit

from cryptography.exceptions import InvalidSignature
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey, Ed25519PublicKey
from cryptography.hazmat.primitives.asymmetric.mlkem import MLKEM768PrivateKey
from cryptography.hazmat.primitives.asymmetric.x25519 import X25519PrivateKey
from cryptography.hazmat.primitives.hpke import AEAD, KDF, KEM, MLKEM768X25519PrivateKey, Suite

from tests.contract.independent_bytes import (
    TYPE,
    Envelope,
    NotBelieved,
    b64,
    decrypted,
    envelope,
    events,
    hkdf,
    micros,
    opened,
    padded,
    pae,
    policy_of,
    raw,
    record,
    sha256,
    statement_digest,
    unpacked_page,
)

SUITE = Suite(KEM.MLKEM768_X25519, KDF.HKDF_SHA256, AEAD.AES_256_GCM)
JSON = {"Content-Type": "application/json"}
LAG_US = 5_000_000
"""How far a stamp may lag the latest before it ("What the broker says")."""


@dataclass(frozen=True)
class Key:
    """A public signing key of a member, and the µs in which it is in force."""

    member: str
    role: str
    public: Ed25519PublicKey
    begins: int
    ends: int


class Member:
    """An agency with its two private seeds, and what it has verified so far."""

    def __init__(self, url: str, exchange: dict[str, Any], name: str, sign: bytes, seal: bytes) -> None:
        self.url, self.name = urlsplit(url), name
        roots = sorted(bytes.fromhex(kid) for kid in exchange["root_kids"])
        self.roots, self.k = set(roots), exchange["k"]
        self.exchange = sha256(
            record("exchange", exchange["name"], raw(exchange["nonce"]), roots, exchange["k"])
        )
        self.signing = Ed25519PrivateKey.from_private_bytes(sign)
        self.kid = sha256(record("key", "ed25519", self.signing.public_key().public_bytes_raw()))
        expanded = hashlib.shake_256(seal).digest(96)
        mlkem = MLKEM768PrivateKey.from_seed_bytes(expanded[:64])
        x25519 = X25519PrivateKey.from_private_bytes(expanded[64:])
        self.sealing = MLKEM768X25519PrivateKey(mlkem, x25519)
        public = mlkem.public_key().public_bytes_raw() + x25519.public_key().public_bytes_raw()
        self.sealing_kid = sha256(record("key", "x-wing", public))
        self.keys: dict[bytes, Key] = {}
        self.registry: dict[str, Any] = {}
        self.registry_digest = b""
        self.pair_keys: dict[bytes, tuple[bytes, list[Any]]] = {}

    # reads and posts

    def send(
        self, method: str, target: str, body: bytes | None, headers: dict[str, str]
    ) -> tuple[int, bytes]:
        """Send a request and give status and body."""
        connection = http.client.HTTPConnection(self.url.netloc, timeout=90)
        connection.request(method, target, body, headers)
        answer = connection.getresponse()
        found = answer.status, answer.read()
        connection.close()
        return found

    def signed(self, target: str) -> dict[str, str]:
        """Give the headers that sign a GET by RFC 9421."""
        path, _, query = target.partition("?")
        covered = {"@method": "GET", "@authority": self.url.netloc, "@path": path, "@query": f"?{query}"}
        names = " ".join(f'"{name}"' for name in covered)
        parameters = (
            f'({names});created={int(time.time())};nonce="{secrets.token_hex(16)}"'
            f';keyid="{self.kid.hex()}";tag="harkara-read"'
        )
        base = "".join(f'"{name}": {value}\n' for name, value in covered.items())
        signature = self.signing.sign(f'{base}"@signature-params": {parameters}'.encode())
        return {"Signature-Input": f"sig1={parameters}", "Signature": f"sig1=:{b64(signature)}:"}

    def read(self, target: str, accept: str = "application/json") -> bytes:
        """Read as this member."""
        status, body = self.send("GET", target, None, self.signed(target) | {"Accept": accept})
        if status != http.HTTPStatus.OK:
            raise NotBelieved(f"{target}: {status} {body.decode()}")
        return body

    def sign(self, thing: str, document: dict[str, Any]) -> dict[str, Any]:
        """A signed document in the JSON form."""
        kind, payload = TYPE.format(thing, "json"), json.dumps(document, ensure_ascii=False).encode()
        signature = {"keyid": self.kid.hex(), "sig": b64(self.signing.sign(pae(kind, payload)))}
        return {"payloadType": kind, "payload": b64(payload), "signatures": [signature]}

    def _post(self, path: str, document: dict[str, Any], expected: int) -> dict[str, Any]:
        body = json.dumps(document).encode()
        status, answer = self.send("POST", path, body, JSON)
        if status != expected:
            raise NotBelieved(f"{path}: {status} {answer.decode()}")
        return json.loads(answer)

    # Trust

    def learn(self) -> None:
        """Fetch the registry and open it from the exchange."""
        found = json.loads(self.read("/v1/registry"))
        kind, payload = found["payloadType"], raw(found["payload"])
        registry = json.loads(payload)
        roots = {sha256(record("key", "ed25519", raw(key))): raw(key) for key in registry["root_keys"]}
        signed: set[bytes] = set()
        for signature in found["signatures"]:
            kid = bytes.fromhex(signature["keyid"])
            if kid in roots:
                self._verify_by(Ed25519PublicKey.from_public_bytes(roots[kid]), signature, kind, payload)
                signed.add(kid)
        right = kind == TYPE.format("registry", "json") and registry["exchange"] == self.exchange.hex()
        if not right or len(signed & self.roots) < self.k or len(signed) < registry["k"]:
            raise NotBelieved("the registry is not that of the exchange")
        revoked = {bytes.fromhex(one["kid"]): micros(one["since"]) for one in registry["revocations"]}
        for card in registry["cards"]:
            self._enrol(json.loads(raw(card["payload"])), revoked)
        self.registry, self.registry_digest = registry, sha256(payload)

    def _enrol(self, card: dict[str, Any], revoked: dict[bytes, int]) -> None:
        for key in card["keys"]:
            if key["use"] == "sign":
                kid = sha256(record("key", key["algorithm"], raw(key["public"])))
                self.keys[kid] = Key(
                    card["id"],
                    card["role"],
                    Ed25519PublicKey.from_public_bytes(raw(key["public"])),
                    micros(key["not_before"]),
                    min(micros(key["not_after"]), revoked.get(kid, 1 << 63)),
                )

    @staticmethod
    def _verify_by(public: Ed25519PublicKey, signature: dict[str, str], kind: str, payload: bytes) -> None:
        try:
            public.verify(raw(signature["sig"]), pae(kind, payload))
        except InvalidSignature:
            raise NotBelieved("a signature is wrong") from None

    def verified(self, one: Envelope, kind: str, at: int | None = None) -> Key:
        """Give the key that signed, which was in force `at` (now when not said)."""
        key = self.keys.get(one.kid)
        at = time.time_ns() // 1000 if at is None else at
        if one.kind != kind or key is None or not key.begins <= at < key.ends:
            raise NotBelieved(f"not a {kind} signed by a key in force")
        self._verify_by(key.public, {"sig": b64(one.signature)}, one.kind, one.payload)
        return key

    # A bulletin

    def post(self, to: list[str] | None = None, **fields: Any) -> dict[str, Any]:
        """Post a bulletin, and give its document and the stamp's fields."""
        document: dict[str, Any] = {
            "id": str(uuid.uuid4()),
            "originator": self.name,
            "exchange": self.exchange.hex(),
            "registry": self.registry["version"],
            "sent": datetime.now(UTC).isoformat(),
            "expires": (datetime.now(UTC) + timedelta(hours=1)).isoformat(),
            **fields,
        }
        post: dict[str, Any] = {}
        if to:
            salt = secrets.token_bytes(32)
            document["address_digest"] = sha256(record("address", salt, sorted(to), [])).hex()
            post["address"] = {"salt": b64(salt), "to": to}
        post["statement"] = self.sign("bulletin", document)
        answer = self._post("/v1/bulletins", post, http.HTTPStatus.CREATED)
        exchange, _, originator, item_id, stmt, *_ = self.stamp(envelope(answer["stamp"]))
        told = (exchange, originator, item_id, stmt)
        if told != (
            self.exchange,
            self.name,
            document["id"],
            statement_digest(envelope(post["statement"])),
        ):
            raise NotBelieved("the stamp is about something else")
        return document

    def stamp(self, one: Envelope) -> list[Any]:
        """Verify a stamp and give its fields."""
        fields = opened("stamp", one.payload)
        key = self.verified(one, TYPE.format("stamp", "msgpack"), fields[6])
        if key.role != "broker" or fields[0] != self.exchange or fields[1] != one.kid:
            raise NotBelieved("not a stamp of a broker of this exchange")
        return fields

    # reading an inbox

    def inbox(self) -> dict[str, Any]:
        """Fetch the whole inbox as a page in JSON."""
        return json.loads(self.read("/v1/inbox?after=0&limit=500"))

    def arrived(self, number: int) -> dict[str, Any]:
        """Wait until the item `number` is there, and give the whole inbox."""
        self.read(f"/v1/inbox?after={number - 1}&wait=60")
        return self.inbox()

    def packed_inbox(self) -> dict[str, Any]:
        """Fetch it in msgpack, and give it as the page in JSON would be."""
        body = self.read("/v1/inbox?after=0&limit=500", "application/vnd.harkara.page+msgpack")
        return unpacked_page(body)

    def believe(self, page: dict[str, Any]) -> list[dict[str, Any]]:
        """Check a page that begins with an inbox, and give its documents."""
        epoch = bytes.fromhex(page["epoch"])
        if page["agency"] != self.name or page["epoch"] != self.registry["epoch"]:
            raise NotBelieved("another inbox")
        chain, number = sha256(record("inbox", self.exchange, epoch, self.name)), 0
        references: list[list[Any]] = []
        for entry in page["entries"]:
            links = [[kind, bytes.fromhex(sealed)] for kind, sealed in entry["references"]]
            if entry["first"] != number + 1 or entry["last"] != number + len(links):
                raise NotBelieved("numbers do not grow by one")
            chain = sha256(record("link", chain, entry["first"], entry["last"], links))
            references, number = references + links, entry["last"]
        head = envelope(page["head"])
        key = self.verified(head, TYPE.format("head", "msgpack"))
        exchange, head_epoch, _, agency, n, end, _, version, digest, _ = opened("head", head.payload)
        if key.role != "broker" or (exchange, head_epoch, agency) != (self.exchange, epoch, self.name):
            raise NotBelieved("another head")
        if (n, end) != (number, chain):
            raise NotBelieved("the head ends elsewhere: a gap or a fork")
        if (version, digest) != (self.registry["version"], self.registry_digest):
            raise NotBelieved("another registry is in force")
        if [item["number"] for item in page["items"]] != list(range(1, number + 1)):
            raise NotBelieved("items are missing")
        latest, found = 0, []
        for item, (kind, sealed) in zip(page["items"], references, strict=True):
            if item["kind"] != kind:
                raise NotBelieved("another kind of item")
            document, taken_at = self.open(item, sealed)
            if taken_at < latest - LAG_US:
                raise NotBelieved("a stamp from long before")
            latest, found = max(latest, taken_at), [*found, document]
        return found

    def open(self, item: dict[str, Any], sealed: bytes) -> tuple[dict[str, Any], int]:
        """Open one item ("To open and believe one"), and give its document and when it was taken."""
        header, ciphertext, wrap = (raw(item[name]) for name in ("header", "ciphertext", "wrap"))
        stamp = envelope(item["stamp"])
        _, _, originator, item_id, stmt, stamped, taken_at, _ = self.stamp(stamp)
        seal = record("seal", header, sha256(ciphertext))
        if not sealed == stamped == sha256(pae(TYPE.format("seal", "msgpack"), seal)):
            raise NotBelieved("not the item that the chain names")
        inner, commitment = opened("sealed header", header)
        bulletin = item["kind"] == "bulletin"
        fields = opened("header" if bulletin else "receipt header", inner)
        exchange, mode, sealer, sealer_kid, author, header_id, header_stmt, *rest = fields
        told = (exchange, author, header_id, header_stmt)
        if told != (self.exchange, originator, item_id, stmt):
            raise NotBelieved("the header says otherwise than the stamp")
        if mode == "originator" and sealer == originator:
            kind = TYPE.format("seal", "msgpack")
            sealed_by = self.verified(Envelope(kind, seal, sealer_kid, raw(item["seal"])), kind, taken_at)
            if sealed_by.member != originator:
                raise NotBelieved("sealed by somebody else than its author")
        elif (mode, sealer_kid) != ("broker", stamp.kid):
            raise NotBelieved("sealed by neither a broker nor the author")
        pair_key = self.pair_key(wrap[:16], sealer, sealer_kid, taken_at)
        bound = record("wrap", wrap[:16], self.name) + sealed
        content_key = decrypted(pair_key, sealed[:12], wrap[16:], bound)
        keys = hkdf(content_key, record("bulletin key", sha256(inner)), 64)
        if not hmac.compare_digest(keys[32:], commitment):
            raise NotBelieved("another content key than the one committed to")
        plain = decrypted(keys[:32], bytes(12), ciphertext, header)
        length = int.from_bytes(plain[:4], "big")
        if len(plain) != padded(4 + length) or any(plain[4 + length :]):
            raise NotBelieved("the padding carries something")
        kind, payload, kid, signature, salt = opened("content", plain[4 : 4 + length])
        statement = Envelope(kind, payload, kid, signature)
        key = self.verified(statement, TYPE.format(item["kind"], "json"), taken_at)
        if statement_digest(statement) != stmt or key.member != originator:
            raise NotBelieved("not the statement of its author")
        document = json.loads(payload)
        if bulletin:
            policy, address, _ = rest
            named = (document["originator"], document["id"], document["exchange"])
            digest = None if address is None else address.hex()
            if named != (originator, item_id, self.exchange.hex()):
                raise NotBelieved("the document is about something else")
            if policy_of(document, salt) != policy or document.get("address_digest") != digest:
                raise NotBelieved("the sealer told the broker something else than the author says")
        return document, taken_at

    def pair_key(self, pkid: bytes, sealer: str, sealer_kid: bytes, taken_at: int) -> bytes:
        """Fetch a sealed pair key once, open it, and hold it to what it is used for."""
        if pkid not in self.pair_keys:
            one = envelope(json.loads(self.read(f"/v1/pair-keys/{pkid.hex()}")))
            info, sealed = opened("sealed pair key", one.payload)
            bound = opened("pair key", info)
            key = self.verified(one, TYPE.format("sealed-pair-key", "msgpack"), bound[7])
            if one.kid != bound[3] or key.member != bound[2]:
                raise NotBelieved("a pair key signed by somebody else")
            secret = SUITE.decrypt(sealed, self.sealing, info)
            made = hmac.digest(secret, b"harkara/1 pair key id", "sha256")[:16]
            mine = (self.exchange, pkid, self.name, self.sealing_kid)
            if made != pkid or (bound[0], bound[1], bound[4], bound[5]) != mine:
                raise NotBelieved("a pair key for something else")
            self.pair_keys[pkid] = secret, bound
        secret, bound = self.pair_keys[pkid]
        if (bound[2], bound[3]) != (sealer, sealer_kid) or not bound[7] <= taken_at <= bound[8]:
            raise NotBelieved("a pair key of another sealer or another time")
        return secret

    # Answers

    def acknowledge(self, page: dict[str, Any]) -> int:
        """Say that everything of a page is held, and give the number that the broker knows then."""
        _, epoch, _, _, n, chain, *_ = opened("head", raw(page["head"]["payload"]))
        said = {
            "exchange": self.exchange.hex(),
            "registry": self.registry["version"],
            "agency": self.name,
            "epoch": epoch.hex(),
            "number": n,
            "chain": chain.hex(),
            "at": datetime.now(UTC).isoformat(),
        }
        return self._post("/v1/ack", self.sign("acknowledgement", said), http.HTTPStatus.OK)["number"]

    def answer(self, page: dict[str, Any], number: int, kind: str) -> None:
        """Answer the bulletin `number` of a page."""
        item = page["items"][number - 1]
        _, _, originator, item_id, stmt, sealed, *_ = self.stamp(envelope(item["stamp"]))
        at = datetime.now(UTC).isoformat()
        namespace = uuid.UUID("f99c8134-8cae-5764-bc31-0c1238685103")
        said = {
            "id": str(uuid.uuid5(namespace, f"{stmt.hex()} {self.name} {kind} {at}")),
            "exchange": self.exchange.hex(),
            "registry": self.registry["version"],
            "agency": self.name,
            "originator": originator,
            "bulletin": item_id,
            "stmt": stmt.hex(),
            "sealed": sealed.hex(),
            "kind": kind,
            "at": at,
        }
        self._post("/v1/receipts", self.sign("receipt", said), http.HTTPStatus.CREATED)

    def feed(self, count: int) -> dict[str, Any]:
        """Follow the feed from the beginning until `count` items and a head came, and give them as a page."""
        target = "/v1/feed?after=0"
        connection = http.client.HTTPConnection(self.url.netloc, timeout=90)
        connection.request("GET", target, None, self.signed(target) | {"Accept": "text/event-stream"})
        answer = connection.getresponse()
        found = events(iter(answer.readline, b""), count)
        connection.close()
        items = [(one["event"], int(one["id"]), json.loads(one["data"])) for one in found if "id" in one]
        if any((event, number) != (item["kind"], item["number"]) for event, number, item in items):
            raise NotBelieved("an event says otherwise than its item")
        return {
            "agency": self.name,
            "epoch": self.registry["epoch"],
            "entries": [item.pop("entry") for _, _, item in items if "entry" in item],
            "items": [item for _, _, item in items],
            "head": json.loads(found[-1]["data"]),
        }
