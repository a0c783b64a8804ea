// The intake and what it shares with others at work in all their threads at once: sources, the
// watch of the registry, and who tells the registry. For ./sluice tsan, most of all.

#include <gtest/gtest.h>

#include <atomic>
#include <set>
#include <string>
#include <thread>
#include <vector>

#include "absl/strings/str_cat.h"
#include "libs/clock/fake_clock.h"
#include "services/ingress/intake/journal_intake.h"
#include "services/ingress/testing/fake_journal.h"

namespace sluice::ingress {
namespace {

constexpr int kSources = 3;
constexpr int kDevices = 20;
constexpr int kRounds = 50;

v1::Device Device(int number) {
  v1::Device device;
  device.set_id(absl::StrCat("known-", number));
  device.set_enabled(true);
  return device;
}

TEST(IntakeThreadTest, NothingIsLostBetweenThreads) {
  FakeClock clock;
  FakeJournal telemetry, dead_letters, reports;
  DeviceReplica replica;
  for (int i = 0; i < kDevices; ++i) replica.Put(Device(i));
  Newcomers newcomers;
  HeardDevices heard(&clock);
  MessageWindow window{MessageWindow::Options()};
  DeviceRates rates(1'000'000, 1'000'000);
  JournalIntake intake(
      {&telemetry, &dead_letters, &reports, &replica, &newcomers, &heard, &window, &rates}, {true});

  const auto take = [&](const std::string& device_id, InboundMessage::Kind kind,
                        const std::string& message_id = "") {
    const std::string payload =
        kind == InboundMessage::Kind::kStatus ? R"({"status":"error"})" : R"({"a":1})";
    InboundMessage message;
    message.kind = kind;
    message.protocol = v1::PROTOCOL_MQTT;
    message.device_id = device_id;
    message.payload = payload;
    message.payload_size_bytes = static_cast<int64_t>(payload.size());
    message.received = MomentOf(clock);
    message.message_id = message_id;
    EXPECT_TRUE(intake.Take(message).status.ok());
  };
  std::atomic<bool> done{false};
  std::vector<std::thread> sources;
  for (int source = 0; source < kSources; ++source) {
    sources.emplace_back([&, source] {
      for (int round = 0; round < kRounds; ++round) {
        for (int i = 0; i < kDevices; ++i) {
          take(absl::StrCat("known-", i), InboundMessage::Kind::kTelemetry);
          take(absl::StrCat("new-", source, "-", i), InboundMessage::Kind::kTelemetry);
        }
        take("known-0", InboundMessage::Kind::kStatus);
        // Of the sources one is the first, and the others say it again.
        take("known-0", InboundMessage::Kind::kTelemetry, absl::StrCat("round-", round));
        clock.Advance(absl::Milliseconds(1));
      }
    });
  }
  std::thread watch([&] {
    for (int round = 0; !done; ++round) {
      replica.BeginSnapshot();
      for (int i = 0; i < kDevices; ++i) replica.Put(Device(i));
      replica.EndSnapshot();
      replica.Remove("never-there");
      DeviceReplica other;
      EXPECT_TRUE(other.Restore(replica.Serialize()).ok());
      EXPECT_EQ(other.size(), size_t{kDevices});
    }
  });
  std::set<std::string> told;
  std::set<std::string> registered;
  const auto tell = [&] {
    for (const auto& sighting : heard.Take(7, INT64_MAX)) told.insert(sighting.device_id);
    heard.GiveBack(heard.Take(2, INT64_MAX));
    newcomers.GiveBack(newcomers.Take(2));
    const auto ids = newcomers.Take(5);
    for (const std::string& id : ids) registered.insert(id);
    newcomers.Done(ids);
    return ids.size();
  };
  std::thread reporter([&] {
    while (!done) {
      tell();
      heard.TellAgain();
      EXPECT_EQ(heard.dropped() + newcomers.dropped(), 0);
    }
  });
  for (std::thread& source : sources) source.join();
  done = true;
  watch.join();
  reporter.join();
  while (tell() > 0) continue;
  for (const auto& sighting : heard.Take(SIZE_MAX, INT64_MAX)) told.insert(sighting.device_id);

  EXPECT_EQ(registered.size(), size_t{kSources * kDevices});
  EXPECT_EQ(told.size(), size_t{(kSources + 1) * kDevices});
  EXPECT_EQ(telemetry.records().size(), size_t{kSources * kRounds * 2 * kDevices + kRounds});
  EXPECT_EQ(reports.records().size(), size_t{kSources * kRounds});
  EXPECT_TRUE(dead_letters.records().empty());
}

}  // namespace
}  // namespace sluice::ingress
