#include "tools/sluicectl/json_output.h"

#include <gtest/gtest.h>

#include <limits>
#include <string>

#include "sluice/v1/device.pb.h"
#include "sluice/v1/insight.pb.h"
#include "sluice/v1/telemetry.pb.h"

namespace sluice::sluicectl {
namespace {

TEST(ToJsonLineTest, KeepsNamesDefaultsAndEveryDigit) {
  v1::Telemetry telemetry;
  telemetry.set_device_id("pump-7");
  telemetry.mutable_received_time()->set_seconds(1'700'000'000);
  auto* whole = telemetry.add_readings();
  whole->set_metric("count");
  whole->set_int_value((int64_t{1} << 53) + 1);
  auto* fraction = telemetry.add_readings();
  fraction->set_metric("t");
  fraction->set_double_value(0.1 + 0.2);
  EXPECT_EQ(*ToJsonLine(telemetry),
            "{\"offset\":\"0\",\"device_id\":\"pump-7\",\"via\":\"\","
            "\"protocol\":\"PROTOCOL_UNSPECIFIED\",\"message_id\":\"\",\"readings\":["
            "{\"metric\":\"count\",\"unit\":\"\",\"int_value\":\"9007199254740993\"},"
            "{\"metric\":\"t\",\"unit\":\"\",\"double_value\":0.30000000000000004}],"
            "\"over_rate\":false,\"received_time\":\"2023-11-14T22:13:20Z\"}");
}

TEST(ToJsonLineTest, SaysInfinityAsTheMappingDoes) {
  v1::Anomaly anomaly;
  anomaly.set_z_score(-std::numeric_limits<double>::infinity());
  EXPECT_NE(ToJsonLine(anomaly)->find("\"z_score\":\"-Infinity\""), std::string::npos);
}

TEST(ToJsonLineTest, StaysOnOneLineAndCarriesNoControlCharacter) {
  v1::Device device;
  device.set_status_message("a\nb\x1b[2J\x7f\xc2\x9b");
  const std::string json = *ToJsonLine(device);
  for (const char c : json) EXPECT_TRUE(c >= 0x20 && c < 0x7f) << static_cast<int>(c);
  EXPECT_NE(json.find("a\\nb\\u001b[2J"), std::string::npos) << json;
}

TEST(ToJsonLineTest, RefusesATimeThatJsonCannotExpress) {
  v1::Device device;
  device.mutable_last_seen()->set_seconds(std::numeric_limits<int64_t>::max());
  EXPECT_FALSE(ToJsonLine(device).ok());
}

TEST(QuoteJsonTest, EscapesQuotesAndControls) {
  EXPECT_EQ(QuoteJson("say \"°C\"\\\n"), "\"say \\\"°C\\\"\\\\\\u000a\"");
}

}  // namespace
}  // namespace sluice::sluicectl
