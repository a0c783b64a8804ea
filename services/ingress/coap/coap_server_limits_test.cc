// The server under what is too much, too large or broken, and at its start and end.

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <algorithm>
#include <memory>
#include <string>
#include <thread>
#include <vector>

#include "absl/strings/str_cat.h"
#include "services/ingress/coap/coap_server.h"
#include "services/ingress/coap/coap_server_fixture.h"

namespace sluice::ingress {
namespace {

using ::testing::HasSubstr;

using CoapServerLimitsTest = CoapServerTest;

TEST_F(CoapServerLimitsTest, SeparateResponsesThatNeedAnAcknowledgementAreBounded) {
  CoapOptions options;
  options.pending.acknowledge_after = absl::ZeroDuration();
  options.max_separate_responses = 1;
  Start(options);
  RawClient other(server_->endpoint());
  for (RawClient* client : {client_.get(), &other}) {
    client->Send(Post(1, kTelemetry, "1"));
    ASSERT_EQ(client->Receive()->type, RawMessage::kAck);
  }
  intake_.Sync();
  EXPECT_EQ(client_->Receive()->type, RawMessage::kCon);
  EXPECT_EQ(other.Receive()->type, RawMessage::kNon);
}

TEST_F(CoapServerLimitsTest, WakesForNoSyncThatNobodyWaitsFor) {
  Start();
  for (int i = 0; i < 100; ++i) intake_.Sync();
  ASSERT_TRUE(IsAlive(client_.get()));
  client_->Send(Post(1, kTelemetry, "1"));
  ASSERT_TRUE(intake_.WaitTaken(1));
  ASSERT_TRUE(IsAlive(client_.get()));
  intake_.Sync();
  ASSERT_TRUE(client_->Receive());
  for (int i = 0; i < 100; ++i) intake_.Sync();
  ASSERT_TRUE(IsAlive(client_.get()));
  EXPECT_EQ(StatsWhen([](const CoapStats& s) { return s.woken_by_disk == 1; }).woken_by_disk, 1);
}

// Sends `payload` in blocks of 1,024 bytes until one is not answered 2.31; its answer.
absl::optional<RawMessage> SendInBlocks(RawClient* client, const std::string& payload,
                                        absl::optional<uint32_t> announced_size) {
  const int last = static_cast<int>((payload.size() - 1) / 1024);
  for (int number = 0; number <= last; ++number) {
    RawMessage message = Post(1000 + number, kTelemetry, payload.substr(number * 1024, 1024));
    const bool more = number < last;
    message.options.emplace_back(kBlock1, EncodeUint(number << 4 | (more ? 8 : 0) | 6));
    if (announced_size) message.options.emplace_back(kSize1, EncodeUint(*announced_size));
    const absl::optional<RawMessage> answer = client->Ask(message);
    if (!answer || answer->code != 231) return answer;
    EXPECT_EQ(answer->type, RawMessage::kAck);
    EXPECT_EQ(answer->Uint(kBlock1), number << 4 | 8 | 6);
  }
  return {};
}

TEST_F(CoapServerLimitsTest, TakesSixtyFourKibibytesInBlocks) {
  intake_.SyncAlways();
  Start();
  std::string payload;
  while (payload.size() < 65536) absl::StrAppend(&payload, payload.size(), ",");
  payload.resize(65536);
  const absl::optional<RawMessage> answer = SendInBlocks(client_.get(), payload, {});
  ASSERT_TRUE(answer);
  EXPECT_EQ(answer->code, 204);
  EXPECT_EQ(answer->Uint(kBlock1), 63 << 4 | 6);
  ASSERT_EQ(intake_.taken().size(), 1u);
  EXPECT_EQ(intake_.taken()[0].payload, payload);
}

TEST_F(CoapServerLimitsTest, RefusesAByteMoreAndSaysHowMuchMayCome) {
  intake_.SyncAlways();
  Start();
  const std::string payload(65537, 'x');
  absl::optional<RawMessage> answer = SendInBlocks(client_.get(), payload, {});
  ASSERT_TRUE(answer);
  EXPECT_EQ(answer->code, 413);
  EXPECT_EQ(answer->Uint(kSize1), 65536);
  EXPECT_THAT(answer->payload, HasSubstr("at most 65536"));
  ASSERT_EQ(intake_.taken().size(), 1u);
  EXPECT_EQ(intake_.taken()[0].payload.size(), 65536u);
  EXPECT_EQ(intake_.taken()[0].payload_size_bytes, 65537);

  RawClient other(server_->endpoint());
  answer = SendInBlocks(&other, payload, 65537);
  ASSERT_TRUE(answer);
  EXPECT_EQ(answer->code, 413);
  EXPECT_EQ(answer->message_id, 1000);  // at the first block
}

TEST_F(CoapServerLimitsTest, AGapBetweenBlocksIsIncomplete) {
  Start();
  RawMessage block = Post(1, kTelemetry, "tail");
  block.options.emplace_back(kBlock1, EncodeUint(3 << 4 | 6));
  const absl::optional<RawMessage> answer = client_->Ask(block);
  ASSERT_TRUE(answer);
  EXPECT_EQ(answer->code, 408);
  EXPECT_THAT(answer->payload, HasSubstr("start with block 0"));
}

TEST_F(CoapServerLimitsTest, ABlockOfFullSizeWithTheLongestIdsFits) {
  intake_.SyncAlways();
  Start();
  RawMessage block = Post(1,
                          absl::StrCat("devices/", std::string(128, 'd'), "/commands/",
                                       std::string(128, 'c'), "/response"),
                          std::string(1024, 'x'));
  block.options.emplace_back(15, "id=" + std::string(128, 'm'));
  block.options.emplace_back(kBlock1, EncodeUint(6));
  const absl::optional<RawMessage> answer = client_->Ask(block);
  ASSERT_TRUE(answer);
  EXPECT_EQ(answer->code, 204);
  ASSERT_EQ(intake_.taken().size(), 1u);
  EXPECT_EQ(intake_.taken()[0].payload.size(), 1024u);
}

TEST_F(CoapServerLimitsTest, BadPacketsDisturbNothing) {
  intake_.SyncAlways();
  Start();
  const std::string good = Post(1, kTelemetry, "{\"a\":1}").Encode();
  uint32_t state = 20240607;  // any seed will do: what matters is that the server lives
  const auto random = [&state] { return state = state * 1664525 + 1013904223, state >> 8; };
  RawClient vandal(server_->endpoint());
  for (size_t size = 1; size < 12; ++size) vandal.SendBytes(good.substr(0, size));
  for (int i = 0; i < 2000; ++i) {
    std::string bytes = good;
    if (i % 2 == 0) {
      bytes.resize(1 + random() % 64);
      for (char& c : bytes) c = static_cast<char>(random());
    } else {
      bytes[random() % 24] ^= static_cast<char>(1 << random() % 8);
    }
    vandal.SendBytes(bytes);
    if (i % 100 == 0) {
      ASSERT_TRUE(IsAlive(client_.get()));
    }
  }
  vandal.SendBytes(std::string(1472, '\x42'));
  vandal.SendBytes(std::string(60000, '\x42'));
  const absl::optional<RawMessage> answer = client_->Ask(Post(2, kTelemetry, "{\"b\":1}"));
  ASSERT_TRUE(answer);
  EXPECT_EQ(answer->code, 204);
  EXPECT_GT(server_->stats().malformed, 100);
}

TEST_F(CoapServerLimitsTest, AFloodBeyondThePendingBoundIsToldToWait) {
  CoapOptions options;
  options.pending.max_answers = 100;
  Start(options);
  std::vector<std::unique_ptr<RawClient>> clients;
  int refused = 0;
  for (int i = 0; i < 30; ++i) {
    clients.push_back(std::make_unique<RawClient>(server_->endpoint()));
    RawClient* client = clients.back().get();
    for (int j = 0; j < 20; ++j) client->Send(Post(j, kTelemetry, absl::StrCat(i)));
    const int expected = i < 5 ? 0 : 20;
    for (int j = 0; j < expected; ++j) {
      const absl::optional<RawMessage> answer = client->Receive();
      ASSERT_TRUE(answer);
      EXPECT_EQ(answer->code, 429);
      EXPECT_EQ(answer->Uint(kMaxAge), 5);
      ++refused;
    }
    ASSERT_TRUE(intake_.WaitTaken(std::min(100, 20 * (i + 1))));
  }
  EXPECT_EQ(refused, 500);
  const CoapStats full = StatsWhen([](const CoapStats& stats) { return stats.shed == 500; });
  EXPECT_EQ(full.shed, 500);
  EXPECT_EQ(full.pending, 100);
  EXPECT_EQ(full.taken, 100);
  intake_.Sync();
  for (int i = 0; i < 5; ++i) {
    for (int j = 0; j < 20; ++j) {
      const absl::optional<RawMessage> answer = clients[i]->Receive();
      ASSERT_TRUE(answer);
      EXPECT_EQ(answer->code, 204);
    }
  }
  // Who was told to wait gets in by the very same message.
  intake_.SyncAlways();
  const absl::optional<RawMessage> answer = clients[20]->Ask(Post(3, kTelemetry, "20"));
  ASSERT_TRUE(answer);
  EXPECT_EQ(answer->code, 204);
}

TEST_F(CoapServerLimitsTest, WhatIsUnderWayCountsAgainstTheBudget) {
  MemoryBudget budget(4096);
  CoapOptions options;
  options.budget = &budget;
  Start(options);
  client_->Send(Post(1, kTelemetry, "1"));
  ASSERT_TRUE(intake_.WaitTaken(1));
  ASSERT_TRUE(IsAlive(client_.get()));
  StatsWhen([&](const CoapStats&) { return budget.used_bytes() > 0; });
  EXPECT_EQ(budget.used_bytes(), 1024);
  {
    // Others have used it up.
    MemoryBudget::Share other(&budget);
    other.Set(4096);
    const absl::optional<RawMessage> refused = client_->Ask(Post(2, kTelemetry, "2"));
    ASSERT_TRUE(refused);
    EXPECT_EQ(refused->code, 429);
  }
  intake_.SyncAlways();
  const absl::optional<RawMessage> first = client_->Receive();
  ASSERT_TRUE(first);
  EXPECT_EQ(first->code, 204);
  const absl::optional<RawMessage> second = client_->Ask(Post(2, kTelemetry, "2"));
  ASSERT_TRUE(second);
  EXPECT_EQ(second->code, 204);
  StatsWhen([&](const CoapStats&) { return budget.used_bytes() == 0; });
  EXPECT_EQ(budget.used_bytes(), 0);
  server_.reset();  // before the budget
}

TEST_F(CoapServerLimitsTest, StopAnswersWhatReachesTheDiskInTime) {
  Start();
  client_->Send(Post(1, kTelemetry, "1"));
  ASSERT_TRUE(intake_.WaitTaken(1));
  ASSERT_TRUE(IsAlive(client_.get()));
  const int64_t asked = intake_.durability_checks();
  std::thread stopper([this] { server_->Stop(); });
  // It has begun to wait: nothing else makes it ask.
  ASSERT_TRUE(intake_.WaitDurabilityChecks(asked + 1));
  intake_.Sync();
  const absl::optional<RawMessage> answer = client_->Receive();
  stopper.join();
  ASSERT_TRUE(answer);
  EXPECT_EQ(answer->code, 204);
  EXPECT_EQ(server_->stats().abandoned_at_stop, 0);
  EXPECT_EQ(intake_.listeners(), 0u);
  server_->Stop();
}

TEST_F(CoapServerLimitsTest, StopNeverAnswersWhatIsNotDurable) {
  CoapOptions options;
  options.stop_grace = absl::Milliseconds(20);
  Start(options);
  client_->Send(Post(1, kTelemetry, "1"));
  ASSERT_TRUE(intake_.WaitTaken(1));
  server_->Stop();
  EXPECT_FALSE(client_->Receive(absl::ZeroDuration()));
  EXPECT_EQ(server_->stats().abandoned_at_stop, 1);
}

TEST_F(CoapServerLimitsTest, ABusyPortIsAnErrorThatNamesItsOwner) {
  Start();
  CoapOptions options;
  options.listen = server_->endpoint();
  const absl::Status busy = CoapServer::Create(options, &intake_, &clock_).status();
  EXPECT_EQ(busy.code(), absl::StatusCode::kAlreadyExists);
  EXPECT_THAT(std::string(busy.message()),
              testing::AllOf(HasSubstr(server_->endpoint()), HasSubstr("in use by")));
  EXPECT_TRUE(IsAlive(client_.get()));

  server_.reset();
  EXPECT_TRUE(CoapServer::Create(options, &intake_, &clock_).ok());
}

TEST_F(CoapServerLimitsTest, WrongOptionsAreNamed) {
  CoapOptions options;
  options.listen = "localhost";
  EXPECT_THAT(std::string(CoapServer::Create(options, &intake_, &clock_).status().message()),
              HasSubstr("coap.listen"));
  options.listen = "127.0.0.1:0";
  options.max_idle_sessions = 0;
  EXPECT_THAT(std::string(CoapServer::Create(options, &intake_, &clock_).status().message()),
              HasSubstr("coap.max_idle_sessions"));
}

TEST(CoapOptionsTest, WhatIsLeftOutHasItsDefault) {
  config::v1::Coap config;
  EXPECT_EQ(CoapOptionsFrom(config).listen, "127.0.0.1:5683");
  EXPECT_EQ(CoapOptionsFrom(config).max_idle_sessions, 64);
  config.set_listen("[::1]:7");
  config.set_max_idle_sessions(7);
  EXPECT_EQ(CoapOptionsFrom(config).listen, "[::1]:7");
  EXPECT_EQ(CoapOptionsFrom(config).max_idle_sessions, 7);
}

}  // namespace
}  // namespace sluice::ingress
