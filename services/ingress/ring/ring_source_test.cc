#include "services/ingress/ring/ring_source.h"

#include <gtest/gtest.h>

#include <atomic>
#include <memory>
#include <set>
#include <string>
#include <utility>
#include <vector>

#include "absl/strings/str_cat.h"
#include "libs/mqtt_record/append_record.h"
#include "libs/ring/ring_producer.h"
#include "libs/ring/temp_ring.h"
#include "services/ingress/mqtt/testing/test_broker.h"

namespace sluice::ingress {
namespace {

constexpr absl::Duration kPatience = absl::Seconds(20);
constexpr uint64_t kBoot = 1;

// Takes what it is given, and says it is durable when told so.
class Taker final : public Intake {
 public:
  Taken Take(const InboundPublish& publish) {
    absl::MutexLock lock(&mutex_);
    if (!writable_) {
      ++refusals_;
      return {Outcome::kNotNow, {}};
    }
    lines_.push_back(absl::StrCat(publish.topic, "|", publish.payload, "|", publish.qos, "|",
                                  publish.client_id, "|", publish.username, "|",
                                  publish.message_id));
    last_ring_ = publish.ring;
    if (publish.received.has_value()) last_received_ = *publish.received;
    return {Outcome::kTaken, {Receipt::Log::kTelemetry, static_cast<int64_t>(lines_.size()) - 1}};
  }
  Verdict Take(const InboundMessage&) override { return Verdict(); }
  absl::Status CheckWritable() const override { return absl::OkStatus(); }
  void RequestSync() override { ++sync_requests_; }
  int sync_requests() const { return sync_requests_; }
  bool IsDurable(const Receipt& receipt) const override {
    absl::MutexLock lock(&mutex_);
    return receipt.log == Receipt::Log::kNone || receipt.offset < durable_;
  }
  bool WaitDurable(const Receipt& receipt, absl::Duration) const override {
    return IsDurable(receipt);
  }
  int64_t AddDurableListener(std::function<void()>) override { return 0; }
  void RemoveDurableListener(int64_t) override {}

  void SetWritable(bool writable) {
    absl::MutexLock lock(&mutex_);
    writable_ = writable;
  }
  void SetDurable(int64_t count) {
    absl::MutexLock lock(&mutex_);
    durable_ = count;
  }
  bool AwaitCount(size_t count) const {
    const auto enough = [&]() ABSL_EXCLUSIVE_LOCKS_REQUIRED(mutex_) {
      return lines_.size() >= count;
    };
    absl::MutexLock lock(&mutex_);
    return mutex_.AwaitWithTimeout(absl::Condition(&enough), kPatience);
  }
  bool AwaitRefusal() const {
    const auto refused = [&]() ABSL_EXCLUSIVE_LOCKS_REQUIRED(mutex_) { return refusals_ > 0; };
    absl::MutexLock lock(&mutex_);
    return mutex_.AwaitWithTimeout(absl::Condition(&refused), kPatience);
  }
  std::vector<std::string> lines() const {
    absl::MutexLock lock(&mutex_);
    return lines_;
  }
  RingPosition last_ring() const {
    absl::MutexLock lock(&mutex_);
    return last_ring_.value();
  }
  Moment last_received() const {
    absl::MutexLock lock(&mutex_);
    return last_received_;
  }

 private:
  std::atomic<int> sync_requests_{0};
  mutable absl::Mutex mutex_;
  bool writable_ ABSL_GUARDED_BY(mutex_) = true;
  int64_t durable_ ABSL_GUARDED_BY(mutex_) = 0;
  int refusals_ ABSL_GUARDED_BY(mutex_) = 0;
  std::vector<std::string> lines_ ABSL_GUARDED_BY(mutex_);
  absl::optional<RingPosition> last_ring_ ABSL_GUARDED_BY(mutex_);
  Moment last_received_ ABSL_GUARDED_BY(mutex_);
};

class RingSourceTest : public ::testing::Test {
 protected:
  RingSourceTest() { options_.path = ring_.path(); }
  ~RingSourceTest() override { source_.reset(); }

