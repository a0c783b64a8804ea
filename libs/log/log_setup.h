#ifndef SLUICE_LIBS_LOG_LOG_SETUP_H_
#define SLUICE_LIBS_LOG_LOG_SETUP_H_

#include "absl/status/status.h"
#include "absl/strings/string_view.h"

namespace sluice {

// What spdlog's default logger prints to stderr from now on. `level` is trace, debug, info, warn or
// error; `format` is text (people) or json (one object a line: time, level, thread, message).
// INVALID_ARGUMENT names `log.level` or `log.format`.
absl::Status SetUpLogging(absl::string_view level, absl::string_view format);

// Changes the level of a running process.
absl::Status SetLogLevel(absl::string_view level);

}  // namespace sluice

#endif  // SLUICE_LIBS_LOG_LOG_SETUP_H_
