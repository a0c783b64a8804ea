#include "services/ingress/mqtt/mqtt_source.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <atomic>
#include <functional>
#include <memory>
#include <string>
#include <thread>
#include <utility>
#include <vector>

#include "absl/base/thread_annotations.h"
#include "absl/strings/str_cat.h"
#include "absl/synchronization/mutex.h"
#include "libs/clock/fake_clock.h"
#include "services/ingress/mqtt/mqtt_session.h"
#include "services/ingress/mqtt/testing/test_broker.h"

namespace sluice::ingress {
namespace {

using ::testing::ElementsAre;
using ::testing::IsEmpty;
using ::testing::SizeIs;

// Writes each message down as a line, and answers what it is told to.
class LineIntake final : public Intake {
 public:
  Verdict Take(const InboundMessage& m) override {
    absl::MutexLock lock(&mutex_);
    lines.push_back(absl::StrCat(static_cast<int>(m.kind), "|", m.protocol, "|", m.device_id, "|",
                                 m.command_id, "|", m.address, "|", m.message_id, "|",
                                 m.content_type, "|", m.payload, "|", m.payload_size_bytes, "|",
                                 absl::ToUnixSeconds(m.received.time), "|", m.retained));
    qos.push_back(m.qos);
    origin =
        absl::StrCat(m.client_id, "|", m.username, "|", absl::ToInt64Seconds(m.received.uptime));
    if (m.ring.has_value()) absl::StrAppend(&origin, "|", m.ring->ring_id, "|", m.ring->end);
    return answer;
  }
  absl::Status CheckWritable() const override { return absl::OkStatus(); }
  bool IsDurable(const Receipt&) const override { return true; }
  bool WaitDurable(const Receipt&, absl::Duration) const override { return true; }
  int64_t AddDurableListener(std::function<void()>) override { return 0; }
  void RemoveDurableListener(int64_t) override {}

  size_t count() const {
    absl::MutexLock lock(&mutex_);
    return lines.size();
  }

  // Set before the first message, read after the last.
  Verdict answer;
  std::vector<std::string> lines;
  std::vector<int> qos;
  // Who sent the last one, when, and where it stood in a ring.
  std::string origin;

 private:
  mutable absl::Mutex mutex_;
};

// Keeps what is published until it is completed.
class Outbox final : public Publisher {
 public:
  absl::Status Publish(Publication publication, std::function<void(absl::Status)> done) override {
    if (!answer.ok()) return answer;
    publications.push_back(std::move(publication));
    completions.push_back(std::move(done));
    return absl::OkStatus();
  }

  absl::Status answer;
  std::vector<Publication> publications;
  std::vector<std::function<void(absl::Status)>> completions;
};

class MqttSourceTest : public ::testing::Test {
 protected:
  Outcome Take(absl::string_view topic, absl::string_view payload, int qos = 1,
               bool retained = false) {
    return source_
        .Take({.topic = topic,
               .payload = payload,
               .qos = qos,
               .retained = retained,
               .content_type = "text/plain",
               .message_id = "m-1"})
        .outcome;
  }
  void Refuse(absl::Status status,
              v1::DeadLetterReason reason = v1::DEAD_LETTER_REASON_UNSPECIFIED) {
    intake_.answer.status = std::move(status);
    intake_.answer.reason = reason;
  }

