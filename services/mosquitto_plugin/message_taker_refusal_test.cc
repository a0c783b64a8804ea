#include "services/mosquitto_plugin/message_taker_fixture.h"

namespace sluice::mosquitto_plugin {
namespace {

TEST_F(MessageTakerTest, RefusesWhileTheRingIsFull) {
  OpenBothEnds();
  size_t taken = 0;
  while (Take(1, "devices/a/telemetry", absl::StrCat(taken, kLarge)).taken) ++taken;
  while (Takes()) ++taken;
  ExpectRefused(mqtt_record::kRingFull, 0);
  ExpectRefused(mqtt_record::kRingFull, 2);
  EXPECT_EQ(Counter(mqtt_record::kRefusedCounter + mqtt_record::kRingFull), 3u);
  EXPECT_EQ(Counter(mqtt_record::kDroppedCounter + mqtt_record::kRingFull), 1u);
  EXPECT_EQ(Counter(mqtt_record::kTakenCounter + 1), taken);

  const std::vector<Message> messages = Drain();
  ASSERT_EQ(messages.size(), taken);
  EXPECT_EQ(messages[7].payload, absl::StrCat(7, kLarge));
  for (int qos = 0; qos <= 2; ++qos) EXPECT_TRUE(Takes(qos));
  EXPECT_EQ(Drain().size(), 3u);
}

TEST_F(MessageTakerTest, WaitsOnlyAboveTheHighMark) {
  OpenBothEnds();
  FillUpTo(options_.ring_bytes / 4 * 3);
  EXPECT_EQ(pauses, 0u);
  EXPECT_TRUE(Takes(1));
  EXPECT_GT(pauses, 0u);
  EXPECT_LE(paused_us, 2'000u);
  EXPECT_EQ(Counter(mqtt_record::kWaitsCounter), 1u);
  EXPECT_EQ(Counter(mqtt_record::kWaitedUsCounter), paused_us);
  Drain();
  pauses = 0;
  EXPECT_TRUE(Takes());
  EXPECT_EQ(pauses, 0u);
}

TEST_F(MessageTakerTest, ShedsQos0AboveTheHighMarkAndWaitsNotForIt) {
  OpenBothEnds();
  FillUpTo(options_.ring_bytes / 4 * 3);
  const Decision decision = Take(0, "devices/a/telemetry");
  EXPECT_EQ(decision.answer, Answer::kDrop);
  EXPECT_EQ(decision.reason, mqtt_record::kRingFull);
  EXPECT_EQ(pauses, 0u);
  EXPECT_EQ(Counter(mqtt_record::kDroppedCounter + mqtt_record::kRingFull), 1u);
  EXPECT_TRUE(Takes(1)) << "there is room for what is promised";
  Drain();
  EXPECT_TRUE(Takes(0));
}

TEST_F(MessageTakerTest, StopsWaitingWhenTheReaderDrains) {
  OpenBothEnds();
  FillUpTo(options_.ring_bytes);
  now_us += kSecondUs;
  pauses = 0;
  on_pause = [&] { Drain(); };
  EXPECT_TRUE(Takes());
  EXPECT_EQ(pauses, 1u);
}

TEST_F(MessageTakerTest, AMessageWaitsNoLongerThanTwoMilliseconds) {
  OpenBothEnds();
  FillUpTo(options_.ring_bytes);
  while (Takes()) {
  }
  for (const int qos : {1, 2}) {
    now_us += kSecondUs;
    paused_us = 0;
    ExpectRefused(mqtt_record::kRingFull, qos);
    EXPECT_EQ(paused_us, 2'000u) << qos;
  }
}

TEST_F(MessageTakerTest, ARefusalBelowTheHighMarkCostsItsSenderOnePause) {
  OpenBothEnds();
  SetLease("", mqtt_record::kRefuseForStorage, 3600);
  ExpectRefused(mqtt_record::kStorage, 0);
  EXPECT_EQ(pauses, 0u);
  ExpectRefused(mqtt_record::kStorage, 1);
  EXPECT_EQ(pauses, 1u);
}

// However fast the messages come and however late the pauses end: a fifth of the time, and no less
// while there are enough of them.
TEST_F(MessageTakerTest, WaitsForAFifthOfTheTime) {
  OpenBothEnds();
  FillUpTo(options_.ring_bytes);
  while (Takes()) {
  }
  for (const int qos : {1, 2}) {
    for (const uint64_t interval_us : {50, 700, 5'000}) {
      for (const uint64_t overrun_us : {0, 60, 10'000}) {
        SCOPED_TRACE(absl::StrCat(qos, " ", interval_us, " ", overrun_us));
        now_us += 3600 * kSecondUs;
        KeepAlive(3600);
        pause_overrun_us = overrun_us;
        paused_us = 0;
        const uint64_t began_us = now_us;
        while (now_us < began_us + 10 * kSecondUs) {
          now_us += interval_us;
          ExpectRefused(mqtt_record::kRingFull, qos);
        }
        // The budget begins with 20 ms, the message with 2, and the last pause is paid for later.
        EXPECT_LE(paused_us, (now_us - began_us) / 5 + 22'000 + 2 * overrun_us);
        EXPECT_GE(paused_us, (now_us - began_us) / 5 - 20'000);
      }
    }
  }
}

TEST_F(MessageTakerTest, AMachineThatSleptDoesNotEndTheWaiting) {
  OpenBothEnds();
  FillUpTo(options_.ring_bytes);
  on_pause = [] { now_us += 3600 * kSecondUs; };
  Take(1);
  on_pause = nullptr;
  const uint64_t woke_us = now_us;
  pauses = 0;
  while (pauses == 0 && now_us < woke_us + 60 * kSecondUs) {
    now_us += 1'000;
    Take(1);
  }
  EXPECT_LT(now_us, woke_us + 6 * kSecondUs);
}

TEST_F(MessageTakerTest, StorageLeaseRefusesAllDevices) {
  OpenBothEnds();
  SetLease("", mqtt_record::kRefuseForStorage, 5);
  for (int qos = 0; qos <= 2; ++qos) ExpectRefused(mqtt_record::kStorage, qos);
  ExpectRefused(mqtt_record::kStorage, 1, "devices/b/telemetry");
  EXPECT_EQ(Counter(mqtt_record::kRefusedCounter + mqtt_record::kStorage), 3u);
  EXPECT_EQ(Counter(mqtt_record::kDroppedCounter + mqtt_record::kStorage), 1u);
  EXPECT_TRUE(Drain().empty());
  now_us += 5 * kSecondUs;
  EXPECT_TRUE(Takes());
}

TEST_F(MessageTakerTest, RateLeaseRefusesItsDeviceAlone) {
  OpenBothEnds();
  SetLease("a", mqtt_record::kRefuseForRate, 5);
  ExpectRefused(mqtt_record::kRate, 1);
  ExpectRefused(mqtt_record::kRate, 0, "devices/a/commands/c/response");
  for (const char* const topic :
       {"devices/b/telemetry", "devices/aa/telemetry", "devices//telemetry"}) {
    EXPECT_TRUE(Takes(1, topic)) << topic;
  }
  EXPECT_EQ(Counter(mqtt_record::kRefusedCounter + mqtt_record::kRate), 1u);
  EXPECT_EQ(Counter(mqtt_record::kDroppedCounter + mqtt_record::kRate), 1u);
  now_us += 5 * kSecondUs;
  EXPECT_TRUE(Takes());
}

TEST_F(MessageTakerTest, LeasesEndWithTheReader) {
  OpenBothEnds();
  KeepAlive(2);
  SetLease("", mqtt_record::kRefuseForStorage, 3600);
  SetLease("a", mqtt_record::kRefuseForRate, 3600);
  now_us += 2 * kSecondUs - 1'000;
  ExpectRefused(mqtt_record::kStorage);
  now_us += 1'000;
  EXPECT_TRUE(Takes());
}

TEST_F(MessageTakerTest, TakesDuringTheGraceWithoutAReader) {
  options_.no_reader_grace_s = 10;
  ASSERT_EQ(Open(), RingError::kNone);
  OpenReader();
  EXPECT_TRUE(Takes());
  now_us += 10 * kSecondUs;
  EXPECT_TRUE(Takes());
  now_us += 1'000;
  ExpectRefused(mqtt_record::kNoReader, 1);
  ExpectRefused(mqtt_record::kNoReader, 0);
  EXPECT_EQ(Counter(mqtt_record::kRefusedCounter + mqtt_record::kNoReader), 1u);
  EXPECT_EQ(Counter(mqtt_record::kDroppedCounter + mqtt_record::kNoReader), 1u);

  KeepAlive(2);
  EXPECT_TRUE(Takes());
  now_us += 11 * kSecondUs;
  EXPECT_TRUE(Takes()) << "alive until 9 s ago";
  now_us += 2 * kSecondUs;
  ExpectRefused(mqtt_record::kNoReader);
}

TEST_F(MessageTakerTest, TheGraceBeginsWhenTheReaderGoesAndNotWithTheLastMessage) {
  OpenBothEnds();
  KeepAlive(3600);
  EXPECT_TRUE(Takes());
  now_us += 3630 * kSecondUs;
  EXPECT_TRUE(Takes());
  now_us += 31 * kSecondUs;
  ExpectRefused(mqtt_record::kNoReader);
}

}  // namespace
}  // namespace sluice::mosquitto_plugin
