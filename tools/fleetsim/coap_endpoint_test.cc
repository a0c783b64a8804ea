#include "tools/fleetsim/coap_endpoint.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <memory>
#include <string>
#include <vector>

#include "absl/strings/str_cat.h"

namespace sluice::fleetsim {
namespace {

using ::testing::ElementsAre;
using ::testing::IsEmpty;

class CoapEndpointTest : public ::testing::Test, public CoapEndpoint::Listener {
 protected:
  void Open(bool confirmable, int inflight = 1) {
    options_.confirmable = confirmable;
    options_.inflight = inflight;
    endpoint_ = std::make_unique<CoapEndpoint>("d", 1, &options_, this);
  }

  void SendDatagram(absl::string_view datagram) override { sent_.emplace_back(datagram); }
  void AppendPayload(int64_t number, std::string* out) override {
    absl::StrAppend(out, "payload ", number);
  }
  void OnAcknowledged(int64_t number) override { acknowledged_.push_back(number); }
  void OnRefused(int64_t number, absl::string_view kind) override {
    refused_.push_back(absl::StrCat(number, " ", kind));
  }
  void OnRoom() override { ++room_; }
  void OnError(absl::string_view kind) override { errors_.emplace_back(kind); }

  CoapMessage Sent(size_t i) { return ParseCoap(sent_.at(i)).value(); }

  // An answer to the i-th datagram sent.
  std::string Reply(CoapType type, int code, size_t i, int message_id = -1) {
    const CoapMessage request = Sent(i);
    const int id = message_id < 0 ? request.message_id : message_id;
    std::string out;
    out.push_back(static_cast<char>(0x40 | (static_cast<int>(type) << 4) |
                                    (code == 0 ? 0 : static_cast<int>(request.token.size()))));
    out.push_back(static_cast<char>(code));
    out.push_back(static_cast<char>(id >> 8));
    out.push_back(static_cast<char>(id & 0xff));
    if (code != 0) absl::StrAppend(&out, request.token);
    return out;
  }

