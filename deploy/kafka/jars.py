"""The program itself: Apache Kafka's jars, fetched once by Maven as pom.xml names them."""

import shutil
import subprocess
from pathlib import Path

from deploy.local.problem import CannotGoOn

ROOT = Path(__file__).parent.parent.parent
JARS = ROOT / "build" / "kafka"
WHOLE = JARS / ".whole"
"""Made when Maven has ended well: a download that was interrupted is begun again."""


def missing_tool() -> str:
    """The program that has to be installed first, in words; empty when nothing is missing."""
    needed = ("java",) if are_here() else ("java", "mvn")
    found = [tool for tool in needed if shutil.which(tool) is None]
    packages = {"java": "default-jre-headless", "mvn": "maven"}
    if not found:
        return ""
    names = " ".join(packages[tool] for tool in found)
    return f"Apache Kafka needs {' and '.join(found)}: on Debian or Ubuntu, apt install {names}."


def are_here() -> bool:
    """Whether nothing has to be fetched."""
    return WHOLE.exists()


def fetch(*, within_s: float = 600) -> None:
    """Fetch them; CannotGoOn says why it cannot be."""
    command = ["mvn", "-q", "-B", "-f", str(ROOT / "deploy/kafka"), "dependency:copy-dependencies"]
    try:
        done = subprocess.run(
            [*command, f"-DoutputDirectory={JARS}"],
            capture_output=True,
            text=True,
            timeout=within_s,
            check=False,
        )
    except subprocess.TimeoutExpired:
        raise CannotGoOn(f"Maven has not fetched Apache Kafka within {within_s:.0f} s: try again.") from None
    if done.returncode:
        said = [line for line in (done.stdout + done.stderr).splitlines() if "ERROR" in line]
        raise CannotGoOn(f"Maven could not fetch Apache Kafka: {(said or ['it says nothing'])[0][:300]}")
    WHOLE.touch()
