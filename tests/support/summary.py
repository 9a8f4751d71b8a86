"""The last lines of `make test`: what passed, what was skipped, and why."""

import time
from collections import Counter

import pytest

started = time.monotonic()


def pytest_configure(config: pytest.Config) -> None:
    """Come after pytest's own reports, so that the last line is ours."""
    config.pluginmanager.register(LastLines(), "last-lines")


class LastLines:
    """Counts the outcomes, and says them in words."""

    @pytest.hookimpl(trylast=True)
    def pytest_unconfigure(self, config: pytest.Config) -> None:
        reporter = config.pluginmanager.get_plugin("terminalreporter")
        if reporter is None or hasattr(config, "workerinput") or config.option.collectonly:
            return
        for line in lines(reporter.stats, time.monotonic() - started):
            reporter.write_line(line)


def lines(stats: dict[str, list[pytest.TestReport]], seconds: float) -> list[str]:
    """One line for each reason to skip, then the verdict."""
    told = []
    reasons = Counter(_reason(report) for report in stats.get("skipped", []))
    for reason, count in sorted(reasons.items()):
        told.append(f"Skipped {_tests(count)}: {reason}")
    passed = len(stats.get("passed", []))
    broken = len(stats.get("failed", [])) + len(stats.get("error", []))
    took = f"{int(seconds // 60)} min {int(seconds % 60)} s" if seconds >= 60 else f"{seconds:.0f} s"
    skipped = f", {sum(reasons.values())} skipped for the reasons above" if reasons else ", none skipped"
    if broken:
        told.append(f"FAILED: {_tests(broken)} of {broken + passed} failed in {took}{skipped}.")
    else:
        told.append(f"All that can run here passed: {_tests(passed)} in {took}{skipped}.")
    return told


def _tests(count: int) -> str:
    return f"{count} test" if count == 1 else f"{count} tests"


def _reason(report: pytest.TestReport) -> str:
    text = report.longrepr[2] if isinstance(report.longrepr, tuple) else str(report.longrepr)
    return text.removeprefix("Skipped: ")
