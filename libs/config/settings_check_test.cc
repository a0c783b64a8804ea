#include "libs/config/settings_check.h"

#include <gtest/gtest.h>

#include <functional>
#include <string>

#include "absl/strings/match.h"

namespace sluice {
namespace {

using Check = std::function<void(SettingsCheck*)>;

std::string Error(const Check& check) {
  SettingsCheck checks;
  check(&checks);
  EXPECT_TRUE(checks.status().ok() || absl::IsInvalidArgument(checks.status()));
  return std::string(checks.status().message());
}

google::protobuf::Duration Duration(int64_t seconds, int32_t nanos) {
  google::protobuf::Duration duration;
  duration.set_seconds(seconds);
  duration.set_nanos(nanos);
  return duration;
}

config::v1::Journal SmallestJournal() {
  config::v1::Journal journal = DefaultJournal(kMiB, kMiB, kMiB / 4);
  journal.set_min_free_bytes(0);
  journal.mutable_max_age()->set_seconds(60);
  return journal;
}

TEST(SettingsCheckTest, KeepsTheFirstThatFails) {
  SettingsCheck checks;
  checks.Range("a", 1, 1, 1);
  EXPECT_TRUE(checks.status().ok());
  checks.Range("b", 2, 0, 1);
  checks.That(false, "c", "must hold");
  EXPECT_EQ(checks.status().message(), "b: is 2; must be 0 to 1");
}

TEST(SettingsCheckTest, SaysWhatIsAndWhatMustBe) {
  EXPECT_EQ(Error([](auto* c) { c->Range("f", -1, 0, 10); }), "f: is -1; must be 0 to 10");
  EXPECT_EQ(Error([](auto* c) {
              c->OneOf("f", "x", {"a", "b"});
            }),
            "f: is 'x'; must be one of a, b");
  EXPECT_EQ(
      Error([](auto* c) { c->Range("f", Duration(3600, 1), absl::Seconds(1), absl::Hours(1)); }),
      "f: is 1h0.000000001s; must be 1s to 1h");
  EXPECT_EQ(
      Error([](auto* c) { c->Range("f", Duration(0, -1), absl::ZeroDuration(), absl::Hours(1)); }),
      "f: is -1ns; must be 0 to 1h");
}

TEST(SettingsCheckTest, KnowsAddressesOfOthers) {
  for (const char* good : {"h:1", "10.0.0.1:65535", "[::1]:7101"}) {
    EXPECT_EQ(Error([&](auto* c) { c->Address("f", good); }), "") << good;
  }
  for (const char* bad : {"", "h", "h:", ":1", "h:0", "h:65536", "h:x"}) {
    EXPECT_EQ(Error([&](auto* c) { c->Address("f", bad); }),
              std::string("f: is '") + bad + "'; must be HOST:PORT, the port 1 to 65535");
  }
}

TEST(SettingsCheckTest, TheSharedDefaultsAreLegal) {
  EXPECT_EQ(Error([](auto* c) {
              c->Log(DefaultLog());
              c->Grpc(DefaultGrpc("127.0.0.1:0"));
              c->Metrics(config::v1::Metrics());
              c->Journal("journal", SmallestJournal());
            }),
            "");
}

TEST(SettingsCheckTest, NamesTheSharedSettingThatIsWrong) {
  const auto log = [](const auto& spoil) {
    auto settings = DefaultLog();
    spoil(&settings);
    return Error([&](auto* c) { c->Log(settings); });
  };
  const auto grpc = [](const auto& spoil) {
    auto settings = DefaultGrpc("127.0.0.1:0");
    spoil(&settings);
    return Error([&](auto* c) { c->Grpc(settings); });
  };
  const auto journal = [](const auto& spoil) {
    auto settings = SmallestJournal();
    spoil(&settings);
    return Error([&](auto* c) { c->Journal("dead_letters", settings); });
  };
  config::v1::Metrics metrics;
  metrics.set_listen("10.0.0.1:1");
  const struct {
    const char* field;
    std::string error;
  } kWrong[] = {
      {"log.level", log([](auto* s) { s->set_level("loud"); })},
      {"log.format", log([](auto* s) { s->set_format("xml"); })},
      {"grpc.listen", grpc([](auto* s) { s->set_listen("0.0.0.0:1"); })},
      {"grpc.max_streams", grpc([](auto* s) { s->set_max_streams(0); })},
      {"grpc.max_streams", grpc([](auto* s) { s->set_max_streams(1001); })},
      {"grpc.max_message_bytes", grpc([](auto* s) { s->set_max_message_bytes(64 * kKiB - 1); })},
      {"grpc.max_message_bytes", grpc([](auto* s) { s->set_max_message_bytes(64 * kMiB + 1); })},
      {"metrics.listen", Error([&](auto* c) { c->Metrics(metrics); })},
      {"dead_letters.max_bytes", journal([](auto* s) { s->set_max_bytes(kMiB - 1); })},
      {"dead_letters.max_bytes", journal([](auto* s) { s->set_max_bytes(kTiB + 1); })},
      {"dead_letters.hard_max_bytes", journal([](auto* s) { s->set_max_bytes(kMiB + 1); })},
      {"dead_letters.hard_max_bytes", journal([](auto* s) { s->set_hard_max_bytes(kTiB + 1); })},
      {"dead_letters.segment_bytes", journal([](auto* s) { s->set_segment_bytes(64 * kKiB - 1); })},
      {"dead_letters.segment_bytes", journal([](auto* s) { s->set_segment_bytes(kMiB / 4 + 1); })},
      {"dead_letters.sync_interval",
       journal([](auto* s) { s->mutable_sync_interval()->set_seconds(11); })},
      {"dead_letters.sync_interval",
       journal([](auto* s) { s->mutable_sync_interval()->set_nanos(-1); })},
      {"dead_letters.when_full", journal([](auto* s) { s->set_when_full("drop"); })},
      {"dead_letters.when_full", journal([](auto* s) { s->clear_when_full(); })},
      {"dead_letters.min_free_bytes", journal([](auto* s) { s->set_min_free_bytes(-1); })},
      {"dead_letters.min_free_bytes", journal([](auto* s) { s->set_min_free_bytes(kTiB + 1); })},
      {"dead_letters.max_age", journal([](auto* s) { s->mutable_max_age()->set_seconds(59); })},
  };
  for (const auto& wrong : kWrong) {
    EXPECT_TRUE(absl::StartsWith(wrong.error, std::string(wrong.field) + ": "))
        << wrong.field << " -> " << wrong.error;
  }
}

}  // namespace
}  // namespace sluice
