"""Both grammars of a configuration file: what is read, at which line, and what is not."""

import pytest
from hypothesis import example, given, settings
from hypothesis import strategies as st
from skrouter.config.parser import parse
from skrouter.config.raw import MAX_DEPTH, Parsed
from skrouter.config.schema import Value


def _sections(parsed: Parsed) -> list[tuple[str, dict[str, Value]]]:
    return [(one.name, {each.name: each.value for each in one.attributes}) for one in parsed.sections]


def _read(text: str, file: str = "a.conf") -> list[tuple[str, dict[str, Value]]]:
    parsed = parse(text, file)
    assert parsed.problems == []
    return _sections(parsed)


@pytest.mark.parametrize(
    ("body", "attributes"),
    [
        ("port: 5672", {"port": "5672"}),
        ("  port :5672   ", {"port": "5672"}),
        ("port: 5672 # the usual one", {"port": "5672"}),
        ("name: a b  c", {"name": "a b  c"}),
        ("name: a:b:c", {"name": "a:b:c"}),
        ("name:", {"name": ""}),
        ("# name: x", {}),
        ("name: x\r", {"name": "x"}),
        ("ssl-profile: x", {"sslProfile": "x"}),
        ("max-frame-size: 1", {"maxFrameSize": "1"}),
        ("pattern: a/#", {"pattern": "a/#"}),
        ("pattern: a/#/b rest", {"pattern": "a/#/b"}),
        ("hostname: #.example.com", {"hostname": "#.example.com"}),
        ("bindingKey: #", {"bindingKey": "#"}),
        ("hostName: a#b", {"hostName": "a"}),
        ('name: a\\"b', {"name": 'a"b'}),
        ("name: a\\\\b", {"name": "a\\b"}),
        ("name: a\\u00e9", {"name": "aé"}),
        ("name: 1\nname: 2", {"name": "2"}),
        ("other: {\n x: 1\n $y: {\n z: 2\n }\n }", {"other": {"x": "1", "$y": {"z": "2"}}}),
        ('openProperties: {\n "a": 1,\n # comment\n "b": {\n "c": [true]\n }\n}', None),
        ('openProperties: {\n "a": 1,\n "b": {\n "c": [true]\n },\n "d": "}"\n}', None),
        ('openProperties: { "a": 1 }', {"openProperties": {"a": 1}}),
        ("openProperties: {\n}", {"openProperties": {}}),
        ('groups: {\n "$default": {\n "users": "*"\n }\n}', {"groups": {"$default": {"users": "*"}}}),
    ],
)
def test_a1_a_section_holds_its_attributes(body: str, attributes: dict[str, Value] | None) -> None:
    [(name, found)] = _read(f"my-section {{\n{body}\n}}\n")
    assert name == "mySection"
    if attributes is None:
        properties = found["openProperties"]
        assert isinstance(properties, dict)
        attributes = {"openProperties": {**properties, "a": 1, "b": {"c": [True]}}}
    assert found == attributes


@pytest.mark.parametrize("text", ["", "\n\n", "# only\n  # comments", "   "])
def test_a_file_without_sections_is_well_formed(text: str) -> None:
    assert _read(text) == []


@pytest.mark.parametrize(
    ("text", "line", "fragment"),
    [
        ("listener { port: 3 }", 1, "'listener { port: 3 }'"),
        ('listener {\n port: "3"\n}', 2, '"3"'),
        ("listener {\n port: a\\b\n}", 2, "a\\b"),
        ("listener {\n port: a\\x\n}", 2, "a\\x"),
        ("listener {\n port: a\\\n}", 2, "a\\"),
        ('listener {\n port: a", "b\n}', 2, "'port'"),
        ("listener {\n what is this\n}", 2, "'what is this'"),
        ("listener", 1, "'listener'"),
        ("{", 1, "'{'"),
        ("}", 1, "nothing open"),
        ("port: 3", 1, "'port' is outside of any section"),
        ("x: {\n y: 1\n}", 1, "'x' is outside of any section"),
        ("listener {\n port: 3", 1, "'listener' is not closed"),
        ("listener {\n x: {\n y: 3", 2, "'x' is not closed"),
        ("listener {\n port: 3\nrouter {\n}", 3, "'router' begins inside 'listener' of line 1"),
        ('a {\n openProperties: {\n "b": {"c": "d"}\n }\n}', 3, "one line"),
        ('a {\n openProperties: {\n "b": {"c": "d"},\n "e": 1\n }\n}', 3, "one line"),
        ('a {\n openProperties: {\n "b": 1\n "c": 2\n }\n}', 4, "is not JSON"),
        ('a {\n openProperties: {\n "b": NaN\n }\n}', 2, "NaN"),
        ('a {\n openProperties: {\n "b": 1', 2, "'openProperties' is not closed"),
        ('a {\n groups: {\n "b": "\\ud800"\n }\n}', 2, "surrogate"),
        ("a {\n b: \\ud800\n}", 2, "surrogate"),
    ],
)
def test_a_mistake_is_reported_with_its_line(text: str, line: int, fragment: str) -> None:
    [problem] = parse(text, "a.conf").problems
    assert problem.line == line
    assert problem.text.startswith(f"Invalid config file syntax (line {line}):")
    assert fragment in problem.text
    assert problem.remedy


