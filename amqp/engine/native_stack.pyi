"""Python face of the native stack trace."""

from collections.abc import Iterable

def install(descriptor: int, numbers: Iterable[int]) -> None:
    """Write the native stack to the descriptor before the process dies of one of these signals."""
