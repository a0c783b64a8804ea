#include "services/ingress/mqtt_broker.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <unistd.h>

#include <algorithm>
#include <filesystem>
#include <functional>
#include <map>
#include <memory>
#include <string>
#include <vector>

#include "absl/base/thread_annotations.h"
#include "absl/strings/str_cat.h"
#include "absl/synchronization/mutex.h"
#include "libs/mqtt_record/append_record.h"
#include "libs/ring/ring_producer.h"
#include "libs/ring/temp_ring.h"
#include "services/ingress/config.h"
#include "services/ingress/mqtt/testing/test_broker.h"

namespace sluice::ingress {
namespace {

using ::testing::ElementsAre;
using ::testing::UnorderedElementsAre;

constexpr absl::Duration kPatience = absl::Seconds(20);
constexpr char kTelemetry[] = "devices/a/telemetry";
constexpr char kStatus[] = "devices/a/status";
constexpr char kResponse[] = "devices/a/commands/c/response";

// Notes what comes, and which way; all of it is durable at once.
class Notes final : public Intake {
 public:
  Verdict Take(const InboundMessage& message) override {
    absl::MutexLock lock(&mutex_);
    lines_.push_back(absl::StrCat(message.address, " ", message.payload,
                                  message.ring.has_value() ? " by ring" : " by session"));
    newest_uptime_ = std::max(newest_uptime_, message.received.uptime);
    return Verdict();
  }
  absl::Status CheckWritable() const override { return absl::OkStatus(); }
  bool IsDurable(const Receipt&) const override { return true; }
  bool WaitDurable(const Receipt&, absl::Duration) const override { return true; }
  int64_t AddDurableListener(std::function<void()>) override { return 0; }
  void RemoveDurableListener(int64_t) override {}

  std::vector<std::string> lines() const {
    absl::MutexLock lock(&mutex_);
    return lines_;
  }
  bool Has(const std::string& line) const {
    return ::testing::Value(lines(), ::testing::Contains(line));
  }
  absl::Duration newest_uptime() const {
    absl::MutexLock lock(&mutex_);
    return newest_uptime_;
  }

 private:
  mutable absl::Mutex mutex_;
  std::vector<std::string> lines_ ABSL_GUARDED_BY(mutex_);
  absl::Duration newest_uptime_ ABSL_GUARDED_BY(mutex_) = -absl::InfiniteDuration();
};

class MqttBrokerTest : public ::testing::Test {
 protected:
  // Connected, or trying to.
  void Start(const TestBroker& mosquitto, const std::string& source) {
    config::v1::MqttBroker settings;
    settings.set_address(mosquitto.uri());
    settings.set_source(source);
    settings.set_ring(ring_.path());
    broker_ = MqttBroker::Create(WithDefaults(settings), "mqtt.brokers[0]", "ingress-1",
                                 {&notes_, &unknown_topics_, &clock_, {}, nullptr, nullptr})
                  .value();
    broker_->Start();
    EXPECT_TRUE(broker_->AwaitConnected(kPatience));
  }
  void Restart(TestBroker* mosquitto) {
    mosquitto->Stop();
    ASSERT_TRUE(Eventually([&] { return !broker_->connected(); }));
    mosquitto->Start();
    ASSERT_TRUE(broker_->AwaitConnected(kPatience));
  }

  // The end of a ring that the plugin has in its broker.
  void OpenProducer() {
    ASSERT_EQ(producer_.Open(ring_.Options(1 << 20, /*boot=*/0)), ring::RingError::kNone);
  }
  // What the plugin does with telemetry that came `ago`.
  void Append(const std::string& payload, absl::Duration ago = absl::ZeroDuration()) {
    mqtt_record::Record record;
    record.qos = 1;
    record.uptime_us = static_cast<uint64_t>(absl::ToInt64Microseconds(clock_.Uptime() - ago));
    record.topic = {kTelemetry, sizeof(kTelemetry) - 1};
    record.payload_size = static_cast<uint32_t>(payload.size());
    record.payload = {payload.data(), payload.size()};
    ASSERT_EQ(mqtt_record::AppendRecord(record, 0, &producer_), ring::RingError::kNone);
  }
  // Whether telemetry comes by the session: a status that is sent after it comes for sure, and
  // behind it.
  bool SessionBringsTelemetry(const TestBroker& mosquitto) {
    const std::string number = absl::StrCat(++probes_);
    EXPECT_TRUE(mosquitto.Publish({"-t", kTelemetry, "-q", "1", "-m", number}));
    EXPECT_TRUE(mosquitto.Publish({"-t", kStatus, "-q", "1", "-m", number}));
    EXPECT_TRUE(
        Eventually([&] { return notes_.Has(absl::StrCat(kStatus, " ", number, " by session")); }));
    return notes_.Has(absl::StrCat(kTelemetry, " ", number, " by session"));
  }
  // Whether the plugin is told that somebody takes its messages.
  bool ReaderIsShown() const {
    return producer_.leases().ReaderAlive(
        static_cast<uint64_t>(absl::ToInt64Milliseconds(clock_.Uptime())));
  }
  int64_t Dropped(const std::string& reason) const {
    std::map<std::string, int64_t> dropped;
    broker_->CountDropped(&dropped);
    return dropped[reason];
  }