def test_reading_goes_on_after_a_mistake() -> None:
    parsed = parse("a {\n ???\n b: 1\n}\n}\nc {\n d: 2\n}\n", "a.conf")
    assert [problem.line for problem in parsed.problems] == [2, 5]
    assert _sections(parsed) == [("a", {"b": "1"}), ("c", {"d": "2"})]


def test_a_repeated_attribute_is_a_warning() -> None:
    [warning] = parse("a {\n b: 1\n b: 2\n}", "a.conf").warnings
    assert (warning.line, warning.section, warning.attribute) == (3, "a", "b")
    assert "line 2" in warning.text


def test_lines_of_sections_and_attributes_are_known_in_both_grammars() -> None:
    brace = parse("\n# x\na {\n b: 1\n\n c: {\n d: 2\n }\n}\n", "a.conf")
    listed = parse('[\n# x\n["a",\n{"b": "1",\n\n"c": {\n"d": "2"}}]]', "a.json")
    for parsed in (brace, listed):
        [section] = parsed.sections
        assert section.line == 3
        assert [(one.name, one.line) for one in section.attributes] == [("b", 4), ("c", 6)]
    assert _sections(brace) == _sections(listed)


@pytest.mark.parametrize(
    ("text", "sections"),
    [
        ("[]", []),
        (" [ ] \n", []),
        ('[["router", {}]]', [("router", {})]),
        ('[["ssl-profile", {"ca-cert-file": "x"}]]', [("sslProfile", {"caCertFile": "x"})]),
        (
            '[["a", {"b": 1, "c": null, "d": [true]}],\n#x\n["a", {}]]',
            [("a", {"b": 1, "d": [True]}), ("a", {})],
        ),
        ('[["a", {"b": "# no comment"}]]', [("a", {"b": "# no comment"})]),
    ],
)
def test_a1_the_list_form_is_read(text: str, sections: list[tuple[str, dict[str, Value]]]) -> None:
    assert _read(text, "x.json") == sections


@pytest.mark.parametrize(
    ("text", "line", "fragment"),
    [
        ("", 1, "must be ["),
        ("{}", 1, "must be ["),
        ("[\n{}]", 2, "must be ["),
        ("[[]]", 1, "name of a section"),
        ("[[1, {}]]", 1, "name of a section"),
        ('[["a"]]', 1, "must be ,"),
        ('[["a", []]]', 1, "must be {"),
        ('[["a", {\n"b": 1,\n}]]', 3, "name of an attribute"),
        ('[["a", {\n"b"}]]', 2, "must be :"),
        ('[["a", {\n"b": }]]', 2, "Expecting value"),
        ('[["a", {\n"b": NaN}]]', 2, "NaN"),
        ('[["a", {"b": "x\n"}]]', 1, "control character"),
        ('[["a", {"b": "\\ud800"}]]', 1, "surrogate"),
        ('[["a", {}]]\nmore', 2, "after the end"),
        ('[["a", {}]', 1, "must be ]"),
        ('[["a", {"b": ' + "[" * 100000, 1, ""),
        ('[["a", {"b": ' + "[" * (MAX_DEPTH + 1) + "]" * (MAX_DEPTH + 1) + "}]]", 1, "levels"),
        ('[["a", {"b": ' + "9" * 5000 + "}]]", 1, "digits"),
    ],
)
def test_a_mistake_in_the_list_form_is_reported_with_its_line(text: str, line: int, fragment: str) -> None:
    [problem] = parse(text, "a.json").problems
    assert problem.line == line
    assert fragment in problem.text


LINES = st.sampled_from(
    [
        "a {",
        "}",
        "x: {",
        "openProperties: {",
        "groups: {",
        '"b": {',
        '"b": 1',
        "},",
        "b: 1",
        "pattern: #",
        "#",
        "",
    ]
)


@settings(deadline=None)
@given(st.one_of(st.text(), st.lists(LINES | st.text(max_size=8), max_size=20).map("\n".join)))
@example("openProperties: {\n" + "[" * 100000 + "\n}")
@example("a {\n b: " + "\\" * 999 + "\n}")
def test_any_text_is_read_or_reported(text: str) -> None:
    count = text.count("\n") + 1
    for file in ("a.conf", "a.json"):
        parsed = parse(text, file)
        for problem in parsed.problems:
            assert problem.line is not None
            assert 1 <= problem.line <= count
