#include "services/ingress/decoder/report_payloads.h"

#include <gtest/gtest.h>

#include <string>

#include "absl/strings/str_cat.h"

namespace sluice::ingress {
namespace {

constexpr auto kMalformed = absl::StatusCode::kInvalidArgument;

TEST(DecodeStatusTest, ReadsWordsAndObjects) {
  EXPECT_EQ(DecodeStatus("", "online")->status(), v1::DEVICE_STATUS_ONLINE);
  EXPECT_EQ(DecodeStatus("text/plain", " OffLine\n")->status(), v1::DEVICE_STATUS_OFFLINE);
  EXPECT_EQ(DecodeStatus("", "maintenance")->status(), v1::DEVICE_STATUS_MAINTENANCE);
  const auto report =
      DecodeStatus("application/json", R"({"status":"Error","message":"caf\u00e9 hot","code":7})");
  ASSERT_TRUE(report.ok()) << report.status();
  EXPECT_EQ(report->status(), v1::DEVICE_STATUS_ERROR);
  EXPECT_EQ(report->status_message(), "caf\xc3\xa9 hot");
}

TEST(DecodeStatusTest, RefusesTheRest) {
  for (const char* bad : {"", " ", "unknown", "on", "1", "\"online\"", "{}", "{\"status\":1}",
                          "{\"status\":\"asleep\"}", "{\"status\":\"online\",\"message\":1}",
                          "{\"status\":\"online\"", "{\"status\":\"online\",\"status\":\"error\"}",
                          "{\"status\":\"online\",\"message\":\"a\",\"message\":\"b\"}", "\xff",
                          "{\"status\":\"online\",\"message\":\"\xff\"}", "[\"online\"]"}) {
    EXPECT_EQ(DecodeStatus("", bad).status().code(), kMalformed) << bad;
  }
  EXPECT_EQ(DecodeStatus("application/cbor", "online").status().code(),
            absl::StatusCode::kUnimplemented);
  EXPECT_EQ(DecodeStatus("", std::string(65537, ' ')).status().code(),
            absl::StatusCode::kOutOfRange);
}

TEST(DecodeStatusTest, CutsALongMessageBetweenCharacters) {
  std::string message = "x";
  for (int i = 0; i < 1000; ++i) message += "\xc3\xa9";
  const auto report =
      DecodeStatus("", absl::StrCat("{\"status\":\"error\",\"message\":\"", message, "\"}"));
  ASSERT_TRUE(report.ok());
  EXPECT_EQ(report->status_message(), message.substr(0, 1023));
}

TEST(DecodeCommandResponseTest, ReadsOutcomes) {
  auto report = DecodeCommandResponse("", R"({"status":"succeeded","result":{"a":[1,true,null]}})");
  ASSERT_TRUE(report.ok()) << report.status();
  EXPECT_EQ(report->state(), v1::COMMAND_STATE_SUCCEEDED);
  const auto& list = report->result().struct_value().fields().at("a").list_value();
  ASSERT_EQ(list.values_size(), 3);
  EXPECT_EQ(list.values(0).number_value(), 1.0);
  EXPECT_TRUE(list.values(1).bool_value());
  EXPECT_EQ(list.values(2).kind_case(), google::protobuf::Value::kNullValue);

  report = DecodeCommandResponse("application/json",
                                 R"({"message":"jammed","status":"FAILED","result":7.5})");
  ASSERT_TRUE(report.ok());
  EXPECT_EQ(report->state(), v1::COMMAND_STATE_FAILED);
  EXPECT_EQ(report->error_message(), "jammed");
  EXPECT_EQ(report->result().number_value(), 7.5);
}

TEST(DecodeCommandResponseTest, TakesAnythingElseForTheResultOfASuccess) {
  auto report = DecodeCommandResponse("", "");
  ASSERT_TRUE(report.ok());
  EXPECT_EQ(report->state(), v1::COMMAND_STATE_SUCCEEDED);
  EXPECT_FALSE(report->has_result());

  report = DecodeCommandResponse("", R"({"open":true,"message":4})");
  ASSERT_TRUE(report.ok()) << report.status();
  EXPECT_EQ(report->state(), v1::COMMAND_STATE_SUCCEEDED);
  EXPECT_TRUE(report->result().struct_value().fields().at("open").bool_value());
  EXPECT_EQ(report->result().struct_value().fields().at("message").number_value(), 4);
  EXPECT_EQ(report->error_message(), "");
}

TEST(DecodeCommandResponseTest, RefusesTheRest) {
  for (const char* bad :
       {"done", "7", "[]", "{", "{\"status\":\"done\"}", "{\"status\":1}",
        "{\"status\":\"failed\",\"message\":1}", "{\"a\":1,\"a\":2}",
        "{\"status\":\"failed\",\"status\":\"failed\"}", "{\"a\":1e999}",
        "{\"result\":{\"a\":1,\"a\":2},\"status\":\"failed\"}", "{\"a\":\"\xff\"}"}) {
    EXPECT_EQ(DecodeCommandResponse("", bad).status().code(), kMalformed) << bad;
  }
  EXPECT_EQ(DecodeCommandResponse("text/html", "{}").status().code(),
            absl::StatusCode::kUnimplemented);
  EXPECT_EQ(DecodeCommandResponse("", std::string(65537, ' ')).status().code(),
            absl::StatusCode::kOutOfRange);
}

TEST(DecodeCommandResponseTest, BoundsTheNestingSoThatARecordCanBeReadBack) {
  const auto nested = [](int levels) {
    std::string payload;
    for (int i = 0; i < levels; ++i) payload += "{\"a\":";
    return payload + "1" + std::string(levels, '}');
  };
  int deepest = 0;
  for (int levels = 1; levels < 60; ++levels) {
    const auto report = DecodeCommandResponse("", nested(levels));
    if (!report.ok()) {
      EXPECT_EQ(report.status().code(), kMalformed);
      continue;
    }
    deepest = levels;
    state::v1::Report record;
    *record.mutable_command() = *report;
    state::v1::Report again;
    EXPECT_TRUE(again.ParseFromString(record.SerializeAsString())) << levels;
  }
  EXPECT_GE(deepest, 30);
  EXPECT_LE(deepest, 32);
  EXPECT_EQ(DecodeCommandResponse("", nested(9000)).status().code(), kMalformed);
  EXPECT_EQ(DecodeCommandResponse("", std::string(60000, '[')).status().code(), kMalformed);
}

}  // namespace
}  // namespace sluice::ingress
