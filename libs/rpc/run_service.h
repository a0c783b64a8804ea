#ifndef SLUICE_LIBS_RPC_RUN_SERVICE_H_
#define SLUICE_LIBS_RPC_RUN_SERVICE_H_

#include <google/protobuf/message.h>

#include <functional>
#include <memory>
#include <string>

#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "libs/rpc/service.h"

namespace sluice::rpc {

// The untyped half of RunService. `config` holds the defaults and receives the settings; it has the
// fields data_dir, log, grpc and metrics.
int RunServiceWithConfig(
    int argc, char** argv, const std::string& name, google::protobuf::Message* config,
    const std::function<absl::Status()>& validate,
    const std::function<absl::StatusOr<std::unique_ptr<Service>>(const Environment&)>& create);

// The whole life of a service's process; returns its exit code.
//
// Flags: --config=FILE.yaml, --data-dir=DIR, --set=PATH=VALUE (repeatable, e.g.
// --set=grpc.listen=127.0.0.1:0),
// --help, --version. Then: settings (defaults, file, flags; validated), logging, the data directory
// (made if missing, locked), metrics, `create`, the gRPC server (health, reflection),
// `endpoints.json` in the data directory: {"grpc": "127.0.0.1:7101", "metrics": …, more by
// Service::Endpoints, "pid": …}. A disk that is full, read-only or failing is no reason to end: the
// process refuses every call with the reason, tries again, and goes on once it can write and fsync.
// SIGTERM and SIGINT end it gracefully with 0; a failed start is
// told on stderr in one line, and exits with 1 (2: wrong flags or settings).
template <typename Config>
int RunService(int argc, char** argv, const std::string& name, const Config& defaults,
               absl::Status (*validate)(const Config&),
               absl::StatusOr<std::unique_ptr<Service>> (*create)(const Config&,
                                                                  const Environment&)) {
  Config config = defaults;
  return RunServiceWithConfig(
      argc, argv, name, &config, [&] { return validate(config); },
      [&](const Environment& environment) { return create(config, environment); });
}

}  // namespace sluice::rpc

#endif  // SLUICE_LIBS_RPC_RUN_SERVICE_H_
