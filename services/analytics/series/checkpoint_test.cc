#include "services/analytics/series/checkpoint.h"

#include <gtest/gtest.h>
#include <unistd.h>
#include <xxhash.h>

#include <cstdlib>
#include <fstream>
#include <iterator>
#include <random>
#include <string>
#include <vector>

#include "absl/strings/str_cat.h"
#include "services/analytics/series/analyzer.h"
#include "sluice/state/v1/analytics.pb.h"

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
    return Analyzer({max_series, window, 3.0, std::min(30, window)});
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
    auto pending =
        PendingCheckpoint::Write(path_, {position, analyzer.settings()}, analyzer.table());
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
  absl::StatusOr<CheckpointHead> Read(Analyzer* analyzer) {
    return ReadCheckpoint(path_, NewAnalyzer(77).settings(), [&](const AnalyzerSettings& settings) {
      *analyzer = Analyzer(settings);
      return &analyzer->table();
    });
  }
  absl::StatusCode ReadCode() {
    Analyzer analyzer = NewAnalyzer();
    return Read(&analyzer).status().code();
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

  Analyzer copy = NewAnalyzer();
  const auto head = Read(&copy);
  ASSERT_TRUE(head.ok()) << head.status();
  EXPECT_EQ(head->position, (TelemetryPosition{"log", 3456}));
  EXPECT_EQ(head->settings, original.settings());
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
  const auto head = Read(&copy);
  ASSERT_TRUE(head.ok()) << head.status();
  EXPECT_EQ(head->position, TelemetryPosition());
  EXPECT_EQ(copy.table().size(), 0);
}

TEST_F(CheckpointTest, KeepsSettingsThatAreToCome) {
  const AnalyzerSettings next = {500, 20, 2.5, 7};
  Analyzer analyzer = NewAnalyzer();
  auto pending = PendingCheckpoint::Write(
      path_,
      {{"log", 9}, analyzer.settings(), {{{"log", 12}, next}, {{"new", 15}, analyzer.settings()}}},
      analyzer.table());
  ASSERT_TRUE((*pending)->Commit().ok());
  const auto head = Read(&analyzer);
  ASSERT_TRUE(head.ok()) << head.status();
  ASSERT_EQ(head->changes.size(), 2u);
  EXPECT_EQ(head->changes[0].from, (TelemetryPosition{"log", 12}));
  EXPECT_EQ(head->changes[1].from, (TelemetryPosition{"new", 15}));
  EXPECT_EQ(head->changes[0].settings, next);
  EXPECT_EQ(head->changes[1].settings, NewAnalyzer().settings());
}

// Format 1 said of the settings only how many samples a window holds.
TEST_F(CheckpointTest, ReadsTheFormatBefore) {
  Analyzer analyzer = NewAnalyzer(1000, 10);
  for (int i = 0; i < 25; ++i) analyzer.table().Touch("d", "m").window.Add(i);
  state::v1::CheckpointHeader header;
  header.set_telemetry_journal_id("log");
  header.set_next_telemetry_offset(9);
  header.set_window_size_samples(10);
  header.set_series_count(1);
  Save(analyzer, {"log", 9});
  std::string bytes = Bytes();
  const size_t header_bytes = static_cast<unsigned char>(bytes[12]);
  bytes.replace(16, header_bytes, header.SerializeAsString());
  bytes[12] = static_cast<char>(header.ByteSizeLong());
  bytes[8] = 1;
  bytes.resize(bytes.size() - 8);
  const uint64_t checksum = XXH3_64bits(bytes.data(), bytes.size());
  bytes.append(reinterpret_cast<const char*>(&checksum), 8);
  SetBytes(bytes);
  Analyzer copy = NewAnalyzer();
  const auto head = Read(&copy);
  ASSERT_TRUE(head.ok()) << head.status();
  EXPECT_EQ(head->position, (TelemetryPosition{"log", 9}));
  EXPECT_EQ(head->settings, (AnalyzerSettings{77, 10, 3.0, 30}));
  EXPECT_EQ(copy.table().Find("d", "m")->window.min(), 15);
}

TEST_F(CheckpointTest, WithoutCommitTheOldOneStays) {
  Save(NewAnalyzer(), {"log", 1});
  {
    Analyzer analyzer = NewAnalyzer();
    auto pending = PendingCheckpoint::Write(path_, {{"log", 2}}, analyzer.table());
    ASSERT_TRUE(pending.ok());
  }
  Analyzer copy = NewAnalyzer();
  EXPECT_EQ(Read(&copy)->position.next_offset, 1);
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
  bytes[8] = 3;
  SetBytes(bytes);
  EXPECT_EQ(ReadCode(), absl::StatusCode::kFailedPrecondition);
}

TEST_F(CheckpointTest, ADiskThatCannotBeReadIsNoDamage) {
  path_ = "/proc/self/mem";  // an I/O error at its beginning
  EXPECT_EQ(ReadCode(), absl::StatusCode::kUnavailable);
}

TEST_F(CheckpointTest, SaysWhenItCannotWrite) {
  Analyzer analyzer = NewAnalyzer();
  EXPECT_FALSE(PendingCheckpoint::Write("/nonexistent/checkpoint", {}, analyzer.table()).ok());
}

}  // namespace
}  // namespace sluice::analytics