  const SystemClock clock_;
  ring::TempRing ring_;
  ring::RingProducer producer_;
  Notes notes_;
  UnknownTopics unknown_topics_;
  int probes_ = 0;
  std::unique_ptr<MqttBroker> broker_;
};

TEST_F(MqttBrokerTest, PahoDrainsTheRingThatAPluginHasLeft) {
  OpenProducer();
  Append("1");
  Append("2");
  producer_.Close();
  TestBroker mosquitto;
  Start(mosquitto, "paho");
  ASSERT_TRUE(Eventually([&] { return notes_.lines().size() == 2; }));
  EXPECT_THAT(notes_.lines(), ElementsAre("devices/a/telemetry 1 by ring",  //
                                          "devices/a/telemetry 2 by ring"));
  EXPECT_TRUE(SessionBringsTelemetry(mosquitto));
  broker_->Stop();
  EXPECT_EQ(broker_->ring()->gaps, 0);
  OpenProducer();
  EXPECT_EQ(producer_.UsedBytes(), 0u) << "it does not come again";
  EXPECT_FALSE(ReaderIsShown()) << "a plugin must not count on us";
}

TEST_F(MqttBrokerTest, WhatThePluginTakesDoesNotComeByTheSession) {
  TestBroker mosquitto;
  // An earlier start has left its subscriptions.
  Start(mosquitto, "paho");
  EXPECT_TRUE(SessionBringsTelemetry(mosquitto));
  broker_->Stop();
  OpenProducer();
  Start(mosquitto, "plugin");
  ASSERT_TRUE(mosquitto.Publish({"-t", kResponse, "-q", "1", "-m", "{}"}));
  EXPECT_FALSE(SessionBringsTelemetry(mosquitto));
  EXPECT_FALSE(notes_.Has(absl::StrCat(kResponse, " {} by session")));
  Append("3");
  EXPECT_TRUE(Eventually([&] { return notes_.Has("devices/a/telemetry 3 by ring"); }));
  EXPECT_TRUE(ReaderIsShown());
}

TEST_F(MqttBrokerTest, WithoutThePluginItSubscribesUntilThereIsOne) {
  TestBroker mosquitto;
  Start(mosquitto, "plugin");
  EXPECT_TRUE(SessionBringsTelemetry(mosquitto));
  // The plugin has its ring before the broker lets anybody in.
  OpenProducer();
  Restart(&mosquitto);
  EXPECT_FALSE(SessionBringsTelemetry(mosquitto));
  producer_.Close();
  Restart(&mosquitto);
  EXPECT_TRUE(SessionBringsTelemetry(mosquitto));
}

// A ring that outlives a start of the machine holds uptimes of the one before.
TEST_F(MqttBrokerTest, WhatCameBeforeTheMachineStartedDidNotComeInTheFuture) {
  OpenProducer();
  Append("1", -absl::Hours(24 * 30));
  producer_.Close();
  TestBroker mosquitto;
  Start(mosquitto, "paho");
  ASSERT_TRUE(Eventually([&] { return !notes_.lines().empty(); }));
  EXPECT_LE(notes_.newest_uptime(), clock_.Uptime());
}

TEST_F(MqttBrokerTest, CountsOnWhenThereIsANewRing) {
  OpenProducer();
  const auto dropped = [&] { return Dropped("mqtt_plugin_rate"); };
  producer_.AddToCounter(mqtt_record::kDroppedCounter + mqtt_record::kRate, 5);
  TestBroker mosquitto;
  Start(mosquitto, "plugin");
  EXPECT_TRUE(Eventually([&] { return dropped() == 5; }));
  ASSERT_EQ(unlink(ring_.path().c_str()), 0);
  OpenProducer();
  producer_.AddToCounter(mqtt_record::kDroppedCounter + mqtt_record::kRate, 2);
  EXPECT_TRUE(Eventually([&] { return dropped() == 7; }));
}

// A plugin built with sanitizers does not load into a broker that is not.
#ifndef __SANITIZE_ADDRESS__
TEST_F(MqttBrokerTest, TakesEverythingOnceFromABrokerWithThePlugin) {
  const std::string plugin = std::filesystem::current_path() /  // of the runfiles
                             "services/mosquitto_plugin/sluice_mosquitto.so";
  TestBroker mosquitto(absl::StrCat("plugin ", plugin, "\nplugin_opt_ring ", ring_.path(),
                                    "\nplugin_opt_ring_bytes 1MiB"));
  Start(mosquitto, "plugin");
  ASSERT_TRUE(mosquitto.Publish({"-t", kTelemetry, "-q", "1", "-m", "1"}));
  ASSERT_TRUE(mosquitto.Publish({"-t", kResponse, "-q", "2", "-m", "{}"}));
  ASSERT_TRUE(mosquitto.Publish({"-t", kStatus, "-q", "1", "-m", "online"}));
  ASSERT_TRUE(Eventually([&] { return notes_.lines().size() >= 3; }));
  EXPECT_THAT(notes_.lines(), UnorderedElementsAre("devices/a/telemetry 1 by ring",
                                                   "devices/a/commands/c/response {} by ring",
                                                   "devices/a/status online by session"));
}
#endif

}  // namespace
}  // namespace sluice::ingress
