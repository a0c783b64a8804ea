#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <atomic>
#include <filesystem>
#include <memory>
#include <string>
#include <utility>
#include <vector>

#include "absl/base/thread_annotations.h"
#include "absl/strings/str_cat.h"
#include "absl/synchronization/mutex.h"
#include "services/ingress/mqtt/mqtt_session.h"
#include "services/ingress/mqtt/testing/test_broker.h"

namespace sluice::ingress {
namespace {

using ::testing::Contains;
using ::testing::IsSupersetOf;

constexpr absl::Duration kPatience = absl::Seconds(20);

// A session that has asked for `old/#` and `in/#` at an earlier start.
class MqttSessionWishesTest : public ::testing::TestWithParam<int> {
 protected:
  MqttSessionWishesTest() {
    Connect();
    session_->Stop();
  }

  // Makes a session which asks for `wishes_`, and connects it.
  void Connect() {
    Start();
    ASSERT_TRUE(session_->AwaitConnected(kPatience));
  }
  void Start() {
    MqttSession::Options options;
    options.broker = broker_.uri();
    options.client_id = "sluice-test";
    options.protocol_version = GetParam();
    session_ = MqttSession::Create(options).value();
    session_->Start(
        [this] {
          absl::MutexLock lock(&mutex_);
          return wishes_;
        },
        [this](const InboundPublish& message) {
          absl::MutexLock lock(&mutex_);
          payloads_.emplace_back(message.payload);
          return Outcome::kTaken;
        });
  }
  void Wish(Wishes wishes) {
    absl::MutexLock lock(&mutex_);
    wishes_ = std::move(wishes);
  }
  // What it asked for at the earlier start is to end.
  void WishOldToEnd() { Wish({{{"in/#"}}, {"never/#", "old/#"}}); }
  void KillBroker() {
    broker_.Kill();
    ASSERT_TRUE(Eventually([&] { return !session_->stats().connected; }));
    broker_.Start();
    ASSERT_TRUE(session_->AwaitConnected(kPatience));
    ASSERT_EQ(session_->stats().sessions_lost, 0);
  }

  void Send(const std::string& topic, const std::string& payload) {
    ASSERT_TRUE(broker_.Publish({"-t", topic, "-q", "1", "-m", payload}));
  }
  std::vector<std::string> payloads() const {
    absl::MutexLock lock(&mutex_);
    return payloads_;
  }
  bool Has(const std::string& payload) const {
    return ::testing::Value(payloads(), Contains(payload));
  }
  // Whether a message on the old topic comes. One on the other topic, sent after it, comes for
  // sure, and behind it.
  bool OldTopicComes() {
    const std::string number = absl::StrCat(++probes_);
    Send("old/a", "old " + number);
    Send("in/a", "in " + number);
    EXPECT_TRUE(Eventually([&] { return Has("in " + number); }));
    return Has("old " + number);
  }

  TestBroker broker_;
  mutable absl::Mutex mutex_;
  Wishes wishes_ ABSL_GUARDED_BY(mutex_) = {{{"old/#"}, {"in/#"}}, {}};
  std::vector<std::string> payloads_ ABSL_GUARDED_BY(mutex_);
  int probes_ = 0;
  std::unique_ptr<MqttSession> session_;
};

INSTANTIATE_TEST_SUITE_P(Versions, MqttSessionWishesTest, ::testing::Values(5, 3),
                         [](const auto& info) { return absl::StrCat("Mqtt", info.param); });

TEST_P(MqttSessionWishesTest, EndsWhatTheBrokerKeptFromAnEarlierStart) {
  Wish({{{"in/#"}}, {}});
  Connect();
  EXPECT_TRUE(OldTopicComes()) << "not to ask for it any more does not end it";
  session_->Stop();
  WishOldToEnd();
  Connect();
  EXPECT_FALSE(OldTopicComes());
  session_->Stop();
  Wish({{{"in/#"}}, {}});
  Connect();
  EXPECT_FALSE(OldTopicComes()) << "the broker has forgotten it";
}

TEST_P(MqttSessionWishesTest, WhatWasQueuedBeforeStillComes) {
  std::vector<std::string> queued;
  // More than the broker sends at once.
  for (int i = 0; i < 50; ++i) {
    queued.push_back(absl::StrCat("queued ", i));
    Send("old/a", queued.back());
  }
  WishOldToEnd();
  Connect();
  EXPECT_FALSE(OldTopicComes());
  EXPECT_THAT(payloads(), IsSupersetOf(queued));
}

TEST_P(MqttSessionWishesTest, IsDoneOnceTheBrokerIsThere) {
  broker_.Stop();
  WishOldToEnd();
  Start();
  broker_.Start();
  ASSERT_TRUE(session_->AwaitConnected(kPatience));
  EXPECT_FALSE(OldTopicComes());
}

TEST_P(MqttSessionWishesTest, IsAskedAnewAtEachConnect) {
  Connect();
  EXPECT_TRUE(OldTopicComes());
  WishOldToEnd();
  broker_.Save();
  KillBroker();
  EXPECT_FALSE(OldTopicComes());
  // The broker comes back once more with what it knew before.
  KillBroker();
  EXPECT_FALSE(OldTopicComes());
  Wish({{{"old/#"}, {"in/#"}}, {}});
  KillBroker();
  EXPECT_TRUE(OldTopicComes());
}

#ifndef __SANITIZE_ADDRESS__  // such a plugin needs a broker with the sanitizer in it
TEST(MqttSessionRefusedTest, WhatIsNotRequiredMayBeRefused) {
  const std::string plugin =
      std::filesystem::current_path() / "services/ingress/mqtt/testing/refusing_plugin.so";
  for (const int version : {3, 5}) {
    TestBroker broker("plugin " + plugin);
    MqttSession::Options options;
    options.broker = broker.uri();
    options.client_id = "sluice-test";
    options.protocol_version = version;
    const auto session = MqttSession::Create(options).value();
    std::atomic<int> messages = 0;
    session->Start({{.filter = "refused/a", .required = false}, {.filter = "in/#"}},
                   [&messages](const InboundPublish&) {
                     ++messages;
                     return Outcome::kTaken;
                   });
    ASSERT_TRUE(session->AwaitConnected(absl::Seconds(20))) << version;
    ASSERT_TRUE(broker.Publish({"-t", "in/a", "-q", "1", "-m", "x"}));
    EXPECT_TRUE(Eventually([&] { return messages == 1; })) << version;
    session->Stop();
  }
}
#endif

}  // namespace
}  // namespace sluice::ingress
