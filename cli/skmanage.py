"""skmanage: management operations from the command line, JSON in and out.

Options, texts and exit codes are the reference's (`spec`: skmanage); YAML is ours.
"""

import argparse
import json
import sys
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any, NoReturn, TextIO

from skrouter.cli.connection_options import (
    Connect,
    add_connection_options,
    add_general_options,
    add_target_options,
    connection_settings,
)
from skrouter.cli.formats import FORMATS, JSON, add_format_options, dump
from skrouter.cli.pipes import run_into_pipe
from skrouter.mgmt.client.request import Node, node_address

PREFIX = "io.skupper.router."

SHORTHANDS = {
    "link": "router.link",
    "node": "router.node",
    "address": "router.config.address",
    "autoLink": "router.config.autoLink",
}

OPERATIONS_TEXT = (
    "Standard operations: QUERY, CREATE, READ, UPDATE, DELETE, GET-TYPES, GET-OPERATIONS, GET-ATTRIBUTES, "
    "GET-ANNOTATIONS, GET-MGMT-NODES, GET-SCHEMA, GET-LOG. Use GET-OPERATIONS to find additional operations."
)


class ValidationError(Exception):
    """Arguments that can be refused without asking a router."""


class UsageError(Exception):
    """Arguments that are answered with the usage."""


def build_parser() -> argparse.ArgumentParser:
    """The options of skmanage; what they leave over is the operation and its arguments."""
    parser = argparse.ArgumentParser(prog="skmanage <operation>", description=OPERATIONS_TEXT, add_help=False)
    group = parser.add_argument_group("Optional Arguments")
    add_general_options(group)
    add_target_options(group)
    group.add_argument("--type", help="Type of entity to operate on.")
    group.add_argument("--name", help="Name of entity to operate on.")
    group.add_argument("--identity", metavar="ID", help="Identity of entity to operate on.")
    group.add_argument(
        "--indent",
        type=int,
        default=2,
        help="Pretty-printing indent. -1 means don't pretty-print (default %(default)s)",
    )
    group.add_argument(
        "--stdin",
        action="store_true",
        help="Read attributes as JSON map or list of maps from stdin.",
    )
    add_format_options(group, FORMATS, JSON)
    group.add_argument("--body", help="JSON value to use as body of a non-standard operation call.")
    group.add_argument(
        "--properties", help="JSON map to use as properties for a non-standard operation call."
    )
    add_connection_options(parser)
    return parser


@dataclass(frozen=True, slots=True)
class Command:
    """An operation with its words, ready to be carried out."""

    operation: str
    words: tuple[str, ...]
    options: argparse.Namespace

    @property
    def type(self) -> str | None:
        """The long name of the type given."""
        return long_name(self.options.type)


def long_name(name: str | None) -> str | None:
    """The type that a shorthand stands for; a name with a dot stays, unless it only lacks our prefix.

    The router's agent knows `router.address` and its like by their long names alone.
    """
    if name is None or ("." in name and not name.startswith("router.")):
        return name
    return PREFIX + SHORTHANDS.get(name, name)


def main(arguments: Sequence[str] | None = None) -> int:
    """The program; its exit status."""
    parser = build_parser()
    options, words = parser.parse_known_args(arguments)
    if not words:
        parser.error("No operation specified")
    from skrouter.mgmt.client.net import connect  # noqa: PLC0415 — the engine is loaded only to connect

    command = Command(words[0].upper(), tuple(words[1:]), options)
    return run_into_pipe(lambda: run(command, connect, sys.stdout, sys.stdin, parser.error))


def run(
    command: Command,
    connect: Connect,
    out: TextIO,
    source: TextIO,
    usage: Callable[[str], NoReturn],
) -> int:
    """Carry out the command and print what came back; 0, or 1 with the error on `out`."""
    options = command.options
    try:
        settings = connection_settings(options)
        prepared = prepare(command, source)
        connection = connect(settings)
        try:
            path = None if options.router or options.edge_router else settings.endpoint.path
            answer = prepared(Node(connection, path or node_address(options.router, options.edge_router)))
        finally:
            connection.close()
    except UsageError as error:
        usage(str(error))
    except Exception as error:  # every error is told the same way: class and text, status 1
        print(f"{type(error).__name__}: {error}", file=out)
        return 1
    if answer is not NOTHING:
        print(answer if isinstance(answer, str) else shown(answer, options), file=out)
    return 0


NOTHING = object()
"""The answer of an operation that prints nothing."""

Prepared = Callable[[Node], object]


def shown(answer: object, options: argparse.Namespace) -> str:
    """The answer in the form asked for; on one line if `--indent` is negative."""
    return dump(answer, options.output, options.indent if options.indent >= 0 else None)


