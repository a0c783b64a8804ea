#include "services/analytics/series/series_table.h"

#include <gtest/gtest.h>

#include <algorithm>
#include <list>
#include <map>
#include <random>
#include <string>
#include <utility>
#include <vector>

#include "absl/strings/str_cat.h"

namespace sluice::analytics {
namespace {

using Keys = std::vector<std::pair<std::string, std::string>>;

Keys BySilence(const SeriesTable& table) {
  Keys keys;
  table.VisitBySilence(
      [&](const SeriesRecord& record) { keys.emplace_back(record.device_id, record.metric); });
  return keys;
}

Keys InOrder(const SeriesTable& table, const std::string& device, const std::string& metric,
             size_t limit) {
  Keys keys;
  table.VisitInOrder(device, metric, [&](const SeriesRecord& record) {
    keys.emplace_back(record.device_id, record.metric);
    return keys.size() < limit;
  });
  return keys;
}

TEST(SeriesTableTest, KeepsASeriesForEachDeviceAndMetric) {
  SeriesTable table(10, 5);
  table.Touch("a", "t").sample_count = 1;
  table.Touch("a", "h").sample_count = 2;
  table.Touch("b", "t").sample_count = 3;
  EXPECT_EQ(table.size(), 3);
  EXPECT_EQ(table.Touch("a", "t").sample_count, 1);
  EXPECT_EQ(table.Find("a", "h")->sample_count, 2);
  EXPECT_EQ(table.Find("b", "t")->window.capacity(), 5);
  EXPECT_EQ(table.Find("b", "h"), nullptr);
  EXPECT_EQ(table.Find("at", ""), nullptr);
}

TEST(SeriesTableTest, ForgetsTheOneSilentLongest) {
  SeriesTable table(3, 5);
  table.Touch("a", "t");
  table.Touch("b", "t");
  table.Touch("c", "t");
  table.Touch("a", "t");
  table.Touch("d", "t");
  EXPECT_EQ(BySilence(table), (Keys{{"c", "t"}, {"a", "t"}, {"d", "t"}}));
  EXPECT_EQ(table.Find("b", "t"), nullptr);
  EXPECT_EQ(table.forgotten(), 1);
  EXPECT_EQ(table.size(), 3);
}

TEST(SeriesTableTest, AForgottenSeriesBeginsAnew) {
  SeriesTable table(1, 5);
  table.Touch("a", "t").sample_count = 7;
  table.Touch("b", "t");
  EXPECT_EQ(table.Touch("a", "t").sample_count, 0);
  EXPECT_EQ(table.forgotten(), 2);
}

TEST(SeriesTableTest, VisitsInOrderFromAKeyOn) {
  SeriesTable table(10, 5);
  table.Touch("b", "x");
  table.Touch("a", "y");
  table.Touch("a", "x");
  table.Touch("a!", "x");
  EXPECT_EQ(InOrder(table, "", "", 10), (Keys{{"a", "x"}, {"a", "y"}, {"a!", "x"}, {"b", "x"}}));
  EXPECT_EQ(InOrder(table, "a", "x", 2), (Keys{{"a", "y"}, {"a!", "x"}}));
  EXPECT_EQ(InOrder(table, "b", "x", 2), Keys{});
}

TEST(SeriesTableTest, DoesWhatASlowTableDoes) {
  const unsigned seed = std::random_device()();
  SCOPED_TRACE(absl::StrCat("seed ", seed));
  std::mt19937 random(seed);
  SeriesTable table(20, 5);
  std::list<std::pair<std::string, std::string>> slow;  // the newest at the end
  for (int i = 0; i < 20'000; ++i) {
    const std::string device = absl::StrCat("device-with-a-long-name-", random() % 8);
    const std::string metric = absl::StrCat("m", random() % 5);
    table.Touch(device, metric);
    slow.remove({device, metric});
    slow.emplace_back(device, metric);
    if (slow.size() > 20) slow.pop_front();
    if (i % 100 != 0) continue;
    ASSERT_EQ(BySilence(table), Keys(slow.begin(), slow.end()));
    Keys sorted(slow.begin(), slow.end());
    std::sort(sorted.begin(), sorted.end());
    ASSERT_EQ(InOrder(table, "", "", 100), sorted);
  }
}

TEST(SeriesTableTest, TakesOverTheNewestSamples) {
  SeriesTable original(1000, 100);
  SeriesRecord& series = original.Touch("d", "m");
  for (int i = 1; i <= 250; ++i) series.window.Add(i);
  series.sample_count = 250;
  series.unit = "K";

  SeriesTable smaller(1000, 10);
  smaller.TakeOver(original);
  const SeriesRecord* kept = smaller.Find("d", "m");
  ASSERT_NE(kept, nullptr);
  EXPECT_EQ(kept->sample_count, 250);
  EXPECT_EQ(kept->unit, "K");
  EXPECT_EQ(kept->window.size(), 10);
  EXPECT_EQ(kept->window.min(), 241);
  EXPECT_EQ(kept->window.max(), 250);
  EXPECT_DOUBLE_EQ(kept->window.mean(), 245.5);

  SeriesTable larger(1000, 500);
  larger.TakeOver(original);
  EXPECT_EQ(larger.Find("d", "m")->window.size(), 100);
  EXPECT_EQ(larger.Find("d", "m")->window.min(), 151);
}

TEST(SeriesTableTest, ASmallerOneTakesOverTheSeriesHeardLast) {
  SeriesTable original(1000, 100);
  for (const char* device : {"a", "b", "c", "a"}) original.Touch(device, "m").window.Add(1);
  SeriesTable smaller(2, 100);
  smaller.TakeOver(original);
  EXPECT_EQ(smaller.Find("b", "m"), nullptr);
  EXPECT_NE(smaller.Find("a", "m"), nullptr);
  EXPECT_EQ(smaller.forgotten(), 1);
}

}  // namespace
}  // namespace sluice::analytics
