"""What is measured: each case is one run of a load generator against each target of its group."""

from dataclasses import dataclass
from typing import Literal

Group = Literal["messages-one", "messages-two", "tcp-one", "tcp-two"]

GROUPS: tuple[Group, ...] = ("messages-one", "messages-two", "tcp-one", "tcp-two")


@dataclass(frozen=True, slots=True)
class Case:
    """`arguments` go to msgbench for a message group; to tcpbench, with the mode first, for a TCP group."""

    group: Group
    name: str
    arguments: tuple[str, ...]
    quick: bool = False

    @property
    def title(self) -> str:
        return f"{self.group}/{self.name}"


def _messages(group: Group) -> tuple[Case, ...]:
    return (
        Case(group, "100B-unsettled", ("-s", "100"), quick=True),
        Case(group, "100B-presettled", ("-s", "100", "-S")),
        Case(group, "100B-unsettled-8-pairs", ("-s", "100", "-P", "8")),
        Case(group, "100B-round-trip", ("-s", "100", "-w", "1"), quick=True),
        Case(group, "64KiB-unsettled", ("-s", "65536"), quick=True),
        Case(group, "64KiB-presettled", ("-s", "65536", "-S")),
    )


def _tcp(group: Group) -> tuple[Case, ...]:
    return (
        Case(group, "request-16", ("rr", "-c", "16"), quick=True),
        Case(group, "request-64", ("rr", "-c", "64")),
        Case(group, "connect-8", ("conn", "-c", "8"), quick=True),
        Case(group, "up-1", ("up", "-c", "1")),
        Case(group, "down-1", ("down", "-c", "1"), quick=True),
        Case(group, "up-8", ("up", "-c", "8")),
        Case(group, "down-8", ("down", "-c", "8")),
    )


CASES: tuple[Case, ...] = (
    *_messages("messages-one"),
    *_messages("messages-two"),
    *_tcp("tcp-one"),
    *_tcp("tcp-two"),
)


def select(quick: bool, only: tuple[str, ...]) -> tuple[Case, ...]:
    """The cases to run: all, the quick ones, or those whose title begins with one of `only`."""
    return tuple(
        case
        for case in CASES
        if (case.quick or not quick) and (not only or any(case.title.startswith(prefix) for prefix in only))
    )
