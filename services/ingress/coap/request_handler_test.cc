#include "services/ingress/coap/request_handler.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <string>

#include "absl/strings/str_split.h"
#include "libs/clock/fake_clock.h"
#include "services/ingress/coap/fake_intake.h"

namespace sluice::ingress {
namespace {

using ::testing::HasSubstr;
using Action = CoapRequestHandler::Outcome::Action;
using Outcome = CoapRequestHandler::Outcome;

// A CON POST; `path` and `payload` must outlive it.
CoapRequest Post(uint16_t message_id, absl::string_view path, absl::string_view payload) {
  CoapRequest request;
  request.key.peer.port = 4000;
  request.key.message_id = message_id;
  request.confirmable = true;
  request.method = CoapMethod::kPost;
  for (absl::string_view segment : absl::StrSplit(path, '/')) request.path.push_back(segment);
  request.payload = payload;
  return request;
}

class RequestHandlerTest : public testing::Test {
 protected:
  Outcome Handle(const CoapRequest& request) { return handler_.Handle(request, true); }

  FakeClock clock_;
  FakeIntake intake_;
  CoapRequestHandler handler_{CoapRequestHandler::Options(), &intake_, &clock_};
};

TEST_F(RequestHandlerTest, HandsOnWhatTheMessageSays) {
  CoapRequest request = Post(1, "devices/pump-7/telemetry", "{\"t\":1}");
  request.query = {"x=1", "id=m-17"};
  request.content_format = 50;
  const Outcome outcome = Handle(request);
  EXPECT_EQ(outcome.action, Action::kPend);
  EXPECT_EQ(outcome.answer.code, CoapCode::kChanged);
  EXPECT_EQ(outcome.receipt.log, Receipt::Log::kTelemetry);

  ASSERT_EQ(intake_.taken().size(), 1u);
  const FakeIntake::Taken taken = intake_.taken()[0];
  EXPECT_EQ(taken.kind, InboundMessage::Kind::kTelemetry);
  EXPECT_EQ(taken.protocol, v1::PROTOCOL_COAP);
  EXPECT_EQ(taken.device_id, "pump-7");
  EXPECT_EQ(taken.address, "/devices/pump-7/telemetry");
  EXPECT_EQ(taken.message_id, "m-17");
  EXPECT_EQ(taken.content_type, "application/json");
  EXPECT_EQ(taken.payload, "{\"t\":1}");
  EXPECT_EQ(taken.payload_size_bytes, 7);
  EXPECT_EQ(taken.received_time, clock_.Now());
}

TEST_F(RequestHandlerTest, KnowsStatusesAndCommandResponses) {
  CoapRequest status = Post(1, "devices/pump-7/status", "ERROR");
  status.content_format = 0;
  Handle(status);
  Handle(Post(2, "devices/pump-7/commands/c-9/response", "{}"));
  ASSERT_EQ(intake_.taken().size(), 2u);
  EXPECT_EQ(intake_.taken()[0].kind, InboundMessage::Kind::kStatus);
  EXPECT_EQ(intake_.taken()[0].content_type, "text/plain");
  EXPECT_EQ(intake_.taken()[1].kind, InboundMessage::Kind::kCommandResponse);
  EXPECT_EQ(intake_.taken()[1].command_id, "c-9");
  EXPECT_EQ(intake_.taken()[1].content_type, "");
}

TEST_F(RequestHandlerTest, RefusalsSayWhyAndWaitForTheDeadLetter) {
  const Outcome malformed = Handle(Post(1, "devices/x/telemetry", "}"));
  EXPECT_EQ(malformed.action, Action::kPend);
  EXPECT_EQ(malformed.answer.code, CoapCode::kBadRequest);
  EXPECT_EQ(malformed.answer.payload, "payload: byte 0: not JSON");
  EXPECT_EQ(malformed.receipt.log, Receipt::Log::kDeadLetters);
  EXPECT_EQ(Handle(Post(2, "devices/stranger/telemetry", "1")).answer.code, CoapCode::kNotFound);
  EXPECT_EQ(Handle(Post(3, "devices/off/telemetry", "1")).answer.code, CoapCode::kForbidden);
  EXPECT_EQ(Handle(Post(4, "devices//telemetry", "1")).answer.code, CoapCode::kBadRequest);
  CoapRequest cbor = Post(5, "devices/x/telemetry", "1");
  cbor.content_format = 60;
  EXPECT_EQ(Handle(cbor).answer.code, CoapCode::kUnsupportedContentFormat);
  CoapRequest odd = Post(6, "devices/x/telemetry", "1");
  odd.content_format = 4711;
  EXPECT_THAT(Handle(odd).answer.payload, HasSubstr("4711"));
}

TEST_F(RequestHandlerTest, WhatNeedsNoIntakeNeverReachesIt) {
  EXPECT_EQ(Handle(Post(1, "devices/x", "1")).answer.code, CoapCode::kNotFound);
  EXPECT_THAT(Handle(Post(1, "devices/x", "1")).answer.payload, HasSubstr("/devices/x"));
  CoapRequest put = Post(2, "devices/x/telemetry", "1");
  put.method = CoapMethod::kPut;
  EXPECT_EQ(Handle(put).answer.code, CoapCode::kMethodNotAllowed);
  EXPECT_THAT(Handle(put).answer.payload, HasSubstr("POST"));
  CoapRequest conditional = Post(3, "devices/x/telemetry", "1");
  conditional.condition_option = 5;
  EXPECT_EQ(Handle(conditional).answer.code, CoapCode::kBadOption);
  EXPECT_EQ(intake_.taken().size(), 0u);
}

TEST_F(RequestHandlerTest, AMessageSentAgainIsTakenOnce) {
  const CoapRequest request = Post(1, "devices/x/telemetry", "1");
  EXPECT_EQ(Handle(request).action, Action::kPend);
  EXPECT_EQ(Handle(request).action, Action::kIgnore);
  handler_.OnAcknowledged(request.key);
  EXPECT_EQ(Handle(request).action, Action::kAcknowledge);
  CoapAnswer answer;
  answer.code = CoapCode::kChanged;
  handler_.OnAnswered(request.key, answer);
  const Outcome again = Handle(request);
  EXPECT_EQ(again.action, Action::kAnswer);
  EXPECT_EQ(again.answer.code, CoapCode::kChanged);
  EXPECT_EQ(intake_.taken().size(), 1u);

  CoapRequest non = Post(2, "devices/x/telemetry", "1");
  non.confirmable = false;
  EXPECT_EQ(Handle(non).action, Action::kPend);
  handler_.OnAnswered(non.key, answer);
  EXPECT_EQ(Handle(non).action, Action::kIgnore);
  EXPECT_EQ(intake_.taken().size(), 2u);
}

TEST_F(RequestHandlerTest, NotNowMeansThatItMayComeAgain) {
  const CoapRequest request = Post(1, "devices/x/telemetry", "1");
  const Outcome full = handler_.Handle(request, /*has_room=*/false);
  EXPECT_EQ(full.action, Action::kAnswer);
  EXPECT_EQ(full.answer.code, CoapCode::kTooManyRequests);
  EXPECT_EQ(full.answer.max_age_seconds, 5u);
  EXPECT_EQ(intake_.taken().size(), 0u);
  EXPECT_EQ(handler_.stats().shed, 1);

  intake_.RefuseAll(absl::UnavailableError("the journal is full"));
  const Outcome refused = Handle(request);
  EXPECT_EQ(refused.action, Action::kAnswer);
  EXPECT_EQ(refused.answer.code, CoapCode::kServiceUnavailable);
  EXPECT_EQ(refused.answer.payload, "the journal is full");
  EXPECT_EQ(refused.answer.max_age_seconds, 5u);

  intake_.RefuseAll(absl::OkStatus());
  EXPECT_EQ(Handle(request).answer.code, CoapCode::kChanged);
}

TEST_F(RequestHandlerTest, ANonIsShedInSilence) {
  CoapRequest request = Post(1, "devices/x/telemetry", "1");
  request.confirmable = false;
  EXPECT_EQ(handler_.Handle(request, /*has_room=*/false).action, Action::kIgnore);
  EXPECT_EQ(handler_.stats().shed, 1);
  intake_.LimitRate(absl::Milliseconds(2100));
  EXPECT_EQ(Handle(request).action, Action::kIgnore);
  EXPECT_EQ(Handle(request).action, Action::kIgnore);
  EXPECT_EQ(intake_.taken().size(), 2u) << "it is none that came before";
}

TEST_F(RequestHandlerTest, ADeviceOverItsRateIsToldWhenToSendAgain) {
  intake_.LimitRate(absl::Milliseconds(2100));
  const CoapRequest request = Post(1, "devices/x/telemetry", "1");
  const Outcome refused = Handle(request);
  EXPECT_EQ(refused.action, Action::kAnswer);
  EXPECT_EQ(refused.answer.code, CoapCode::kTooManyRequests);
  EXPECT_EQ(refused.answer.max_age_seconds, 3u);
  EXPECT_EQ(refused.answer.payload, "too fast");
  intake_.LimitRate(absl::ZeroDuration());
  EXPECT_EQ(Handle(request).answer.code, CoapCode::kChanged) << "by the very same message";
}

TEST_F(RequestHandlerTest, PutsBlocksTogether) {
  const std::string full(16, 'a');
  CoapRequest first = Post(1, "devices/x/telemetry", full);
  first.block1 = CoapBlock{0, true, 0};
  const Outcome go_on = handler_.Handle(first, /*has_room=*/false);  // needs none yet
  EXPECT_EQ(go_on.action, Action::kAnswer);
  EXPECT_EQ(go_on.answer.code, CoapCode::kContinue);
  EXPECT_EQ(go_on.answer.block1, first.block1);
  EXPECT_EQ(Handle(first).answer.code, CoapCode::kContinue);  // sent again

  CoapRequest elsewhere = Post(2, "devices/y/telemetry", "b");
  elsewhere.block1 = CoapBlock{1, false, 0};
  EXPECT_EQ(Handle(elsewhere).answer.code, CoapCode::kRequestEntityIncomplete);
  CoapRequest tagged = Post(3, "devices/x/telemetry", "b");
  tagged.block1 = CoapBlock{1, false, 0};
  tagged.request_tags = "\x01t";
  EXPECT_EQ(Handle(tagged).answer.code, CoapCode::kRequestEntityIncomplete);

  CoapRequest last = Post(4, "devices/x/telemetry", "b");
  last.block1 = CoapBlock{1, false, 0};
  EXPECT_EQ(handler_.Handle(last, /*has_room=*/false).answer.code, CoapCode::kTooManyRequests);
  const Outcome done = Handle(last);  // the blocks were kept
  EXPECT_EQ(done.action, Action::kPend);
  EXPECT_EQ(done.answer.code, CoapCode::kChanged);
  EXPECT_EQ(done.answer.block1, last.block1);
  ASSERT_EQ(intake_.taken().size(), 1u);
  EXPECT_EQ(intake_.taken()[0].payload, full + "b");
}

TEST_F(RequestHandlerTest, WhatIsTooLargeGoesToTheDeadLettersCutOff) {
  CoapRequest first = Post(1, "devices/x/telemetry", "0123456789abcdef");
  first.block1 = CoapBlock{0, true, 0};
  first.size1 = 65537;
  const Outcome refused = Handle(first);
  EXPECT_EQ(refused.action, Action::kPend);
  EXPECT_EQ(refused.answer.code, CoapCode::kRequestEntityTooLarge);
  EXPECT_EQ(refused.answer.size1, 65536u);
  EXPECT_EQ(refused.receipt.log, Receipt::Log::kDeadLetters);
  EXPECT_EQ(intake_.taken()[0].payload_size_bytes, 65537);
  EXPECT_EQ(intake_.taken()[0].payload, "0123456789abcdef");
}

TEST_F(RequestHandlerTest, WhatIsTooLargeNeedsRoomAlthoughMoreWouldCome) {
  CoapRequest first = Post(1, "devices/x/telemetry", "0123456789abcdef");
  first.block1 = CoapBlock{0, true, 0};
  first.size1 = 65537;
  const Outcome shed = handler_.Handle(first, /*has_room=*/false);
  EXPECT_EQ(shed.action, Action::kAnswer);
  EXPECT_EQ(shed.answer.code, CoapCode::kTooManyRequests);
  EXPECT_EQ(handler_.stats().shed, 1);
  EXPECT_TRUE(intake_.taken().empty());
  EXPECT_EQ(Handle(first).answer.code, CoapCode::kRequestEntityTooLarge);
}

TEST_F(RequestHandlerTest, ListsItsResources) {
  CoapRequest get = Post(1, ".well-known/core", "");
  get.method = CoapMethod::kGet;
  const Outcome listing = Handle(get);
  EXPECT_EQ(listing.action, Action::kAnswer);
  EXPECT_EQ(listing.answer.code, CoapCode::kContent);
  EXPECT_EQ(listing.answer.content_format, 40);
  EXPECT_EQ(listing.answer.payload, std::string(ResourceListing()));
  get.accept = 50;
  EXPECT_EQ(Handle(get).answer.code, CoapCode::kNotAcceptable);
}

TEST_F(RequestHandlerTest, ListsInBlocksForWhoHasLittleMemory) {
  CoapRequest get = Post(1, ".well-known/core", "");
  get.method = CoapMethod::kGet;
  get.accept = 40;
  std::string listing;
  for (uint32_t number = 0;; ++number) {
    get.block2 = CoapBlock{number, false, 1};
    const Outcome part = Handle(get);
    ASSERT_EQ(part.answer.code, CoapCode::kContent);
    listing += part.answer.payload;
    if (!part.answer.block2->more) break;
    ASSERT_EQ(part.answer.payload.size(), 32u);
  }
  EXPECT_EQ(listing, std::string(ResourceListing()));
  get.block2 = CoapBlock{1000, false, 1};
  EXPECT_EQ(Handle(get).answer.code, CoapCode::kBadRequest);
}

}  // namespace
}  // namespace sluice::ingress
