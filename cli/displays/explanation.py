"""Why a message goes where it goes: `--explain`."""

from collections.abc import Callable, Iterator, Mapping
from dataclasses import asdict
from textwrap import wrap

from skrouter.cli.displays.source import Parts
from skrouter.cli.formats import camel_case
from skrouter.cli.render import Prose
from skrouter.mgmt.survey.destinations import CONSUMER, PEER, PROCESS, ROUTER, UPLINK, Destination
from skrouter.mgmt.survey.explanation import Explanation, Hop, Sender

_LABEL = 14
"""Columns of the labels, two blanks before them included."""

_TIED = "\N{NO-BREAK SPACE}"
"""Between a word and its number, until lines are broken."""

_MANY = 20
"""Senders or destinations that are shown of a router; programs get all."""


def explanation_parts(found: Explanation, width: int) -> Parts:
    """One text: the verdict, then each router. Lines have at most `width` columns."""
    text = [*wrap(f"{found.address} -> {found.verdict}", width)]
    if found.similar:
        text += wrap(f"Similar addresses are known: {', '.join(found.similar)}", width)
    for hop in found.hops:
        text += ["", *_hop(hop, width)]
    return [Prose("explanation", tuple(text), camel_case(asdict(found)))]


def _hop(hop: Hop, width: int) -> Iterator[str]:
    by = "" if hop.arrival.neighbor is None else f", from {hop.arrival.neighbor}"
    yield f"{hop.router}  ({hop.mode}{by})"
    for label, text in _facts(hop):
        room = max(width - _LABEL - 2, 20)
        wrapped = wrap(text, room, subsequent_indent="  ", break_on_hyphens=False)
        first, *rest = [line.replace(_TIED, " ") for line in wrapped] or [""]
        yield f"  {label:<{_LABEL}}{first}".rstrip()
        yield from (" " * (_LABEL + 2) + line for line in rest)


def _facts(hop: Hop) -> Iterator[tuple[str, str]]:
    yield "treatment", _treatment(hop)
    if hop.deliveries is None:
        yield "deliveries", "the address is not known here"
    else:
        into, out, through = hop.deliveries
        watched = ", watched" if hop.watched else ""
        yield "deliveries", f"in {into}, out {out}, through {through}{watched}"
    nobody = "none" if hop.arrival.neighbor is None else None
    yield from _listed("senders", [_sender(one) for one in hop.senders], nobody)
    yield from _listed("services", list(hop.services))
    yield from _policy(hop)
    yield from _listed("destinations", [_destination(one) for one in hop.destinations], "none")
    for note in hop.notes:
        yield "note", note


def _listed(label: str, texts: list[str], nothing: str | None = None) -> Iterator[tuple[str, str]]:
    if not texts and nothing is not None:
        yield label, nothing
    for index, text in enumerate(texts[:_MANY]):
        yield (label if index == 0 else ""), text
    if len(texts) > _MANY:
        yield "", f"and {len(texts) - _MANY} more"


def _treatment(hop: Hop) -> str:
    priority = "" if hop.priority is None else f", priority {hop.priority}"
    return f"{hop.treatment} ({hop.rule}){priority}"


def _sender(one: Sender) -> str:
    return f"C{one.connection} {one.name}, credit{_TIED}{one.credit}"


def _policy(hop: Hop) -> Iterator[tuple[str, str]]:
    allowed = hop.permissions
    if allowed.senders is None or allowed.receivers is None:
        yield "policy", "off"
        return
    yield "may send", ", ".join(allowed.senders) or "nobody"
    yield "may receive", ", ".join(allowed.receivers) or "nobody"


def _destination(one: Destination) -> str:
    mark = "->" if one.chosen else "--"
    reason = f": {one.reason}" if one.reason else ""
    return f"{mark} {_NAMES[one.kind](one)}{_load(one)}{reason}"


_NAMES: Mapping[str, Callable[[Destination], str]] = {
    PROCESS: lambda one: one.name,
    CONSUMER: lambda one: one.name if one.credit is None else f"C{one.connection} {one.name}",
    PEER: lambda one: f"router {one.name} by C{one.connection}",
    ROUTER: lambda one: f"router {one.name}{_by(one)}",
    UPLINK: lambda one: f"uplink to {one.name}",
}


def _by(one: Destination) -> str:
    way = "" if one.next_hop in (None, one.router) else f" by {one.next_hop}"
    return way if one.cost is None else f"{way}, cost {one.cost}"


def _load(one: Destination) -> str:
    if one.credit is None:
        return ""
    blocked = f" for {one.blocked_seconds} s" if one.credit == 0 and one.blocked_seconds else ""
    stuck = f", stuck{_TIED}{one.stuck}" if one.stuck else ""
    return (
        f", credit{_TIED}{one.credit}{blocked}, undelivered{_TIED}{one.undelivered}, "
        f"unsettled{_TIED}{one.unsettled}{stuck}"
    )
