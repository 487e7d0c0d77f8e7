"""What a fatal signal leaves behind: the stacks of Python and of native code; then the end by that signal."""

from __future__ import annotations

import faulthandler
import os
import signal
from typing import Final

from skrouter.amqp.engine import native_stack

FATAL: Final = (signal.SIGABRT, signal.SIGBUS, signal.SIGFPE, signal.SIGILL, signal.SIGSEGV)
DISABLED_BY: Final = "SKUPPER_ROUTER_DISABLE_PANIC_HANDLER"


def install(descriptor: int) -> None:
    """Write both stacks to what the descriptor is now when the process dies of one of FATAL."""
    if DISABLED_BY in os.environ:
        return
    ours = os.dup(descriptor)  # the number may come to mean a peer's socket when the log moves on
    native_stack.install(ours, FATAL)  # first: Python's handler goes on to the one it finds
    faulthandler.enable(ours)
