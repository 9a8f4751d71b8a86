"""Alarms, board and runbook speak of the same things: metrics that exist, chapters that are there."""

import json
import re
from pathlib import Path
from typing import Any

import promql_parser
import pytest
import yaml

ROOT = Path(__file__).parent.parent.parent
ALERTS = yaml.safe_load((ROOT / "deploy/monitoring/alerts.yml").read_text())
BOARD = json.loads((ROOT / "deploy/monitoring/grafana/amicale.json").read_text())
RUNBOOK = (ROOT / "deploy/RUNBOOK.md").read_text()
OF_PROMETHEUS = {"up"}
SOURCES = ("shared", "services", "web")


def rules() -> list[dict[str, Any]]:
    return [rule for group in ALERTS["groups"] for rule in group["rules"]]


def queries() -> list[str]:
    """Every query of the alarms and of the board."""
    panels = [target["expr"] for panel in BOARD["panels"] for target in panel.get("targets", ())]
    return [*(rule["expr"] for rule in rules()), *panels]


def metrics_of(query: str) -> set[str]:
    return set(re.findall(r"\b(?:amicale_[a-z_]+|up)\b", query))


def declared() -> set[str]:
    """The names under which the sources count, with what Prometheus makes of a histogram."""
    text = "".join(path.read_text() for each in SOURCES for path in (ROOT / each).rglob("*.py"))
    names = set(re.findall(r'"(amicale_[a-z_]+)"', text))
    return names | {f"{name}_bucket" for name in names} | OF_PROMETHEUS


@pytest.mark.parametrize("query", queries())
def test_every_query_reads_and_asks_for_what_is_counted(query: str) -> None:
    promql_parser.parse(query)

    assert metrics_of(query) and metrics_of(query) <= declared()


def test_control_a_query_that_does_not_read_is_refused() -> None:
    with pytest.raises(ValueError, match=r".+"):
        promql_parser.parse("sum by (rate(amicale_requests_total[5m])")


@pytest.mark.parametrize("rule", rules(), ids=lambda rule: rule["alert"])
def test_every_alarm_says_what_it_is_and_has_a_chapter(rule: dict[str, Any]) -> None:
    file, _, chapter = rule["annotations"]["runbook"].partition("#")

    assert rule["labels"]["severity"] in ("page", "morning") and rule["annotations"]["summary"]
    assert (ROOT / file).exists() and chapter in chapters() and f"**{rule['alert']}**" in RUNBOOK


def test_the_runbook_knows_no_other_alarms() -> None:
    named = set(re.findall(r"\*\*([A-Z][a-z]+(?:[A-Z][a-z]+)+)\*\*", RUNBOOK))

    assert named == {rule["alert"] for rule in rules()}


def chapters() -> set[str]:
    """The anchors of the runbook's chapters, as they are made from headings."""
    headings = re.findall(r"^#+ (.+)$", RUNBOOK, re.MULTILINE)
    return {re.sub(r"[^\w -]", "", each).lower().replace(" ", "-") for each in headings}


def test_the_board_shows_every_metric_that_an_alarm_reads() -> None:
    alarms = {name for rule in rules() for name in metrics_of(rule["expr"])}
    board = {n for panel in BOARD["panels"] for t in panel.get("targets", ()) for n in metrics_of(t["expr"])}

    assert alarms <= board
    assert len({panel["id"] for panel in BOARD["panels"]}) == len(BOARD["panels"])


def test_what_is_scraped_are_the_parts_own_addresses() -> None:
    told = yaml.safe_load((ROOT / "deploy/monitoring/prometheus.yml").read_text())

    assert {each["job_name"] for each in told["scrape_configs"]} == {
        "directory", "events", "giving", "notify", "web",
    }  # fmt: skip
    assert told["rule_files"] == ["alerts.yml"]
