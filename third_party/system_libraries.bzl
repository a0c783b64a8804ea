"""Debian's libraries as Bazel targets, and where the protos of google/rpc lie.

`@system//:NAME` is a cc_library that carries linker flags only: the headers are
in /usr/include, where the compiler looks anyway.
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

_TARGET = """
cc_library(
    name = "{name}",
    defines = {defines},
    linkopts = {linkopts},
    visibility = ["//visibility:public"],
)
"""

def _system_libraries_impl(ctx):
    build = []
    for name, modules in _PKG_CONFIG.items():
        result = ctx.execute(["pkg-config", "--libs"] + modules)
        if result.return_code != 0:
            fail("library '%s' is not installed (run ./sluice setup): %s" % (name, result.stderr))
        flags = [f for f in result.stdout.split(" ") if f.strip()]
        build.append(_TARGET.format(
            name = name,
            defines = repr(_DEFINES.get(name, [])),
            linkopts = repr([f.strip() for f in flags]),
        ))
    for name, flags in _PLAIN.items():
        build.append(_TARGET.format(name = name, defines = "[]", linkopts = repr(flags)))
    ctx.file("BUILD.bazel", "\n".join(build))

system_libraries = repository_rule(
    implementation = _system_libraries_impl,
    local = True,
)

def _google_rpc_protos_impl(ctx):
    # The folder that `./sluice setup` fills.
    tools = ctx.os.environ.get("SLUICE_TOOLS", ctx.os.environ["HOME"] + "/.cache/sluice/tools")
    result = ctx.execute(["sh", "-c", "ls -d %s/venv/lib/python3*/site-packages/google/rpc" % tools])
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
