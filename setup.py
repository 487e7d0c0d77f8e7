"""Package discovery and the native modules; the rest is in setup.cfg."""

import os
from pathlib import Path

from Cython.Build import cythonize
from setuptools import Extension, find_packages, setup

AREAS = ("router", "amqp", "adaptors", "mgmt", "cli", "config")
NATIVE = ("amqp/engine", "router/forwarder", "adaptors/tcp/bridge")
C_FLAGS = {
    "release": ["-O3"],
    "debug": ["-O0", "-g"],
    "asan": ["-O1", "-g", "-fsanitize=address", "-fno-omit-frame-pointer"],
}
BUILD = os.environ.get("SKROUTER_BUILD", "release")
JOBS = os.cpu_count() or 1


def extension(source: Path) -> Extension:
    """One extension for each .pyx, named by its path below skrouter."""
    return Extension(
        ".".join(("skrouter", *source.with_suffix("").parts)),
        [str(source)],
        include_dirs=["amqp/engine"],
        depends=["amqp/engine/proton_api.h"],
        libraries=["ssl", "crypto"] if source.parts[0] == "amqp" else [],
        extra_compile_args=["-Wno-unused-function", *C_FLAGS[BUILD]],
        extra_link_args=["-fsanitize=address"] if BUILD == "asan" else [],
    )


setup(
    packages=[
        f"skrouter.{name}" for name in find_packages(include=[*AREAS, *(f"{area}.*" for area in AREAS)])
    ],
    options={"build_ext": {"parallel": JOBS}},
    ext_modules=cythonize(
        [extension(source) for folder in NATIVE for source in sorted(Path(folder).glob("*.pyx"))],
        include_path=[".typecheck"],
        build_dir="build",
        language_level=3,
        compiler_directives={"boundscheck": BUILD != "release", "wraparound": False},
        force=BUILD != "release",
        nthreads=JOBS,
    ),
)
