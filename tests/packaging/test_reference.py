"""Documents that are written from schema and parsers are current, and the table of entities has no gap."""

import json
import re
import shutil
import subprocess

import pytest
from reference.__main__ import documents
from reference.markdown import REFERENCE, coverage, produced
from reference.programs import PROGRAMS, groups
from skrouter.config.schema import load_schema
from skrouter_testing.source_tree import ROOT

DOCUMENTS = documents()
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
    ],
)
def test_completion_offers_options_and_values(words: tuple[str, ...], some: set[str]) -> None:
    assert some <= set(completed(*words))


@pytest.mark.skipif(shutil.which("bash") is None, reason="needs bash")
def test_completion_offers_files_for_a_configuration() -> None:
    assert {"setup.cfg", "docs"} <= set(completed("skrouterd", "--check"))
