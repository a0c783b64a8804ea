#include "services/ingress/mqtt/mqtt_session.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <signal.h>
#include <sys/wait.h>
#include <unistd.h>

#include <atomic>
#include <cstdlib>
#include <fstream>
#include <functional>
#include <map>
#include <memory>
#include <string>
#include <thread>
#include <utility>
#include <vector>

#include "absl/base/thread_annotations.h"
#include "absl/container/flat_hash_map.h"
#include "absl/strings/str_cat.h"
#include "absl/synchronization/mutex.h"
#include "services/ingress/mqtt/testing/test_broker.h"

namespace sluice::ingress {
namespace {

using ::testing::ElementsAre;
using ::testing::IsEmpty;
using ::testing::SizeIs;

// Keeps what a session hands over, and takes it or not as told.
class Inbox {
 public:
  Outcome Take(const InboundPublish& message) {
    absl::MutexLock lock(&mutex_);
    ++offers_;
    if (refuse_) return Outcome::kNotNow;
    payloads_.emplace_back(message.payload);
    description_ = absl::StrCat(message.topic, "|", message.qos, "|", message.retained, "|",
                                message.content_type, "|", message.message_id);
    duplicates_ += message.duplicate ? 1 : 0;
    return Outcome::kTaken;
  }
  void Refuse(bool refuse) {
    absl::MutexLock lock(&mutex_);
    refuse_ = refuse;
  }
  std::vector<std::string> payloads() const {
    absl::MutexLock lock(&mutex_);
    return payloads_;
  }
  std::string description() const {
    absl::MutexLock lock(&mutex_);
    return description_;
  }
  int offers() const {
    absl::MutexLock lock(&mutex_);
    return offers_;
  }
  int duplicates() const {
    absl::MutexLock lock(&mutex_);
    return duplicates_;
  }

 private:
  mutable absl::Mutex mutex_;
  bool refuse_ ABSL_GUARDED_BY(mutex_) = false;
  int offers_ ABSL_GUARDED_BY(mutex_) = 0;
  int duplicates_ ABSL_GUARDED_BY(mutex_) = 0;
  std::string description_ ABSL_GUARDED_BY(mutex_);
  std::vector<std::string> payloads_ ABSL_GUARDED_BY(mutex_);
};

// Keeps how publishes ended.
class Completions {
 public:
  std::function<void(absl::Status)> For(const std::string& name) {
    return [this, name](absl::Status status) {
      absl::MutexLock lock(&mutex_);
      EXPECT_FALSE(ended_.contains(name)) << name << " completed twice";
      ended_[name] = status.code();
    };
  }
  std::map<std::string, absl::StatusCode> ended() const {
    absl::MutexLock lock(&mutex_);
    return {ended_.begin(), ended_.end()};
  }

 private:
  mutable absl::Mutex mutex_;
  absl::flat_hash_map<std::string, absl::StatusCode> ended_ ABSL_GUARDED_BY(mutex_);
};

class MqttSessionTest : public ::testing::TestWithParam<int> {
 protected:
  MqttSession::Options Options() const {
    MqttSession::Options options;
    options.broker = broker_.uri();
    options.client_id = "sluice-test";
    options.protocol_version = GetParam();
    options.hold_limit = absl::Milliseconds(20);
    return options;
  }

  // A session that subscribes to `in/#`, connected.
  std::unique_ptr<MqttSession> Connect(Inbox* inbox, const MqttSession::Options& options,
                                       bool send_retained = false) {
    auto session = MqttSession::Create(options).value();
    session->Start({{"in/#", 1, send_retained}},
                   [inbox](const InboundPublish& message) { return inbox->Take(message); });
    EXPECT_TRUE(Eventually([&] { return session->stats().connected; }));
    return session;
  }
  std::unique_ptr<MqttSession> Connect(Inbox* inbox) { return Connect(inbox, Options()); }

  bool Send(const std::string& payload, const std::string& qos = "1") {
    return broker_.Publish({"-t", "in/a", "-q", qos, "-m", payload});
  }

