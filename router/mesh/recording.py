"""Recordings of a mesh engine: what it was given, as lines of text, and the same life lived again.

A recording is a header line and a line for each event, in JSON. Times are the engine's own clock, unchanged:
made relative they would be rounded, and a deadline could fall on the other side of a tick.

Belongs here: the lines, and their replay. Does not: files (net/recorder.py).
"""

import json
import zlib
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, fields, is_dataclass
from typing import Final

from skrouter.router.mesh import events as mesh_events
from skrouter.router.mesh import messages
from skrouter.router.mesh.config import MeshConfig
from skrouter.router.mesh.effects import Effect
from skrouter.router.mesh.engine import MeshEngine
from skrouter.router.mesh.events import Event

FORMAT: Final = 1
"""Version of the lines; a reader refuses others."""

_MAP: Final = "map"


class RecordingError(ValueError):
    """Lines that are no recording, or one that cannot be replayed; the text says which line and why."""


@dataclass(frozen=True, slots=True)
class RecordingHeader:
    """Whose recording it is. `started`: the engine's clock when it was made; `wall`: Unix time of this line.

    `complete`: it has the engine's first event. A recording that was begun later can be read, not replayed.
    """

    config: MeshConfig
    started: float
    wall: float
    complete: bool = True


@dataclass(frozen=True, slots=True)
class RecordedEvent:
    """An event and its `now`. `digest` of the effects; None: the engine failed on this event."""

    now: float
    event: Event
    digest: str | None


@dataclass(frozen=True, slots=True)
class Recording:
    """One life of an engine, or the end of it."""

    header: RecordingHeader
    events: tuple[RecordedEvent, ...]


@dataclass(frozen=True, slots=True)
class Step:
    """One event of a replay. `agrees`: the effects are those of the recording."""

    now: float
    event: Event
    effects: tuple[Effect, ...]
    agrees: bool


# --- writing --------------------------------------------------------------------------------------------


def header_line(header: RecordingHeader) -> str:
    """The first line, without its line end."""
    return _dumped({"skrouter-mesh-recording": FORMAT, "router": header.config.router_id, **_object(header)})


def event_line(event: Event, now: float, effects: Sequence[Effect] | None) -> str:
    """The line of an event, without its line end; no effects: the engine failed."""
    return _dumped(_object(RecordedEvent(now, event, None if effects is None else digest(effects))))


def digest(effects: Iterable[Effect]) -> str:
    """A short text that is the same for equal effects in the same order."""
    return f"{zlib.crc32(_dumped([_plain(effect) for effect in effects]).encode()):08x}"


def _dumped(value: object) -> str:
    return json.dumps(value, separators=(",", ":"), allow_nan=False)


def _object(item: object) -> dict[str, object]:
    """The fields of a dataclass."""
    return {f.name: _plain(getattr(item, f.name)) for f in fields(item)}  # type: ignore[arg-type]


def _plain(value: object) -> object:
    """JSON of a value. Objects have one key: the name of a class over its fields, or `map` over a mapping."""
    if is_dataclass(value):
        return {type(value).__name__: _object(value)}
    if isinstance(value, Mapping):
        return {_MAP: {str(key): _plain(item) for key, item in value.items()}}
    if isinstance(value, tuple | list):
        return [_plain(item) for item in value]
    return sorted(value) if isinstance(value, frozenset) else value


# --- reading --------------------------------------------------------------------------------------------

_CLASSES: Final[Mapping[str, Callable[..., object]]] = {
    cls.__name__: cls
    for cls in (
        MeshConfig,
        mesh_events.Tick,
        mesh_events.ControlLinkUp,
        mesh_events.ControlLinkDown,
        mesh_events.MessageReceived,
        mesh_events.LocalAddressesChanged,
        mesh_events.LocalAddressAttributesChanged,
        messages.AddressDescriptor,
        messages.Hello,
        messages.RouterAdvertisement,
        messages.LinkStateRequest,
        messages.LinkStateUpdate,
        messages.MobileAddressDifference,
        messages.MobileAddressList,
        messages.MobileAddressRequest,
        messages.UnsupportedMessage,
    )
}
"""All that an event is made of, by the names on the lines."""


def read(lines: Iterable[str]) -> list[Recording]:
    """The recordings in a file, one for each header: a router that is started again appends to its file.

    A line that a killed router left unfinished, the last of its recording, is passed over. RecordingError
    for any other line that is none of a recording.
    """
    found: list[tuple[RecordingHeader, list[RecordedEvent]]] = []
    broken: RecordingError | None = None
    for number, line in enumerate(lines, 1):
        try:
            item = _read_line(line)
        except RecordingError as error:
            raise _wrong(number, error) from error
        except (ValueError, TypeError, KeyError, AttributeError) as error:
            if broken is not None or not found:
                raise broken or _wrong(number, error) from error
            broken = _wrong(number, error)
            continue
        if isinstance(item, RecordingHeader):
            found.append((item, []))
        elif broken is not None or not found:
            raise broken or _wrong(number, "is an event before the first header")
        else:
            found[-1][1].append(item)
        broken = None
    return [Recording(header, tuple(events)) for header, events in found]


def _wrong(number: int, what: object) -> RecordingError:
    return RecordingError(f"line {number} is not of a mesh recording: {what}")


def _read_line(line: str) -> RecordingHeader | RecordedEvent:
    found = json.loads(line)
    version = found.pop("skrouter-mesh-recording", None)
    values = {name: _value(item) for name, item in found.items()}
    if version is None:
        return RecordedEvent(**values)  # type: ignore[arg-type]
    if version != FORMAT:
        raise RecordingError(f"format version {version}, this program reads version {FORMAT}")
    values.pop("router")
    return RecordingHeader(**values)  # type: ignore[arg-type]


def _value(plain: object) -> object:
    """The value of `_plain`'s JSON; sequences are tuples."""
    if isinstance(plain, list):
        return tuple(_value(item) for item in plain)
    if not isinstance(plain, dict):
        return plain
    ((name, content),) = plain.items()
    if name == _MAP:
        return {key: _value(item) for key, item in content.items()}
    return _CLASSES[name](**{key: _value(item) for key, item in content.items()})


# --- replay ---------------------------------------------------------------------------------------------


def engine_of(recording: Recording) -> MeshEngine:
    """The engine as it was before the first event; RecordingError if the recording begins later."""
    header = recording.header
    if not header.complete:
        raise RecordingError(
            f"the recording of {header.config.router_id} began while the router was running, and cannot be "
            "replayed; one made with skrouterd --record can"
        )
    return MeshEngine(header.config, header.started)


def replay(recording: Recording, engine: MeshEngine | None = None) -> Iterator[Step]:
    """Give the recorded events to a new engine, or to `engine` if the caller wants to look at it.

    RecordingError as `engine_of`. An event on which the recorded engine failed fails here in the same way.
    """
    engine = engine or engine_of(recording)
    for item in recording.events:
        effects = tuple(engine.handle(item.event, item.now))
        yield Step(item.now, item.event, effects, digest(effects) == item.digest)
