"""Cython files import only downwards among native packages, and only proton's numbers at run time."""

import pytest
from skrouter_testing.native_imports import statements, violations
from skrouter_testing.source_tree import ROOT, area_files, module_name, native_packages

ENGINE = "skrouter.amqp.engine"
FORWARDER = "skrouter.router.forwarder"
BRIDGE = "skrouter.adaptors.tcp.bridge"
ORDER = (ENGINE, FORWARDER, BRIDGE)


def test_native_packages_are_listed_lowest_first() -> None:
    assert native_packages() == ORDER


def test_native_code_imports_only_what_lies_below_it() -> None:
    broken = {}
    for path in area_files(".pyx", ".pxd"):
        package = module_name(path).rpartition(".")[0]
        if found := violations(path.read_text(), package, native_packages()):
            broken[str(path.relative_to(ROOT))] = found
    assert broken == {}


@pytest.mark.parametrize(
    ("package", "text"),
    [
        (ENGINE, "from skrouter.router.forwarder.links cimport link_t\n"),
        (FORWARDER, "cimport skrouter.adaptors.tcp.bridge.stream\n"),
        (FORWARDER, "from skrouter.router.core.entries import Entry\n"),
        (ENGINE, "from skrouter.amqp import _proton, codec\n"),
        (FORWARDER, "def late():\n    import json\n"),
        (FORWARDER, "import json, os as system\n"),
        (BRIDGE, "from ...router cimport core\n"),
        (ENGINE, "from skrouter.amqp.codec cimport (\n    encode,\n)\n"),
        (ENGINE, "from skrouter.amqp.engineering cimport x\n"),
    ],
)
def test_forbidden_import_is_found(package: str, text: str) -> None:
    assert violations(text, package, ORDER)


@pytest.mark.parametrize(
    ("package", "text"),
    [
        (ENGINE, "from libc.string cimport (\n    memcpy,\n    memset,\n)\nfrom posix.unistd cimport read\n"),
        (ENGINE, '"""Words:\nimport json is forbidden here.\n"""\ncimport cython\n'),
        (ENGINE, "from skrouter.amqp import _proton\n"),
        (ENGINE, "# from json import loads\nx = 'import json'\n"),
        (
            FORWARDER,
            "from skrouter.amqp.engine.pump cimport pump_t\nfrom .links cimport a\nfrom . cimport b\n",
        ),
        (BRIDGE, "cimport skrouter.router.forwarder.tables as tables, skrouter.amqp.engine.poller\n"),
        (BRIDGE, 'cdef extern from "proton_api.h" nogil:\n    pass\n'),
    ],
)
def test_allowed_import_is_not_reported(package: str, text: str) -> None:
    assert violations(text, package, ORDER) == []


def test_relative_names_become_absolute() -> None:
    found = list(
        statements("from . cimport a\nfrom .links cimport b as x, c\nfrom ..core import d\n", FORWARDER)
    )
    assert found == [
        ("cimport", f"{FORWARDER}.a"),
        ("cimport", f"{FORWARDER}.links.b"),
        ("cimport", f"{FORWARDER}.links.c"),
        ("import", "skrouter.router.core.d"),
    ]
