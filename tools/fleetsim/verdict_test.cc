#include "tools/fleetsim/verdict.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

namespace sluice::fleetsim {
namespace {

using ::testing::ElementsAre;
using ::testing::HasSubstr;
using ::testing::IsEmpty;

class VerdictTest : public ::testing::Test {
 protected:
  VerdictTest() {
    ProtocolTotals& mqtt = totals_.protocols[0];
    mqtt.devices = 1;
    mqtt.sent = mqtt.acknowledged = mqtt.received = mqtt.acknowledged_and_received = 1000;
    expected_.subscriber = true;
    expected_.acknowledgements[0] = true;
  }

  Totals totals_;
  Expectations expected_;
};

TEST_F(VerdictTest, AllArrivedIsAPass) { EXPECT_THAT(Judge(totals_, expected_), IsEmpty()); }

TEST_F(VerdictTest, LossOfWhatWasAcknowledgedFails) {
  totals_.protocols[0].acknowledged_and_received = 998;
  EXPECT_THAT(Judge(totals_, expected_), ElementsAre("2 acknowledged messages did not arrive"));
  expected_.subscriber = false;
  EXPECT_THAT(Judge(totals_, expected_), IsEmpty()) << "nobody looked";
}

TEST_F(VerdictTest, LossOfWhatWasNotAcknowledgedPasses) {
  totals_.protocols[0].sent = 1100;
  EXPECT_THAT(Judge(totals_, expected_), IsEmpty());
}

TEST_F(VerdictTest, ARunInWhichNothingHappenedFails) {
  totals_.protocols[0] = ProtocolTotals{};
  totals_.protocols[0].devices = 1;
  EXPECT_THAT(Judge(totals_, expected_), ElementsAre("no MQTT message was sent"));
  totals_.protocols[0].sent = 5;
  EXPECT_THAT(Judge(totals_, expected_),
              ElementsAre("no MQTT message was acknowledged", "nothing arrived at the subscriber"));
  totals_.protocols[1].devices = 1;
  totals_.protocols[1].sent = 5;
  expected_.acknowledgements = {false, false};
  expected_.subscriber = false;
  EXPECT_THAT(Judge(totals_, expected_), IsEmpty()) << "QoS 0 and NON promise nothing";
}

TEST_F(VerdictTest, AnomaliesAreJudgedWhenAsked) {
  totals_.anomalies.planted = 10;
  totals_.anomalies.found = 9;
  totals_.anomalies.missed = 1;
  EXPECT_THAT(Judge(totals_, expected_), IsEmpty());
  expected_.all_anomalies = true;
  expected_.anomalies_asked = 10;
  EXPECT_THAT(Judge(totals_, expected_), ElementsAre("1 planted anomalies were not found"));
  totals_.anomalies.found = 10;
  totals_.anomalies.missed = 0;
  EXPECT_THAT(Judge(totals_, expected_), IsEmpty());
  expected_.anomalies_asked = 12;
  EXPECT_THAT(Judge(totals_, expected_), ElementsAre(HasSubstr("only 10 of 12")));
}

TEST_F(VerdictTest, FalseAlarmsAreJudgedWhenAsked) {
  totals_.anomalies.false_alarms = 5;
  EXPECT_DOUBLE_EQ(FalseAlarmShare(totals_), 0.005);
  EXPECT_THAT(Judge(totals_, expected_), IsEmpty());
  expected_.max_false_alarm_share = 0.005;
  EXPECT_THAT(Judge(totals_, expected_), IsEmpty());
  totals_.anomalies.false_alarms = 6;
  EXPECT_THAT(Judge(totals_, expected_), ElementsAre(HasSubstr("0.600%")));
}

}  // namespace
}  // namespace sluice::fleetsim
