"""What operators are given: alerts, a dashboard and a service file that fit the program, and a page that
tells of each alarm, each log event and each metric that there is.
"""

from __future__ import annotations

import ast
import json
import re
import shutil
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import click
import pytest
import yaml
from prometheus_client import Counter, Gauge, Histogram, Info

from broker.cli.main import harkara
from broker.service.metrics import Metrics

REPOSITORY = Path(__file__).resolve().parents[2]
PAGE = (REPOSITORY / "docs" / "operations.md").read_text("utf-8")
KEPT = REPOSITORY / "docs" / "operations"
RULES: list[dict[str, Any]] = [
    rule
    for group in yaml.safe_load((KEPT / "prometheus-rules.yml").read_text("utf-8"))["groups"]
    for rule in group["rules"]
]
DASHBOARD: dict[str, Any] = json.loads((KEPT / "grafana-dashboard.json").read_text("utf-8"))
UNIT = (KEPT / "harkara.service").read_text("utf-8")
LABELS = {"instance", "job", "le"}
"""Labels that the scraper and histograms add."""

each_alert = pytest.mark.parametrize("rule", [pytest.param(rule, id=rule["alert"]) for rule in RULES])


def metrics() -> dict[str, set[str]]:
    """Give each series that the program shows, with its own labels."""
    shown = Metrics()
    shown.follow(live_feeds=lambda: 0, deliveries=lambda: 0)
    found: dict[str, set[str]] = {"harkara_deliveries_total": set()}
    for metric in vars(shown).values():
        if isinstance(metric, Counter | Gauge | Histogram | Info):
            (described,) = metric.describe()
            suffixes = {Counter: ["_total"], Gauge: [""], Histogram: ["_bucket", "_sum", "_count"]}
            labels = set(metric._labelnames)
            found |= {described.name + suffix: labels for suffix in suffixes[type(metric)]}
    return found | {"harkara_build_info": {"version"}}


def series_of(expression: str) -> Iterator[tuple[str, set[str]]]:
    """Give each series of an expression with the labels that it selects by."""
    for name, selected in re.findall(r"\b(harkara_\w+)(?:\{([^}]*)\})?", expression):
        yield name, set(re.findall(r"(\w+)\s*(?:=~|!~|!=|=)", selected))


def expressions() -> list[str]:
    panels = [target["expr"] for panel in DASHBOARD["panels"] for target in panel["targets"]]
    return [rule["expr"] for rule in RULES] + panels


def anchors() -> set[str]:
    """Give the anchors of the page's headings, as its host makes them."""
    headings = re.findall(r"^#+ (.+)$", PAGE, re.MULTILINE)
    return {re.sub(r"[^a-z0-9 -]", "", heading.lower()).replace(" ", "-") for heading in headings}


# --- Alerts and dashboard -----------------------------------------------------------------------------------


@pytest.mark.parametrize("expression", expressions())
def test_an_expression_uses_series_and_labels_that_there_are(expression: str) -> None:
    known = metrics()
    used = list(series_of(expression))
    assert used or expression.startswith("up{")
    assert [name for name, _ in used if name not in known] == []
    assert [(n, labels) for n, labels in used if not labels <= known[n] | LABELS] == []
    for opening, closing in ("()", "[]", "{}"):
        assert expression.count(opening) == expression.count(closing)


def test_what_an_expression_groups_by_is_a_label() -> None:
    every = set().union(*metrics().values()) | LABELS
    grouped = {
        label for e in expressions() for by in re.findall(r"by \(([^)]*)\)", e) for label in by.split(", ")
    }
    assert {"agency", "code", "outcome"} <= grouped
    assert grouped <= every


@each_alert
def test_an_alert_says_how_bad_it_is_and_where_to_read_on(rule: dict[str, Any]) -> None:
    assert set(rule) <= {"alert", "expr", "for", "labels", "annotations"}
    assert re.fullmatch(r"Harkara[A-Za-z0-9]+", rule["alert"])
    assert rule["labels"]["severity"] in {"page", "ticket"}
    assert rule["annotations"]["summary"].endswith(".")
    page, _, anchor = rule["annotations"]["runbook"].partition("#")
    assert (page, anchor in anchors()) == ("docs/operations.md", True), anchor


@each_alert
def test_a_summary_names_labels_that_its_expression_has(rule: dict[str, Any]) -> None:
    """A label that is aggregated away would leave a hole in the message."""
    wanted = set(re.findall(r"\$labels\.(\w+)", rule["annotations"]["summary"]))
    expression = rule["expr"]
    known = set().union(*(metrics()[name] for name, _ in series_of(expression)), LABELS)
    grouped = re.match(r"(?:max|sum|min) (?:by \(([^)]*)\))?", expression)
    kept = set((grouped[1] or "").split(", ")) if grouped else known
    assert wanted <= kept


