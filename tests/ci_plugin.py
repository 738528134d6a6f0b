"""In CI a skipped test is a failure: a skip is a promise that nobody checked.

Loaded by `addopts` in pyproject.toml. Where the variable CI is `true`, a run in which anything was skipped
(or expected to fail) ends with exit code 1 and names what was skipped. Elsewhere it does nothing.
"""

from __future__ import annotations

import os

import pytest


class RefuseSkips:
    """Remembers what was skipped. Under xdist the reports of the workers reach the controller's instance."""

    def __init__(self) -> None:
        self.skipped: list[str] = []

    def pytest_runtest_logreport(self, report: pytest.TestReport) -> None:
        if report.skipped:
            self.skipped.append(report.nodeid)

    def pytest_collectreport(self, report: pytest.CollectReport) -> None:
        if report.skipped:
            self.skipped.append(report.nodeid)

    @pytest.hookimpl(trylast=True)
    def pytest_sessionfinish(self, session: pytest.Session) -> None:
        if self.skipped and session.exitstatus in (pytest.ExitCode.OK, pytest.ExitCode.NO_TESTS_COLLECTED):
            session.exitstatus = pytest.ExitCode.TESTS_FAILED

    def pytest_terminal_summary(self, terminalreporter: pytest.TerminalReporter) -> None:
        for nodeid in sorted(set(self.skipped)):
            terminalreporter.write_line(f"SKIPPED, which CI does not allow: {nodeid}", red=True)


def pytest_configure(config: pytest.Config) -> None:
    if os.environ.get("CI") == "true":
        config.pluginmanager.register(RefuseSkips(), "refuse-skips")
