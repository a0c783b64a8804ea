"""Fuzz targets: `./sluice fuzz` finds each by its tag and runs it."""

load("//third_party:cc.bzl", "unit_test")

def fuzz_target(name, srcs, deps):
    """A target for libFuzzer, and NAME_test: the same code over its seed corpus and random inputs.

    The target itself is built by clang alone (--config=fuzz), the test by every compiler. The seed
    corpus is the folder fuzz_corpus beside the BUILD file.

    Args:
      name: of the target.
      srcs: as in cc_library; they define LLVMFuzzerTestOneInput.
      deps: as in cc_library.
    """
    native.cc_library(
        name = name + "_input",
        testonly = True,
        srcs = srcs,
        alwayslink = True,
        deps = deps,
    )
    native.cc_binary(
        name = name,
        testonly = True,
        tags = [
            "fuzz",
            "manual",
        ],
        deps = [name + "_input"],
    )
    unit_test(
        name = name + "_test",
        size = "medium",
        srcs = ["//tools/fuzz:replay_test.cc"],
        data = native.glob(["fuzz_corpus/*"]),
        local_defines = ["SEED_CORPUS=\\\"%s/fuzz_corpus\\\"" % native.package_name()],
        deps = [name + "_input"],
    )