def test_every_metric_is_watched_or_drawn() -> None:
    used = {name for expression in expressions() for name, _ in series_of(expression)}
    told = {name for name in metrics() if not name.endswith(("_sum", "_count"))}
    assert told - used == set()


def test_no_two_alerts_have_one_name() -> None:
    names = [rule["alert"] for rule in RULES]
    assert len(names) == len(set(names)) > 15


def test_the_dashboard_has_no_panel_upon_another() -> None:
    cells: list[tuple[int, int]] = []
    for panel in DASHBOARD["panels"]:
        at = panel["gridPos"]
        assert at["x"] + at["w"] <= 24
        cells += [
            (x, y) for x in range(at["x"], at["x"] + at["w"]) for y in range(at["y"], at["y"] + at["h"])
        ]
    assert len(cells) == len(set(cells))
    assert len({panel["id"] for panel in DASHBOARD["panels"]}) == len(DASHBOARD["panels"])


# --- The service file ---------------------------------------------------------------------------------------

CONFINED = {
    "NoNewPrivileges": ["yes"],
    "CapabilityBoundingSet": [""],
    "AmbientCapabilities": [""],
    "ProtectSystem": ["strict"],
    "ProtectHome": ["yes"],
    "ProtectProc": ["invisible"],
    "ProtectClock": ["yes"],
    "ProtectHostname": ["yes"],
    "ProtectKernelLogs": ["yes"],
    "ProtectKernelModules": ["yes"],
    "ProtectKernelTunables": ["yes"],
    "ProtectControlGroups": ["yes"],
    "PrivateTmp": ["yes"],
    "PrivateDevices": ["yes"],
    "LockPersonality": ["yes"],
    "MemoryDenyWriteExecute": ["yes"],
    "RestrictAddressFamilies": ["AF_UNIX AF_INET AF_INET6"],
    "RestrictNamespaces": ["yes"],
    "RestrictRealtime": ["yes"],
    "RestrictSUIDSGID": ["yes"],
    "SystemCallArchitectures": ["native"],
    "SystemCallFilter": ["@system-service", "~@privileged @resources"],
    "UMask": ["0077"],
    "LimitCORE": ["0"],
    "MemorySwapMax": ["0"],
    "KillMode": ["mixed"],
    "StateDirectoryMode": ["0700"],
}
"""What the service file has to say; without any one of these a broken broker could do more."""


def directives(text: str) -> dict[str, list[str]]:
    found: dict[str, list[str]] = {}
    for line in text.splitlines():
        name, equals, value = line.partition("=")
        if equals and not line.startswith(("#", ";")):
            found.setdefault(name, []).append(value)
    return found


@pytest.mark.parametrize("name", sorted(CONFINED))
def test_the_service_is_confined_by(name: str) -> None:
    assert directives(UNIT).get(name) == CONFINED[name]


def test_the_service_is_nobody_in_particular_and_gets_its_keys_from_systemd() -> None:
    found = directives(UNIT)
    assert found["User"] == ["harkara"]
    keys = [credential.split(":")[0] for credential in found["LoadCredential"]]
    assert keys == ["broker.key", "store.key"]
    variables = dict(value.split("=", 1) for value in found["Environment"])
    assert [variables[name] for name in ("HARKARA_IDENTITY", "HARKARA_STORE_KEY")] == [
        f"%d/{k}" for k in keys
    ]


def test_the_service_starts_a_broker_with_variables_that_it_knows() -> None:
    found = directives(UNIT)
    program, *arguments = found["ExecStart"][0].split()
    assert (Path(program).name, arguments) == ("harkara", ["serve"])
    program = str(Path(sys.executable).with_name("harkara"))
    told = subprocess.run([program, "serve", "--help"], capture_output=True, text=True, check=True).stdout
    told = re.sub(r"\s+", "", told)
    names = [value.partition("=")[0] for value in found["Environment"]]
    assert [name for name in names if name not in told] == []


