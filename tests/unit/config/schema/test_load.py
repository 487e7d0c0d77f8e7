"""The schema says what the reference's does, in GET-SCHEMA's form, and loads fast enough for every start."""

import json
import time
from pathlib import Path
from typing import Any

import pytest
from skrouter.config.schema import load as schema_load
from skrouter.config.schema import load_schema
from skrouter.config.schema.load import build_schema

REFERENCE = json.loads(Path(__file__).with_name("reference_schema.json").read_text(encoding="utf-8"))
# the reference prints this link type in router.link rows, but its schema leaves it out
ADDED_CHOICES = {("router.link", "linkType"): ["edge-downlink"]}
# ours alone, off by default
ADDED_ATTRIBUTES = [("tcpListener", "proxyProtocol"), ("tcpConnector", "proxyProtocol")]


def _without_descriptions(described: Any) -> Any:
    if isinstance(described, dict):
        return {
            key: _without_descriptions(value)
            for key, value in described.items()
            if key != "description" or not isinstance(value, str)
        }
    return described


@pytest.mark.parametrize("shown_name", REFERENCE["entityTypes"])
def test_an_entity_type_is_shown_as_the_reference_shows_it(shown_name: str) -> None:
    shown = _without_descriptions(load_schema().describe()["entityTypes"])[shown_name]
    expected = REFERENCE["entityTypes"][shown_name]
    for type_name, attribute in ADDED_ATTRIBUTES:
        if type_name == shown_name:
            del shown["attributes"][attribute]
    for (type_name, attribute), added in ADDED_CHOICES.items():
        if type_name == shown_name:
            expected["attributes"][attribute]["type"] = [*expected["attributes"][attribute]["type"], *added]
    assert shown == expected
    assert list(shown["attributes"]) == list(expected["attributes"])
    assert list(shown) == list(expected)


def test_the_schema_has_the_reference_s_types_in_its_order_and_no_other() -> None:
    assert list(load_schema().describe()["entityTypes"]) == list(REFERENCE["entityTypes"])  # type: ignore[arg-type]


def test_every_type_and_attribute_is_described() -> None:
    for entity_type in load_schema().entity_types.values():
        assert entity_type.description.endswith(".")
        for attribute in entity_type.attributes.values():
            assert attribute.description.endswith("."), (entity_type.short_name, attribute.name)


def test_loading_takes_a_small_part_of_a_start() -> None:
    path = Path(schema_load.__file__).with_name("skrouter.json")
    taken = []
    for _ in range(10):
        begin = time.process_time()
        build_schema(json.loads(path.read_text(encoding="utf-8")))
        taken.append(time.process_time() - begin)
    assert min(taken) < 0.010


@pytest.mark.parametrize(
    ("attribute", "message"),
    [
        ({"type": "strnig", "flags": "", "help": "?"}, "unknown type 'strnig'"),
        ({"type": "string", "flags": "creat", "help": "?"}, "unknown flags ['creat']"),
    ],
)
def test_a_slip_in_the_schema_file_is_found_when_it_is_loaded(
    attribute: dict[str, str], message: str
) -> None:
    data = {
        "prefix": "p",
        "enums": {},
        "commonAttributes": {},
        "entityTypes": {"x": {"kind": "abstract", "help": "?", "attributes": {"a": attribute}}},
    }
    with pytest.raises(ValueError, match="attribute a") as caught:
        build_schema(data)
    assert message in str(caught.value)
