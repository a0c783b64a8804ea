#include "libs/log/log_setup.h"

#include <google/protobuf/stubs/logging.h>
#include <spdlog/sinks/stdout_sinks.h>
#include <spdlog/spdlog.h>

#include <memory>
#include <utility>

#include "absl/strings/str_cat.h"
#include "libs/log/json_formatter.h"
#include "libs/status/field_violation.h"

namespace sluice {

absl::Status SetLogLevel(absl::string_view level) {
  static constexpr std::pair<absl::string_view, spdlog::level::level_enum> kLevels[] = {
      {"trace", spdlog::level::trace}, {"debug", spdlog::level::debug},
      {"info", spdlog::level::info},   {"warn", spdlog::level::warn},
      {"error", spdlog::level::err},
  };
  for (const auto& [name, value] : kLevels) {
    if (level != name) continue;
    spdlog::set_level(value);
    return absl::OkStatus();
  }
  return InvalidField("log.level",
                      absl::StrCat("is '", level, "'; must be trace, debug, info, warn or error"));
}

absl::Status SetUpLogging(absl::string_view level, absl::string_view format) {
  // Protobuf writes lines of its own to stderr for each bad message that a client sends; the client
  // gets an error, and the log's readers expect its format.
  google::protobuf::SetLogHandler(nullptr);
  if (format != "text" && format != "json") {
    return InvalidField("log.format", absl::StrCat("is '", format, "'; must be text or json"));
  }
  auto logger =
      std::make_shared<spdlog::logger>("", std::make_shared<spdlog::sinks::stderr_sink_mt>());
  if (format == "json") {
    logger->set_formatter(std::make_unique<JsonFormatter>());
  } else {
    logger->set_pattern("%Y-%m-%dT%H:%M:%S.%e %^%-5l%$ %v");
  }
  spdlog::set_default_logger(std::move(logger));
  return SetLogLevel(level);
}

}  // namespace sluice
