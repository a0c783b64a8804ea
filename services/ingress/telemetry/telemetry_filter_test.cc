#include "services/ingress/telemetry/telemetry_filter.h"

#include <gtest/gtest.h>

#include <string>
#include <vector>

namespace sluice::ingress {
namespace {

v1::Telemetry Telemetry(const std::string& device, const std::string& metric) {
  v1::Telemetry telemetry;
  telemetry.set_device_id(device);
  telemetry.add_readings()->set_metric(metric);
  return telemetry;
}

// Which of three messages pass.
std::vector<int> Pass(const v1::TelemetryFilter& filter) {
  const auto created = TelemetryFilter::Create(filter);
  EXPECT_EQ(created->matches_all(), filter.ByteSizeLong() == 0);
  const v1::Telemetry messages[] = {Telemetry("a", "t"), Telemetry("b", "t"), Telemetry("a", "h")};
  std::vector<int> passed;
  for (int i = 0; i < 3; ++i) {
    if (created->Matches(messages[i])) passed.push_back(i);
  }
  return passed;
}

TEST(TelemetryFilterTest, PassesWhatMatches) {
  v1::TelemetryFilter filter;
  EXPECT_EQ(Pass(filter), (std::vector<int>{0, 1, 2}));
  filter.add_device_ids("a");
  EXPECT_EQ(Pass(filter), (std::vector<int>{0, 2}));
  filter.add_metrics("t");
  EXPECT_EQ(Pass(filter), (std::vector<int>{0}));
  filter.clear_device_ids();
  EXPECT_EQ(Pass(filter), (std::vector<int>{0, 1}));
  filter.add_device_ids("c");
  EXPECT_EQ(Pass(filter), std::vector<int>());
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