  void OpenProducer(uint64_t boot = kBoot) {
    producer_ = std::make_unique<ring::RingProducer>();
    ASSERT_EQ(producer_->Open(ring_.Options(256 << 10, boot)), ring::RingError::kNone);
  }
  void Start(RingMarks marks = {}, uint64_t boot = kBoot) {
    options_.boot = boot;
    source_ = std::make_unique<RingSource>(
        options_,
        RingSource::Parts{[this](const InboundPublish& publish) { return taker_.Take(publish); },
                          &taker_, &unknown_topics_, &clock_},
        std::move(marks));
  }
  void Append(const std::string& topic, const std::string& payload,
              mqtt_record::Kind kind = mqtt_record::Kind::kPublish) {
    mqtt_record::Record record;
    record.kind = kind;
    record.qos = 1;
    record.received_us = 1'700'000'000'000'000;
    record.uptime_us = static_cast<uint64_t>(absl::ToInt64Microseconds(clock_.Uptime()));
    record.topic = {topic.data(), topic.size()};
    record.client_id = {"client", 6};
    record.username = {"user", 4};
    record.message_id = {"m-1", 3};
    record.payload = {payload.data(), payload.size()};
    record.payload_size = static_cast<uint32_t>(payload.size());
    ASSERT_EQ(mqtt_record::AppendRecord(record, 0, producer_.get()), ring::RingError::kNone);
  }
  uint64_t NowMs() const {
    return static_cast<uint64_t>(absl::ToInt64Milliseconds(clock_.Uptime()));
  }
  bool HasLease(const std::string& name, uint8_t code) {
    ring::Lease lease;
    return producer_->leases().Find(name.data(), name.size(), NowMs(), &lease) &&
           lease.code == code;
  }

