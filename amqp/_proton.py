"""The one copy of the proton engine library in the process.

`python-qpid-proton` ships proton's C core inside `cproton_ffi`, which exports every public `pn_*`
symbol. Our native modules leave those symbols undefined and find them here: importing this module
makes the library's symbols global. Every native package imports it first.
"""

import ctypes
import importlib.metadata

import cproton_ffi

VERSION = "0.40.0"
if (_found := importlib.metadata.version("python-qpid-proton")) != VERSION:
    raise ImportError(f"skrouter needs python-qpid-proton {VERSION}, found {_found}")
ctypes.CDLL(cproton_ffi.__file__, mode=ctypes.RTLD_GLOBAL)

lib = cproton_ffi.lib
