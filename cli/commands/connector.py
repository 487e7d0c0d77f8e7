"""`skupper connector`: create, update, status, delete, generate."""

from __future__ import annotations

import click
from skrouter.cli.commands import display
from skrouter.cli.commands.services import Service, matched, service_options
from skrouter.cli.commands.session import Session, global_options
from skrouter.config.resources.connector import Connector

SERVICE = Service("connector", Connector, "localhost")


@click.group(name="connector")
def group() -> None:
    """A connector binds servers of this site to listeners of the network with the same routing key."""


@group.command()
@click.argument("arguments", nargs=-1, metavar="<name> <port>")
@service_options(updating=False)
@global_options
def create(session: Session, arguments: tuple[str, ...], **options: str) -> None:
    """Create a connector."""
    SERVICE.create(session, arguments, options)


@group.command()
@click.argument("name", default="", metavar="<name>")
@click.option("--port", default="", metavar="PORT", help="The new port.")
@service_options(updating=True)
@global_options
def update(session: Session, name: str, **options: str) -> None:
    """Change a connector; what is not named stays as it is."""
    SERVICE.update(session, name, options)


@group.command()
@click.argument("name", default="", metavar="[name]")
@click.option("--output", "-o", default="", metavar="json|yaml", help="Show the whole resource.")
@global_options
def status(session: Session, name: str, output: str) -> None:
    """Display the status of one connector or all."""
    found: list[Connector] = SERVICE.with_statuses(session, name, output)
    if name and found:
        display.pairs(_pairs(found[0]))
    elif found:
        headings = (
            "NAME",
            "STATUS",
            "ROUTING-KEY",
            "SELECTOR",
            "HOST",
            "PORT",
            "HAS MATCHING LISTENER",
            "MESSAGE",
        )
        display.table(headings, [_row(one) for one in found])


@group.command()
@click.argument("name", default="", metavar="<name>")
@global_options
def delete(session: Session, name: str) -> None:
    """Delete a connector."""
    SERVICE.delete(session, name)


@group.command()
@click.argument("arguments", nargs=-1, metavar="<name> <port>")
@service_options(updating=False)
@click.option("--output", "-o", default="yaml", metavar="json|yaml", help="Form of the document.")
@global_options
def generate(session: Session, arguments: tuple[str, ...], **options: str) -> None:
    """Print the document of a connector; nothing is created."""
    SERVICE.generate(session, arguments, options)


def _row(one: Connector) -> tuple[str, ...]:
    return (
        one.name,
        one.status.status or "Pending",
        one.spec.routing_key,
        one.spec.selector,
        one.spec.host,
        str(one.spec.port),
        matched(one.status.has_matching_listener),
        one.status.message,
    )


def _pairs(one: Connector) -> list[tuple[str, str]]:
    return [
        ("Name", one.name),
        ("Status", one.status.status or "Pending"),
        ("Routing key", one.spec.routing_key),
        ("Selector", one.spec.selector),
        ("Host", one.spec.host),
        ("Port", str(one.spec.port)),
        ("Has Matching Listener", matched(one.status.has_matching_listener)),
        ("Message", one.status.message),
    ]
