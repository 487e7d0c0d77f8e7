"""Each native module loads by itself in a fresh process.

Its `pn_*` symbols are undefined until its package has made proton's library global, so a package that
forgets to do that works only after another has been imported.
"""

import subprocess
import sys

import pytest
from skrouter_testing.source_tree import area_files, module_name

MODULES = [module_name(path) for path in area_files(".pyx")]


def test_there_are_native_modules_to_load() -> None:
    assert MODULES


@pytest.mark.parametrize("module", MODULES)
def test_native_module_loads_alone(module: str) -> None:
    code = f"import {module} as m; assert m.__file__.endswith('.so'), m.__file__"
    result = subprocess.run(
        [sys.executable, "-P", "-c", code], capture_output=True, text=True, timeout=60, check=False
    )
    assert result.returncode == 0, result.stderr
