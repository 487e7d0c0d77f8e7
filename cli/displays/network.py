"""Displays of the whole network: asked of every router by way of the first, then shown."""

from skrouter.cli.displays.explanation import explanation_parts
from skrouter.cli.displays.source import Parts
from skrouter.cli.displays.topology import topology_parts
from skrouter.mgmt.client.request import Node
from skrouter.mgmt.survey.ask import Silence, Survey
from skrouter.mgmt.survey.explanation import explain
from skrouter.mgmt.survey.topology import topology as map_of


def topology(node: Node, silence: Silence, width: int) -> tuple[str, Parts]:
    """The id of the router at `node`, and the map as it has it."""
    mesh = Survey(node, silence).mesh()
    return mesh.start, topology_parts(map_of(mesh), width)


def explanation(node: Node, silence: Silence, address: str, width: int) -> tuple[str, Parts]:
    """The id of the router at `node`, and the way of a message that is sent to it."""
    survey = Survey(node, silence)
    found = explain(address, lambda target: survey.address(address, target), survey.known_addresses)
    return found.start, explanation_parts(found, width)
