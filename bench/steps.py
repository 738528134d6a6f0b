"""What each step of a bulletin's way costs, in microseconds of one core: no store, no network.

It prints the table of docs/performance.md: the fastest of many runs of each step (what else the machine does
only makes a run slower), over the small bulletin of the tests, in English and Urdu.

    python -m bench.steps
"""

from __future__ import annotations

import time
from collections.abc import Callable

from broker.protocol import admission, dsse, limits, pairkeys, sealing
from broker.protocol.bulletin import PAYLOAD_TYPE, read_bulletin
from broker.protocol.chain import first_link, link
from broker.protocol.digests import statement_digest
from broker.protocol.keys import HPKE, read_sealing_public
from tests.exchange_fixtures import BROKER, FIA, MOI, fixed, make_exchange, post_body, sign_bulletin

LOOPS = 20
RUNS = 50


def main() -> None:
    """Measure, and print a table."""
    print(f"{'step':<44} {'µs':>7}")
    for name, step in steps().items():
        print(f"{name:<44} {cost(step):>7.1f}")


def cost(step: Callable[[], object]) -> float:
    """Give the least cost of `step` in µs."""
    step()
    runs: list[float] = []
    for _ in range(RUNS):
        began = time.perf_counter()
        for _ in range(LOOPS):
            step()
        runs.append((time.perf_counter() - began) / LOOPS)
    return min(runs) * 1e6


def steps() -> dict[str, Callable[[], object]]:
    """Give each step as a function without arguments."""
    exchange = make_exchange()
    statement, _ = sign_bulletin(exchange, FIA)
    body = post_body(statement)
    author, broker = exchange.signing(FIA), exchange.signing(BROKER)
    _, key = exchange.registry.signer(author.kid, exchange.now)
    public = key.signing
    assert public is not None
    header = sealing.BulletinHeader(
        exchange=exchange.id,
        mode=sealing.BY_BROKER,
        sealer=BROKER,
        sealer_kid=broker.kid,
        originator=FIA,
        id=read_bulletin(statement.payload).id,
        stmt=statement_digest(statement),
        policy=fixed("policy"),
        address_digest=None,
        registry_version=1,
    )
    content = sealing.Content(statement, fixed("policy salt"))
    entropy = fixed("entropy", sealing.ENTROPY_BYTES)
    sealed, content_key = sealing.seal(header, content, entropy)
    digest = sealed.digest()
    secret = fixed("pair key")
    binding = pairkeys.PairKeyBinding(
        exchange=exchange.id,
        pkid=pairkeys.pair_key_id(secret),
        sealer=BROKER,
        sealer_kid=broker.kid,
        member=MOI,
        member_kid=exchange.sealing(MOI).kid,
        registry_version=1,
        not_before=exchange.now,
        not_after=exchange.now + limits.PAIR_KEY_LIFE_US,
    )
    pair = pairkeys.PairKey.of(binding, secret)
    member = read_sealing_public(exchange.sealing(MOI).public)
    own = exchange.identities[MOI].sealing_key
    pair_key = pairkeys.seal_pair_key(pair, member, HPKE.encrypt, broker)
    wrap = pair.wrap(content_key, digest)
    chain = first_link(exchange.id, exchange.registry.epoch, MOI)
    return {
        "author: sign a statement": lambda: author.sign(PAYLOAD_TYPE, statement.payload),
        "broker: read the body of a post": lambda: admission.read_post(body),
        "broker: verify the author's signature": lambda: dsse.verify(statement, public, kind=PAYLOAD_TYPE),
        "broker: read and check the bulletin": lambda: read_bulletin(statement.payload),
        "broker: seal, once an item": lambda: sealing.seal(header, content, entropy),
        "broker: wrap, once a recipient": lambda: pair.wrap(content_key, digest),
        "broker: pair key, once a recipient in hours": lambda: pairkeys.seal_pair_key(
            pair, member, HPKE.encrypt, broker
        ),
        "broker: link of a chain, once a recipient": lambda: link(chain, 1, 1, [("bulletin", digest)]),
        "recipient: open a pair key, once in hours": lambda: pairkeys.open_pair_key(
            pair_key, exchange.id, MOI, own
        ),
        "recipient: unwrap and open an item": lambda: sealing.open_sealed(sealed, pair.unwrap(wrap, digest)),
    }


if __name__ == "__main__":
    main()
