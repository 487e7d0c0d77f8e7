"""The stack of native code, written to a descriptor when the process dies of a signal.

Runs inside the signal handler: nothing here allocates, locks or touches Python.
"""

from libc.signal cimport raise_
from libc.string cimport strlen
from posix.signal cimport SA_NODEFER, SA_ONSTACK, SA_RESETHAND, sigaction, sigaction_t, sigemptyset
from posix.unistd cimport write

cdef extern from "execinfo.h" nogil:
    int backtrace(void **frames, int size)
    void backtrace_symbols_fd(void *const *frames, int size, int descriptor)

cdef enum:
    DEPTH = 64

cdef int _descriptor = -1       # the process has one; a handler has no other way to know it


cdef void _write(const char *text) noexcept nogil:
    write(_descriptor, text, strlen(text))


cdef void _on_signal(int number) noexcept nogil:
    """The handler has been reset: the signal that is raised again ends the process."""
    cdef void *frames[DEPTH]
    cdef int found = backtrace(frames, DEPTH)
    _write(b"\nNative stack (most recent call first; addr2line or gdb find the lines):\n")
    backtrace_symbols_fd(frames, found, _descriptor)
    _write(b"\n")
    raise_(number)


def install(int descriptor, numbers):
    """Write the native stack to the descriptor before the process dies of one of these signals."""
    global _descriptor
    cdef sigaction_t action
    cdef void *frames[1]
    backtrace(frames, 1)        # loads what it needs now, not in the handler
    _descriptor = descriptor
    action.sa_handler = _on_signal
    action.sa_flags = SA_NODEFER | SA_ONSTACK | SA_RESETHAND
    sigemptyset(&action.sa_mask)
    for number in numbers:
        if sigaction(number, &action, NULL) != 0:
            raise OSError(f"cannot handle signal {number}")
