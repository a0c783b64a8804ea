#include "services/ingress/telemetry/telemetry_filter.h"

#include <gtest/gtest.h>

#include <string>

namespace sluice::ingress {
namespace {

JournalRecord Record(int64_t offset, const std::string& device, const std::string& metric) {
  v1::Telemetry telemetry;
  telemetry.set_device_id(device);
  telemetry.add_readings()->set_metric(metric);
  return {offset, absl::Time(), telemetry.SerializeAsString()};
}

// Offsets of what passes.
std::vector<int64_t> Pass(const v1::TelemetryFilter& filter) {
  JournalBatch batch;
  batch.records = {Record(3, "a", "t"),
                   Record(4, "b", "t"),
                   Record(5, "a", "h"),
                   {6, absl::Time(), "\xff nonsense"}};
  batch.next_offset = 7;
  v1::SubscribeTelemetryResponse response;
  EXPECT_EQ(TelemetryFilter::Create(filter)->Encode(batch, &response), 1);
  EXPECT_EQ(response.next_offset(), 7);
  std::vector<int64_t> offsets;
  for (const auto& telemetry : response.telemetry()) offsets.push_back(telemetry.offset());
  return offsets;
}

TEST(TelemetryFilterTest, PassesWhatMatchesWithItsOffset) {
  v1::TelemetryFilter filter;
  EXPECT_EQ(Pass(filter), (std::vector<int64_t>{3, 4, 5}));
  filter.add_device_ids("a");
  EXPECT_EQ(Pass(filter), (std::vector<int64_t>{3, 5}));
  filter.add_metrics("t");
  EXPECT_EQ(Pass(filter), (std::vector<int64_t>{3}));
  filter.clear_device_ids();
  EXPECT_EQ(Pass(filter), (std::vector<int64_t>{3, 4}));
  filter.add_device_ids("c");
  EXPECT_EQ(Pass(filter), std::vector<int64_t>());
}

TEST(TelemetryFilterTest, NamesWhatIsWrong) {
  v1::TelemetryFilter filter;
  filter.add_device_ids("a");
  filter.add_device_ids("a b");
  EXPECT_EQ(TelemetryFilter::Create(filter).status().message(),
            "filter.device_ids[1]: byte 1 (0x20) is not one of A-Z a-z 0-9 . _ - :");
  filter.clear_device_ids();
  filter.add_metrics("");
  EXPECT_EQ(TelemetryFilter::Create(filter).status().message(),
            "filter.metrics[0]: the metric's name is empty");
  filter.clear_metrics();
  for (int i = 0; i < 1001; ++i) filter.add_metrics("m");
  EXPECT_EQ(TelemetryFilter::Create(filter).status().message(),
            "filter.metrics: holds 1001; at most 1000 are allowed");
}

}  // namespace
}  // namespace sluice::ingress
