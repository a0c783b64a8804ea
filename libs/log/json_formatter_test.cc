#include "libs/log/json_formatter.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <spdlog/details/log_msg.h>

#include <string>

namespace sluice {
namespace {

TEST(JsonFormatterTest, OneValidLineWhateverTheMessageHolds) {
  const std::string text = "say \"hi\"\n\\ \x01 \xff";
  const spdlog::details::log_msg message("", spdlog::level::warn, text);
  spdlog::memory_buf_t out;
  JsonFormatter().format(message, out);
  const std::string line(out.data(), out.size());
  EXPECT_THAT(line, testing::StartsWith("{\"time\":\"2"));
  EXPECT_THAT(line, testing::HasSubstr("\"level\":\"warning\""));
  EXPECT_THAT(line,
              testing::EndsWith("\"message\":\"say \\\"hi\\\"\\u000a\\\\ \\u0001 \\u00ff\"}\n"));
}

}  // namespace
}  // namespace sluice
