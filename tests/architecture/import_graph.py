"""Read who imports whom out of the source, without running it.

Every `import` statement counts wherever it stands: at the top, inside a function, under TYPE_CHECKING. An
import that is hidden from the interpreter is still a dependency of the reader.
"""

from __future__ import annotations

import ast
from dataclasses import dataclass, field
from functools import cached_property
from pathlib import Path

ROOT = "broker"


@dataclass(frozen=True)
class Import:
    """One imported module: `target` is dotted and absolute, `top_level` says that it runs on load."""

    target: str
    line: int
    top_level: bool


@dataclass
class Module:
    """One source file under `broker/`, its dotted name and its syntax tree."""

    name: str
    path: Path
    is_package: bool
    tree: ast.Module = field(repr=False)

    @property
    def layer(self) -> str:
        """The second part of the dotted name (`protocol`, `web`, `errors` …); "" for `broker` itself."""
        return layer_of(self.name)

    @cached_property
    def nodes(self) -> list[ast.AST]:
        """Every node of the tree."""
        return list(ast.walk(self.tree))


def layer_of(module: str) -> str:
    parts = module.split(".")
    return parts[1] if len(parts) > 1 else ""


def load(source: Path) -> dict[str, Module]:
    """Parse every .py file below `source` (the directory `broker`); give them by dotted name."""
    modules: dict[str, Module] = {}
    for path in sorted(source.rglob("*.py")):
        parts = [ROOT, *path.relative_to(source).with_suffix("").parts]
        is_package = parts[-1] == "__init__"
        name = ".".join(parts[:-1] if is_package else parts)
        modules[name] = Module(name, path, is_package, ast.parse(path.read_text("utf-8"), str(path)))
    return modules


def imports_of(module: Module, modules: dict[str, Module]) -> list[Import]:
    """Give all that `module` imports; `from package import name` is `package.name` if that is a module."""
    deferred = _lines_not_run_on_load(module.tree)
    found: list[Import] = []
    for node in module.nodes:
        if isinstance(node, ast.Import):
            targets = [alias.name for alias in node.names]
        elif isinstance(node, ast.ImportFrom):
            base = _absolute(module, node)
            named = [f"{base}.{alias.name}" for alias in node.names]
            targets = [name if name in modules else base for name in named]
        else:
            continue
        found += [Import(target, node.lineno, id(node) not in deferred) for target in dict.fromkeys(targets)]
    return found


def _absolute(module: Module, node: ast.ImportFrom) -> str:
    if not node.level:
        return node.module or ""
    package = module.name.split(".") if module.is_package else module.name.split(".")[:-1]
    kept = package[: len(package) - (node.level - 1)]
    return ".".join([*kept, node.module] if node.module else kept)


def _lines_not_run_on_load(tree: ast.Module) -> set[int]:
    """Identities of the import nodes inside functions or under `if TYPE_CHECKING`."""
    deferred: set[int] = set()
    for node in ast.walk(tree):
        hides = isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef) or (
            isinstance(node, ast.If) and "TYPE_CHECKING" in ast.dump(node.test)
        )
        if hides:
            deferred |= {
                id(inner) for inner in ast.walk(node) if isinstance(inner, ast.Import | ast.ImportFrom)
            }
    return deferred


def cycle_in(graph: dict[str, set[str]]) -> list[str]:
    """Give one circle of `graph` as a path that ends where it began, or [] when there is none."""
    done: set[str] = set()
    for start in graph:
        path: list[str] = []
        stack: list[tuple[str, bool]] = [(start, False)]
        while stack:
            node, leaving = stack.pop()
            if leaving:
                path.pop()
                done.add(node)
            elif node in path:
                return [*path[path.index(node) :], node]
            elif node not in done:
                path.append(node)
                stack.append((node, True))
                stack += [(target, False) for target in sorted(graph.get(node, ()))]
    return []
