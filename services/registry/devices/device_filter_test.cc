#include "services/registry/devices/device_filter.h"

#include <gtest/gtest.h>

#include <string>

namespace sluice::registry {
namespace {

v1::Device Pump() {
  v1::Device device;
  device.set_id("pump");
  device.mutable_actuator();
  device.set_status(v1::DEVICE_STATUS_ONLINE);
  device.set_enabled(true);
  (*device.mutable_labels())["site"] = "north/2";
  (*device.mutable_labels())["a.b"] = "";
  return device;
}

bool Matches(const std::string& text) {
  const auto filter = DeviceFilter::Parse(text);
  EXPECT_TRUE(filter.ok()) << text << ": " << filter.status();
  return filter.ok() && filter->Matches(Pump());
}

std::string Error(const std::string& text) {
  const auto filter = DeviceFilter::Parse(text);
  EXPECT_EQ(filter.status().code(), absl::StatusCode::kInvalidArgument) << text;
  return std::string(filter.status().message());
}

TEST(DeviceFilterTest, SelectsByEachTerm) {
  EXPECT_TRUE(Matches(""));
  EXPECT_TRUE(Matches("  "));
  EXPECT_TRUE(Matches("type = actuator"));
  EXPECT_FALSE(Matches("type = sensor"));
  EXPECT_FALSE(Matches("type = gateway"));
  EXPECT_TRUE(Matches("status=ONLINE"));
  EXPECT_FALSE(Matches("status = OFFLINE"));
  EXPECT_TRUE(Matches("enabled = true"));
  EXPECT_FALSE(Matches("enabled = false"));
  EXPECT_TRUE(Matches("labels.site = north/2"));
  EXPECT_TRUE(Matches("labels.site = \"north/2\""));
  EXPECT_TRUE(Matches("labels.a.b = \"\""));
  EXPECT_FALSE(Matches("labels.missing = \"\""));
  EXPECT_FALSE(Matches("labels.site = north"));
}

TEST(DeviceFilterTest, EveryTermMustHold) {
  EXPECT_TRUE(Matches("type = actuator AND  status = ONLINE AND labels.site = north/2 "));
  EXPECT_FALSE(Matches("type = actuator AND status = ERROR"));
  EXPECT_FALSE(Matches("type = actuator AND type = sensor"));
  EXPECT_TRUE(Matches("type = \"actuator\" AND enabled=true"));
}

TEST(DeviceFilterTest, SaysWhereItGoesWrong) {
  EXPECT_EQ(Error("type sensor"), "filter: at byte 5: expected '='");
  EXPECT_EQ(Error("type ="), "filter: at byte 6: expected a value");
  EXPECT_EQ(Error("type = pump"), "filter: at byte 7: expected sensor, actuator or gateway");
  EXPECT_EQ(Error("status = online"),
            "filter: at byte 9: expected ONLINE, OFFLINE, ERROR, MAINTENANCE or UNKNOWN");
  EXPECT_EQ(Error("status = UNSPECIFIED"),
            "filter: at byte 9: expected ONLINE, OFFLINE, ERROR, MAINTENANCE or UNKNOWN");
  EXPECT_EQ(Error("enabled = yes"), "filter: at byte 10: expected true or false");
  EXPECT_EQ(Error("name = x"),
            "filter: at byte 0: 'name' is none of type, status, enabled, labels.KEY");
  EXPECT_EQ(Error("labels. = x"),
            "filter: at byte 0: 'labels.' is none of type, status, enabled, labels.KEY");
  EXPECT_EQ(Error("labels.a = \"x"), "filter: at byte 11: the quote is not closed");
  EXPECT_EQ(Error("type = sensor OR type = gateway"),
            "filter: at byte 14: expected ' AND ' or the end");
  EXPECT_EQ(Error("type = sensor AND"),
            "filter: at byte 17: expected type, status, enabled or labels.KEY");
  EXPECT_EQ(Error("labels.a = \"x\"AND type = sensor"),
            "filter: at byte 14: expected ' AND ' or the end");
  EXPECT_EQ(Error("type = sensor, enabled = true"),
            "filter: at byte 13: expected ' AND ' or the end");
  EXPECT_EQ(Error(std::string("type = \0", 8)), "filter: at byte 7: expected a value");
  EXPECT_EQ(Error(std::string(1025, ' ')), "filter: is 1025 bytes long; at most 1024 are allowed");
}

}  // namespace
}  // namespace sluice::registry