def prepare(command: Command, source: TextIO) -> Prepared:
    """The operation as a function of the node; checks all arguments before anything is sent."""
    operations: dict[str, Callable[[Command, TextIO], Prepared]] = {
        "QUERY": _query,
        "CREATE": _create,
        "READ": _read,
        "UPDATE": _update,
        "DELETE": _delete,
        "GET-TYPES": _describe,
        "GET-ATTRIBUTES": _describe,
        "GET-OPERATIONS": _describe,
        "GET-ANNOTATIONS": _describe,
        "GET-MGMT-NODES": _describe,
    }
    return operations.get(command.operation, _custom)(command, source)


def _query(command: Command, _: TextIO) -> Prepared:
    return lambda node: node.query(command.type, command.words).maps()


def _describe(command: Command, _: TextIO) -> Prepared:
    _no_words(command)
    return lambda node: node.ask(command.operation, entityType=command.type)


def _read(command: Command, _: TextIO) -> Prepared:
    _no_words(command)
    options = command.options
    return lambda node: node.read(command.type, options.name, options.identity)


def _delete(command: Command, _: TextIO) -> Prepared:
    _no_words(command)
    options = command.options

    def delete(node: Node) -> object:
        node.delete(command.type, options.name, options.identity)
        return NOTHING

    return delete


def _create(command: Command, source: TextIO) -> Prepared:
    given = _attributes(command, source)

    def create(node: Node, attributes: dict[str, Any]) -> dict[str, Any]:
        entity_type = command.type or long_name(attributes.get("type"))
        body = attributes if entity_type is None else {**attributes, "type": entity_type}
        return node.create(body, entity_type, command.options.name or attributes.get("name"))

    if isinstance(given, list):
        return lambda node: [create(node, attributes) for attributes in given]
    return lambda node: create(node, given)


def _update(command: Command, source: TextIO) -> Prepared:
    given = _attributes(command, source)
    options = command.options

    def update(node: Node, attributes: dict[str, Any]) -> dict[str, Any]:
        kind = command.type or long_name(attributes.get("type"))
        body = attributes if kind is None or "type" not in attributes else {**attributes, "type": kind}
        name = options.name or attributes.get("name")
        return node.update(body, kind, name, options.identity or attributes.get("identity"))

    if isinstance(given, list):
        return lambda node: [update(node, attributes) for attributes in given]
    return lambda node: update(node, given)


def _custom(command: Command, _: TextIO) -> Prepared:
    options = command.options
    properties = _json_option(options.properties, "--properties")
    if properties is not None and not isinstance(properties, dict):
        raise ValidationError(f"--properties must be a JSON map, not {options.properties}")
    body = _json_option(options.body, "--body")
    named = {**(properties or {}), **_pairs(command)}
    about = {"type": command.type, "name": options.name, "identity": options.identity}
    given = {key: value for key, value in about.items() if value is not None}

    def call(node: Node) -> object:
        if given:
            return node.call(command.operation, {} if body is None else body, **{**named, **given})
        return node.ask(command.operation, body, **named)

    return call


def _no_words(command: Command) -> None:
    if command.words:
        raise UsageError(f"Unexpected arguments for {command.operation}: {' '.join(command.words)}")


def _json_option(text: str | None, option: str) -> Any:
    if text is None:
        return None
    try:
        return json.loads(text)
    except ValueError as error:
        raise ValidationError(f"{option} is not JSON: {error}") from error


def _attributes(command: Command, source: TextIO) -> dict[str, Any] | list[dict[str, Any]]:
    """Attributes from standard input, or those in the words in the types of the schema."""
    if command.options.stdin:
        return _attributes_from(source.read())
    return _typed(command.type, _pairs(command))


def _attributes_from(text: str) -> dict[str, Any] | list[dict[str, Any]]:
    found = _json_option(text, "standard input")
    if isinstance(found, dict) or (isinstance(found, list) and all(isinstance(one, dict) for one in found)):
        return found
    raise ValidationError("standard input must hold a JSON map or a list of maps")


def _pairs(command: Command) -> dict[str, Any]:
    """`name=value` words; a name alone stands for null."""
    pairs: dict[str, Any] = {}
    for word in command.words:
        name, given, value = word.partition("=")
        pairs[name] = {"true": True, "false": False}.get(value, value) if given else None
    return pairs


def _typed(entity_type: str | None, pairs: dict[str, Any]) -> dict[str, Any]:
    """Whole numbers where the schema wants them; ValidationError for a type that it does not know."""
    if entity_type is None:
        return pairs
    from skrouter.config.schema import UnknownEntityTypeError, load_schema  # noqa: PLC0415 — start-up time

    try:
        attributes = load_schema().entity_type(entity_type).attributes
    except UnknownEntityTypeError as error:
        raise ValidationError(str(error.args[0])) from error
    typed = dict(pairs)
    for name, value in pairs.items():
        if name in attributes and attributes[name].type == "integer" and isinstance(value, str):
            typed[name] = _integer(name, value)
    return typed


def _integer(name: str, value: str) -> int:
    try:
        return int(value)
    except ValueError as error:
        raise ValidationError(f"Attribute '{name}' must be a whole number, not '{value}'") from error


if __name__ == "__main__":
    sys.exit(main())
