"""The options of the programs that are no tree of commands, as their parsers have them."""

import argparse
from collections.abc import Iterator
from dataclasses import dataclass

from skrouter.cli import controller, daemon_options, skmanage, skstat


@dataclass(frozen=True, slots=True)
class Program:
    """A program: what it is in one line, how it is called, and its parser."""

    name: str
    title: str
    synopsis: str
    parser: argparse.ArgumentParser


PROGRAMS = (
    Program("skrouterd", "AMQP 1.0 message router", "skrouterd [options]", daemon_options.build_parser()),
    Program(
        "skmanage",
        "management operations on routers",
        "skmanage [options] OPERATION [NAME=VALUE ...]",
        skmanage.build_parser(),
    ),
    Program("skstat", "statistics of routers as tables", "skstat [options]", skstat.build_parser()),
    Program(
        "skupper-controller",
        "controller of the sites of this machine",
        "skupper-controller [options]",
        controller.build_parser(),
    ),
)


@dataclass(frozen=True, slots=True)
class Option:
    """One option: its names, what it takes (empty: nothing), its text."""

    names: tuple[str, ...]
    value: str
    text: str

    @property
    def shown(self) -> str:
        """As a reader sees it: `-b, --bus URL`."""
        return ", ".join(self.names) + (f" {self.value}" if self.value else "")


def groups(parser: argparse.ArgumentParser) -> Iterator[tuple[str, list[Option]]]:
    """Titles and options in the order of the help."""
    for group in parser._action_groups:
        actions = [action for action in _actions(group) if action.option_strings]
        if actions:
            yield group.title or "Options", [_option(parser, action) for action in actions]


def _actions(group: argparse._ArgumentGroup) -> list[argparse.Action]:
    return group._group_actions


def _option(parser: argparse.ArgumentParser, action: argparse.Action) -> Option:
    text = (action.help or "") % {**vars(action), "prog": parser.prog}
    return Option(tuple(action.option_strings), _value(action), text)


def _value(action: argparse.Action) -> str:
    if action.nargs == 0:
        return ""
    name = "|".join(action.choices) if action.choices else str(action.metavar or action.dest.upper())
    return f"[{name}]" if action.nargs == "?" else name
