"""Who may import whom, what is pure, no circles: over this repository, and over trees with a fault."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import pytest

from tests.architecture import rules
from tests.architecture.import_graph import Module, load

REPOSITORY = Path(__file__).resolve().parents[2]

Rule = Callable[[dict[str, Module]], list[str]]
RULES = [
    rules.breaches_of_layers,
    rules.breaches_of_parts,
    rules.breaches_of_purity,
    rules.breaches_of_portability,
    rules.imports_by_name,
    rules.circle_of_imports,
]


@pytest.fixture(scope="module")
def house() -> dict[str, Module]:
    return load(REPOSITORY / "broker")


def test_the_house_is_read_whole(house: dict[str, Module]) -> None:
    assert {"broker", "broker.errors", "broker.protocol.encoding"} <= set(house)


@pytest.mark.parametrize("rule", [pytest.param(rule, id=rule.__name__) for rule in RULES])
def test_the_house_keeps_its_rule(house: dict[str, Module], rule: Rule) -> None:
    assert rule(house) == []


def plant(root: Path, files: dict[str, str]) -> dict[str, Module]:
    for name, text in {"__init__.py": "", **files}.items():
        path = root / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(text, "utf-8")
    return load(root)


@pytest.mark.parametrize(
    ("rule", "files"),
    [
        pytest.param(
            rules.breaches_of_layers,
            {"protocol/a.py": "from broker.store import streams", "store/streams.py": ""},
            id="protocol-imports-store",
        ),
        pytest.param(
            rules.breaches_of_layers,
            {"service/a.py": "def f():\n    import broker.web.app", "web/app.py": ""},
            id="service-imports-web-inside-a-function",
        ),
        pytest.param(
            rules.breaches_of_layers,
            {
                "client/a.py": "if typing.TYPE_CHECKING:\n    from broker.service import b",
                "service/b.py": "",
            },
            id="client-imports-service-for-its-types",
        ),
        pytest.param(
            rules.breaches_of_layers,
            {"errors.py": "from .protocol import a", "protocol/a.py": ""},
            id="errors-import-protocol-relatively",
        ),
        pytest.param(
            rules.breaches_of_layers,
            {"interop/a.py": "from ..client.b import c", "client/b.py": ""},
            id="interop-imports-client-two-dots-up",
        ),
        pytest.param(rules.breaches_of_layers, {"gossip/a.py": ""}, id="a-layer-nobody-knows"),
        pytest.param(
            rules.breaches_of_parts, {"protocol/a.py": "import aiohttp"}, id="protocol-uses-aiohttp"
        ),
        pytest.param(rules.breaches_of_parts, {"client/a.py": "import redis"}, id="client-uses-redis"),
        pytest.param(rules.breaches_of_parts, {"store/a.py": "import msgpack"}, id="store-knows-the-wire"),
        pytest.param(
            rules.breaches_of_parts, {"errors.py": "import aiohttp.web"}, id="errors-know-http-library"
        ),
        pytest.param(rules.breaches_of_purity, {"protocol/a.py": "import time"}, id="a-clock"),
        pytest.param(rules.breaches_of_purity, {"protocol/a.py": "from os import urandom"}, id="the-system"),
        pytest.param(rules.breaches_of_purity, {"protocol/a.py": "import urllib.request"}, id="the-network"),
        pytest.param(
            rules.breaches_of_purity,
            {"protocol/a.py": "def f():\n    import secrets"},
            id="chance-inside-a-function",
        ),
        pytest.param(
            rules.breaches_of_purity,
            {"protocol/a.py": "from datetime import UTC, datetime\nx = datetime.now(UTC)"},
            id="the-clock-of-datetime",
        ),
        pytest.param(
            rules.breaches_of_purity, {"protocol/a.py": "import uuid\nx = uuid.uuid4()"}, id="a-random-id"
        ),
        pytest.param(rules.breaches_of_purity, {"protocol/a.py": "x = open('f')"}, id="a-file"),
        pytest.param(rules.breaches_of_purity, {"protocol/a.py": "async def f(): ..."}, id="a-coroutine"),
        pytest.param(
            rules.breaches_of_portability, {"cli/a.py": "import fcntl"}, id="a-command-for-posix-only"
        ),
        pytest.param(
            rules.imports_by_name,
            {"web/a.py": "import importlib\nx = importlib.import_module('redis')"},
            id="an-import-by-name",
        ),
        pytest.param(
            rules.circle_of_imports,
            {
                "web/a.py": "from broker.web import b",
                "web/b.py": "def f():\n    from broker.web.c import d",
                "web/c.py": "if TYPE_CHECKING:\n    from . import a",
            },
            id="a-circle-of-three-by-hidden-imports",
        ),
        pytest.param(
            rules.circle_of_imports,
            {
                "client/__init__.py": "from broker.client.a import A",
                "client/a.py": "from broker.client import B",
            },
            id="a-circle-through-the-package",
        ),
    ],
)
def test_a_planted_breach_is_found(tmp_path: Path, rule: Rule, files: dict[str, str]) -> None:
    assert rule(plant(tmp_path, files)) != []


@pytest.mark.parametrize("rule", [pytest.param(rule, id=rule.__name__) for rule in RULES])
def test_a_tree_that_keeps_the_rules_passes(tmp_path: Path, rule: Rule) -> None:
    files = {
        "errors.py": "class HarkaraError(Exception): ...",
        "protocol/a.py": "import hashlib\nfrom urllib.parse import quote\nfrom cryptography import x509",
        "protocol/b.py": "from broker.errors import HarkaraError\nfrom .a import x",
        "store/a.py": "import fcntl\nimport asyncio\nfrom redis.asyncio import Redis",
        "service/a.py": "from broker.protocol import a, b\nfrom broker.store.a import Redis",
        "client/__init__.py": "from broker.client.agency import Agency",
        "client/agency.py": "import broker\nfrom broker.client import feed\nimport aiohttp",
        "client/feed.py": "from broker.protocol.b import x",
        "cli/main.py": "import importlib\ndef f(n): importlib.import_module(n)\ndef g():\n    import pwd",
    }
    assert rule(plant(tmp_path, files)) == []
