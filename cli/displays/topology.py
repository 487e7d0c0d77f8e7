"""The map of the network: `--topology`."""

from collections.abc import Sequence
from textwrap import wrap
from typing import Any

from skrouter.cli.displays.source import Parts
from skrouter.cli.render import Prose, Table
from skrouter.mgmt.survey.topology import Link, Place, Topology

_HEADINGS = ("router", "mode", "version", "cost", "link cost", "conns", "security")
_LINK_HEADINGS = ("between", "and", "role", "cost", "conns", "security")


def topology_parts(found: Topology, width: int) -> Parts:
    """The tree of routers, the links beside it, and what is wrong in lines of at most `width` columns."""
    drawn = draw(found.places)
    rows = tuple(_row(place, name) for place, name in zip(found.places, drawn, strict=True))
    records = tuple(_record(place) for place in found.places)
    parts: Parts = [Table(f"Network seen from {found.start}", _HEADINGS, rows, records=records)]
    if found.others:
        links = tuple(_link_row(link) for link in found.others)
        parts.append(Table("Links beside the tree", _LINK_HEADINGS, links))
    if found.problems:
        lines = [line for text in found.problems for line in _wrapped(text, width)]
        parts.append(Prose("problems", ("Problems", *lines), list(found.problems)))
    return parts


def _wrapped(text: str, width: int) -> list[str]:
    return wrap(text, width, initial_indent="  ", subsequent_indent="    ", break_on_hyphens=False)


def draw(places: Sequence[Place]) -> list[str]:
    """The ids behind the branches of the tree; places come in its order."""
    return [_branches(places, index) + place.id for index, place in enumerate(places)]


def _branches(places: Sequence[Place], index: int) -> str:
    depth = places[index].depth
    if depth == 0:
        return ""
    trunk = "".join("│  " if _goes_on(places, index, level) else "   " for level in range(1, depth))
    return trunk + ("├─ " if _goes_on(places, index, depth) else "└─ ")


def _goes_on(places: Sequence[Place], index: int, level: int) -> bool:
    """Whether a branch of this level has another place below this one."""
    for place in places[index + 1 :]:
        if place.depth <= level:
            return place.depth == level
    return False


def _row(place: Place, drawn: str) -> tuple[str, ...]:
    link = place.link
    mode = place.mode if place.answered or place.mode in ("container", "network") else f"{place.mode}?"
    cost = "-" if place.cost is None else str(place.cost)
    if link is None:
        return (drawn, mode, place.version, cost, "-", "-", "")
    return (drawn, mode, place.version, cost, _cost(link), str(link.connections), _security(link))


def _link_row(link: Link) -> tuple[str, ...]:
    role = link.role if link.active else f"{link.role} (stand-by)"
    return (*link.ends, role, _cost(link), str(link.connections), _security(link))


def _cost(link: Link) -> str:
    return "-" if link.cost is None else str(link.cost)


def _security(link: Link) -> str:
    return ",".join(link.protection) or "no-security"


def _record(place: Place) -> dict[str, Any]:
    link = place.link
    return {
        "id": place.id,
        "mode": place.mode,
        "version": place.version,
        "answered": place.answered,
        "parent": place.parent,
        "cost": place.cost,
        "linkRole": None if link is None else link.role,
        "linkCost": None if link is None else link.cost,
        "connections": None if link is None else link.connections,
        "security": None if link is None else list(link.protection),
    }
