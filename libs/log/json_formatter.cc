#include "libs/log/json_formatter.h"

#include <spdlog/details/log_msg.h>

#include <string>

#include "absl/strings/str_format.h"
#include "absl/time/time.h"

namespace sluice {
namespace {

void AppendEscaped(spdlog::string_view_t text, std::string* out) {
  for (const char c : text) {
    const auto byte = static_cast<unsigned char>(c);
    if (c == '"' || c == '\\') {
      out->push_back('\\');
      out->push_back(c);
    } else if (byte < 0x20 || byte >= 0x7f) {
      // Bytes beyond ASCII may not be UTF-8: shown as the code point of the same number.
      absl::StrAppendFormat(out, "\\u%04x", byte);
    } else {
      out->push_back(c);
    }
  }
}

}  // namespace

void JsonFormatter::format(const spdlog::details::log_msg& message, spdlog::memory_buf_t& out) {
  const auto level = spdlog::level::to_string_view(message.level);
  std::string line = absl::StrFormat(
      "{\"time\":\"%s\",\"level\":\"%s\",\"thread\":%d,\"message\":\"",
      absl::FormatTime("%Y-%m-%dT%H:%M:%E6SZ", absl::FromChrono(message.time), absl::UTCTimeZone()),
      std::string(level.data(), level.size()), message.thread_id);
  AppendEscaped(message.payload, &line);
  line += "\"}\n";
  out.append(line.data(), line.data() + line.size());
}

std::unique_ptr<spdlog::formatter> JsonFormatter::clone() const {
  return std::make_unique<JsonFormatter>();
}

}  // namespace sluice
