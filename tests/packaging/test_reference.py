"""Documents that are written from schema and parsers are current, and the table of entities has no gap."""

import json
import re
import shlex
import shutil
import subprocess

import click
import pytest
from reference.__main__ import documents
from reference.commands import Page, pages
from reference.markdown import REFERENCE, coverage, produced
from reference.programs import PROGRAMS, groups
from reference.roff import literal
from skrouter.cli.commands.examples import EXAMPLES
from skrouter.cli.commands.session import Session
from skrouter.config.schema import load_schema
from skrouter_testing.source_tree import ROOT

DOCUMENTS = documents()
COMMANDS = list(pages())
THEIRS = json.loads(REFERENCE.read_text())["entityTypes"]
NOT_PRODUCED = {"logStats": ["noticeCount"], "router.address": ["containerCount"]}
"""In the schema of skupper-router, which does not produce them either."""


@pytest.mark.parametrize("name", DOCUMENTS)
def test_document_is_current(name: str) -> None:
    assert (ROOT / name).read_text() == DOCUMENTS[name], "run make reference"


def test_table_has_every_entity_of_skupper_router_and_nothing_is_missing() -> None:
    rows = [[cell.strip() for cell in row.split("|")[1:-1]] for row in coverage().splitlines()[2:]]
    assert [row[0].strip("`") for row in rows] == list(THEIRS)
    assert {row[3] for row in rows} == {"none"}
    assert {row[0].strip("`"): [row[4].strip("`")] for row in rows if row[4]} == NOT_PRODUCED


@pytest.mark.parametrize("name", THEIRS)
def test_every_attribute_of_the_table_has_a_fact_behind_it(name: str) -> None:
    ours = {one.shown_name: one for one in load_schema().entity_types.values()}[name]
    missing = [one for one in THEIRS[name]["attributes"] if one not in produced(ours)]
    assert missing == NOT_PRODUCED.get(name, [])


@pytest.mark.parametrize("program", PROGRAMS, ids=lambda one: one.name)
def test_every_option_is_in_reference_man_page_and_completion(program: object) -> None:
    assert program in PROGRAMS
    (one,) = [each for each in PROGRAMS if each is program]
    for _, options in groups(one.parser):
        for option in options:
            for name in option.names:
                assert (
                    f"`{name}" in DOCUMENTS["docs/reference/programs.md"]
                    or f", {name}" in (DOCUMENTS["docs/reference/programs.md"])
                )
                assert name.replace("-", "\\-") in DOCUMENTS[f"docs/man/{one.name}.8"]
                assert f" {name}" in DOCUMENTS["docs/completion/skrouter.bash"].replace("'", " ")


@pytest.mark.parametrize("page", COMMANDS, ids=lambda one: one.name)
def test_every_command_of_skupper_is_in_reference_and_man_page_with_examples(page: Page) -> None:
    markdown = DOCUMENTS[f"docs/reference/skupper/{page.file}"]
    man = DOCUMENTS[f"docs/man/{'-'.join(page.words[:2])}.1"]
    for shared in (True, False):
        for name, text in page.options(shared=shared):
            assert f"`{name.replace('|', chr(92) + '|')}` | {text}" in markdown
            assert literal(name) in man
    if not isinstance(page.command, click.Group):
        assert page.examples, "give one in cli/commands/examples.py"
        assert all(one in markdown and literal(one) in man for one in page.examples)


@pytest.mark.parametrize(("page", "example"), [(one, text) for one in COMMANDS for text in one.examples])
def test_example_can_be_typed_as_it_stands(page: Page, example: str) -> None:
    lines = re.findall(r"\bskupper ([^|>)]*)", example)
    assert f"skupper {lines[0]}".startswith(page.name) or page.words[-1] == "apply"
    for line in lines:
        words = shlex.split(line)
        page_of = next(
            one for one in reversed(COMMANDS) if words[: len(one.words) - 1] == list(one.words[1:])
        )
        rest = words[len(page_of.words) - 1 :]
        page_of.command.make_context(page_of.name, rest, obj=Session(), help_option_names=["-h", "--help"])


def test_examples_are_of_commands_that_exist() -> None:
    assert set(EXAMPLES) <= {" ".join(one.words[1:]) for one in COMMANDS}


def test_man_page_of_the_configuration_has_every_attribute_that_can_be_set() -> None:
    page = DOCUMENTS["docs/man/skrouterd.conf.5"]
    for entity_type in load_schema().entity_types.values():
        for one in entity_type.attributes.values():
            if entity_type.is_configuration and one.create:
                assert f".BR {one.name} " in page


@pytest.mark.parametrize("name", [name for name in DOCUMENTS if "/man/" in name])
def test_man_page_is_good_roff(name: str) -> None:
    requests = {line.split()[0] for line in DOCUMENTS[name].splitlines() if line.startswith(".")}
    assert requests <= {".TH", ".SH", ".SS", ".TP", ".B", ".BR", ".PP", ".nf", ".fi"}
    assert not re.search(r"(?m)^'", DOCUMENTS[name])


def completed(*words: str) -> list[str]:
    script = (
        f"source docs/completion/skrouter.bash; COMP_WORDS=({' '.join(words)} ''); "
        f"COMP_CWORD={len(words)}; _{words[0]}; printf '%s\\n' \"${{COMPREPLY[@]}}\""
    )
    run = subprocess.run(
        ["bash", "-c", script], cwd=ROOT, capture_output=True, text=True, check=True, timeout=20
    )
    assert run.stderr == ""
    return run.stdout.split()


@pytest.mark.skipif(shutil.which("bash") is None, reason="needs bash")
@pytest.mark.parametrize(
    ("words", "some"),
    [
        (("skstat",), {"--topology", "-l", "--watch"}),
        (("skstat", "-o"), {"json", "yaml", "csv", "table"}),
        (("skmanage",), {"query", "update", "get-log", "--type"}),
        (("skmanage", "--type"), {"listener", "router.link", "tcpConnector"}),
        (("skrouterd",), {"--check", "-d"}),
        (("skupper-controller",), {"--only-grants"}),
    ],
)
def test_completion_offers_options_and_values(words: tuple[str, ...], some: set[str]) -> None:
    assert some <= set(completed(*words))


@pytest.mark.skipif(shutil.which("bash") is None, reason="needs bash")
def test_completion_offers_files_for_a_configuration() -> None:
    assert {"setup.cfg", "docs"} <= set(completed("skrouterd", "--check"))
