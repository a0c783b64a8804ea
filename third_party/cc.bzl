"""The C++ rules of this tree: what a unit may know is part of its kind."""

# For what lives inside of other people's programs: it must need no C++ runtime library.
NO_CXX_RUNTIME = [
    "-fno-exceptions",
    "-fno-rtti",
    "-fno-threadsafe-statics",
]

def decision_library(name, tags = [], **kwargs):
    """A unit that decides: it may not know gRPC, Paho, libcoap, RocksDB, flags or the wall clock.

    tests/structure checks what it and everything of ours below it includes.

    Args:
      name: as in cc_library.
      tags: as in cc_library.
      **kwargs: passed to cc_library.
    """
    native.cc_library(name = name, tags = tags + ["decision"], **kwargs)

def unit_test(name, deps = [], **kwargs):
    """A GoogleTest beside its unit.

    Args:
      name: as in cc_test.
      deps: as in cc_test; GoogleTest is added.
      **kwargs: passed to cc_test.
    """
    native.cc_test(
        name = name,
        size = kwargs.pop("size", "small"),
        deps = deps + ["@system//:gtest"],
        **kwargs
    )
