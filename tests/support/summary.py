"""The last lines of `make test`: what was skipped and why, what passed, whether the run came to its end."""

import time
from collections import Counter
from pathlib import Path

import pytest
from pytest import ExitCode

started = time.monotonic()


def pytest_configure(config: pytest.Config) -> None:
    """Come after pytest's own reports, so that the last line is ours."""
    config.pluginmanager.register(LastLines(), "last-lines")


class LastLines:
    """Counts the outcomes, and says them in words; the verdict is pytest's own, its exit status."""

    status: int | None = None

    @pytest.hookimpl(trylast=True)
    def pytest_sessionfinish(self, exitstatus: int) -> None:
        self.status = exitstatus

    @pytest.hookimpl(trylast=True)
    def pytest_unconfigure(self, config: pytest.Config) -> None:
        reporter = config.pluginmanager.get_plugin("terminalreporter")
        if reporter is None or hasattr(config, "workerinput") or config.option.collectonly:
            return
        for line in lines(reporter.stats, self.status, time.monotonic() - started):
            reporter.write_line(line)
        if self.status == ExitCode.NO_TESTS_COLLECTED:
            for missing in (each for each in config.args if not Path(each.split("::")[0]).exists()):
                reporter.write_line(f"There is no {missing}.")


def lines(stats: dict[str, list[pytest.TestReport]], status: int | None, seconds: float) -> list[str]:
    """One line for each reason to skip, then the verdict."""
    reasons = Counter(_reason(report) for report in stats.get("skipped", []))
    told = [f"Skipped {_tests(count)}: {reason}" for reason, count in sorted(reasons.items())]
    passed = len(stats.get("passed", []))
    broken = len(stats.get("failed", [])) + len(stats.get("error", []))
    took = f"{int(seconds // 60)} min {int(seconds % 60)} s" if seconds >= 60 else f"{seconds:.0f} s"
    skipped = f", {sum(reasons.values())} skipped for the reasons above" if reasons else ", none skipped"
    return [*told, _verdict(status, passed=passed, broken=broken, ending=f" in {took}{skipped}.")]


def _verdict(status: int | None, *, passed: int, broken: int, ending: str) -> str:
    if broken:
        stopped = "; the run was stopped before its end" if status == ExitCode.INTERRUPTED else ""
        return f"FAILED: {_tests(broken)} of {broken + passed} failed{ending.removesuffix('.')}{stopped}."
    if status == ExitCode.INTERRUPTED:
        return f"Stopped before the end: {passed} passed so far; run the same command again."
    if status == ExitCode.OK and passed:
        return f"All that can run here passed: {_tests(passed)}{ending}"
    if status == ExitCode.OK:
        return f"Nothing was run: every test was skipped{ending}"
    if status == ExitCode.NO_TESTS_COLLECTED:
        return "Nothing was run: no test matches what was asked."
    if status in {ExitCode.USAGE_ERROR, None}:
        return "Nothing was run: pytest does not understand what was asked."
    return f"FAILED: pytest broke down after {passed} passed; the reason is above."


def _tests(count: int) -> str:
    return f"{count} test" if count == 1 else f"{count} tests"


def _reason(report: pytest.TestReport) -> str:
    text = report.longrepr[2] if isinstance(report.longrepr, tuple) else str(report.longrepr)
    return text.removeprefix("Skipped: ")