  TestBroker broker_;
};

INSTANTIATE_TEST_SUITE_P(Versions, MqttSessionTest, ::testing::Values(5, 3),
                         [](const auto& info) { return absl::StrCat("Mqtt", info.param); });

TEST_P(MqttSessionTest, HandsOnWhatArrives) {
  Inbox inbox;
  auto session = Connect(&inbox);
  ASSERT_TRUE(Send("zero", "0"));
  ASSERT_TRUE(Send("one"));
  ASSERT_TRUE(broker_.Publish({"-V",
                               "5",
                               "-t",
                               "in/b",
                               "-q",
                               "2",
                               "-m",
                               "two",
                               "-D",
                               "publish",
                               "content-type",
                               "text/plain",
                               "-D",
                               "publish",
                               "user-property",
                               "other",
                               "x",
                               "-D",
                               "publish",
                               "user-property",
                               "id",
                               "m-1"}));
  ASSERT_TRUE(Eventually([&] { return inbox.payloads().size() == 3; }));
  EXPECT_THAT(inbox.payloads(), ElementsAre("zero", "one", "two"));
  EXPECT_EQ(inbox.description(), GetParam() == 5 ? "in/b|1|0|text/plain|m-1" : "in/b|1|0||");
  session->Stop();
  EXPECT_FALSE(session->stats().connected);
  EXPECT_EQ(session->stats().received, 3);
}

TEST_P(MqttSessionTest, ConnectsOnceTheBrokerIsThere) {
  broker_.Stop();
  Inbox inbox;
  auto session = MqttSession::Create(Options()).value();
  session->Start({{"in/#"}}, [&](const InboundPublish& message) { return inbox.Take(message); });
  EXPECT_EQ(session->Publish({.topic = "out", .payload = "x"}, nullptr).code(),
            absl::StatusCode::kUnavailable);
  broker_.Start();
  ASSERT_TRUE(Eventually([&] { return session->stats().connected; }));
  ASSERT_TRUE(Send("hello"));
  EXPECT_TRUE(Eventually([&] { return inbox.payloads().size() == 1; }));
}

TEST_P(MqttSessionTest, StaysAwayUntilMessagesCouldBeTaken) {
  Inbox inbox;
  Connect(&inbox)->Stop();
  ASSERT_TRUE(Send("queued"));
  std::atomic<bool> full = true;
  std::atomic<int> asked = 0;
  MqttSession::Options options = Options();
  options.ready = [&] {
    ++asked;
    return full ? absl::ResourceExhaustedError("full") : absl::OkStatus();
  };
  auto session = MqttSession::Create(options).value();
  session->Start({{"in/#"}}, [&](const InboundPublish& message) { return inbox.Take(message); });
  ASSERT_TRUE(Eventually([&] { return asked >= 2; }));
  EXPECT_EQ(session->stats().connects, 0);
  full = false;
  EXPECT_TRUE(Eventually([&] { return inbox.payloads().size() == 1; }));
}

TEST_P(MqttSessionTest, StopsWhileNothingCouldBeTaken) {
  MqttSession::Options options = Options();
  options.ready = [] { return absl::ResourceExhaustedError("full"); };
  auto session = MqttSession::Create(options).value();
  session->Start({{"in/#"}}, [](const InboundPublish&) { return Outcome::kTaken; });
  session->Stop();
}

// Mosquitto takes no topic of more than 200 levels.
TEST_P(MqttSessionTest, IsBackAfterTheBrokerHasThrownItOut) {
  Inbox inbox;
  Completions completions;
  auto session = Connect(&inbox);
  ASSERT_TRUE(session
                  ->Publish({.topic = std::string(300, '/'), .payload = "x", .qos = 1},
                            completions.For("deep"))
                  .ok());
  ASSERT_TRUE(Eventually([&] { return session->stats().connects == 2; }));
  EXPECT_THAT(completions.ended(), ElementsAre(std::make_pair("deep", absl::StatusCode::kAborted)));
  ASSERT_TRUE(Send("hello"));
  EXPECT_TRUE(Eventually([&] { return inbox.payloads().size() == 1; }));
}

TEST_P(MqttSessionTest, StopsWhileTheBrokerIsAway) {
  broker_.Stop();
  Inbox inbox;
  auto session = MqttSession::Create(Options()).value();
  session->Start({{"in/#"}}, [&](const InboundPublish& message) { return inbox.Take(message); });
  session->Stop();
  session->Stop();
  EXPECT_FALSE(session->stats().connected);
}

TEST_P(MqttSessionTest, ReceivesWhatCameWhileItWasStopped) {
  Inbox inbox;
  Connect(&inbox)->Stop();
  for (int i = 0; i < 20; ++i) ASSERT_TRUE(Send(absl::StrCat("m", i)));
  auto session = Connect(&inbox);
  ASSERT_TRUE(Eventually([&] { return inbox.payloads().size() == 20; }));
  EXPECT_EQ(inbox.payloads().front(), "m0");
  EXPECT_EQ(inbox.payloads().back(), "m19");
  EXPECT_EQ(session->stats().sessions_lost, 0);
}

TEST_P(MqttSessionTest, ResumesAfterTheBrokerWasKilled) {
  Inbox inbox;
  auto session = Connect(&inbox);
  broker_.Save();
  broker_.Kill();
  ASSERT_TRUE(Eventually([&] { return !session->stats().connected; }));
  broker_.Start();
  ASSERT_TRUE(Send("while away or just back"));
  ASSERT_TRUE(Eventually([&] { return inbox.payloads().size() == 1; }));
  ASSERT_TRUE(Eventually([&] { return session->stats().connects == 2; }));
  EXPECT_EQ(session->stats().sessions_lost, 0);
}

TEST_P(MqttSessionTest, CountsALostSessionAndSubscribesAnew) {
  Inbox inbox;
  auto session = Connect(&inbox);
  broker_.Kill();
  broker_.WipeState();
  broker_.Start();
  ASSERT_TRUE(Eventually([&] { return session->stats().connects == 2; }));
  EXPECT_EQ(session->stats().sessions_lost, 1);
  ASSERT_TRUE(Send("again"));
  EXPECT_TRUE(Eventually([&] { return inbox.payloads().size() == 1; }));
}

TEST_P(MqttSessionTest, WhatIsNotTakenStaysAtTheBrokerAndComesAgainInOrder) {
  Inbox inbox;
  auto session = Connect(&inbox);
  inbox.Refuse(true);
  for (int i = 0; i < 5; ++i) ASSERT_TRUE(Send(absl::StrCat("m", i)));
  ASSERT_TRUE(Eventually([&] { return session->stats().held_back >= 2; }));
  EXPECT_THAT(inbox.payloads(), IsEmpty());
  inbox.Refuse(false);
  ASSERT_TRUE(Eventually([&] { return inbox.payloads().size() == 5; }));
  EXPECT_THAT(inbox.payloads(), ElementsAre("m0", "m1", "m2", "m3", "m4"));
  EXPECT_GE(inbox.duplicates(), 1);
  EXPECT_EQ(session->stats().sessions_lost, 0);
}

TEST_P(MqttSessionTest, OffersAgainBeforeItCuts) {
  MqttSession::Options options = Options();
  options.hold_limit = absl::Seconds(20);
  Inbox inbox;
  auto session = Connect(&inbox, options);
  inbox.Refuse(true);
  ASSERT_TRUE(Send("patience"));
  ASSERT_TRUE(Eventually([&] { return inbox.offers() >= 3; }));
  inbox.Refuse(false);
  ASSERT_TRUE(Eventually([&] { return inbox.payloads().size() == 1; }));
  EXPECT_EQ(inbox.duplicates(), 0);
  EXPECT_EQ(session->stats().held_back, 0);
  EXPECT_EQ(session->stats().received, 1);
}

TEST_P(MqttSessionTest, StopLeavesWhatIsNotTakenAtTheBroker) {
  MqttSession::Options options = Options();
  options.hold_limit = absl::Minutes(10);
  Inbox inbox;
  auto session = Connect(&inbox, options);
  inbox.Refuse(true);
  ASSERT_TRUE(Send("keep me"));
  ASSERT_TRUE(Eventually([&] { return inbox.offers() >= 1; }));
  session->Stop();
  inbox.Refuse(false);
  session = Connect(&inbox);
  ASSERT_TRUE(Eventually([&] { return inbox.payloads().size() == 1; }));
  EXPECT_EQ(inbox.duplicates(), 1);
}

TEST_P(MqttSessionTest, Qos0ThatIsNotTakenIsDroppedAndCounted) {
  Inbox inbox;
  auto session = Connect(&inbox);
  inbox.Refuse(true);
  ASSERT_TRUE(Send("gone", "0"));
  ASSERT_TRUE(Eventually([&] { return session->stats().dropped_qos0 == 1; }));
  EXPECT_EQ(session->stats().held_back, 0);
  EXPECT_TRUE(session->stats().connected);
}

TEST_P(MqttSessionTest, RetainedMessagesComeOnlyIfAskedFor) {
  ASSERT_TRUE(broker_.Publish({"-t", "in/a", "-r", "-q", "1", "-m", "kept"}));
  Inbox without;
  auto session = Connect(&without);
  ASSERT_TRUE(Send("live"));
  ASSERT_TRUE(Eventually([&] {
    const auto payloads = without.payloads();
    return !payloads.empty() && payloads.back() == "live";
  }));
  // 3.1.1 has no way to ask.
  EXPECT_THAT(without.payloads(), SizeIs(GetParam() == 5 ? 1 : 2));
  session->Stop();

  Inbox with;
  session = Connect(&with, Options(), true);
  ASSERT_TRUE(Eventually([&] { return with.payloads().size() == 1; }));
  EXPECT_EQ(with.description(), "in/a|1|1||");
}

TEST_P(MqttSessionTest, EachSubscriptionHasItsOwnRetainHandling) {
  for (const char* topic : {"in/no", "in/yes"}) {
    ASSERT_TRUE(broker_.Publish({"-t", topic, "-r", "-q", "1", "-m", topic}));
  }
  Inbox inbox;
  auto session = MqttSession::Create(Options()).value();
  session->Start({{"in/no", 1, false}, {"in/yes", 1, true}},
                 [&](const InboundPublish& message) { return inbox.Take(message); });
  ASSERT_TRUE(Eventually([&] {
    const auto payloads = inbox.payloads();
    return session->stats().connected && !payloads.empty() && payloads.back() == "in/yes";
  }));
  ASSERT_TRUE(broker_.Publish({"-t", "in/no", "-q", "1", "-m", "live"}));
  ASSERT_TRUE(Eventually([&] { return inbox.payloads().back() == "live"; }));
  EXPECT_THAT(inbox.payloads(), SizeIs(GetParam() == 5 ? 2 : 3));
}

TEST_P(MqttSessionTest, PublishesWithEveryQosAndProperties) {
  const std::vector<std::string> reader = {"-V",   "5",  "-c",    "-i", "reader", "-x",
                                           "1000", "-t", "out/#", "-q", "2"};
  std::vector<std::string> join = reader;
  join.push_back("-E");
  broker_.Subscribe(join);

  Inbox inbox;
  auto session = Connect(&inbox);
  Completions completions;
  for (int qos = 0; qos < 3; ++qos) {
    ASSERT_TRUE(session
                    ->Publish({.topic = absl::StrCat("out/", qos),
                               .payload = "hi",
                               .qos = qos,
                               .content_type = "application/json",
                               .response_topic = "answers/here",
                               .correlation_data = "c-7",
                               .message_expiry = absl::Hours(1)},
                              completions.For(absl::StrCat(qos)))
                    .ok());
  }
  ASSERT_TRUE(Eventually([&] { return completions.ended().size() == 3; }));
  for (const auto& [name, code] : completions.ended()) EXPECT_EQ(code, absl::StatusCode::kOk);
  EXPECT_EQ(session->stats().published, 3);

  std::vector<std::string> read = reader;
  for (const char* more : {"-C", "2", "-W", "10", "-F", "%t|%q|%C|%R|%D|%p"}) read.push_back(more);
  const std::string properties = GetParam() == 5 ? "application/json|answers/here|c-7" : "||";
  EXPECT_THAT(broker_.Subscribe(read),
              ElementsAre("out/1|1|" + properties + "|hi", "out/2|2|" + properties + "|hi"));
}

// What the broker has not acknowledged when the connection breaks is completed after the next
// connect.
TEST_P(MqttSessionTest, PublishesInFlightSurviveAReconnect) {
  Inbox inbox;
  auto session = Connect(&inbox);
  broker_.Save();
  broker_.Freeze();
  Completions completions;
  for (int i = 0; i < 10; ++i) {
    ASSERT_TRUE(session
                    ->Publish({.topic = "out/x", .payload = absl::StrCat(i), .qos = 1 + i % 2},
                              completions.For(absl::StrCat(i)))
                    .ok());
  }
  ASSERT_TRUE(Eventually([&] { return session->stats().in_flight == 10; }));
  broker_.Kill();
  ASSERT_TRUE(Eventually([&] { return !session->stats().connected; }));
  EXPECT_THAT(completions.ended(), IsEmpty());
  broker_.Start();
  ASSERT_TRUE(Eventually([&] { return completions.ended().size() == 10; }));
  for (const auto& [name, code] : completions.ended()) {
    EXPECT_EQ(code, absl::StatusCode::kOk) << name;
  }
  EXPECT_EQ(session->stats().sessions_lost, 0);
}

// Paho on its own would send garbage at each connect from then on.
TEST_P(MqttSessionTest, PublishesSurviveABreakWhileTheyAreWritten) {
  for (int round = 0; round < 2; ++round) {
    Inbox inbox;
    std::atomic<int> published{0};
    std::atomic<int> unsent{0};
    auto session = Connect(&inbox);
    broker_.Save();
    std::thread breaks([&] {
      EXPECT_TRUE(Eventually([&] { return published > 0; }));
      broker_.Kill();
    });
    int accepted = 0;
    while (session->stats().connected) {
      const auto done = [&](const absl::Status& end) {
        EXPECT_TRUE(end.ok() || absl::IsUnavailable(end)) << end;
        ++(end.ok() ? published : unsent);
      };
      const absl::Status status =
          session->Publish({.topic = "out/a/topic/of/some/length", .payload = "x", .qos = 1}, done);
      accepted += status.ok() ? 1 : 0;
    }
    breaks.join();
    broker_.Start();
    EXPECT_TRUE(Eventually([&] { return published + unsent == accepted; }));
    EXPECT_TRUE(session->AwaitConnected(absl::Seconds(20)));
    session->Stop();
  }
}

TEST_P(MqttSessionTest, PublishesInFlightFailIfTheSessionIsLost) {
  Inbox inbox;
  auto session = Connect(&inbox);
  broker_.Freeze();
  Completions completions;
  for (int i = 0; i < 6; ++i) {
    ASSERT_TRUE(session
                    ->Publish({.topic = "out/x", .payload = absl::StrCat(i), .qos = 1 + i % 2},
                              completions.For(absl::StrCat(i)))
                    .ok());
  }
  ASSERT_TRUE(Eventually([&] { return session->stats().in_flight == 6; }));
  broker_.Kill();
  broker_.WipeState();
  ASSERT_TRUE(Eventually([&] { return !session->stats().connected; }));
  broker_.Start();
  ASSERT_TRUE(Eventually([&] { return completions.ended().size() == 6; }));
  for (const auto& [name, code] : completions.ended()) {
    EXPECT_EQ(code, absl::StatusCode::kAborted) << name;
  }
  EXPECT_EQ(session->stats().publish_failures, 6);
  ASSERT_TRUE(Eventually([&] { return session->stats().connected; }));
  ASSERT_TRUE(session->Publish({.topic = "out/x", .qos = 2}, completions.For("next")).ok());
  EXPECT_TRUE(Eventually([&] { return completions.ended().size() == 7; }));
}

TEST_P(MqttSessionTest, QueueIsBoundedAndStopCompletesEverything) {
  MqttSession::Options options = Options();
  options.max_in_flight = 2;
  options.max_queued = 3;
  options.drain_timeout = absl::Milliseconds(50);
  Inbox inbox;
  auto session = Connect(&inbox, options);
  broker_.Freeze();
  Completions completions;
  int accepted = 0;
  EXPECT_TRUE(Eventually([&] {
    const absl::Status status =
        session->Publish({.topic = "out/x", .qos = 1}, completions.For(absl::StrCat(accepted)));
    accepted += status.ok() ? 1 : 0;
    return status.code() == absl::StatusCode::kResourceExhausted && accepted == 5;
  }));
  session->Stop();
  EXPECT_THAT(completions.ended(), SizeIs(5));
  EXPECT_EQ(session->Publish({.topic = "out/x"}, nullptr).code(), absl::StatusCode::kUnavailable);
  broker_.Thaw();
}

TEST_P(MqttSessionTest, StopPublishesWhatWaits) {
  const std::vector<std::string> reader = {"-c", "-i", "reader", "-t", "out/#", "-q", "1"};
  std::vector<std::string> join = reader;
  join.push_back("-E");
  broker_.Subscribe(join);
  Inbox inbox;
  MqttSession::Options options = Options();
  options.drain_timeout = absl::Seconds(20);
  auto session = Connect(&inbox, options);
  Completions completions;
  for (int i = 0; i < 200; ++i) {
    ASSERT_TRUE(session
                    ->Publish({.topic = "out/x", .payload = absl::StrCat(i), .qos = 1},
                              completions.For(absl::StrCat(i)))
                    .ok());
  }
  session->Stop();
  EXPECT_THAT(completions.ended(), SizeIs(200));
  for (const auto& [name, code] : completions.ended()) EXPECT_EQ(code, absl::StatusCode::kOk);
  std::vector<std::string> read = reader;
  for (const char* more : {"-C", "200", "-W", "10"}) read.push_back(more);
  EXPECT_THAT(broker_.Subscribe(read), SizeIs(200));
}

TEST_P(MqttSessionTest, RefusesWhatCannotBePublished) {
  Inbox inbox;
  auto session = Connect(&inbox);
  const auto code = [&](Publication publication) {
    return session->Publish(std::move(publication), nullptr).code();
  };
  EXPECT_EQ(code({.topic = ""}), absl::StatusCode::kInvalidArgument);
  EXPECT_EQ(code({.topic = "a/+"}), absl::StatusCode::kInvalidArgument);
  EXPECT_EQ(code({.topic = "a/#"}), absl::StatusCode::kInvalidArgument);
  EXPECT_EQ(code({.topic = std::string("a\0b", 3)}), absl::StatusCode::kInvalidArgument);
  EXPECT_EQ(code({.topic = "a", .payload = std::string(65537, 'x')}),
            absl::StatusCode::kInvalidArgument);
  EXPECT_EQ(code({.topic = "a", .qos = 3}), absl::StatusCode::kInvalidArgument);
  EXPECT_EQ(session->stats().publish_refusals, 6);
  // The library itself refuses this one, after it was accepted.
  Completions completions;
  ASSERT_TRUE(session->Publish({.topic = "a\xff"}, completions.For("utf-8")).ok());
  ASSERT_TRUE(Eventually([&] { return completions.ended().size() == 1; }));
  EXPECT_NE(completions.ended()["utf-8"], absl::StatusCode::kOk);
  EXPECT_TRUE(session->stats().connected);
}

// Not a test: the process that KillNineInTheHandlerLosesNothing kills.
TEST(MqttSessionChild, DISABLED_BlocksInTheHandler) {
  MqttSession::Options options;
  options.broker = getenv("SLUICE_TEST_BROKER");
  options.client_id = "sluice-test";
  const std::string signals = getenv("SLUICE_TEST_SIGNALS");
  auto session = MqttSession::Create(options).value();
  session->Start({{"in/#"}}, [&](const InboundPublish&) {
    std::ofstream{signals + ".entered"};
    while (true) pause();
    return Outcome::kTaken;
  });
  if (!Eventually([&] { return session->stats().connected; })) abort();
  std::ofstream{signals + ".connected"};
  while (true) pause();
}

TEST(MqttSessionProcessTest, KillNineInTheHandlerLosesNothing) {
  TestBroker broker;
  const std::string signals = absl::StrCat(::testing::TempDir(), "/child.", broker.port());
  const pid_t child = fork();
  if (child == 0) {
    setenv("SLUICE_TEST_BROKER", broker.uri().c_str(), 1);
    setenv("SLUICE_TEST_SIGNALS", signals.c_str(), 1);
    execl("/proc/self/exe", "child", "--gtest_also_run_disabled_tests",
          "--gtest_filter=MqttSessionChild.*", nullptr);
    _exit(127);
  }
  ASSERT_GT(child, 0);
  ASSERT_TRUE(Eventually([&] { return access((signals + ".connected").c_str(), F_OK) == 0; }));
  ASSERT_TRUE(broker.Publish({"-t", "in/a", "-q", "1", "-m", "first"}));
  ASSERT_TRUE(broker.Publish({"-t", "in/a", "-q", "1", "-m", "last"}));
  ASSERT_TRUE(Eventually([&] { return access((signals + ".entered").c_str(), F_OK) == 0; }));
  kill(child, SIGKILL);
  waitpid(child, nullptr, 0);

  Inbox inbox;
  MqttSession::Options options;
  options.broker = broker.uri();
  options.client_id = "sluice-test";
  auto session = MqttSession::Create(options).value();
  session->Start({{"in/#"}}, [&](const InboundPublish& message) { return inbox.Take(message); });
  ASSERT_TRUE(Eventually([&] {
    const auto payloads = inbox.payloads();
    return !payloads.empty() && payloads.back() == "last";
  }));
  EXPECT_THAT(inbox.payloads(), ElementsAre("first", "last"));
  EXPECT_GE(inbox.duplicates(), 1) << "what the killed handler had";
}

TEST(MqttSessionOptionsTest, SaysWhichOptionIsWrong) {
  const auto message = [](const std::function<void(MqttSession::Options*)>& change) {
    MqttSession::Options options;
    options.broker = "tcp://127.0.0.1:1883";
    options.client_id = "c";
    change(&options);
    return std::string(MqttSession::Create(options).status().message());
  };
  EXPECT_EQ(message([](auto*) {}), "");
  EXPECT_EQ(message([](auto* o) { o->broker = "tcp://broker.local"; }), "");
  EXPECT_EQ(message([](auto* o) { o->broker = "tcp://[::1]:1883"; }), "");
  for (const char* broker : {"", "127.0.0.1:1883", "http://x:1", "tcp://", "tcp://:1883",
                             "tcp://h:0", "tcp://h:70000", "tcp://h:x", "tcp://h:"}) {
    EXPECT_THAT(message([&](auto* o) { o->broker = broker; }), ::testing::HasSubstr("broker: "))
        << broker;
  }
  EXPECT_EQ(message([](auto* o) { o->client_id = ""; }), "client_id: must not be empty");
  EXPECT_EQ(message([](auto* o) { o->protocol_version = 4; }), "protocol_version: must be 5 or 3");
  EXPECT_EQ(message([](auto* o) { o->max_in_flight = 0; }), "max_in_flight: must be 1 to 1000");
  EXPECT_EQ(message([](auto* o) { o->keep_alive = absl::ZeroDuration(); }),
            "keep_alive: must be 1 s to 18 h");
}

}  // namespace
}  // namespace sluice::ingress
