#include "services/analytics/series/analyzer.h"

#include <gtest/gtest.h>

#include <cmath>
#include <limits>
#include <random>
#include <string>

#include "absl/strings/str_cat.h"

namespace sluice::analytics {
namespace {

class AnalyzerTest : public testing::Test {
 protected:
  // One message with one sample of "t".
  std::vector<v1::Insight> Take(double value, const std::string& device = "pump") {
    v1::Telemetry telemetry = Message(device);
    v1::Reading* reading = telemetry.add_readings();
    reading->set_metric("t");
    reading->set_double_value(value);
    return Take(telemetry);
  }
  std::vector<v1::Insight> Take(const v1::Telemetry& telemetry) {
    std::vector<v1::Insight> insights;
    analyzer_.Analyze(telemetry, "log-1", &insights);
    return insights;
  }
  v1::Telemetry Message(const std::string& device = "pump") {
    v1::Telemetry telemetry;
    telemetry.set_offset(offset_++);
    telemetry.set_device_id(device);
    telemetry.mutable_received_time()->set_seconds(1000);
    return telemetry;
  }
  const SeriesRecord& Series(const std::string& metric = "t") {
    return *analyzer_.table().Find("pump", metric);
  }

  int64_t offset_ = 40;
  Analyzer analyzer_{AnalyzerSettings{.max_series = 100}};
};

TEST_F(AnalyzerTest, FindsASampleFarFromTheOnesBeforeIt) {
  for (int i = 0; i < 50; ++i) EXPECT_TRUE(Take(i % 2 == 0 ? 19 : 21).empty());
  const auto insights = Take(30);
  ASSERT_EQ(insights.size(), 1);
  const v1::Insight& insight = insights[0];
  EXPECT_EQ(insight.telemetry_offset(), 90);
  EXPECT_EQ(insight.telemetry_journal_id(), "log-1");
  EXPECT_EQ(insight.number(), 0);
  EXPECT_EQ(insight.device_id(), "pump");
  EXPECT_EQ(insight.metric(), "t");
  EXPECT_EQ(insight.sample_time().seconds(), 1000);
  const v1::Anomaly& anomaly = insight.anomaly();
  const double deviation = std::sqrt(50.0 / 49.0);
  EXPECT_EQ(anomaly.value(), 30);
  EXPECT_DOUBLE_EQ(anomaly.mean(), 20);
  EXPECT_DOUBLE_EQ(anomaly.standard_deviation(), deviation);
  EXPECT_DOUBLE_EQ(anomaly.z_score(), 10 / deviation);
  EXPECT_NEAR(anomaly.confidence(), 1 - 1 / deviation, 1e-15);
  EXPECT_DOUBLE_EQ(anomaly.anomaly_score(), 1 / deviation);
  EXPECT_EQ(anomaly.threshold(), 3);
  EXPECT_EQ(anomaly.window_size_samples(), 50);

  EXPECT_EQ(Series().sample_count, 51);
  EXPECT_EQ(Series().anomaly_count, 1);
  EXPECT_EQ(Series().last_value, 30);
  EXPECT_DOUBLE_EQ(Series().last_z_score, 10 / deviation);
  EXPECT_EQ(Series().window.max(), 30);
}

TEST_F(AnalyzerTest, FindsNothingDuringTheWarmUp) {
  for (int i = 0; i < 29; ++i) Take(i % 2);
  EXPECT_TRUE(Take(1e6).empty());
  EXPECT_EQ(Series().last_z_score, 0);
  EXPECT_EQ(Take(1e9).size(), 1);
}

TEST_F(AnalyzerTest, ADifferentValueAfterAConstantIsInfinitelyFar) {
  for (int i = 0; i < 30; ++i) EXPECT_TRUE(Take(7).empty());
  const auto insights = Take(6.5);
  ASSERT_EQ(insights.size(), 1);
  EXPECT_EQ(insights[0].anomaly().z_score(), -std::numeric_limits<double>::infinity());
  EXPECT_EQ(insights[0].anomaly().standard_deviation(), 0);
  EXPECT_EQ(insights[0].anomaly().confidence(), 0);
  EXPECT_EQ(insights[0].anomaly().anomaly_score(), 1);
}

TEST_F(AnalyzerTest, TakesNumbersAndTruthValuesAndNothingElse) {
  v1::Telemetry telemetry = Message();
  const auto add = [&](const std::string& metric) {
    telemetry.add_readings()->set_metric(metric);
    return telemetry.mutable_readings(telemetry.readings_size() - 1);
  };
  add("double")->set_double_value(1.5);
  add("int")->set_int_value(-3);
  add("true")->set_bool_value(true);
  add("false")->set_bool_value(false);
  add("text")->set_string_value("7");
  add("bytes")->set_bytes_value("7");
  add("nothing");
  add("nan")->set_double_value(std::nan(""));
  add("infinite")->set_double_value(std::numeric_limits<double>::infinity());
  Take(telemetry);
  EXPECT_EQ(Series("double").last_value, 1.5);
  EXPECT_EQ(Series("int").last_value, -3);
  EXPECT_EQ(Series("true").last_value, 1);
  EXPECT_EQ(Series("false").last_value, 0);
  EXPECT_EQ(analyzer_.table().size(), 4);
  EXPECT_EQ(analyzer_.stats().samples, 4);
  EXPECT_EQ(analyzer_.stats().ignored_readings, 5);
}

TEST_F(AnalyzerTest, NumbersTheInsightsOfOneMessage) {
  for (int i = 0; i < 40; ++i) {
    v1::Telemetry telemetry = Message();
    for (const char* metric : {"a", "b", "c"}) {
      v1::Reading* reading = telemetry.add_readings();
      reading->set_metric(metric);
      reading->set_int_value(i % 2 + (i == 39 && *metric != 'b' ? 100 : 0));
    }
    const auto insights = Take(telemetry);
    if (i < 39) {
      EXPECT_TRUE(insights.empty());
      continue;
    }
    ASSERT_EQ(insights.size(), 2);
    EXPECT_EQ(insights[0].metric(), "a");
    EXPECT_EQ(insights[0].number(), 0);
    EXPECT_EQ(insights[1].metric(), "c");
    EXPECT_EQ(insights[1].number(), 1);
  }
}

TEST_F(AnalyzerTest, PrefersTheReadingsOwnTimeAndKeepsItsUnit) {
  v1::Telemetry telemetry = Message();
  v1::Reading* reading = telemetry.add_readings();
  reading->set_metric("t");
  reading->set_int_value(1);
  reading->set_unit("Cel");
  reading->mutable_time()->set_seconds(-5);
  reading->mutable_time()->set_nanos(7);
  Take(telemetry);
  EXPECT_EQ(Series().last_sample_time_s, -5);
  EXPECT_EQ(Series().last_sample_time_ns, 7);
  EXPECT_EQ(Series().unit, "Cel");
  Take(2);
  EXPECT_EQ(Series().last_sample_time_s, 1000);
  EXPECT_EQ(Series().unit, "");
}

TEST_F(AnalyzerTest, GivesFewFalseAlarmsOnNormalNoise) {
  const unsigned seed = std::random_device()();
  SCOPED_TRACE(absl::StrCat("seed ", seed));
  std::mt19937_64 random(seed);
  std::normal_distribution<double> normal(20, 0.5);
  for (int i = 0; i < 100'000; ++i) Take(normal(random));
  EXPECT_LT(analyzer_.stats().anomalies, 500);
  EXPECT_EQ(Take(20 + 8 * 0.5).size(), 1);
}

}  // namespace
}  // namespace sluice::analytics
