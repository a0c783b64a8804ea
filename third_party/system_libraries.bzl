"""Debian's libraries as Bazel targets, and where the protos of google/rpc lie.

`@system//:NAME` is a cc_library that carries linker flags only: the headers are
in /usr/include, where the compiler looks anyway.

With --config=tsan `@system//:absl` is the Abseil that set-up has built with the
thread sanitizer, so everything that is linked takes that one.
"""

# NAME: pkg-config modules whose `--libs` are linked.
_PKG_CONFIG = {
    "absl": [
        "absl_base",
        "absl_flat_hash_map",
        "absl_flat_hash_set",
        "absl_status",
        "absl_statusor",
        "absl_strings",
        "absl_synchronization",
        "absl_time",
    ],
    "benchmark": ["benchmark"],
    "coap": ["libcoap-3-openssl"],
    "grpc": ["grpc++", "protobuf"],
    "httplib": ["cpp-httplib"],
    "prometheus": ["prometheus-cpp-core"],
    "protobuf": ["protobuf"],
    "rocksdb": ["rocksdb"],
    "simdjson": ["simdjson"],
    "spdlog": ["spdlog"],
    "xxhash": ["libxxhash"],
    "yaml": ["yaml-cpp"],
}

# NAME: linker flags of libraries that ship no (complete) pkg-config file.
_PLAIN = {
    # Registers itself when loaded, so the linker must not drop it.
    "grpc_reflection": ["-Wl,--no-as-needed", "-lgrpc++_reflection", "-Wl,--as-needed"],
    "gtest": ["-lgmock_main", "-lgmock", "-lgtest", "-pthread"],
    "mosquitto": ["-lmosquitto"],
    "paho": ["-lpaho-mqttpp3", "-lpaho-mqtt3as"],
}

# Macros that a library's header-only parts must be compiled with.
_DEFINES = {
    "spdlog": ["SPDLOG_COMPILED_LIB", "SPDLOG_SHARED_LIB", "SPDLOG_FMT_EXTERNAL"],
}

_HEAD = """
config_setting(
    name = "tsan",
    define_values = {"sanitizer": "thread"},
)
"""

_TARGET = """
cc_library(
    name = "{name}",
    defines = {defines},
    linkopts = {linkopts},
    visibility = ["//visibility:public"],
    deps = {deps},
)
"""

# What the thread sanitizer says of the instrumented Abseil and is not so.
_SUPPRESSIONS = "@sluice//third_party:tsan_suppressions"

def _select(with_tsan, otherwise):
    return "select(%r)" % {":tsan": with_tsan, "//conditions:default": otherwise}

def _tools(ctx):
    """The folder that `./sluice setup` fills."""
    return ctx.os.environ.get("SLUICE_TOOLS", ctx.os.environ["HOME"] + "/.cache/sluice/tools")

def _instrumented_absl(ctx):
    """Linker flags that put the instrumented Abseil before Debian's, also for Debian's own libraries."""
    path = _tools(ctx) + "/absl-tsan/lib"
    return ["-L" + path, "-Wl,--disable-new-dtags", "-Wl,-rpath," + path]

def _system_libraries_impl(ctx):
    build = [_HEAD]
    for name, modules in _PKG_CONFIG.items():
        result = ctx.execute(["pkg-config", "--libs"] + modules)
        if result.return_code != 0:
            fail("library '%s' is not installed (run ./sluice setup): %s" % (name, result.stderr))
        flags = [f.strip() for f in result.stdout.split(" ") if f.strip()]
        deps = "[]"
        linkopts = repr(flags)
        if name == "absl":
            deps = _select([_SUPPRESSIONS], [])
            linkopts = _select(_instrumented_absl(ctx) + flags, flags)
        build.append(_TARGET.format(
            name = name,
            defines = repr(_DEFINES.get(name, [])),
            deps = deps,
            linkopts = linkopts,
        ))
    for name, flags in _PLAIN.items():
        build.append(_TARGET.format(name = name, defines = "[]", deps = "[]", linkopts = repr(flags)))
    ctx.file("BUILD.bazel", "\n".join(build))

system_libraries = repository_rule(
    implementation = _system_libraries_impl,
    environ = ["HOME", "SLUICE_TOOLS"],
    local = True,
)

def _google_rpc_protos_impl(ctx):
    result = ctx.execute(["sh", "-c", "ls -d %s/venv/lib/python3*/site-packages/google/rpc" % _tools(ctx)])
    if result.return_code != 0:
        fail("google/rpc/*.proto not found (run ./sluice setup): " + result.stderr)
    for name in ["code", "error_details", "status"]:
        ctx.symlink(result.stdout.strip() + "/" + name + ".proto", "google/rpc/%s.proto" % name)
    ctx.file("BUILD.bazel", 'exports_files(glob(["google/rpc/*.proto"]))\n')

google_rpc_protos = repository_rule(
    implementation = _google_rpc_protos_impl,
    environ = ["HOME", "SLUICE_TOOLS"],
    local = True,
)
