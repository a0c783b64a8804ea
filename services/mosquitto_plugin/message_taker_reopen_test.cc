#include <unistd.h>

#include <fstream>
#include <sstream>

#include "services/mosquitto_plugin/message_taker_fixture.h"

namespace sluice::mosquitto_plugin {
namespace {

TEST_F(MessageTakerTest, MakesADeletedRingAgainOnceItIsDrained) {
  OpenBothEnds();
  EXPECT_TRUE(Takes());
  ASSERT_EQ(unlink(ring_.path().c_str()), 0);
  now_us += kSecondUs - 1'000;
  EXPECT_TRUE(Takes()) << "not noticed yet, and read all the same";
  now_us += 1'000;
  ExpectRefused(mqtt_record::kRingReplaced, 1);
  ExpectRefused(mqtt_record::kRingReplaced, 0);
  EXPECT_EQ(Counter(mqtt_record::kRefusedCounter + mqtt_record::kRingReplaced), 1u);
  EXPECT_EQ(Counter(mqtt_record::kDroppedCounter + mqtt_record::kRingReplaced), 1u);
  EXPECT_FALSE(ring_.Exists());

  EXPECT_EQ(Drain().size(), 2u);
  EXPECT_TRUE(Takes(2));
  EXPECT_TRUE(ring_.Exists());
  EXPECT_EQ(taker_.abandoned_bytes(), 0u);
  const std::vector<Message> messages = DrainOn();
  ASSERT_EQ(messages.size(), 1u);
  EXPECT_EQ(messages[0].record.qos, 2);
}

TEST_F(MessageTakerTest, GivesADeletedRingUpThatNobodyDrains) {
  OpenBothEnds();
  EXPECT_TRUE(Takes());
  const uint64_t unread_bytes = taker_.producer().UsedBytes();
  ASSERT_EQ(unlink(ring_.path().c_str()), 0);
  for (int second = 0; second < 10; ++second) {
    now_us += kSecondUs;
    ExpectRefused(mqtt_record::kRingReplaced);
    EXPECT_EQ(taker_.abandoned_bytes(), 0u);
  }
  now_us += kSecondUs;
  EXPECT_TRUE(Takes());
  EXPECT_EQ(taker_.abandoned_bytes(), unread_bytes);
  EXPECT_TRUE(Takes());
  EXPECT_EQ(taker_.producer().UsedBytes(), 2 * unread_bytes);
  EXPECT_EQ(taker_.abandoned_bytes(), unread_bytes);
}

TEST_F(MessageTakerTest, ARingPutBackIsGoneOnWith) {
  OpenBothEnds();
  EXPECT_TRUE(Takes());
  for (int i = 0; i < 2; ++i) {
    now_us += kSecondUs;
    ASSERT_EQ(rename(ring_.path().c_str(), ring_.Beside(".away").c_str()), 0);
    ExpectRefused(mqtt_record::kRingReplaced);
    // Each time anew it waits for the reader.
    now_us += 9 * kSecondUs;
    ExpectRefused(mqtt_record::kRingReplaced);
    ASSERT_EQ(rename(ring_.Beside(".away").c_str(), ring_.path().c_str()), 0);
    now_us += kSecondUs;
    EXPECT_TRUE(Takes());
  }
  EXPECT_EQ(Drain().size(), 3u);
  EXPECT_EQ(taker_.abandoned_bytes(), 0u);
}

TEST_F(MessageTakerTest, LeavesAForeignFileInTheRingsPlaceUntouched) {
  OpenBothEnds();
  EXPECT_TRUE(Takes());
  const uint64_t unread_bytes = taker_.producer().UsedBytes();
  ASSERT_EQ(unlink(ring_.path().c_str()), 0);
  std::ofstream(ring_.path()) << "somebody's notes";
  for (int i = 0; i < 100; ++i) {
    now_us += kSecondUs;
    ExpectRefused(mqtt_record::kRingReplaced, i % 3);
    ExpectPassedOn(Take(1, "devices/a/telemetri"));
    taker_.CountTime(1'000);
  }
  EXPECT_EQ(taker_.abandoned_bytes(), unread_bytes);
  std::stringstream notes;
  notes << std::ifstream(ring_.path()).rdbuf();
  EXPECT_EQ(notes.str(), "somebody's notes");

  ASSERT_EQ(unlink(ring_.path().c_str()), 0);
  now_us += kSecondUs;
  EXPECT_TRUE(Takes());
  EXPECT_TRUE(Takes()) << "the new ring's reader has its grace";
  EXPECT_EQ(taker_.abandoned_bytes(), unread_bytes);
  EXPECT_EQ(DrainOn().size(), 3u) << "the reader still had the old one";
}

TEST_F(MessageTakerTest, MakingARingAgainIsNotAllThatTheBrokerDoes) {
  OpenBothEnds();
  ASSERT_EQ(unlink(ring_.path().c_str()), 0);
  std::ofstream(ring_.path()) << "somebody's notes";
  now_us += kSecondUs;
  late_us = 5 * kSecondUs;
  ExpectRefused(mqtt_record::kRingReplaced, 0);
  late_us = 0;
  now_us += 5 * kSecondUs;
  ASSERT_EQ(unlink(ring_.path().c_str()), 0);
  ExpectRefused(mqtt_record::kRingReplaced, 0);
  now_us += kSecondUs;
  EXPECT_TRUE(Takes(0));
}

TEST_F(MessageTakerTest, DoesNotOpenAForeignFile) {
  std::ofstream(ring_.path()) << "somebody's notes";
  EXPECT_EQ(Open(), RingError::kForeign);
  ExpectRefused(mqtt_record::kRingReplaced);
}

// Whoever reads the counters adds up what those of each ring say.
TEST_F(MessageTakerTest, WhatWasAbandonedIsCountedOnceOverAllRings) {
  OpenBothEnds();
  uint64_t counted = 0;
  for (int i = 0; i < 3; ++i) {
    EXPECT_TRUE(Takes());
    ASSERT_EQ(unlink(ring_.path().c_str()), 0);
    now_us += kSecondUs;
    ExpectRefused(mqtt_record::kRingReplaced);
    now_us += 11 * kSecondUs;
    EXPECT_TRUE(Takes());
    counted += Counter(mqtt_record::kAbandonedBytesCounter);
  }
  EXPECT_EQ(counted, taker_.abandoned_bytes());
  EXPECT_GT(counted, 0u);
}

}  // namespace
}  // namespace sluice::mosquitto_plugin
