"""Makes the C++ of .proto files with Debian's protoc."""

def _generate_impl(ctx):
    outputs = []
    for src in ctx.files.srcs:
        stem = src.basename[:-len(".proto")]
        endings = [".pb.h", ".pb.cc"]
        if ctx.attr.grpc:
            endings = [".grpc.pb.h", ".grpc.pb.cc"]
        outputs += [ctx.actions.declare_file(ctx.attr.prefix + stem + e) for e in endings]

    # The output root: what is left of an output's path without the part that protoc adds itself.
    first = outputs[0].path
    root = first[:first.index(ctx.attr.import_path)]
    args = ctx.actions.args()
    if ctx.attr.grpc:
        args.add("--plugin=protoc-gen-grpc=/usr/bin/grpc_cpp_plugin")
        args.add("--grpc_out=" + root)
    else:
        args.add("--cpp_out=" + root)

    # Roots under which imports are found: of each source, the path before `import_path`.
    roots = {}
    for f in ctx.files.srcs + ctx.files.imports:
        for known in ["sluice/", "google/rpc/", "grpc/health/"]:
            if known in f.path:
                roots[f.path[:f.path.rindex(known)] or "."] = True
                break
    args.add_all(["-I" + r for r in roots.keys()])
    args.add("-I/usr/include")
    args.add_all(ctx.files.srcs)
    ctx.actions.run(
        executable = "/usr/bin/protoc",
        arguments = [args],
        inputs = ctx.files.srcs + ctx.files.imports,
        outputs = outputs,
        mnemonic = "Protoc",
        progress_message = "Generating C++ of %{label}",
    )
    return [
        DefaultInfo(files = depset(outputs)),
        OutputGroupInfo(
            hdrs = depset([f for f in outputs if f.extension == "h"]),
            srcs = depset([f for f in outputs if f.extension == "cc"]),
        ),
    ]

_generate = rule(
    implementation = _generate_impl,
    attrs = {
        "grpc": attr.bool(doc = "Whether to make the gRPC classes instead of the messages."),
        "import_path": attr.string(doc = "The folder that importers name, e.g. sluice/v1."),
        "imports": attr.label_list(allow_files = [".proto"]),
        "prefix": attr.string(doc = "Folder of the outputs inside the package."),
        "srcs": attr.label_list(allow_files = [".proto"], mandatory = True),
    },
)

def cc_proto(name, srcs, import_path, imports = [], deps = [], prefix = "", includes = [], grpc = False, **kwargs):
    """A cc_library of the messages in `srcs`, or with `grpc` of their services.

    Args:
      name: the library's name.
      srcs: .proto files of one folder.
      import_path: that folder as importers write it.
      imports: .proto files that `srcs` import, directly or not.
      deps: cc_proto libraries of those.
      prefix: folder of the generated files inside this package.
      includes: as in cc_library.
      grpc: make services instead of messages.
      **kwargs: passed to cc_library.
    """
    _generate(
        name = name + "_generate",
        srcs = srcs,
        grpc = grpc,
        import_path = import_path,
        imports = imports,
        prefix = prefix,
        tags = ["manual"],
        visibility = ["//visibility:private"],
    )
    for part in ["hdrs", "srcs"]:
        native.filegroup(
            name = name + "_" + part,
            srcs = [":" + name + "_generate"],
            output_group = part,
            tags = ["manual"],
            visibility = ["//visibility:private"],
        )
    native.cc_library(
        name = name,
        srcs = [":" + name + "_srcs"],
        hdrs = [":" + name + "_hdrs"],
        copts = ["-w"],
        includes = includes,
        deps = deps + (["@system//:grpc"] if grpc else ["@system//:protobuf"]),
        **kwargs
    )
