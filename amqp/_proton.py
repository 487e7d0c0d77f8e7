"""The one copy of the proton engine library in the process.

`python-qpid-proton` ships proton's C core inside `cproton_ffi`, which exports every public `pn_*`
symbol. Our native modules leave those symbols undefined and find them here: importing this module
makes the library's symbols global. Every native package imports it first.
"""

import ctypes

import cproton_ffi

lib = cproton_ffi.lib

VERSION = (0, 40, 0)
if (_found := (lib.PN_VERSION_MAJOR, lib.PN_VERSION_MINOR, lib.PN_VERSION_POINT)) != VERSION:
    raise ImportError(f"skrouter needs proton {VERSION}, found {_found}: install python-qpid-proton 0.40.0")
ctypes.CDLL(cproton_ffi.__file__, mode=ctypes.RTLD_GLOBAL)
