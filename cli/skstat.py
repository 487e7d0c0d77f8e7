"""skstat: statistics of a router as tables.

Options, texts and exit codes are the reference's (`spec`: skstat); `--topology`, `--explain`, `--watch`, JSON
and YAML are ours.
"""

import argparse
import shutil
import sys
import time
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any, TextIO

from skrouter.cli.connection_options import (
    Connect,
    add_connection_options,
    add_general_options,
    add_target_options,
    connection_settings,
)
from skrouter.cli.displays.catalog import ALL_ENTITIES, DISPLAYS
from skrouter.cli.displays.source import Part, Source
from skrouter.cli.formats import FORMATS, JSON, add_format_options, dump
from skrouter.cli.pipes import run_into_pipe
from skrouter.cli.render import Prose, Table, for_programs, lines
from skrouter.cli.watching import Screen, positive_seconds, watch
from skrouter.mgmt.client.request import Node, Transport, node_address
from skrouter.mgmt.client.settings import parse_url

_DISPLAY_OPTIONS = (
    ("-g", "--general", "Show General Router Stats"),
    ("-c", "--connections", "Show Connections"),
    ("-l", "--links", "Show Router Links"),
    ("-n", "--nodes", "Show Router Nodes"),
    ("-e", "--edge", "Show edge connections"),
    ("-a", "--address", "Show Router Addresses"),
    ("-m", "--memory", "Show Router Memory Stats"),
    ("-p", "--policy", "Show Router Policy"),
    (None, "--autolinks", "Show Auto Links"),
    (None, "--vhosts", "Show Vhosts"),
    (None, "--vhostgroups", "Show Vhost Groups"),
    (None, "--vhoststats", "Show Vhost Stats"),
    (None, "--log", "Show recent log entries"),
    (
        None,
        "--all-entities",
        "Show all router entities. Can be combined with --all-routers option",
    ),
    (None, "--topology", "Show a map of all routers that can be found, with the costs from the one asked"),
)

_ALONE = ("topology", "explain")
"""Displays of the whole network, which are made once."""

_TABLE, _CSV = "table", "csv"
_DEFAULT_WIDTH = 80


def build_parser() -> argparse.ArgumentParser:
    """The options of skstat."""
    parser = argparse.ArgumentParser(prog="skstat", add_help=False)
    general = parser.add_argument_group("Optional Arguments")
    add_general_options(general)
    displays = parser.add_argument_group(
        "Display", "Choose what kind of information you want to be displayed"
    ).add_mutually_exclusive_group()
    for short, long, text in _DISPLAY_OPTIONS:
        names = [long] if short is None else [short, long]
        displays.add_argument(*names, dest="display", action="store_const", const=long[2:], help=text)
    displays.add_argument(
        "--explain",
        metavar="ADDRESS",
        help="Show why a message for the address goes where it goes, or nowhere, router by router",
    )
    target = parser.add_argument_group(
        "Target", "Choose destination router to required, default the one you connect to."
    ).add_mutually_exclusive_group()
    target.add_argument(
        "--all-routers",
        action="store_true",
        help="Show entities for all routers in network. Can also be used in combination with other options",
    )
    add_target_options(target)
    general.add_argument(
        "--limit",
        type=int,
        help="Limit number of output rows. Unlimited if limit is zero or if limit not specified",
    )
    general.add_argument(
        "--csv",
        dest="output",
        action="store_const",
        const=_CSV,
        default=argparse.SUPPRESS,
        help="Render tabular output in csv format",
    )
    add_format_options(general, (_TABLE, _CSV, *FORMATS), _TABLE)
    general.add_argument(
        "--watch",
        nargs="?",
        type=positive_seconds,
        const=2.0,
        metavar="SECONDS",
        help="Show again every so many seconds (default %(const)s) until interrupted",
    )
    add_connection_options(parser)
    parser.set_defaults(display="general")
    return parser


def parse(arguments: Sequence[str] | None = None) -> argparse.Namespace:
    """The options; ends the program for what is wrong."""
    parser = build_parser()
    options = parser.parse_args(arguments)
    if options.explain is not None:
        options.display = "explain"
    if options.display in _ALONE and options.all_routers:
        parser.error(f"argument --all-routers: --{options.display} shows the whole network without it")
    return options


@dataclass(frozen=True, slots=True)
class NodeSource:
    """A router asked through its management node; at most `limit` rows of each type."""

    node: Node
    limit: int | None

    def rows(self, entity_type: str, names: Sequence[str] = ()) -> list[dict[str, Any]]:
        """Entities of a type."""
        return self.node.query(entity_type, names, count=self.limit).maps()

    def router_id(self) -> str:
        """The id of the router that answers."""
        found = self.node.query("io.skupper.router.routerMetrics", ["id"]).maps()
        return str(found[0].get("id", "")) if found else ""


@dataclass(frozen=True, slots=True)
class Section:
    """What is shown of one router."""

    router_id: str
    parts: tuple[Part, ...]


Silence = tuple[type[Exception], ...]
"""What a transport raises when a router does not answer."""


