#ifndef SLUICE_LIBS_LOG_JSON_FORMATTER_H_
#define SLUICE_LIBS_LOG_JSON_FORMATTER_H_

#include <spdlog/formatter.h>

#include <memory>

namespace sluice {

// Writes each log record as one line of JSON; whatever the message holds, the line stays valid.
class JsonFormatter final : public spdlog::formatter {
 public:
  void format(const spdlog::details::log_msg& message, spdlog::memory_buf_t& out) override;
  std::unique_ptr<spdlog::formatter> clone() const override;
};

}  // namespace sluice

#endif  // SLUICE_LIBS_LOG_JSON_FORMATTER_H_
