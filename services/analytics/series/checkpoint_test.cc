#include "services/analytics/series/checkpoint.h"

#include <gtest/gtest.h>
#include <unistd.h>

#include <cstdlib>
#include <fstream>
#include <iterator>
#include <random>
#include <string>
#include <vector>

#include "absl/strings/str_cat.h"
#include "services/analytics/series/analyzer.h"

namespace sluice::analytics {
namespace {

class CheckpointTest : public testing::Test {
 protected:
  CheckpointTest() : seed_(std::random_device()()), random_(seed_) {
    std::string dir = absl::StrCat(std::getenv("TEST_TMPDIR"), "/checkpoint-XXXXXX");
    path_ = absl::StrCat(mkdtemp(&dir[0]), "/checkpoint");
  }
  void TearDown() override {
    if (HasFailure()) ADD_FAILURE() << "seed " << seed_;
  }

  static Analyzer NewAnalyzer(int64_t max_series = 1000, int window = 100) {
    return Analyzer(max_series, window, AnomalyDetector(3.0, std::min(30, window)));
  }
  v1::Telemetry NextMessage() {
    std::normal_distribution<double> normal(1e6, 0.3);
    v1::Telemetry telemetry;
    telemetry.set_offset(offset_++);
    telemetry.set_device_id(absl::StrCat("device-", random_() % 7));
    telemetry.mutable_received_time()->set_seconds(offset_);
    for (int i = 0; i < 3; ++i) {
      v1::Reading* reading = telemetry.add_readings();
      reading->set_metric(absl::StrCat("metric-", random_() % 5));
      reading->set_unit("m/s");
      reading->set_double_value(random_() % 200 == 0 ? 1e9 : normal(random_));
    }
    return telemetry;
  }
  void Save(const Analyzer& analyzer, const TelemetryPosition& position) {
    auto pending = PendingCheckpoint::Write(path_, position, analyzer.table());
    ASSERT_TRUE(pending.ok()) << pending.status();
    ASSERT_TRUE((*pending)->Commit().ok());
  }
  std::string Bytes() {
    std::ifstream in(path_, std::ios::binary);
    return std::string(std::istreambuf_iterator<char>(in), {});
  }
  void SetBytes(const std::string& bytes) {
    std::ofstream(path_, std::ios::binary | std::ios::trunc) << bytes;
  }
  absl::StatusCode ReadCode() {
    Analyzer analyzer = NewAnalyzer();
    return ReadCheckpoint(path_, &analyzer.table()).status().code();
  }

