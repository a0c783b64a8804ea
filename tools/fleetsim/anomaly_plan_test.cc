#include "tools/fleetsim/anomaly_plan.h"

#include <gtest/gtest.h>

#include <algorithm>
#include <set>
#include <vector>

namespace sluice::fleetsim {
namespace {

// Lets `devices` send `samples` each, in turn; returns the numbers of each device's anomalies.
std::vector<std::vector<int64_t>> Drive(AnomalyPlan* plan, int devices, int64_t samples) {
  std::vector<std::vector<int64_t>> planted(devices);
  for (int64_t number = 0; number < samples; ++number) {
    for (int device = 0; device < devices; ++device) {
      const double progress =
          static_cast<double>(number * devices + device) / static_cast<double>(samples * devices);
      if (plan->Plant(device, number, progress)) planted[device].push_back(number);
    }
  }
  return planted;
}

TEST(AnomalyPlanTest, PlantsAllOfThemWithTheDistancesPromised) {
  AnomalyPlan plan(40, 150, 1);
  const auto planted = Drive(&plan, 150, 100);
  EXPECT_EQ(plan.planted(), 40);
  for (const auto& numbers : planted) {
    int64_t allowed = AnomalyPlan::kWarmUpSamples;
    for (int64_t number : numbers) {
      EXPECT_GE(number, allowed);
      allowed = number + AnomalyPlan::kSpacingSamples;
    }
  }
}

TEST(AnomalyPlanTest, SpreadsOverDevicesAndTime) {
  AnomalyPlan plan(40, 150, 1);
  const auto planted = Drive(&plan, 150, 100);
  const auto with =
      std::count_if(planted.begin(), planted.end(), [](const auto& n) { return !n.empty(); });
  EXPECT_GT(with, 25);
  int early = 0;
  for (const auto& numbers : planted) {
    for (int64_t number : numbers) early += number < 65;
  }
  EXPECT_GT(early, 10);
  EXPECT_LT(early, 30);
}

TEST(AnomalyPlanTest, PlantsFewerWhereThereIsNoRoom) {
  AnomalyPlan short_run(5, 10, 1);
  Drive(&short_run, 10, 40);
  EXPECT_EQ(short_run.planted(), 0);
  AnomalyPlan crowded(100, 1, 1);
  Drive(&crowded, 1, 200);
  EXPECT_LE(crowded.planted(), 4);
  EXPECT_GE(crowded.planted(), 1);
}

TEST(AnomalyPlanTest, NoneAskedForNonePlanted) {
  AnomalyPlan plan(0, 10, 1);
  Drive(&plan, 10, 200);
  EXPECT_EQ(plan.planted(), 0);
}

}  // namespace
}  // namespace sluice::fleetsim
