"""skstat: statistics of a router as tables.

Options, texts and exit codes are the reference's (`spec`: skstat); `--json` is ours.
"""

import argparse
import json
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
from skrouter.cli.displays.source import Source
from skrouter.cli.pipes import run_into_pipe
from skrouter.cli.render import Table, as_json, lines
from skrouter.mgmt.client.request import Node, node_address

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
)


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
    general.add_argument("--csv", action="store_true", help="Render tabular output in csv format")
    general.add_argument("--json", action="store_true", help="Render output as JSON")
    add_connection_options(parser)
    parser.set_defaults(display="general")
    return parser


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
    parts: tuple[Table | str, ...]


def main(arguments: Sequence[str] | None = None) -> int:
    """The program; its exit status."""
    options = build_parser().parse_args(arguments)
    from skrouter.mgmt.client.net import connect  # noqa: PLC0415 — the engine is loaded only to connect

    return run_into_pipe(lambda: run(options, connect, sys.stdout, time.time()))


def run(options: argparse.Namespace, connect: Connect, out: TextIO, now: float) -> int:
    """Ask and print; 0, or 1 with the error on `out`. `now` in unix seconds."""
    try:
        settings = connection_settings(options)
        connection = connect(settings)
        try:
            node = Node(connection, _address(options, settings.endpoint.path))
            text = _report(options, node, now)
        finally:
            connection.close()
    except Exception as error:  # every error is told the same way: class and text, status 1
        print(f"{type(error).__name__}: {error}", file=out)
        return 1
    print(text, file=out)
    return 0


def _address(options: argparse.Namespace, path: str | None) -> str:
    if options.router is None and options.edge_router is None and path is not None:
        return path
    return node_address(options.router, options.edge_router)


def _report(options: argparse.Namespace, node: Node, now: float) -> str:
    limit = options.limit or None
    if options.display == "log":
        return _log(options, node)
    sections = [
        _section(options, NodeSource(target, limit))
        for target in _targets(node, everywhere=options.all_routers)
    ]
    headed = options.display == "all-entities" or DISPLAYS[options.display].headed
    shown_time = f"{datetime.fromtimestamp(now, UTC):%Y-%m-%d %H:%M:%S.%f+00:00} UTC"
    if options.json:
        return _json(sections, shown_time)
    return "\n".join(_text(options, sections, shown_time if headed else None))


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
            text += [part] if isinstance(part, str) else lines(part, csv=options.csv)
        text += [""] if spaced else []
    return text


def _json(sections: Sequence[Section], shown_time: str) -> str:
    return json.dumps(
        {
            "time": shown_time,
            "routers": [
                {
                    "id": section.router_id,
                    "tables": [as_json(part) for part in section.parts if not isinstance(part, str)],
                }
                for section in sections
            ],
        },
        indent=2,
    )


def _log(options: argparse.Namespace, node: Node) -> str:
    entries = node.ask("GET-LOG", limit=options.limit or None)
    if options.json:
        names = ("module", "level", "text", "file", "line", "time")
        return json.dumps([dict(zip(names, entry, strict=False)) for entry in entries], indent=2)
    return "\n".join(
        f"{time.ctime(when)} {module} ({level}) {text}" for module, level, text, _, _, when in entries
    )


if __name__ == "__main__":
    sys.exit(main())