  SystemClock clock_;
  ring::TempRing ring_;
  std::unique_ptr<ring::RingProducer> producer_;
  Taker taker_;
  UnknownTopics unknown_topics_;
  RingSource::Options options_;
  std::unique_ptr<RingSource> source_;
};

TEST_F(RingSourceTest, HandsOnWhatThePluginTookWithItsSender) {
  Start();
  OpenProducer();
  Append("devices/a/telemetry", "{}");
  Append("devices/b/telemetry", "x");
  ASSERT_TRUE(taker_.AwaitCount(2));
  EXPECT_EQ(taker_.lines()[0], "devices/a/telemetry|{}|1|client|user|m-1");
  EXPECT_EQ(taker_.lines()[1], "devices/b/telemetry|x|1|client|user|m-1");
  EXPECT_EQ(taker_.last_received().time, absl::FromUnixSeconds(1'700'000'000));
  EXPECT_EQ(taker_.last_ring().ring_id, producer_->header().id);
  EXPECT_EQ(taker_.last_ring().end, producer_->head());
  EXPECT_TRUE(Eventually([&] { return producer_->leases().ReaderAlive(NowMs()); }));
  EXPECT_TRUE(Eventually([&] { return taker_.sync_requests() > 0; }));
}

TEST_F(RingSourceTest, GivesSpaceBackOnlyForWhatIsDurable) {
  OpenProducer();
  Append("devices/a/telemetry", "1");
  const uint64_t first = producer_->head();
  Append("devices/a/telemetry", "2");
  Start();
  ASSERT_TRUE(taker_.AwaitCount(2));
  EXPECT_EQ(producer_->UsedBytes(), producer_->head());
  taker_.SetDurable(1);
  EXPECT_TRUE(Eventually([&] { return producer_->UsedBytes() == producer_->head() - first; }));
  source_.reset();
  EXPECT_EQ(producer_->UsedBytes(), producer_->head() - first) << "stopping promises nothing";

  // What was handed on and is not known to be durable comes again.
  Start();
  ASSERT_TRUE(taker_.AwaitCount(3));
  EXPECT_EQ(taker_.lines()[2], taker_.lines()[1]);
}

TEST_F(RingSourceTest, GoesOnBehindWhatTheJournalsHave) {
  OpenProducer();
  Append("devices/a/telemetry", "1");
  RingMarks marks;
  marks.Add(Receipt::Log::kDeadLetters, {producer_->header().id, producer_->head()});
  Append("devices/a/telemetry", "2");
  Start(marks);
  ASSERT_TRUE(taker_.AwaitCount(1));
  EXPECT_EQ(taker_.lines()[0], "devices/a/telemetry|2|1|client|user|m-1");
  EXPECT_FALSE(taker_.last_ring().read_before);
}

TEST_F(RingSourceTest, OfARingThatIsOlderThanWhatTheJournalsHaveAllIsRead) {
  OpenProducer();
  Append("devices/a/telemetry", "1");
  RingMarks marks;
  marks.Add(Receipt::Log::kTelemetry, {producer_->header().id, producer_->head() + 800});
  Start(marks);
  ASSERT_TRUE(taker_.AwaitCount(1));
  EXPECT_FALSE(taker_.last_ring().read_before) << "nor passed over by the intake";
}

TEST_F(RingSourceTest, AfterAPowerCutEachLogKnowsItsOwnPart) {
  OpenProducer();
  Append("devices/a/telemetry", "1");
  RingMarks marks;
  marks.Add(Receipt::Log::kDeadLetters, {producer_->header().id, producer_->head()});
  producer_.reset();
  Start(marks, kBoot + 1);
  // The telemetry log may have lost what the dead letters have later ones of.
  ASSERT_TRUE(taker_.AwaitCount(1));
  EXPECT_TRUE(taker_.last_ring().read_before);
}

TEST_F(RingSourceTest, HoldsOnToWhatCannotBeWritten) {
  OpenProducer();
  taker_.SetWritable(false);
  Start();
  Append("devices/a/telemetry", "1");
  ASSERT_TRUE(taker_.AwaitRefusal());
  EXPECT_TRUE(Eventually([&] { return HasLease("", mqtt_record::kRefuseForStorage); }));
  Append("devices/a/telemetry", "2");
  EXPECT_TRUE(taker_.lines().empty());
  taker_.SetWritable(true);
  ASSERT_TRUE(taker_.AwaitCount(2));
  EXPECT_TRUE(Eventually([&] { return !HasLease("", mqtt_record::kRefuseForStorage); }));
  EXPECT_TRUE(Eventually([&] { return source_->stats().held_back == 1; }));
}

TEST_F(RingSourceTest, StopsWhileNothingCanBeWritten) {
  OpenProducer();
  taker_.SetWritable(false);
  Start();
  Append("devices/a/telemetry", "1");
  ASSERT_TRUE(taker_.AwaitRefusal());
  source_.reset();
  EXPECT_EQ(producer_->UsedBytes(), producer_->head());
}

TEST_F(RingSourceTest, TellsThePluginToPauseADeviceThatSendsTooFast) {
  options_.max_device_messages_per_s = 1;
  OpenProducer();
  Start();
  for (int i = 0; i < 30; ++i) Append("devices/fast/telemetry", "1");
  Append("devices/slow/telemetry", "1");
  ASSERT_TRUE(taker_.AwaitCount(31)) << "what was taken is not given up";
  EXPECT_TRUE(Eventually([&] { return HasLease("fast", mqtt_record::kRefuseForRate); }));
  EXPECT_FALSE(HasLease("slow", mqtt_record::kRefuseForRate));
}

TEST_F(RingSourceTest, SortsOutWhatIsNoMessage) {
  OpenProducer();
  Start();
  Append("devices/a/telemetrie", "", mqtt_record::Kind::kUnknownTopic);
  ASSERT_EQ(ring::AppendText(producer_.get(), "of another version"), ring::RingError::kNone);
  ASSERT_TRUE(taker_.AwaitCount(1));
  EXPECT_EQ(taker_.lines()[0], "|of another version|1|||") << "for the dead letters";
  ASSERT_EQ(unknown_topics_.List().size(), 1u);
  EXPECT_EQ(unknown_topics_.List()[0].topic, "devices/a/telemetrie");
  EXPECT_EQ(unknown_topics_.List()[0].client_id, "client");
  taker_.SetDurable(1);
  EXPECT_TRUE(Eventually([&] { return producer_->UsedBytes() == 0; }));
}

TEST_F(RingSourceTest, DrainsWithoutLookingAfterThePlugin) {
  OpenProducer();
  Append("devices/a/telemetry", "1");
  options_.drain_only = true;
  Start();
  ASSERT_TRUE(taker_.AwaitCount(1));
  taker_.SetDurable(1);
  EXPECT_TRUE(Eventually([&] { return producer_->UsedBytes() == 0; }));
  EXPECT_FALSE(producer_->leases().ReaderAlive(NowMs()));
}

TEST_F(RingSourceTest, AddsThePluginsCountersUpOverItsRings) {
  OpenProducer();
  producer_->AddToCounter(mqtt_record::kTakenCounter, 5);
  Start();
  const auto taken = [&] { return source_->stats().counters[mqtt_record::kTakenCounter]; };
  EXPECT_TRUE(Eventually([&] { return taken() == 5; }));
  // Another boot: a new ring, whose counters begin anew.
  producer_.reset();
  OpenProducer(kBoot + 1);
  producer_->AddToCounter(mqtt_record::kTakenCounter, 2);
  EXPECT_TRUE(Eventually([&] { return taken() == 7; }));
}

}  // namespace
}  // namespace sluice::ingress