def test_systemd_understands_the_service(tmp_path: Path) -> None:
    """systemd itself reads it, where there is one; its sections and their directives are checked anyhow."""
    sections = re.findall(r"^\[(\w+)\]$", UNIT, re.MULTILINE)
    assert sections == ["Unit", "Service", "Install"]
    lines = [line for line in UNIT.splitlines() if line and not line.startswith(("#", "["))]
    assert [line for line in lines if not re.match(r"[A-Z][A-Za-z]+=", line)] == []
    verify = shutil.which("systemd-analyze")
    if verify is not None:
        copy = tmp_path / "harkara.service"
        copy.write_text(UNIT.replace("/opt/harkara/bin/harkara", sys.executable), "utf-8")
        done = subprocess.run([verify, "verify", copy], capture_output=True, text=True, check=False)
        assert (done.returncode, str(copy) in done.stderr) == (0, False), done.stderr


# --- The page -----------------------------------------------------------------------------------------------


def events_of_the_code() -> dict[str, set[str]]:
    """Give each event that a broker logs, with the levels at which it does."""
    found: dict[str, set[str]] = {}
    for path in (REPOSITORY / "broker").rglob("*.py"):
        text = path.read_text("utf-8")
        if "structlog" not in text:
            continue
        for node in ast.walk(ast.parse(text)):
            if isinstance(node, ast.Call) and isinstance(node.func, ast.Attribute):
                owner, level = node.func.value, node.func.attr
                if isinstance(owner, ast.Name) and owner.id == "log" and level in LEVELS:
                    words = [
                        a.value for a in node.args if isinstance(a, ast.Constant) and isinstance(a.value, str)
                    ]
                    assert len(words) == 1, f"{path}:{node.lineno} logs something that is not a fixed event"
                    found.setdefault(words[0], set()).add("warning" if level == "log" else level)
    return found


LEVELS = {"debug", "info", "warning", "error", "log"}


def rows(heading: str) -> list[list[str]]:
    """Give the cells of the first table below a heading of the page."""
    below = PAGE.split(f"\n## {heading}\n", 1)[1].split("\n## ", 1)[0]
    lines = [line for line in below.splitlines() if line.startswith("|")][2:]
    return [[cell.strip().strip("`") for cell in line.strip("|").split("|")] for line in lines]


def test_the_page_lists_every_event_of_the_log_with_its_level() -> None:
    told = {event: set(level.split(", ")) for event, level, *_ in rows("The log")}
    assert told == events_of_the_code()


def test_events_have_one_form_of_name() -> None:
    assert [event for event in events_of_the_code() if not re.fullmatch(r"[a-z]+(-[a-z]+)*", event)] == []


def test_the_page_lists_every_metric() -> None:
    told = {row[0] for row in rows("The metrics")}
    shown = {re.sub(r"_(bucket|sum|count)$", "", name) for name in metrics()}
    assert told == shown


def test_the_page_has_a_section_for_every_alert_and_names_it_there() -> None:
    missing = [rule["alert"] for rule in RULES if f"`{rule['alert']}" not in PAGE]
    assert missing == []


def test_every_check_of_the_health_page_is_told_of() -> None:
    told = {row[0].partition(":AGENCY")[0].partition(":MEMBER")[0] for row in rows("The health page")}
    source = "".join(
        (REPOSITORY / "broker" / "service" / name).read_text("utf-8")
        for name in ("checkup.py", "store_checks.py", "inbox_checks.py")
    )
    named = re.findall(r"(?:Check|bounded|expiring)\(\s*f?\"([a-z:]+)", source)
    assert {name.rstrip(":") for name in named} == told


def test_every_command_and_flag_that_the_page_shows_is_there() -> None:
    lines = [
        line.split("#")[0].split()[1:]
        for block in re.findall(r"```sh\n(.*?)```", PAGE, re.DOTALL)
        for line in block.splitlines()
        if line.startswith("harkara ")
    ]
    lines += [words.split()[1:] for words in re.findall(r"`(harkara [^`]+)`", PAGE)]
    assert len(lines) > 15
    assert [" ".join(words) for words in lines if not is_command(words)] == []


def is_command(words: list[str]) -> bool:
    found: click.Command | None = harkara
    rest = list(words)
    while isinstance(found, click.Group):
        found = found.get_command(click.Context(found), rest.pop(0)) if rest else None
    if found is None:
        return False
    flags = {name for parameter in found.params for name in parameter.opts}
    return {word for word in rest if word.startswith("--")} <= flags


@pytest.mark.parametrize(
    "words",
    [
        pytest.param(["shew"], id="a-command-that-is-not"),
        pytest.param(["registry", "shew"], id="a-command-of-a-group-that-is-not"),
        pytest.param(["registry"], id="half-a-command"),
        pytest.param(["serve", "--fast"], id="a-flag-that-is-not"),
    ],
)
def test_a_command_that_is_not_there_is_recognised(words: list[str]) -> None:
    assert not is_command(words)
