#include "services/ingress/telemetry/telemetry_response.h"

#include <gtest/gtest.h>

#include <string>
#include <vector>

namespace sluice::ingress {
namespace {

v1::Telemetry Telemetry(const std::string& device) {
  v1::Telemetry telemetry;
  telemetry.set_device_id(device);
  telemetry.set_protocol(v1::PROTOCOL_MQTT);
  telemetry.add_readings()->set_metric("t");
  return telemetry;
}

TelemetryFilter Filter(const std::vector<std::string>& devices) {
  v1::TelemetryFilter filter;
  for (const std::string& device : devices) filter.add_device_ids(device);
  return *TelemetryFilter::Create(filter);
}

v1::SubscribeTelemetryResponse Parse(const std::string& bytes) {
  v1::SubscribeTelemetryResponse response;
  EXPECT_TRUE(response.ParseFromString(bytes));
  return response;
}

TEST(TelemetryResponseTest, IsWhatTheMessagesWouldHaveBeen) {
  const TelemetryFilter all = Filter({});
  TelemetryResponse response(&all);
  v1::SubscribeTelemetryResponse expected;
  expected.set_journal_id("j");
  expected.set_epoch(7);
  expected.set_next_offset(int64_t{1} << 40);
  auto* gap = expected.add_gaps();
  gap->set_from_offset(3);
  gap->set_to_offset(5);
  const v1::SubscribeTelemetryResponse rest = expected;
  // One-byte and longer numbers, and lengths.
  for (const int64_t offset : {int64_t{0}, int64_t{127}, int64_t{128}, int64_t{1} << 40}) {
    v1::Telemetry telemetry = Telemetry(std::string(static_cast<size_t>(offset % 251 + 1), 'd'));
    const std::string record = telemetry.SerializeAsString();
    response.Add({offset, absl::Time(), record});
    telemetry.set_offset(offset);
    *expected.add_telemetry() = telemetry;
  }
  EXPECT_EQ(Parse(response.Take(rest)).SerializeAsString(), expected.SerializeAsString());
  // The next one begins anew.
  EXPECT_EQ(response.Take(rest), rest.SerializeAsString());
  EXPECT_EQ(response.unreadable(), 0);
}

TEST(TelemetryResponseTest, TheOffsetIsThatOfTheLogWhateverTheRecordSays) {
  const TelemetryFilter all = Filter({});
  TelemetryResponse response(&all);
  v1::Telemetry telemetry = Telemetry("a");
  telemetry.set_offset(99);
  const std::string record = telemetry.SerializeAsString();
  response.Add({3, absl::Time(), record});
  EXPECT_EQ(Parse(response.Take({})).telemetry(0).offset(), 3);
}

TEST(TelemetryResponseTest, HoldsWhatMatchesAndCountsWhatIsNoTelemetry) {
  const TelemetryFilter only_a = Filter({"a"});
  TelemetryResponse response(&only_a);
  int64_t offset = 0;
  for (const std::string& record :
       {Telemetry("a").SerializeAsString(), Telemetry("b").SerializeAsString(),
        std::string("\xff nonsense"), Telemetry("a").SerializeAsString()}) {
    response.Add({offset++, absl::Time(), record});
  }
  EXPECT_EQ(response.unreadable(), 1);
  const auto parsed = Parse(response.Take({}));
  ASSERT_EQ(parsed.telemetry_size(), 2);
  EXPECT_EQ(parsed.telemetry(0).offset(), 0);
  EXPECT_EQ(parsed.telemetry(1).offset(), 3);
  EXPECT_EQ(response.unreadable(), 0);
}

}  // namespace
}  // namespace sluice::ingress
