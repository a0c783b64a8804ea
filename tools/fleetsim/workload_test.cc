#include "tools/fleetsim/workload.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <cstdlib>
#include <string>

namespace sluice::fleetsim {
namespace {

using ::testing::HasSubstr;

WorkloadOptions SomeOptions() {
  WorkloadOptions options;
  options.payload.shape = PayloadShape::kNumber;
  options.duration_us = 10'000'000;
  options.first_tag = 700;
  options.epoch_us = 1'700'000'000'000'000;
  return options;
}

TEST(WorkloadTest, MessagesCarryTheirTagAndStayTheSame) {
  Tally tally(700);
  Workload workload(SomeOptions(), &tally, nullptr);
  workload.AddDevice("a", Protocol::kMqtt);
  workload.AddDevice("b", Protocol::kCoap);
  workload.Open(0);
  workload.Begin(0, 10);
  EXPECT_EQ(workload.Begin(1, 10), 0);
  EXPECT_EQ(workload.Begin(1, 20), 1);
  std::string first, again;
  workload.AppendPayload(1, 1, &first);
  workload.Begin(1, 30);
  workload.AppendPayload(1, 1, &again);
  EXPECT_EQ(first, again);
  EXPECT_EQ(TagOf(std::strtod(first.c_str(), nullptr)), 701);
  EXPECT_EQ(workload.sent(), 4);
}

TEST(WorkloadTest, TimeInThePayloadIsWhenItWasFirstSent) {
  WorkloadOptions options = SomeOptions();
  options.payload.shape = PayloadShape::kJson;
  Tally tally(700);
  Workload workload(options, &tally, nullptr);
  workload.AddDevice("a", Protocol::kMqtt);
  workload.Open(0);
  workload.Begin(0, 5'000);
  std::string payload;
  workload.AppendPayload(0, 0, &payload);
  EXPECT_THAT(payload, HasSubstr("\"ts\":1700000000005,"));
}

TEST(WorkloadTest, EndsAfterItsTimeOrItsMessages) {
  WorkloadOptions options = SomeOptions();
  options.max_messages = 2;
  Tally tally(700);
  Workload workload(options, &tally, nullptr);
  workload.AddDevice("a", Protocol::kMqtt);
  EXPECT_FALSE(workload.IsOpen(0)) << "not opened yet";
  workload.Open(1'000'000);
  EXPECT_TRUE(workload.IsOpen(10'999'999));
  EXPECT_FALSE(workload.IsOpen(11'000'000));
  workload.Begin(0, 1'000'000);
  EXPECT_TRUE(workload.IsOpen(1'000'000));
  workload.Begin(0, 1'000'000);
  EXPECT_FALSE(workload.IsOpen(1'000'000));
}

TEST(WorkloadTest, PlantsAnomaliesAndTellsTheTally) {
  WorkloadOptions options = SomeOptions();
  options.anomalies = 3;
  Tally tally(700);
  Workload workload(options, &tally, nullptr);
  for (const char* id : {"a", "b"}) workload.AddDevice(id, Protocol::kMqtt);
  workload.Open(0);
  for (int64_t i = 0; i < 300; ++i) {
    for (int device : {0, 1}) {
      const int64_t number = workload.Begin(device, i * 33'000);
      if (!tally.Find(device, number).anomaly) continue;
      std::string text;
      workload.AppendPayload(device, number, &text);
      const double distance = std::strtod(text.c_str(), nullptr) - Signal({}).Mean(device);
      EXPECT_GT(distance, 8 * 0.5 - 0.01);
    }
  }
  EXPECT_EQ(tally.Snapshot().anomalies.planted, 3);
}

TEST(WorkloadTest, AcknowledgementsAndRefusalsAreCounted) {
  Tally tally(700);
  Workload workload(SomeOptions(), &tally, nullptr);
  workload.AddDevice("a", Protocol::kMqtt);
  workload.Open(0);
  workload.Begin(0, 0);
  workload.Begin(0, 0);
  workload.Acknowledged(0, 0, 7);
  workload.Acknowledged(0, 0, 9);
  workload.Refused(0, 1, "coap 4.04", 9);
  const Totals totals = tally.Snapshot();
  EXPECT_EQ(totals.protocols[0].acknowledged, 1);
  EXPECT_EQ(totals.protocols[0].refused, 1);
  EXPECT_EQ(totals.errors.at("coap 4.04"), 1);
}

}  // namespace
}  // namespace sluice::fleetsim
