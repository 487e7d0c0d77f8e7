"""Any valid configuration, written in either grammar, is the same configuration."""

import json
import random

from hypothesis import given, settings
from hypothesis import strategies as st
from skrouter.config.configuration import Draft
from skrouter.config.model import Configuration
from skrouter.config.parser import parse
from skrouter.config.schema import Attribute, Value, load_schema

Section = tuple[str, dict[str, Value]]

SCHEMA = load_schema()
CHARACTERS = "abcXYZ019-_.:/äß€\U0001f600\"\\$%&()=?+*~'<>|;,"
# attributes with rules of their own, which test_validate covers one by one
CHOICES: dict[str, tuple[Value, ...]] = {
    "failoverUrls": ("a", "amqps://b:1", "a,b"),
    "cost": (1, 2, 2**31 - 1),
    "enable": ("info+", "none", "debug,error", "default"),
    "id": ("A", "router-1"),
    "ordinal": (9,),
    "oldestValidOrdinal": (0, 3, 9),
    "priority": (0, 9),
    "maxFrameSize": (0, 512, 16384, 2**31 - 1),
    "maxSessions": (0, 1, 32768),
    "maxSessionFrames": (0, 2, 100),
    "port": ("0", "1", "65535", "amqp"),
}
LEFT_OUT = ("name", "sslProfile", "proxyProfile", "role", "groups", "aliases", "policyDir", "openProperties")
LEFT_OUT_OF = {
    "address": ("prefix", "pattern"),
    "autoLink": ("connection",),
    "tcpListener": ("multiAddressStrategy",),
}
FIXED: dict[str, dict[str, tuple[Value, ...]]] = {
    "router": {"mode": ("interior",)},
    "sslProfile": {"ordinal": (9,)},
    "connector": {"role": ("normal", "inter-router", "edge")},
    "tcpListener": {"address": ("a",), "port": ("1",)},
    "tcpConnector": {"address": ("a",), "port": ("1",)},
    "autoLink": {"address": ("a",), "direction": ("in", "out")},
}


def _text(source: random.Random) -> str:
    return "".join(source.choices(CHARACTERS, k=source.randint(1, 8)))


def _value(attribute: Attribute, source: random.Random) -> Value:
    if attribute.name in CHOICES:
        return source.choice(CHOICES[attribute.name])
    if attribute.choices:
        return source.choice(attribute.choices)
    if attribute.type == "integer":
        return source.randint(attribute.minimum or 0, 2**31 - 1)
    return source.random() < 0.5 if attribute.type == "boolean" else _text(source)


def _json_value(source: random.Random, depth: int = 0) -> Value:
    kind = source.randrange(5 if depth < 3 else 3)
    if kind == 3:
        return [_json_value(source, depth + 1) for _ in range(source.randint(0, 3))]
    if kind == 4:
        return {_text(source): _json_value(source, depth + 1) for _ in range(source.randint(0, 3))}
    return source.choice((True, False, source.randint(-(2**63), 2**63 - 1), _text(source)))


def _section(name: str, source: random.Random) -> Section:
    """A section with some of the attributes that may be set, and those that must be."""
    attributes: dict[str, Value] = {}
    for attribute in SCHEMA.section_type(name).attributes.values():
        left_out = attribute.name in (*LEFT_OUT, *LEFT_OUT_OF.get(name, ()))
        if not attribute.status and not left_out and source.random() < 0.4:
            attributes[attribute.name] = _value(attribute, source)
    attributes.update({each: source.choice(values) for each, values in FIXED.get(name, {}).items()})
    if name == "listener" and source.random() < 0.5:
        attributes["openProperties"] = {f"k{i}": _json_value(source) for i in range(source.randint(0, 3))}
    return name, attributes


def _sections(seed: int) -> list[Section]:
    """Sections of a valid configuration: names, ports and patterns differ, references lead somewhere."""
    source = random.Random(seed)
    made = [_section("router", source)]
    for name in ("sslProfile", "listener", "connector", "address", "autoLink", "site", *FIXED):
        made += [_section(name, source) for _ in range(source.randint(0, 2)) if name != "router"]
    for index, (name, attributes) in enumerate(made[1:]):
        attributes["name"] = f"{name} {index}"
        if name == "address":
            attributes.update(source.choice(({"prefix": f"p{index}"}, {"pattern": f"#/p{index}.*"})))
        if name == "sslProfile":
            attributes["name"] = f"tls-{index}"
        if name == "listener":
            attributes["port"] = str(1000 + index)
        if name == "listener" and made[1][0] == "sslProfile":
            attributes["sslProfile"] = made[1][1]["name"]
    for module in source.sample(("DEFAULT", "SERVER", "ROUTER"), source.randint(0, 3)):
        made.append(("log", {**_section("log", source)[1], "module": module}))
    source.shuffle(made)
    return made


def _brace_value(value: Value) -> str:
    if isinstance(value, bool):
        return "yes" if value else "no"
    return json.dumps(str(value), ensure_ascii=False)[1:-1]


def _brace(sections: list[Section]) -> str:
    lines = []
    for name, attributes in sections:
        lines.append(f"{name} {{ # a comment")
        for attribute, value in attributes.items():
            if isinstance(value, dict):
                lines.extend([f"    {attribute}: {{", *_json_lines(value), "    }"])
            else:
                lines.append(f"    {attribute}: {_brace_value(value)} # a comment")
        lines.extend(["}", ""])
    return "\n".join(lines)


def _json_lines(value: dict[str, Value]) -> list[str]:
    """The inside of a map with each brace where the line-oriented grammar wants it."""
    return [line.replace("{}", "{\n}") for line in json.dumps(value, indent=1).split("\n")[1:-1]]


def _configuration(text: str, file: str) -> Configuration:
    draft = Draft(SCHEMA, file)
    parsed = parse(text, file)
    assert parsed.problems == []
    draft.add_sections(parsed.sections, lambda mode: f"{mode}-id")
    draft.check()
    assert draft.problems == []
    return draft.finish()


SEEDS = given(st.integers(0, 2**32))


@settings(deadline=None)
@SEEDS
def test_a1_both_grammars_give_equal_configurations(seed: int) -> None:
    sections = _sections(seed)
    listed = _configuration(json.dumps(sections), "a.json")
    assert _configuration(_brace(sections), "a.conf") == listed
    assert len(listed.entities) >= len(sections)


@settings(deadline=None)
@SEEDS
def test_every_name_and_identity_is_there_once(seed: int) -> None:
    entities = _configuration(json.dumps(_sections(seed)), "a.json").entities
    identities = [entity.identity for entity in entities]
    names = [entity.name for entity in entities if entity.name is not None]
    assert len(set(identities)) == len(identities)
    assert len(set(names)) == len(names)


def test_a_difference_in_one_value_is_a_difference_of_configurations() -> None:
    one, other = (f'[["listener", {{"port": "{port}"}}]]' for port in (1, 2))
    assert _configuration(one, "a.json") != _configuration(other, "a.json")
