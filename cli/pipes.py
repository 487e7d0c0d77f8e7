"""A reader that has seen enough (`skstat -l | head`) is no error of the program that writes."""

import os
import sys
from collections.abc import Callable

BROKEN_PIPE_STATUS = 141
"""What a shell shows for a program that SIGPIPE has ended."""


def run_into_pipe(program: Callable[[], int]) -> int:
    """The program's exit status; quiet if its output was closed before it had written all."""
    try:
        status = program()
        sys.stdout.flush()
    except BrokenPipeError:
        os.dup2(
            os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno()
        )  # the interpreter flushes once more at exit
        return BROKEN_PIPE_STATUS
    return status
