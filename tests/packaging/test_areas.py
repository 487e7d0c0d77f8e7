"""The lists of areas, packages and programs in the build files agree with the tree."""

import importlib.util
import json
import re
from pathlib import Path

import pytest
from skrouter_testing.source_tree import ROOT, area_files, areas, module_name, setup_cfg, setup_constant


def test_every_area_is_a_folder_with_a_type_marker() -> None:
    for area in areas():
        assert (ROOT / area / "py.typed").is_file(), f"{area}/py.typed is missing"


def test_links_for_type_checkers_and_cimport_are_the_areas() -> None:
    links = {path.name: path for path in (ROOT / ".typecheck" / "skrouter").iterdir()}
    assert set(links) == set(areas())
    for name, path in links.items():
        assert path.is_symlink()
        assert path.readlink() == Path("../..") / name


@pytest.mark.parametrize(
    ("section", "option"),
    [("mypy", "packages"), ("importlinter", "root_packages")],
    ids=["mypy", "import-linter"],
)
def test_tool_looks_at_every_area(section: str, option: str) -> None:
    named = setup_cfg(section, option).replace(",", " ").split()
    assert sorted(name for name in named if name.startswith("skrouter.")) == sorted(
        f"skrouter.{area}" for area in areas()
    )


def test_pyright_looks_at_every_area() -> None:
    included = json.loads((ROOT / "pyrightconfig.json").read_text())["include"]
    assert set(areas()) <= set(included)


def test_root_is_a_namespace_and_tests_are_not_packages() -> None:
    assert not (ROOT / "__init__.py").exists()
    strays = [path for path in (ROOT / "tests").rglob("__init__.py") if "support" not in path.parts]
    assert strays == []


def test_every_folder_with_modules_is_a_package() -> None:
    folders = {path.parent for path in area_files(".py", ".pyx")}
    missing = sorted(
        str(folder.relative_to(ROOT)) for folder in folders if not (folder / "__init__.py").exists()
    )
    assert missing == [], "a folder without __init__.py is left out of the wheel"


def test_native_packages_are_exactly_the_folders_with_cython_files() -> None:
    found = {str(path.parent.relative_to(ROOT)) for path in area_files(".pyx")}
    assert found <= set(setup_constant("NATIVE")), "add the folder to NATIVE in setup.py"


def test_cython_module_has_a_native_face() -> None:
    faceless = [
        str(path.relative_to(ROOT)) for path in area_files(".pyx") if not path.with_suffix(".pxd").exists()
    ]
    assert faceless == []


def test_cython_module_that_python_can_use_has_a_python_face() -> None:
    """Functions that are only `cdef` need none: no Python code can name them."""
    visible = re.compile(r"^(def|cpdef|class|cdef class) ", re.MULTILINE)
    users = [path for path in area_files(".pyx") if visible.search(path.read_text())]
    assert users
    assert [str(path.relative_to(ROOT)) for path in users if not path.with_suffix(".pyi").exists()] == []


def test_every_program_is_a_function_that_exists() -> None:
    for line in setup_cfg("options.entry_points", "console_scripts").strip().splitlines():
        module, _, function = line.partition("=")[2].strip().partition(":")
        spec = importlib.util.find_spec(module)
        assert spec is not None, f"{line}: no module {module}"
        assert spec.origin is not None
        assert f"def {function}(" in Path(spec.origin).read_text(), f"{line}: no function {function}"


def test_every_area_module_has_an_importable_name() -> None:
    names = [module_name(path) for path in area_files(".py", ".pyx")]
    assert all(part.isidentifier() for name in names for part in name.split("."))
    assert len(names) == len(set(names)), "a module in Python and one in Cython share a name"
