"""YAML and JSON texts to resources and back: several documents in a text, all mistakes at once.

Files are read by who has them: this module sees their text.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, replace
from functools import cache
from typing import Any, ClassVar

from skrouter.config.resources.catalog import KINDS
from skrouter.config.resources.common import CustomResource, Metadata, Resource
from skrouter.config.resources.core import read_config_map, read_secret, write_core
from skrouter.config.resources.problems import Notes, Place, Problem, ResourceError
from skrouter.config.resources.reading import read
from skrouter.config.resources.rules import NAME
from skrouter.config.resources.writing import pruned, write

MAX_TEXT = 4 << 20
"""Octets of one text; the largest object that Kubernetes keeps is 1.5 MiB."""


@dataclass(frozen=True, slots=True)
class Loaded:
    """What texts hold, and what is wrong with them; problems do not touch the good documents."""

    resources: tuple[Resource, ...] = ()
    problems: tuple[Problem, ...] = ()
    warnings: tuple[Problem, ...] = ()

    def good(self) -> tuple[Resource, ...]:
        """The resources; ResourceError if anything is wrong."""
        if self.problems:
            raise ResourceError(self.problems)
        return self.resources

    def __add__(self, other: Loaded) -> Loaded:
        return Loaded(
            self.resources + other.resources,
            self.problems + other.problems,
            self.warnings + other.warnings,
        )


def load(text: str, file: str | None = None, *, namespace: str | None = None) -> Loaded:
    """All documents of a text. `namespace` is put in the place of what they say themselves."""
    notes = Notes()
    resources = []
    for number, document in _documents(text, file, notes):
        resource = read_resource(document, Place(file, number), notes)
        if resource is not None:
            resources.append(resource if namespace is None else in_namespace(resource, namespace))
    return Loaded(tuple(resources), tuple(notes.problems), tuple(notes.warnings))


def read_resource(document: object, place: Place, notes: Notes) -> Resource | None:
    """The resource in a parsed document; None, with a note, if it is none of ours."""
    if not isinstance(document, Mapping):
        notes.complain(place, "is not a map", "a document begins with apiVersion, kind and metadata")
        return None
    kind = document.get("kind")
    if kind == "List" and isinstance(document.get("items"), list):
        notes.complain(place, "is a List", "give its items as documents, separated by ---")
        return None
    cls = KINDS.get(kind) if isinstance(kind, str) else None
    if cls is None or document.get("apiVersion") != cls.KIND.api_version:
        found = f"{document.get('apiVersion')}, kind {kind}"
        notes.warn(
            place, f"invalid resource ignored: {found}", f"known kinds are: {', '.join(sorted(KINDS))}"
        )
        return None
    return _read_known(cls, document, place, notes)


def _read_known(cls: type[Resource], document: Mapping[str, Any], place: Place, notes: Notes) -> Resource:
    metadata = read(Metadata, document.get("metadata"), place.at("metadata"), notes, strict=False)
    place = replace(place, resource=f"{cls.KIND.name}/{metadata.name}" if metadata.name else cls.KIND.name)
    if not metadata.name:
        notes.complain(place.at("metadata").at("name"), f"is missing; it must be {NAME.allowed}", "add it")
    elif not NAME.holds(metadata.name):
        text = f"{metadata.name!r} is not allowed; it must be {NAME.allowed}"
        notes.complain(place.at("metadata").at("name"), text, NAME.remedy)
    if issubclass(cls, CustomResource):
        return _read_custom(cls, metadata, document, place, notes)
    reader = read_secret if cls.KIND.name == "Secret" else read_config_map
    return reader(metadata, document, place, notes)


def _read_custom(
    cls: type[CustomResource], metadata: Metadata, document: Mapping[str, Any], place: Place, notes: Notes
) -> CustomResource:
    strict = "x-kubernetes-preserve-unknown-fields" not in cls.KIND.spec_schema
    spec: Any = read(cls.KIND.spec, document.get("spec"), place.at("spec"), notes, strict=strict)
    # What a status says was written by us or is of no interest: it is never a mistake of the user.
    status: Any = read(cls.KIND.status, _map_or_none(document.get("status")), place, Notes(), strict=False)
    return cls(metadata, spec, status)


def to_document(resource: Resource, *, status: bool = True) -> dict[str, Any]:
    """The document of a resource, without what is empty."""
    kind = resource.KIND
    document: dict[str, Any] = {
        "apiVersion": kind.api_version,
        "kind": kind.name,
        "metadata": write(resource.metadata),
    }
    if isinstance(resource, CustomResource):
        document["spec"] = write(resource.spec)
        if status:
            document["status"] = write(resource.status)
    else:
        document.update(write_core(resource))
    return {key: value for key, value in document.items() if value or key == "spec"}


def dump(resources: Iterable[Resource], *, status: bool = True) -> str:
    """The resources as YAML, each document after a line of `---`, keys sorted."""
    return dump_documents(to_document(one, status=status) for one in resources)


def dump_documents(documents: Iterable[Mapping[str, Any]]) -> str:
    """Documents as YAML, each after a line of `---`, keys sorted, without what is empty."""
    return "".join("---\n" + dump_one(one) for one in documents)


def dump_one(document: Mapping[str, Any], *, complete: bool = False) -> str:
    """One document as YAML, keys sorted; without what is empty, unless it shall be `complete`."""
    import yaml  # noqa: PLC0415 — its import would cost every command its time

    shown = document if complete else pruned(document)
    text: str = yaml.dump(shown, Dumper=_dumper(), default_flow_style=False, allow_unicode=True)
    return text


def in_namespace(resource: Resource, namespace: str) -> Resource:
    """The resource in another namespace."""
    return replace(resource, metadata=replace(resource.metadata, namespace=namespace))


def _map_or_none(found: object) -> object:
    return found if isinstance(found, Mapping) else None


def _documents(text: str, file: str | None, notes: Notes) -> list[tuple[int, object]]:
    """Number and content of each document that is not empty."""
    import yaml  # noqa: PLC0415 — its import would cost every command its time

    if len(text) > MAX_TEXT:
        notes.complain(Place(file), f"has {len(text)} octets; allowed are {MAX_TEXT}", "split it")
        return []
    found: list[tuple[int, object]] = []
    try:
        for number, document in enumerate(yaml.load_all(text, Loader=_loader()), start=1):
            if document is not None:
                found.append((number, document))
    except (yaml.YAMLError, RecursionError, ValueError) as error:
        notes.complain(Place(file, len(found) + 1), f"is not YAML: {_reason(error)}", "correct the form")
    return found


def _reason(error: Exception) -> str:
    mark = getattr(error, "problem_mark", None)
    problem = getattr(error, "problem", None) or str(error) or type(error).__name__
    return problem if mark is None else f"{problem} (line {mark.line + 1}, column {mark.column + 1})"


@cache
def _loader() -> Any:
    """A safe loader that leaves times as text and refuses keys given twice, as Kubernetes does."""
    import yaml  # noqa: PLC0415

    base = getattr(yaml, "CSafeLoader", yaml.SafeLoader)

    class Loader(base):  # type: ignore[misc, valid-type]
        yaml_implicit_resolvers: ClassVar[Any] = {
            first: [(tag, pattern) for tag, pattern in found if tag != "tag:yaml.org,2002:timestamp"]
            for first, found in base.yaml_implicit_resolvers.items()
        }

        def construct_mapping(self, node: Any, deep: bool = False) -> Any:
            seen = set()
            for key, _ in node.value:
                name = self.construct_object(key, deep=True)
                if isinstance(name, str) and name != "<<" and name in seen:
                    raise yaml.constructor.ConstructorError(
                        None, None, f"the key {name!r} is given twice", key.start_mark
                    )
                if isinstance(name, str):
                    seen.add(name)
            return super().construct_mapping(node, deep=deep)

    return Loader


@cache
def _dumper() -> Any:
    """A safe dumper that writes texts of several lines, as PEM, as blocks, and never aliases."""
    import yaml  # noqa: PLC0415

    class Dumper(getattr(yaml, "CSafeDumper", yaml.SafeDumper)):  # type: ignore[misc]
        def ignore_aliases(self, _data: Any) -> bool:
            return True

    def text(dumper: Any, value: str) -> Any:
        style = "|" if "\n" in value else None
        return dumper.represent_scalar("tag:yaml.org,2002:str", value, style=style)

    Dumper.add_representer(str, text)
    return Dumper
