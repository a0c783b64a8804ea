#ifndef SLUICE_LIBS_CONFIG_CONFIG_LOADER_H_
#define SLUICE_LIBS_CONFIG_CONFIG_LOADER_H_

#include <google/protobuf/message.h>

#include <string>

#include "absl/status/status.h"
#include "absl/strings/string_view.h"

namespace sluice {

// Settings: YAML into a proto message that holds the defaults already.
//
// Keys are field names. Strings, booleans, numbers, messages, lists and google.protobuf.Duration
// (`250ms`, `30s`, `5m`, `24h`, `7d`) are known; whole numbers may carry `KiB`, `MiB`, `GiB` or
// `TiB`. A list replaces the default list. Every error is INVALID_ARGUMENT and names file, line and
// the key's path: `box.yaml:7: grpc.listn: unknown key; known here: listen, max_message_bytes,
// max_streams`.

// Reads a file. NOT_FOUND or PERMISSION_DENIED if it cannot be read; at most 1 MiB.
absl::Status LoadConfigFile(const std::string& path, google::protobuf::Message* config);

// Reads YAML text; `name` stands in for the file's name in errors.
absl::Status LoadConfigText(const std::string& text, absl::string_view name,
                            google::protobuf::Message* config);

// Applies one `PATH=VALUE`, e.g. `grpc.listen=127.0.0.1:0`; VALUE is read as YAML. A number names
// an item of a list, or the next one: `mqtt.brokers.0.source=paho`.
absl::Status ApplyOverride(absl::string_view assignment, google::protobuf::Message* config);

}  // namespace sluice

#endif  // SLUICE_LIBS_CONFIG_CONFIG_LOADER_H_
