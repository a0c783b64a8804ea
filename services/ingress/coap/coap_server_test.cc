#include "services/ingress/coap/coap_server.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <set>
#include <string>
#include <vector>

#include "absl/strings/match.h"
#include "absl/strings/str_cat.h"
#include "services/ingress/coap/coap_server_fixture.h"

namespace sluice::ingress {
namespace {

using ::testing::HasSubstr;

TEST_F(CoapServerTest, AnswersAConfirmableMessageOnlyOnceItIsDurable) {
  Start();
  client_->Send(Post(1, kTelemetry, "{\"t\":1}"));
  ASSERT_TRUE(intake_.WaitTaken(1));
  EXPECT_FALSE(client_->Receive(absl::Milliseconds(50)));
  intake_.Sync();
  const absl::optional<RawMessage> answer = client_->Receive();
  ASSERT_TRUE(answer);
  EXPECT_EQ(answer->type, RawMessage::kAck);
  EXPECT_EQ(answer->code, 204);
  EXPECT_EQ(answer->message_id, 1);
  EXPECT_EQ(answer->token, "T1");
  EXPECT_EQ(answer->payload, "");
  EXPECT_FALSE(client_->Receive(absl::Milliseconds(20)));
}

TEST_F(CoapServerTest, EachOfManyGetsItsAnswer) {
  Start();
  for (int i = 0; i < 20; ++i) client_->Send(Post(i, kTelemetry, "1"));
  ASSERT_TRUE(intake_.WaitTaken(20));
  intake_.Sync();
  std::set<int> answered;
  for (int i = 0; i < 20; ++i) {
    const absl::optional<RawMessage> answer = client_->Receive();
    ASSERT_TRUE(answer);
    answered.insert(answer->message_id);
    EXPECT_EQ(answer->token, absl::StrCat("T", answer->message_id));
    EXPECT_EQ(answer->code, 204);
  }
  EXPECT_EQ(answered.size(), 20u);
}

TEST_F(CoapServerTest, ARefusalLeavesOnceItsDeadLetterIsDurable) {
  Start();
  client_->Send(Post(1, kTelemetry, "}"));
  ASSERT_TRUE(intake_.WaitTaken(1));
  EXPECT_FALSE(client_->Receive(absl::Milliseconds(50)));
  intake_.Sync();
  const absl::optional<RawMessage> answer = client_->Receive();
  ASSERT_TRUE(answer);
  EXPECT_EQ(answer->type, RawMessage::kAck);
  EXPECT_EQ(answer->code, 400);
  EXPECT_EQ(answer->payload, "payload: byte 0: not JSON");
}

TEST_F(CoapServerTest, EveryRefusalHasItsCodeAndSaysWhy) {
  intake_.SyncAlways();
  Start();
  absl::optional<RawMessage> answer = client_->Ask(Post(1, "devices/stranger/telemetry", "1"));
  ASSERT_TRUE(answer);
  EXPECT_EQ(answer->code, 404);
  EXPECT_EQ(answer->payload, "device: is not registered");

  answer = client_->Ask(Post(2, "devices/off/status", "1"));
  ASSERT_TRUE(answer);
  EXPECT_EQ(answer->code, 403);
  EXPECT_EQ(answer->payload, "device: is disabled");

  RawMessage cbor = Post(3, kTelemetry, "\xa0");
  cbor.options.emplace_back(kContentFormat, EncodeUint(60));
  answer = client_->Ask(cbor);
  ASSERT_TRUE(answer);
  EXPECT_EQ(answer->code, 415);
  EXPECT_EQ(answer->payload, "content type: application/cbor");

  RawMessage empty_id = Post(4, kTelemetry, "1");
  empty_id.options[1].second = "";
  answer = client_->Ask(empty_id);
  ASSERT_TRUE(answer);
  EXPECT_EQ(answer->code, 400);
  EXPECT_EQ(answer->payload, "id: must not be empty");

  intake_.RefuseAll(absl::UnavailableError("the journal is full"));
  answer = client_->Ask(Post(5, kTelemetry, "1"));
  ASSERT_TRUE(answer);
  EXPECT_EQ(answer->code, 503);
  EXPECT_EQ(answer->Uint(kMaxAge), 5);
  EXPECT_EQ(answer->payload, "the journal is full");
  const CoapStats stats =
      StatsWhen([](const CoapStats& stats) { return stats.answered_server_error == 1; });
  EXPECT_EQ(stats.answered_server_error, 1);
  EXPECT_EQ(stats.answered_client_error, 4);
}

TEST_F(CoapServerTest, UnknownPathsAreNotFoundByAnyMethod) {
  Start();
  for (int method = 1; method <= 7; ++method) {
    for (const char* path : {"nowhere", "devices/x", "devices/x/telemetry/y", ""}) {
      RawMessage request = Post(method, path, "");
      request.code = method;
      const absl::optional<RawMessage> answer = client_->Ask(request);
      ASSERT_TRUE(answer);
      EXPECT_EQ(answer->code, 404) << method << " " << path;
      EXPECT_THAT(answer->payload, HasSubstr(".well-known/core"));
    }
  }
}

TEST_F(CoapServerTest, KnownPathsSayWhichMethodTheyAllow) {
  Start();
  for (int method = 1; method <= 7; ++method) {
    for (const char* path :
         {kTelemetry, "devices/x/status", "devices/x/commands/c/response", ".well-known/core"}) {
      const bool is_listing = absl::StartsWith(path, ".");
      if (method == (is_listing ? 1 : 2)) continue;
      RawMessage request = Post(method, path, "");
      request.code = method;
      const absl::optional<RawMessage> answer = client_->Ask(request);
      ASSERT_TRUE(answer);
      EXPECT_EQ(answer->code, 405) << method << " " << path;
      EXPECT_THAT(answer->payload, HasSubstr(is_listing ? "GET" : "POST"));
    }
  }
  EXPECT_EQ(intake_.taken().size(), 0u);
}

TEST_F(CoapServerTest, OptionsItCannotHeedAreRefused) {
  Start();
  RawMessage unknown = Post(1, kTelemetry, "1");
  unknown.options.emplace_back(65001, "x");
  absl::optional<RawMessage> answer = client_->Ask(unknown);
  ASSERT_TRUE(answer);
  EXPECT_EQ(answer->code, 402);

  RawMessage condition = Post(2, kTelemetry, "1");
  condition.options.insert(condition.options.begin(), {5, ""});  // If-None-Match
  answer = client_->Ask(condition);
  ASSERT_TRUE(answer);
  EXPECT_EQ(answer->code, 402);
  EXPECT_THAT(answer->payload, HasSubstr("option 5"));

  RawMessage proxied = Post(3, kTelemetry, "1");
  proxied.options.emplace_back(35, "coap://elsewhere/");
  answer = client_->Ask(proxied);
  ASSERT_TRUE(answer);
  EXPECT_EQ(answer->code, 505);
  EXPECT_EQ(intake_.taken().size(), 0u);
}

TEST_F(CoapServerTest, AnswersToNonsHaveMessageIdsOfTheServersOwn) {
  Start();
  RawMessage request = Post(1, "nowhere", "");
  request.type = RawMessage::kNon;
  const absl::optional<RawMessage> first = client_->Ask(request);
  const absl::optional<RawMessage> second = client_->Ask(request);
  ASSERT_TRUE(first && second);
  EXPECT_EQ(first->type, RawMessage::kNon);
  EXPECT_EQ(second->code, 404);
  EXPECT_NE(first->message_id, second->message_id);
}

TEST_F(CoapServerTest, APingIsAnswered) {
  Start();
  RawMessage ping;
  ping.message_id = 77;
  const absl::optional<RawMessage> pong = client_->Ask(ping);
  ASSERT_TRUE(pong);
  EXPECT_EQ(pong->type, RawMessage::kRst);
  EXPECT_EQ(pong->message_id, 77);
}

TEST_F(CoapServerTest, ListsItsResources) {
  Start();
  RawMessage get = Post(1, ".well-known/core", "");
  get.code = 1;
  const absl::optional<RawMessage> answer = client_->Ask(get);
  ASSERT_TRUE(answer);
  EXPECT_EQ(answer->type, RawMessage::kAck);
  EXPECT_EQ(answer->code, 205);
  EXPECT_EQ(answer->Uint(kContentFormat), 40);
  EXPECT_THAT(answer->payload, HasSubstr("</devices/%7Bid%7D/telemetry>;rt=\"sluice.telemetry\""));
}

TEST_F(CoapServerTest, AMessageSentAgainIsTakenOnceAndAnsweredTheSame) {
  Start();
  const RawMessage message = Post(7, "devices/x/telemetry", "}");
  for (int i = 0; i < 3; ++i) client_->Send(message);
  ASSERT_TRUE(intake_.WaitTaken(1));
  ASSERT_TRUE(IsAlive(client_.get()));
  intake_.Sync();
  const absl::optional<RawMessage> answer = client_->Receive();
  ASSERT_TRUE(answer);
  EXPECT_EQ(answer->message_id, 7);
  EXPECT_EQ(answer->code, 400);
  EXPECT_FALSE(client_->Receive(absl::Milliseconds(50)));  // one answer for the three

  const absl::optional<RawMessage> again = client_->Ask(message);
  ASSERT_TRUE(again);
  EXPECT_EQ(again->Encode(), answer->Encode());
  EXPECT_EQ(intake_.taken().size(), 1u);
  EXPECT_EQ(StatsWhen([](const CoapStats& s) { return s.dedup.duplicates == 3; }).dedup.duplicates,
            3);

  // The same id for another message, and the same message from elsewhere, are new.
  client_->Send(Post(7, "devices/x/telemetry", "2"));
  RawClient other(server_->endpoint());
  other.Send(message);
  EXPECT_TRUE(intake_.WaitTaken(3));
}

TEST_F(CoapServerTest, ASlowDiskMeansAnEmptyAcknowledgementAndASeparateResponse) {
  CoapOptions options;
  options.pending.acknowledge_after = absl::Milliseconds(20);
  Start(options);
  const RawMessage message = Post(9, kTelemetry, "1");
  client_->Send(message);
  for (int i = 0; i < 2; ++i) {
    const absl::optional<RawMessage> empty = client_->Receive();
    ASSERT_TRUE(empty);
    EXPECT_EQ(empty->type, RawMessage::kAck);
    EXPECT_EQ(empty->code, 0);
    EXPECT_EQ(empty->message_id, 9);
    EXPECT_EQ(empty->token, "");
    if (i == 0) client_->Send(message);  // as if that had been lost
  }
  intake_.Sync();
  const absl::optional<RawMessage> response = client_->Receive();
  ASSERT_TRUE(response);
  EXPECT_EQ(response->type, RawMessage::kCon);
  EXPECT_EQ(response->code, 204);
  EXPECT_EQ(response->token, "T9");
  // Not acknowledged: it comes again, after 2 to 3 s.
  const absl::optional<RawMessage> again = client_->Receive();
  ASSERT_TRUE(again);
  EXPECT_EQ(again->Encode(), response->Encode());
  RawMessage acknowledgement;
  acknowledgement.type = RawMessage::kAck;
  acknowledgement.message_id = response->message_id;
  client_->Send(acknowledgement);
  EXPECT_TRUE(IsAlive(client_.get()));
  EXPECT_EQ(intake_.taken().size(), 1u);
  EXPECT_EQ(server_->stats().empty_acknowledgements, 2);
}

TEST_F(CoapServerTest, ANonIsAnsweredByANonUnlessItsSenderWantsSilence) {
  Start();
  RawMessage message = Post(1, kTelemetry, "1");
  message.type = RawMessage::kNon;
  client_->Send(message);
  client_->Send(message);  // doubled by the network
  RawMessage silent = Post(2, kTelemetry, "2");
  silent.type = RawMessage::kNon;
  silent.options.emplace_back(258, EncodeUint(2));
  client_->Send(silent);
  RawMessage silent_con = Post(3, kTelemetry, "3");
  silent_con.options.emplace_back(258, EncodeUint(2));
  client_->Send(silent_con);
  ASSERT_TRUE(intake_.WaitTaken(3));
  EXPECT_FALSE(client_->Receive(absl::Milliseconds(50)));
  intake_.Sync();
  absl::optional<RawMessage> answer = client_->Receive();
  ASSERT_TRUE(answer);
  EXPECT_EQ(answer->type, RawMessage::kNon);
  EXPECT_EQ(answer->code, 204);
  EXPECT_EQ(answer->token, "T1");
  answer = client_->Receive();
  ASSERT_TRUE(answer);
  EXPECT_EQ(answer->type, RawMessage::kAck);
  EXPECT_EQ(answer->code, 0);
  EXPECT_EQ(answer->message_id, 3);
  EXPECT_FALSE(client_->Receive(absl::Milliseconds(50)));
  const auto taken = intake_.taken();
  ASSERT_EQ(taken.size(), 3u);
  EXPECT_EQ(taken[0].qos, 0);
  EXPECT_EQ(taken[2].qos, 1);
}

TEST_F(CoapServerTest, TellsHowLongAConfirmableMessageWaitedForTheDisk) {
  std::vector<absl::Duration> told;  // by the server's thread; read after its end
  CoapOptions options;
  options.on_acknowledged = [&](absl::Duration took) { told.push_back(took); };
  Start(options);
  RawMessage non = Post(1, kTelemetry, "1");
  non.type = RawMessage::kNon;
  client_->Send(non);
  client_->Send(Post(2, kTelemetry, "2"));
  client_->Send(Post(3, "devices/stranger/telemetry", "3"));
  ASSERT_TRUE(intake_.WaitTaken(3));
  EXPECT_FALSE(client_->Receive(absl::Milliseconds(20)));
  intake_.Sync();
  server_->Stop();
  ASSERT_EQ(told.size(), 1u);
  EXPECT_GE(told[0], absl::Milliseconds(20));
}

}  // namespace
}  // namespace sluice::ingress