def main(arguments: Sequence[str] | None = None) -> int:
    """The program; its exit status."""
    options = parse(arguments)
    from skrouter.mgmt.client import net  # noqa: PLC0415 — the engine is loaded only to connect

    silence = (net.Timeout, net.LinkDetached)
    if options.watch is not None:
        screen = Screen(sys.stdout, keeps_end=options.display == "log")
        return run_into_pipe(
            lambda: watch(
                options.watch,
                lambda: net.connect(connection_settings(options)),
                lambda connection: report(options, connection, time.time(), silence),
                screen,
            )
        )
    return run_into_pipe(lambda: run(options, net.connect, sys.stdout, time.time(), silence))


def run(options: argparse.Namespace, connect: Connect, out: TextIO, now: float, silence: Silence = ()) -> int:
    """Ask and print; 0, or 1 with the error on `out`. `now` in unix seconds."""
    try:
        connection = connect(connection_settings(options))
        try:
            text = report(options, connection, now, silence)
        finally:
            connection.close()
    except Exception as error:  # every error is told the same way: class and text, status 1
        print(f"{type(error).__name__}: {error}", file=out)
        return 1
    print(text, file=out)
    return 0


def report(options: argparse.Namespace, connection: Transport, now: float, silence: Silence) -> str:
    """What the options ask for, as text without its last line end."""
    node = Node(connection, _address(options, parse_url(options.bus).path))
    if options.display == "log":
        return _log(options, node)
    sections = [_network(options, node, silence)] if options.display in _ALONE else _sections(options, node)
    headed = options.display in (*_ALONE, "all-entities") or DISPLAYS[options.display].headed
    shown_time = f"{datetime.fromtimestamp(now, UTC):%Y-%m-%d %H:%M:%S.%f+00:00} UTC"
    if options.output in FORMATS:
        return _for_programs(options, sections, shown_time)
    return "\n".join(_text(options, sections, shown_time if headed else None))


def _address(options: argparse.Namespace, path: str | None) -> str:
    if options.router is None and options.edge_router is None and path is not None:
        return path
    return node_address(options.router, options.edge_router)


def _network(options: argparse.Namespace, node: Node, silence: Silence) -> Section:
    """A display of the whole network."""
    from skrouter.cli.displays.network import explanation, topology  # noqa: PLC0415 — start-up time

    width = shutil.get_terminal_size((_DEFAULT_WIDTH, 24)).columns
    if options.display == "topology":
        start, parts = topology(node, silence, width)
    else:
        start, parts = explanation(node, silence, options.explain, width)
    return Section(start, tuple(parts))


def _sections(options: argparse.Namespace, node: Node) -> list[Section]:
    limit = options.limit or None
    return [
        _section(options, NodeSource(target, limit))
        for target in _targets(node, everywhere=options.all_routers)
    ]


def _targets(node: Node, *, everywhere: bool) -> list[Node]:
    """The node itself, or all interior routers; a router that knows of none is still one."""
    found = node.management_nodes() if everywhere else []
    return [node.at(address.removeprefix("amqp:/")) for address in found] or [node]


def _section(options: argparse.Namespace, source: NodeSource) -> Section:
    names = ALL_ENTITIES if options.display == "all-entities" else (options.display,)
    shown: Source = source
    parts = [part for name in names for part in DISPLAYS[name].parts(shown, options.verbose)]
    return Section(source.router_id(), tuple(parts))


def _text(options: argparse.Namespace, sections: Sequence[Section], shown_time: str | None) -> list[str]:
    """Date once, then each router; a blank line follows each part where there are several kinds."""
    text = [] if shown_time is None else [shown_time]
    spaced = options.all_routers or options.display == "all-entities"
    for section in sections:
        if shown_time is not None:
            text += [f"Router  {section.router_id}" if options.all_routers else section.router_id, ""]
        for index, part in enumerate(section.parts):
            text += [] if index == 0 else [""]
            text += _lines(part, csv=options.output == _CSV)
        text += [""] if spaced else []
    return text


def _lines(part: Part, *, csv: bool) -> list[str]:
    match part:
        case Table():
            return lines(part, csv=csv)
        case Prose(text=text):
            return list(text)
    return [part]


def _for_programs(options: argparse.Namespace, sections: Sequence[Section], shown_time: str) -> str:
    routers = []
    for section in sections:
        tables = [for_programs(part) for part in section.parts if isinstance(part, Table)]
        prose = {part.name: part.data for part in section.parts if isinstance(part, Prose)}
        routers.append(
            {"id": section.router_id, **prose, **({"tables": tables} if tables or not prose else {})}
        )
    return _dumped(options, {"time": shown_time, "routers": routers})


def _dumped(options: argparse.Namespace, value: object) -> str:
    """As one line of JSON where many follow each other."""
    return dump(value, options.output, None if options.watch is not None and options.output == JSON else 2)


def _log(options: argparse.Namespace, node: Node) -> str:
    entries = node.ask("GET-LOG", limit=options.limit or None)
    if options.output in FORMATS:
        names = ("module", "level", "text", "file", "line", "time")
        return _dumped(options, [dict(zip(names, entry, strict=False)) for entry in entries])
    return "\n".join(
        f"{time.ctime(when)} {module} ({level}) {text}" for module, level, text, _, _, when in entries
    )


if __name__ == "__main__":
    sys.exit(main())