  unsigned seed_;
  std::mt19937_64 random_;
  std::string path_;
  int64_t offset_ = 0;
};

std::string Encode(const std::vector<v1::Insight>& insights) {
  std::string all;
  for (const v1::Insight& insight : insights) absl::StrAppend(&all, insight.SerializeAsString());
  return all;
}

TEST_F(CheckpointTest, TheStateGoesOnBitForBit) {
  // 35 series come, so that now and then one is forgotten.
  Analyzer original = NewAnalyzer(34);
  std::vector<v1::Insight> ignored;
  for (int i = 0; i < 3456; ++i) original.Analyze(NextMessage(), "log", &ignored);
  Save(original, {"log", offset_});

  Analyzer copy = NewAnalyzer(34);
  const auto position = ReadCheckpoint(path_, &copy.table());
  ASSERT_TRUE(position.ok()) << position.status();
  EXPECT_EQ(*position, (TelemetryPosition{"log", 3456}));
  EXPECT_EQ(copy.table().size(), 34);

  std::vector<v1::Insight> of_original;
  std::vector<v1::Insight> of_copy;
  for (int i = 0; i < 5000; ++i) {
    const v1::Telemetry telemetry = NextMessage();
    original.Analyze(telemetry, "log", &of_original);
    copy.Analyze(telemetry, "log", &of_copy);
  }
  EXPECT_GT(of_original.size(), 10);
  EXPECT_EQ(Encode(of_original), Encode(of_copy));

  // Every bit of both states: their files.
  Save(original, {"log", offset_});
  const std::string bytes = Bytes();
  Save(copy, {"log", offset_});
  EXPECT_EQ(bytes, Bytes());
}

TEST_F(CheckpointTest, AnEmptyStateIsKeptToo) {
  Save(NewAnalyzer(), {});
  Analyzer copy = NewAnalyzer();
  const auto position = ReadCheckpoint(path_, &copy.table());
  ASSERT_TRUE(position.ok()) << position.status();
  EXPECT_EQ(*position, TelemetryPosition());
  EXPECT_EQ(copy.table().size(), 0);
}

TEST_F(CheckpointTest, AnotherWindowSizeKeepsTheNewestSamples) {
  Analyzer original = NewAnalyzer();
  SeriesRecord& series = original.table().Touch("d", "m");
  for (int i = 1; i <= 250; ++i) series.window.Add(i);
  series.sample_count = 250;
  Save(original, {"log", 9});

  Analyzer smaller = NewAnalyzer(1000, 10);
  ASSERT_TRUE(ReadCheckpoint(path_, &smaller.table()).ok());
  const SeriesRecord* kept = smaller.table().Find("d", "m");
  EXPECT_EQ(kept->sample_count, 250);
  EXPECT_EQ(kept->window.size(), 10);
  EXPECT_EQ(kept->window.min(), 241);
  EXPECT_EQ(kept->window.max(), 250);
  EXPECT_DOUBLE_EQ(kept->window.mean(), 245.5);

  Analyzer larger = NewAnalyzer(1000, 500);
  ASSERT_TRUE(ReadCheckpoint(path_, &larger.table()).ok());
  EXPECT_EQ(larger.table().Find("d", "m")->window.size(), 100);
  EXPECT_EQ(larger.table().Find("d", "m")->window.min(), 151);
}

TEST_F(CheckpointTest, ASmallerTableKeepsTheSeriesHeardLast) {
  Analyzer original = NewAnalyzer();
  for (const char* device : {"a", "b", "c", "a"}) original.table().Touch(device, "m").window.Add(1);
  Save(original, {"log", 9});
  Analyzer smaller = NewAnalyzer(2);
  ASSERT_TRUE(ReadCheckpoint(path_, &smaller.table()).ok());
  EXPECT_EQ(smaller.table().Find("b", "m"), nullptr);
  EXPECT_NE(smaller.table().Find("a", "m"), nullptr);
  EXPECT_EQ(smaller.table().forgotten(), 1);
}

TEST_F(CheckpointTest, WithoutCommitTheOldOneStays) {
  Save(NewAnalyzer(), {"log", 1});
  {
    Analyzer analyzer = NewAnalyzer();
    auto pending = PendingCheckpoint::Write(path_, {"log", 2}, analyzer.table());
    ASSERT_TRUE(pending.ok());
  }
  Analyzer copy = NewAnalyzer();
  EXPECT_EQ(ReadCheckpoint(path_, &copy.table())->next_offset, 1);
  EXPECT_NE(access((path_ + ".tmp").c_str(), F_OK), 0);
}

TEST_F(CheckpointTest, SaysWhenThereIsNone) { EXPECT_EQ(ReadCode(), absl::StatusCode::kNotFound); }

TEST_F(CheckpointTest, NoDamageGoesUnnoticed) {
  Analyzer original = NewAnalyzer();
  std::vector<v1::Insight> ignored;
  for (int i = 0; i < 20; ++i) original.Analyze(NextMessage(), "log", &ignored);
  Save(original, {"log", 1});
  const std::string good = Bytes();
  ASSERT_EQ(ReadCode(), absl::StatusCode::kOk);
  for (size_t i = 0; i < good.size(); ++i) {
    std::string bad = good;
    bad[i] = static_cast<char>(bad[i] ^ (1 << (random_() % 8)));
    SetBytes(bad);
    const absl::StatusCode code = ReadCode();
    // Bytes 8 to 11 are the version: a newer one is refused for what it is.
    ASSERT_TRUE(code == absl::StatusCode::kDataLoss ||
                (i >= 8 && i < 12 && code == absl::StatusCode::kFailedPrecondition))
        << "byte " << i;
  }
  for (size_t size = 0; size < good.size(); size += 1 + random_() % 50) {
    SetBytes(good.substr(0, size));
    ASSERT_EQ(ReadCode(), absl::StatusCode::kDataLoss) << "size " << size;
  }
  SetBytes(good + "x");
  EXPECT_EQ(ReadCode(), absl::StatusCode::kDataLoss);
  SetBytes("log: {level: info}\n# settings, not a checkpoint\n");
  EXPECT_EQ(ReadCode(), absl::StatusCode::kDataLoss);
}

TEST_F(CheckpointTest, RefusesANewerFormat) {
  Save(NewAnalyzer(), {"log", 1});
  std::string bytes = Bytes();
  bytes[8] = 2;
  SetBytes(bytes);
  EXPECT_EQ(ReadCode(), absl::StatusCode::kFailedPrecondition);
}

TEST_F(CheckpointTest, SaysWhenItCannotWrite) {
  Analyzer analyzer = NewAnalyzer();
  EXPECT_FALSE(PendingCheckpoint::Write("/nonexistent/checkpoint", {}, analyzer.table()).ok());
}

}  // namespace
}  // namespace sluice::analytics
