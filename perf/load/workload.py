"""Compiles the load generators and runs one of them against a target."""

import json
import subprocess
from dataclasses import dataclass
from pathlib import Path

from load.cases import Case
from load.configs import ADDRESS, HOST
from load.processes import BenchError
from load.targets import Target

SOURCES = Path(__file__).parent / "generators"
GRACE = 40.0
"""Seconds beyond the measured time after which a generator counts as hung."""


@dataclass(frozen=True, slots=True)
class Generators:
    """The two compiled programs; their manuals are the heads of their sources."""

    messages: Path
    tcp: Path

    def run(self, case: Case, target: Target, seconds: float) -> dict[str, float]:
        """One measurement: the figures of the generator. BenchError if it found anything wrong."""
        command = self._command(case, target, seconds)
        try:
            result = subprocess.run(
                command,
                capture_output=True,
                text=True,
                stdin=subprocess.DEVNULL,
                timeout=seconds + GRACE,
                check=False,
            )
        except subprocess.TimeoutExpired as error:
            raise BenchError(
                f"{case.title} on {target.name}: no result within {error.timeout:.0f} s"
            ) from error
        if result.returncode != 0:
            raise BenchError(
                f"{case.title} on {target.name}: {(result.stderr or result.stdout).strip()[-500:]}"
            )
        figures: dict[str, float] = json.loads(result.stdout)
        return figures

    def _command(self, case: Case, target: Target, seconds: float) -> list[str]:
        common = ["-t", str(seconds), "-j"]
        if target.pids:
            common += ["-R", ",".join(map(str, target.pids))]
        if case.group.startswith("messages"):
            ports = ["-H", HOST, "-p", str(target.port), "-q", str(target.far_port), "-a", ADDRESS]
            return [str(self.messages), *ports, *case.arguments, *common]
        mode, *arguments = case.arguments
        return [str(self.tcp), mode, HOST, str(target.port), *arguments, *common]


def build(directory: Path) -> Generators:
    """Compile both generators into `directory`."""
    return Generators(*(_compile(SOURCES / f"{name}.c", directory) for name in ("msgbench", "tcpbench")))


def _compile(source: Path, directory: Path) -> Path:
    program = directory / source.stem
    result = subprocess.run(
        ("gcc", "-O2", "-o", str(program), str(source)), capture_output=True, text=True, check=False
    )
    if result.returncode != 0:
        raise BenchError(f"{source.name} does not compile:\n{result.stderr}")
    return program
