"""A closed output pipe ends a tool quietly."""

import subprocess
import sys

PROGRAM = """
import sys
from skrouter.cli.pipes import run_into_pipe

def write():
    for number in range(100_000):
        print(number)
    return 0

sys.exit(run_into_pipe(write))
"""


def test_a_reader_that_leaves_ends_the_program_without_a_traceback() -> None:
    command = [sys.executable, "-P", "-c", PROGRAM]
    with subprocess.Popen(command, stdout=subprocess.PIPE, stderr=subprocess.PIPE) as process:
        assert process.stdout is not None
        assert process.stderr is not None
        process.stdout.readline()
        process.stdout.close()
        assert process.stderr.read() == b""
        assert process.wait(20) == 141


def test_all_output_arrives_and_the_status_is_kept() -> None:
    command = [sys.executable, "-P", "-c", PROGRAM.replace("return 0", "return 3")]
    done = subprocess.run(command, capture_output=True, check=False, timeout=20)
    assert (done.returncode, len(done.stdout.splitlines())) == (3, 100_000)
