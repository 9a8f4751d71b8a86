"""The program itself: Apache Kafka's jars, fetched once by Maven as pom.xml names them."""

import hashlib
import shutil
import subprocess
from pathlib import Path
from tempfile import TemporaryDirectory

from deploy.local.problem import CannotGoOn

ROOT = Path(__file__).parent.parent.parent
JARS = ROOT / "build" / "kafka"
POM = ROOT / "deploy/kafka/pom.xml"
WHOLE = JARS / ".whole"
"""Of which pom.xml they are: those of another one are fetched anew."""


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
    return WHOLE.exists() and WHOLE.read_text() == _wanted()


def _wanted() -> str:
    return hashlib.sha256(POM.read_bytes()).hexdigest()


def fetch(*, within_s: float = 600) -> None:
    """Fetch them in place of what is there; CannotGoOn says why it cannot be."""
    wanted = _wanted()
    JARS.parent.mkdir(parents=True, exist_ok=True)
    with TemporaryDirectory(dir=JARS.parent, ignore_cleanup_errors=True) as folder:
        fetched = Path(folder) / JARS.name
        _copy(fetched, within_s)
        (fetched / WHOLE.name).write_text(wanted)
        shutil.rmtree(JARS, ignore_errors=True)
        fetched.rename(JARS)


def _copy(into: Path, within_s: float) -> None:
    command = ["mvn", "-q", "-B", "-f", str(POM.parent), "dependency:copy-dependencies"]
    try:
        done = subprocess.run(
            [*command, f"-DoutputDirectory={into}"],
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