  FakeClock clock_;
  LineIntake intake_;
  Outbox outbox_;
  int acknowledged_ = 0;
  MqttSource source_{
      {.max_notices = 2, .on_acknowledged = [this](absl::Duration) { ++acknowledged_; }},
      &intake_,
      &outbox_,
      &clock_};
};

TEST_F(MqttSourceTest, AddsUpWhatTheBrokerSaysItDropped) {
  const char topic[] = "$SYS/broker/publish/messages/dropped";
  for (const char* total : {"3", "10", "10", "4", "nonsense", "-7", ""}) {
    EXPECT_EQ(Take(topic, total, 0, true), Outcome::kTaken);
  }
  EXPECT_EQ(source_.stats().broker_drops, 14) << "10, and 4 after a restart";
  EXPECT_EQ(source_.stats().unknown_topic, 0);
  EXPECT_EQ(intake_.count(), 0u);
}

TEST_F(MqttSourceTest, HandsOnEveryKind) {
  EXPECT_EQ(Take("devices/a/telemetry", "{}"), Outcome::kTaken);
  EXPECT_EQ(Take("devices/b/status", "on", 0, true), Outcome::kTaken);
  EXPECT_EQ(Take("devices/c/commands/k/response", ""), Outcome::kTaken);
  EXPECT_EQ(Take("devices//telemetry", "x"), Outcome::kTaken);
  EXPECT_THAT(intake_.lines,
              ElementsAre("0|1|a||devices/a/telemetry|m-1|text/plain|{}|2|1700000000|0",
                          "1|1|b||devices/b/status|m-1|text/plain|on|2|1700000000|1",
                          "2|1|c|k|devices/c/commands/k/response|m-1|text/plain||0|1700000000|0",
                          "0|1|||devices//telemetry|m-1|text/plain|x|1|1700000000|0"));
  EXPECT_THAT(outbox_.publications, IsEmpty());
}

TEST_F(MqttSourceTest, TellsOfWhatTheBrokerMayNowBeAcknowledged) {
  for (const int qos : {0, 1, 2}) Take("devices/a/telemetry", "{}", qos);
  EXPECT_THAT(intake_.qos, ElementsAre(0, 1, 2));
  EXPECT_EQ(acknowledged_, 2);
  Refuse(absl::UnavailableError("the disk is full"));
  EXPECT_EQ(Take("devices/a/telemetry", "{}"), Outcome::kNotNow);
  Refuse(absl::InvalidArgumentError("no JSON"), v1::DEAD_LETTER_REASON_MALFORMED);
  EXPECT_EQ(Take("devices/a/telemetry", "x"), Outcome::kTaken);
  EXPECT_EQ(acknowledged_, 2);
}

TEST_F(MqttSourceTest, DropsRetainedTelemetryAndStrangeTopicsAndCounts) {
  EXPECT_EQ(Take("devices/a/telemetry", "{}", 1, true), Outcome::kTaken);
  EXPECT_EQ(Take("devices/a/errors", "{}"), Outcome::kTaken);
  EXPECT_EQ(Take("elsewhere", "{}"), Outcome::kTaken);
  EXPECT_THAT(intake_.lines, IsEmpty());
  EXPECT_EQ(source_.stats().retained_telemetry, 1);
  EXPECT_EQ(source_.stats().unknown_topic, 2);
}

// A message as the broker's plugin took it in, cut, while we were away.
InboundPublish PluginPublish(absl::string_view topic) {
  return {.topic = topic,
          .payload = "{}",
          .qos = 1,
          .content_type = "text/plain",
          .message_id = "m-1",
          .received = Moment{absl::FromUnixSeconds(1'600'000'000), absl::Seconds(5)},
          .client_id = "client-7",
          .username = "anna",
          .payload_size = 70'000,
          .ring = RingPosition{3, 640}};
}

TEST_F(MqttSourceTest, HandsOnWhatThePluginTookAsItCame) {
  clock_.Advance(absl::Seconds(60));
  intake_.answer.receipt = {Receipt::Log::kTelemetry, 42};
  const Taken taken = source_.Take(PluginPublish("devices/a/telemetry"));
  EXPECT_EQ(taken.outcome, Outcome::kTaken);
  EXPECT_EQ(taken.receipt.log, Receipt::Log::kTelemetry);
  EXPECT_EQ(taken.receipt.offset, 42);
  EXPECT_THAT(intake_.lines, ElementsAre("0|1|a||devices/a/telemetry|m-1|text/plain|{}|70000|"
                                         "1600000000|0"));
  EXPECT_EQ(intake_.origin, "client-7|anna|5|3|640");
  EXPECT_EQ(acknowledged_, 0) << "the broker did so before it was in the ring";

  Take("devices/a/telemetry", "{}");
  EXPECT_EQ(intake_.origin, "||60") << "from a subscription";
}

TEST_F(MqttSourceTest, WhatThePluginTookForNothingWeKnowIsADeadLetter) {
  Refuse(absl::InvalidArgumentError("nothing is known"), v1::DEAD_LETTER_REASON_MALFORMED);
  intake_.answer.receipt = {Receipt::Log::kDeadLetters, 3};
  const Taken taken = source_.Take(PluginPublish("devices/a/elsewhere"));
  EXPECT_EQ(taken.outcome, Outcome::kTaken);
  EXPECT_EQ(taken.receipt.log, Receipt::Log::kDeadLetters);
  EXPECT_EQ(taken.receipt.offset, 3);
  EXPECT_THAT(intake_.lines, ElementsAre("3|1|||devices/a/elsewhere|m-1|text/plain|{}|70000|"
                                         "1600000000|0"));
  EXPECT_EQ(source_.stats().unknown_topic, 0);
  EXPECT_THAT(outbox_.publications, IsEmpty());
}

TEST_F(MqttSourceTest, WhatThePluginTookWaitsUntilItCanBeWritten) {
  Refuse(absl::ResourceExhaustedError("disk full"));
  EXPECT_EQ(source_.Take(PluginPublish("devices/a/telemetry")).outcome, Outcome::kNotNow);
  EXPECT_EQ(source_.Take(PluginPublish("devices/a/elsewhere")).outcome, Outcome::kNotNow);
  EXPECT_EQ(source_.stats().overload, 0);
  EXPECT_THAT(outbox_.publications, IsEmpty());
}

TEST_F(MqttSourceTest, TellsTheSenderWhatWasRefused) {
  Refuse(absl::InvalidArgumentError("line 1: \"x\" is no JSON"), v1::DEAD_LETTER_REASON_MALFORMED);
  EXPECT_EQ(Take("devices/a/telemetry", "x"), Outcome::kTaken);
  ASSERT_THAT(outbox_.publications, SizeIs(1));
  const Publication& notice = outbox_.publications[0];
  EXPECT_EQ(notice.topic, "devices/a/errors");
  EXPECT_EQ(notice.payload,
            "{\"error\": \"line 1: \\\"x\\\" is no JSON\", \"reason\": \"MALFORMED\", "
            "\"topic\": \"devices/a/telemetry\", \"time_ms\": 1700000000000}");
  EXPECT_EQ(notice.content_type, "application/json");
  EXPECT_FALSE(notice.retain);
  EXPECT_EQ(source_.stats().notices, 1);

  Refuse(absl::NotFoundError("no such device"));
  EXPECT_EQ(Take("devices/a/status", "x"), Outcome::kTaken);
  EXPECT_THAT(outbox_.publications.back().payload, ::testing::HasSubstr("\"NOT_FOUND\""));
}

TEST_F(MqttSourceTest, SendsNothingToAnIllegalId) {
  Refuse(absl::InvalidArgumentError("bad id"), v1::DEAD_LETTER_REASON_ILLEGAL_DEVICE_ID);
  EXPECT_EQ(Take("devices/caf\xc3\xa9/telemetry", "x"), Outcome::kTaken);
  EXPECT_EQ(Take("devices//telemetry", "x"), Outcome::kTaken);
  EXPECT_THAT(outbox_.publications, IsEmpty());
  EXPECT_EQ(source_.stats().notices_dropped, 0);
}

TEST_F(MqttSourceTest, NoticesAreBoundedAndDroppedOnesCounted) {
  Refuse(absl::InvalidArgumentError("no"), v1::DEAD_LETTER_REASON_MALFORMED);
  for (int i = 0; i < 5; ++i) Take("devices/a/telemetry", "x");
  EXPECT_THAT(outbox_.publications, SizeIs(2));
  EXPECT_EQ(source_.stats().notices_dropped, 3);
  outbox_.completions[0](absl::OkStatus());
  Take("devices/a/telemetry", "x");
  EXPECT_THAT(outbox_.publications, SizeIs(3));
  outbox_.answer = absl::UnavailableError("not connected");
  outbox_.completions[1](absl::AbortedError("lost"));
  Take("devices/a/telemetry", "x");
  EXPECT_EQ(source_.stats().notices_dropped, 4);
  outbox_.answer = absl::OkStatus();
  Take("devices/a/telemetry", "x");
  EXPECT_THAT(outbox_.publications, SizeIs(4)) << "a refused one holds no place";
}

TEST_F(MqttSourceTest, WhatCannotBeWrittenNowIsLeftToTheBroker) {
  for (const absl::Status& status :
       {absl::ResourceExhaustedError("disk full"), absl::UnavailableError("stopping")}) {
    Refuse(status);
    EXPECT_EQ(Take("devices/a/telemetry", "x", 1), Outcome::kNotNow);
    EXPECT_EQ(Take("devices/a/telemetry", "x", 2), Outcome::kNotNow);
    EXPECT_EQ(Take("devices/a/telemetry", "x", 0), Outcome::kTaken) << "nobody keeps it";
  }
  EXPECT_EQ(source_.stats().overload, 2);
  EXPECT_THAT(outbox_.publications, IsEmpty());
}

// A sender that wants to know what became of its message.
class MqttSourceAnswerTest : public ::testing::Test {
 protected:
  MqttSourceAnswerTest() { intake_.answer.receipt = {Receipt::Log::kTelemetry, 42}; }

  void Take(absl::string_view response_topic, absl::string_view topic = "devices/a/telemetry",
            const std::string& correlation = std::string("c\0\xff", 3)) {
    source_.Take({.topic = topic,
                  .payload = "{}",
                  .qos = 1,
                  .response_topic = response_topic,
                  .correlation_data = correlation});
  }

  struct Answer {
    Receipt receipt;
    Publication publication;
  };

  FakeClock clock_;
  LineIntake intake_;
  Outbox outbox_;
  std::vector<Answer> answers_;
  MqttSource source_{{.answer =
                          [this](const Receipt& receipt, Publication publication) {
                            answers_.push_back({receipt, std::move(publication)});
                          }},
                     &intake_,
                     &outbox_,
                     &clock_};
};

TEST_F(MqttSourceAnswerTest, GetsTheOffset) {
  Take("devices/a/receipts");
  ASSERT_THAT(answers_, SizeIs(1));
  EXPECT_EQ(answers_[0].receipt.log, Receipt::Log::kTelemetry);
  EXPECT_EQ(answers_[0].receipt.offset, 42);
  const Publication& publication = answers_[0].publication;
  EXPECT_EQ(publication.topic, "devices/a/receipts");
  EXPECT_EQ(publication.payload, "{\"offset\": 42}");
  EXPECT_EQ(publication.correlation_data, std::string("c\0\xff", 3));
  EXPECT_EQ(publication.content_type, "application/json");
  EXPECT_EQ(publication.qos, 1);
  EXPECT_FALSE(publication.retain);
  EXPECT_THAT(outbox_.publications, IsEmpty());
}

TEST_F(MqttSourceAnswerTest, GetsTheErrorOnceTheDeadLetterIsThere) {
  intake_.answer = {absl::InvalidArgumentError("no JSON"),
                    v1::DEAD_LETTER_REASON_MALFORMED,
                    {Receipt::Log::kDeadLetters, 7}};
  Take("devices/a/receipts");
  ASSERT_THAT(answers_, SizeIs(1));
  EXPECT_EQ(answers_[0].receipt.log, Receipt::Log::kDeadLetters);
  EXPECT_EQ(answers_[0].receipt.offset, 7);
  ASSERT_THAT(outbox_.publications, SizeIs(1));
  EXPECT_EQ(answers_[0].publication.payload, outbox_.publications[0].payload);
  EXPECT_EQ(answers_[0].publication.correlation_data.size(), 3u);
}

TEST_F(MqttSourceAnswerTest, GetsNothingWhereItMayNotBeAnswered) {
  for (const char* topic : {"devices/b/receipts", "elsewhere", "devices/a/+", "devices/a/telemetry",
                            "devices/a/commands", "devices/a/errors"}) {
    Take(topic);
  }
  EXPECT_EQ(source_.stats().answers_refused, 6);
  Take("devices/a/receipts", "devices/a/telemetry", std::string(4097, 'x'));
  EXPECT_EQ(source_.stats().answers_refused, 7);
  source_.Take({.topic = "devices/a/telemetry", .payload = "{}", .reply_left_out = true});
  EXPECT_EQ(source_.stats().answers_refused, 8);
  intake_.answer.status = absl::InvalidArgumentError("an illegal id");
  Take("devices/caf\xc3\xa9/receipts", "devices/caf\xc3\xa9/telemetry");
  EXPECT_EQ(source_.stats().answers_refused, 9);
  EXPECT_THAT(answers_, IsEmpty());
  EXPECT_EQ(intake_.count(), 9u) << "the messages count all the same";
}

TEST_F(MqttSourceAnswerTest, GetsNothingWhenItSentNoTelemetryOrNobodyKnowsTheOffset) {
  Take("devices/a/receipts", "devices/a/status");
  Take("devices/a/receipts", "devices/a/commands/c/response");
  EXPECT_EQ(source_.stats().answers_refused, 0);
  intake_.answer.receipt = Receipt();
  Take("devices/a/receipts");
  EXPECT_EQ(source_.stats().answers_unknown_offset, 1);
  intake_.answer.status = absl::UnavailableError("disk full");
  Take("devices/a/receipts");
  EXPECT_THAT(answers_, IsEmpty());
  EXPECT_EQ(source_.stats().answers_unknown_offset, 1) << "it comes again";
}

TEST_F(MqttSourceAnswerTest, GetsNothingBySessionsThatCannotSendAnswers) {
  MqttSource source(MqttSource::Options(), &intake_, &outbox_, &clock_);
  source.Take(
      {.topic = "devices/a/telemetry", .payload = "{}", .response_topic = "devices/a/receipts"});
  EXPECT_EQ(source.stats().answers_unsupported, 1);
}

// The whole way in, through a real broker, from clients that are not ours.
class MqttSourceBrokerTest : public ::testing::TestWithParam<int> {
 protected:
  void Connect() {
    MqttSession::Options options;
    options.broker = broker_.uri();
    options.client_id = "sluice-ingress-1";
    options.protocol_version = GetParam();
    session_ = MqttSession::Create(options).value();
    source_ =
        std::make_unique<MqttSource>(MqttSource::Options{}, &intake_, session_.get(), &clock_);
    session_->Start(MqttSource::Subscriptions(), [this](const InboundPublish& publish) {
      return source_->Take(publish).outcome;
    });
    ASSERT_TRUE(Eventually([&] { return session_->stats().connected; }));
  }
  std::vector<std::string> Lines() {
    session_->Stop();
    return intake_.lines;
  }

  TestBroker broker_;
  FakeClock clock_;
  LineIntake intake_;
  std::unique_ptr<MqttSession> session_;
  std::unique_ptr<MqttSource> source_;
};

INSTANTIATE_TEST_SUITE_P(Versions, MqttSourceBrokerTest, ::testing::Values(5, 3),
                         [](const auto& info) { return absl::StrCat("Mqtt", info.param); });

TEST_P(MqttSourceBrokerTest, RetainedTelemetryIsNoReadingButRetainedStatusCounts) {
  ASSERT_TRUE(broker_.Publish({"-t", "devices/a/telemetry", "-r", "-q", "1", "-m", "old"}));
  ASSERT_TRUE(broker_.Publish({"-t", "devices/a/status", "-r", "-q", "1", "-m", "ONLINE"}));
  Connect();
  ASSERT_TRUE(broker_.Publish({"-t", "devices/a/telemetry", "-q", "1", "-m", "new"}));
  ASSERT_TRUE(broker_.Publish({"-t", "devices/a/commands/c/response", "-q", "2", "-m", "done"}));
  ASSERT_TRUE(broker_.Publish({"-t", "devices/a/other", "-q", "1", "-m", "not for us"}));
  ASSERT_TRUE(Eventually([&] { return intake_.count() == 3; }));
  EXPECT_THAT(Lines(), ::testing::UnorderedElementsAre(
                           "1|1|a||devices/a/status|||ONLINE|6|1700000000|1",
                           "0|1|a||devices/a/telemetry|||new|3|1700000000|0",
                           "2|1|a|c|devices/a/commands/c/response|||done|4|1700000000|0"));
  EXPECT_EQ(source_->stats().retained_telemetry, GetParam() == 5 ? 0 : 1);
  EXPECT_EQ(source_->stats().unknown_topic, 0);
}

TEST_P(MqttSourceBrokerTest, ARefusalReachesItsSender) {
  intake_.answer = {.status = absl::InvalidArgumentError("byte 0: no JSON"),
                    .reason = v1::DEAD_LETTER_REASON_MALFORMED,
                    .receipt = {}};
  Connect();
  // QoS 0 is heard only by who listens already: publish until it does.
  std::vector<std::string> heard;
  std::atomic<bool> done{false};
  std::thread device([&] {
    heard = broker_.Subscribe({"-t", "devices/a/errors", "-C", "1", "-W", "20"});
    done = true;
  });
  EXPECT_TRUE(Eventually([&] {
    EXPECT_TRUE(broker_.Publish({"-t", "devices/a/telemetry", "-q", "1", "-m", "x"}));
    return done.load();
  }));
  device.join();
  ASSERT_THAT(heard, SizeIs(1));
  EXPECT_EQ(heard[0],
            "{\"error\": \"byte 0: no JSON\", \"reason\": \"MALFORMED\", \"topic\": "
            "\"devices/a/telemetry\", \"time_ms\": 1700000000000}");
  Lines();
}

}  // namespace
}  // namespace sluice::ingress