  CoapEndpointOptions options_;
  std::unique_ptr<CoapEndpoint> endpoint_;
  std::vector<std::string> sent_;
  std::vector<int64_t> acknowledged_;
  std::vector<std::string> refused_, errors_;
  int room_ = 0;
};

TEST_F(CoapEndpointTest, PiggybackedAnswerAcknowledges) {
  Open(true);
  endpoint_->Post(0, 0);
  EXPECT_EQ(Sent(0).payload, "payload 0");
  EXPECT_EQ(Sent(0).type, CoapType::kConfirmable);
  EXPECT_FALSE(endpoint_->CanPost(0));
  EXPECT_EQ(endpoint_->unacknowledged(), 1);
  endpoint_->Receive(Reply(CoapType::kAck, kCoapChanged, 0), 10);
  EXPECT_THAT(acknowledged_, ElementsAre(0));
  EXPECT_EQ(room_, 1);
  EXPECT_TRUE(endpoint_->CanPost(10));
  endpoint_->Receive(Reply(CoapType::kAck, kCoapChanged, 0), 11);
  EXPECT_THAT(acknowledged_, ElementsAre(0)) << "an answer that comes twice counts once";
}

TEST_F(CoapEndpointTest, SeparateAnswerIsWaitedForAndAcknowledged) {
  Open(true);
  endpoint_->Post(0, 0);
  endpoint_->Receive(Reply(CoapType::kAck, kCoapEmpty, 0), 10);
  endpoint_->Tick(50'000'000);
  EXPECT_EQ(sent_.size(), 1u) << "no retransmission after the empty ACK";
  endpoint_->Receive(Reply(CoapType::kConfirmable, kCoapChanged, 0, 777), 50'000'001);
  EXPECT_THAT(acknowledged_, ElementsAre(0));
  ASSERT_EQ(sent_.size(), 2u);
  EXPECT_EQ(Sent(1).type, CoapType::kAck);
  EXPECT_EQ(Sent(1).message_id, 777);
  endpoint_->Receive(Reply(CoapType::kConfirmable, kCoapChanged, 0, 777), 50'000'002);
  EXPECT_EQ(sent_.size(), 3u) << "acknowledged again";
  EXPECT_THAT(acknowledged_, ElementsAre(0));
}

TEST_F(CoapEndpointTest, RetransmitsTheSameBytesWithBackOffThenGivesUp) {
  Open(true);
  endpoint_->Post(0, 0);
  std::vector<int64_t> times = {0};
  for (int64_t now = 0; now < 120'000'000 && refused_.empty(); now += 10'000) {
    const size_t before = sent_.size();
    endpoint_->Tick(now);
    if (sent_.size() > before) times.push_back(now);
  }
  ASSERT_EQ(sent_.size(), 5u);
  for (const std::string& datagram : sent_) EXPECT_EQ(datagram, sent_[0]);
  const int64_t first = times[1] - times[0];
  EXPECT_GE(first, 2'000'000);
  EXPECT_LE(first, 3'010'000);
  for (size_t i = 2; i < times.size(); ++i) {
    EXPECT_NEAR(times[i] - times[i - 1], (times[i - 1] - times[i - 2]) * 2, 50'000);
  }
  EXPECT_THAT(refused_, ElementsAre("0 coap no answer"));
  EXPECT_EQ(endpoint_->retransmissions(), 4);
  EXPECT_EQ(endpoint_->unacknowledged(), 0);
}

TEST_F(CoapEndpointTest, ErrorsAndResetsRefuse) {
  Open(true, 3);
  for (int i = 0; i < 3; ++i) endpoint_->Post(i, 0);
  endpoint_->Receive(Reply(CoapType::kAck, 0x84, 1), 1);
  endpoint_->Receive(Reply(CoapType::kReset, kCoapEmpty, 0), 1);
  EXPECT_THAT(refused_, ElementsAre("1 coap 4.04", "0 coap reset"));
  EXPECT_THAT(acknowledged_, IsEmpty());
  EXPECT_EQ(endpoint_->unacknowledged(), 1);
}

TEST_F(CoapEndpointTest, IsSilentWhenTheGatewayAsksForIt) {
  Open(true);
  endpoint_->Post(0, 0);
  std::string busy = Reply(CoapType::kAck, 0xa3, 0);
  busy += std::string("\xd1\x01\x03", 3);  // Max-Age: 3.
  endpoint_->Receive(busy, 0);
  EXPECT_FALSE(endpoint_->CanPost(2'999'999));
  EXPECT_TRUE(endpoint_->CanPost(3'000'000));
}

TEST_F(CoapEndpointTest, NonConfirmableIsNeitherRepeatedNorAcknowledged) {
  Open(false);
  endpoint_->Post(0, 0);
  EXPECT_EQ(Sent(0).type, CoapType::kNonConfirmable);
  EXPECT_EQ(endpoint_->unacknowledged(), 0);
  endpoint_->Receive(Reply(CoapType::kNonConfirmable, kCoapChanged, 0, 5), 1);
  EXPECT_THAT(acknowledged_, IsEmpty());
  EXPECT_TRUE(endpoint_->CanPost(1));
  endpoint_->Post(1, 1);
  endpoint_->Tick(10'000'000);
  EXPECT_EQ(sent_.size(), 2u);
  EXPECT_THAT(refused_, IsEmpty());
  EXPECT_TRUE(endpoint_->CanPost(10'000'000));
}

TEST_F(CoapEndpointTest, WhatIsNotForItIsLeftAlone) {
  Open(true);
  endpoint_->Post(0, 0);
  std::string other = Reply(CoapType::kAck, kCoapChanged, 0);
  other[4] ^= 1;  // Another token.
  endpoint_->Receive(other, 1);
  endpoint_->Receive(Reply(CoapType::kAck, kCoapChanged, 0, Sent(0).message_id ^ 1), 1);
  endpoint_->Receive("noise", 1);
  endpoint_->Receive("", 1);
  EXPECT_THAT(acknowledged_, IsEmpty());
  EXPECT_EQ(endpoint_->unacknowledged(), 1);
  EXPECT_EQ(errors_.size(), 2u);
  endpoint_->Receive(std::string("\x40\x01\x00\x09", 4),
                     1);  // A GET to a device that serves nothing.
  EXPECT_EQ(Sent(1).type, CoapType::kReset);
}

}  // namespace
}  // namespace sluice::fleetsim
