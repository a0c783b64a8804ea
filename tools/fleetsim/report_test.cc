#include "tools/fleetsim/report.h"

#include <gmock/gmock.h>
#include <google/protobuf/struct.pb.h>
#include <google/protobuf/util/json_util.h>
#include <gtest/gtest.h>

#include <string>

namespace sluice::fleetsim {
namespace {

using ::testing::HasSubstr;
using ::testing::Not;

RunResult SomeRun() {
  RunResult result;
  result.sending_us = 2'000'000;
  result.subscriber = true;
  result.insights = true;
  ProtocolTotals& mqtt = result.totals.protocols[0];
  mqtt.devices = 10;
  mqtt.sent = 12'345;
  mqtt.acknowledged = 12'000;
  mqtt.received = 11'999;
  mqtt.acknowledged_and_received = 11'998;
  mqtt.delivery_latency.Record(1'500);
  ProtocolTotals& coap = result.totals.protocols[1];
  coap.devices = 2;
  coap.sent = 100;
  coap.received = 100;
  result.totals.anomalies.planted = 4;
  result.totals.anomalies.found = 3;
  result.totals.errors["mqtt \"connection\" lost"] = 2;
  return result;
}

TEST(ReportTest, JsonHasSumsAtItsTopAndIsJson) {
  RunResult result = SomeRun();
  result.failures = {"2 acknowledged messages did not arrive"};
  google::protobuf::Struct json;
  ASSERT_TRUE(google::protobuf::util::JsonStringToMessage(ReportJson(result), &json).ok())
      << ReportJson(result);
  auto number = [&](const char* key) { return json.fields().at(key).number_value(); };
  EXPECT_EQ(number("sent"), 12'445);
  EXPECT_EQ(number("received"), 12'099);
  EXPECT_EQ(number("lost"), 2);
  EXPECT_EQ(number("lost_unacknowledged"), 344);
  EXPECT_EQ(number("acknowledged_per_s"), 6000);
  EXPECT_FALSE(json.fields().at("passed").bool_value());
  EXPECT_EQ(json.fields().at("failures").list_value().values_size(), 1);
  const auto& mqtt = json.fields().at("mqtt").struct_value().fields();
  EXPECT_EQ(mqtt.at("sent").number_value(), 12'345);
  EXPECT_EQ(mqtt.at("latency_us").struct_value().fields().at("max").number_value(), 1500);
  EXPECT_EQ(json.fields().at("errors").struct_value().fields_size(), 1);
}

TEST(ReportTest, WhatNobodyLookedAtIsLeftOut) {
  RunResult result = SomeRun();
  result.subscriber = false;
  result.insights = false;
  EXPECT_THAT(ReportJson(result), Not(HasSubstr("\"lost\"")));
  EXPECT_THAT(ReportJson(result), Not(HasSubstr("false_alarms")));
  EXPECT_THAT(ReportTable(result), Not(HasSubstr("lost ")));
}

TEST(ReportTest, TableIsForPeople) {
  RunResult result = SomeRun();
  const std::string table = ReportTable(result);
  EXPECT_THAT(table, HasSubstr("12,345"));
  EXPECT_THAT(table, HasSubstr("1.50 ms"));
  EXPECT_THAT(table, HasSubstr("4 / 3"));
  EXPECT_THAT(table, HasSubstr("passed"));
  result.failures = {"it rained"};
  EXPECT_THAT(ReportTable(result), HasSubstr("FAILED: it rained"));
  EXPECT_THAT(ReportTable(result), Not(HasSubstr("passed")));
}

}  // namespace
}  // namespace sluice::fleetsim
