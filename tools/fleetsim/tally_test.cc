#include "tools/fleetsim/tally.h"

#include <gtest/gtest.h>

#include <string>
#include <thread>
#include <vector>

#include "absl/strings/str_cat.h"

namespace sluice::fleetsim {
namespace {

constexpr int64_t kFirstTag = 5000;

class TallyTest : public ::testing::Test {
 protected:
  ProtocolTotals Mqtt() { return tally_.Snapshot().protocols[static_cast<int>(Protocol::kMqtt)]; }
  AnomalyTotals Anomalies() { return tally_.Snapshot().anomalies; }

  Tally tally_{kFirstTag};
  const int a_ = tally_.AddDevice("a", Protocol::kMqtt);
  const int b_ = tally_.AddDevice("b", Protocol::kCoap);
};

TEST_F(TallyTest, AMessageThatArrivesIsNeitherLostNorLate) {
  const int64_t number = tally_.Sent(a_, 100, false);
  EXPECT_EQ(number, 0);
  EXPECT_EQ(Mqtt().lost_unacknowledged(), 1);
  EXPECT_TRUE(tally_.Acknowledged(a_, number, 150));
  EXPECT_EQ(Mqtt().lost(), 1);
  tally_.Received({{"a", kFirstTag}}, 190);
  EXPECT_EQ(Mqtt().lost(), 0);
  EXPECT_EQ(Mqtt().lost_unacknowledged(), 0);
  EXPECT_EQ(Mqtt().acknowledge_latency.max_us(), 50);
  EXPECT_EQ(Mqtt().delivery_latency.max_us(), 90);
  EXPECT_EQ(tally_.Snapshot().protocols[1].sent, 0);
}

TEST_F(TallyTest, ArrivalMayComeBeforeTheAcknowledgement) {
  tally_.Sent(a_, 0, false);
  tally_.Received({{"a", kFirstTag}}, 1);
  EXPECT_EQ(Mqtt().lost_unacknowledged(), 0);
  tally_.Acknowledged(a_, 0, 2);
  EXPECT_EQ(Mqtt().lost(), 0);
  EXPECT_EQ(Mqtt().acknowledged_and_received, 1);
}

TEST_F(TallyTest, SecondAcknowledgementIsNone) {
  tally_.Sent(a_, 0, false);
  EXPECT_TRUE(tally_.Acknowledged(a_, 0, 1));
  EXPECT_FALSE(tally_.Acknowledged(a_, 0, 2));
  EXPECT_EQ(Mqtt().acknowledged, 1);
}

TEST_F(TallyTest, TellsDuplicatesAndDisorder) {
  for (int i = 0; i < 4; ++i) tally_.Sent(a_, 0, false);
  tally_.Received({{"a", kFirstTag}, {"a", kFirstTag + 2}, {"a", kFirstTag + 1}}, 1);
  tally_.Received({{"a", kFirstTag + 1}, {"a", kFirstTag + 3}}, 2);
  EXPECT_EQ(Mqtt().received, 4);
  EXPECT_EQ(Mqtt().out_of_order, 1);
  EXPECT_EQ(Mqtt().duplicates, 1);
}

TEST_F(TallyTest, TellsDuplicatesThatNoDeviceSent) {
  for (int i = 0; i < 2; ++i) tally_.Sent(a_, 0, false);
  tally_.SentAgain(a_, 0);
  tally_.Received({{"a", kFirstTag}, {"a", kFirstTag}}, 1);
  EXPECT_EQ(Mqtt().duplicates, 1);
  EXPECT_EQ(Mqtt().unprovoked_duplicates, 0);
  tally_.Received({{"a", kFirstTag + 1}, {"a", kFirstTag + 1}}, 1);
  EXPECT_EQ(Mqtt().duplicates, 2);
  EXPECT_EQ(Mqtt().unprovoked_duplicates, 1);
}

TEST_F(TallyTest, AnOffsetShownAgainIsNoDuplicateUnlessItIsAnotherMessage) {
  for (int i = 0; i < 2; ++i) tally_.Sent(a_, 0, false);
  tally_.Received({{"a", kFirstTag}}, 1);
  tally_.ReceivedAgain({{"a", kFirstTag}}, 2);
  EXPECT_EQ(Mqtt().received, 1);
  EXPECT_EQ(Mqtt().duplicates, 0);
  EXPECT_EQ(tally_.progress().errors, 0);
  tally_.ReceivedAgain({{"a", kFirstTag + 1}}, 3);
  EXPECT_EQ(Mqtt().received, 2);
  EXPECT_EQ(tally_.progress().errors, 1);
}

TEST_F(TallyTest, WhatThisRunDidNotSendIsForeign) {
  tally_.Sent(a_, 0, false);
  tally_.Received({{"stranger", kFirstTag}, {"a", kFirstTag - 1}, {"a", kFirstTag + 1}, {"b", 0}},
                  1);
  EXPECT_EQ(Mqtt().received, 0);
  EXPECT_EQ(tally_.Snapshot().foreign, 4);
}

TEST_F(TallyTest, TellsFoundMissedAndFalseAlarms) {
  for (int i = 0; i < 4; ++i) tally_.Sent(a_, 0, i < 3);
  tally_.Acknowledged(a_, 0, 1);
  tally_.Acknowledged(a_, 1, 1);
  EXPECT_EQ(Anomalies().missed, 2);
  tally_.Reported({{"a", kFirstTag}, {"a", kFirstTag}, {"a", kFirstTag + 2}, {"a", kFirstTag + 3}});
  EXPECT_EQ(Anomalies().planted, 3);
  EXPECT_EQ(Anomalies().acknowledged, 2);
  EXPECT_EQ(Anomalies().found, 2);
  EXPECT_EQ(Anomalies().missed, 1);
  EXPECT_EQ(Anomalies().false_alarms, 1);
  tally_.Acknowledged(a_, 2, 5);
  EXPECT_EQ(Anomalies().missed, 1);
}

TEST_F(TallyTest, FindTellsWhatWasSent) {
  tally_.Sent(b_, 7, false);
  tally_.Sent(b_, 9, true);
  EXPECT_EQ(tally_.Find(b_, 1).sent_us, 9);
  EXPECT_TRUE(tally_.Find(b_, 1).anomaly);
  EXPECT_FALSE(tally_.Find(b_, 0).anomaly);
}

TEST_F(TallyTest, ErrorKindsAreBounded) {
  for (int i = 0; i < 100; ++i) tally_.CountError(absl::StrCat("kind ", i));
  tally_.CountError("kind 3");
  const Totals totals = tally_.Snapshot();
  EXPECT_EQ(totals.errors.size(), 65u);
  EXPECT_EQ(totals.errors.at("kind 3"), 2);
  EXPECT_EQ(totals.errors.at("other"), 36);
  EXPECT_EQ(tally_.progress().errors, 101);
}

TEST_F(TallyTest, ManyThreadsMayUseIt) {
  constexpr int kMessages = 20000;
  std::thread sender([&] {
    for (int i = 0; i < kMessages; ++i) tally_.Acknowledged(a_, tally_.Sent(a_, i, false), i);
  });
  std::thread subscriber([&] {
    for (int next = 0; next < kMessages;) {
      if (tally_.progress().sent <= next) continue;
      tally_.Received({{"a", kFirstTag + next}}, next);
      ++next;
    }
  });
  sender.join();
  subscriber.join();
  EXPECT_EQ(Mqtt().received, kMessages);
  EXPECT_EQ(Mqtt().lost(), 0);
}

}  // namespace
}  // namespace sluice::fleetsim
