#include "services/registry/devices/device_table.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <string>

#include "services/registry/devices/device_rules.h"

namespace sluice::registry {
namespace {

using ::testing::ElementsAre;
using ::testing::IsEmpty;

v1::Device Device(const std::string& id, v1::DeviceStatus status = v1::DEVICE_STATUS_UNKNOWN) {
  v1::Device requested;
  requested.set_id(id);
  requested.mutable_sensor();
  v1::Device device = NewDevice(requested, absl::FromUnixSeconds(1'700'000'000));
  device.set_status(status);
  return device;
}

void Put(DeviceTable* table, const v1::Device& device) {
  table->Put(device, DeviceTable::ToStored(device));
}

std::vector<std::string> Ids(const DeviceTable::Chunk& chunk) {
  std::vector<std::string> ids;
  for (const v1::Device& device : chunk.devices) ids.push_back(device.id());
  return ids;
}

bool Any(const DeviceTable::Flags&) { return true; }

TEST(DeviceTableTest, GivesBackWhatWasPut) {
  DeviceTable table;
  const v1::Device device = Device("a");
  Put(&table, device);
  ASSERT_TRUE(table.Find("a").has_value());
  EXPECT_EQ(table.Find("a")->SerializeAsString(), device.SerializeAsString());
  EXPECT_FALSE(table.Find("b").has_value());
  table.Erase("a");
  EXPECT_FALSE(table.Contains("a"));
  table.Erase("a");
  EXPECT_EQ(table.size(), 0);
}

TEST(DeviceTableTest, WhatIsStoredComesBackByLoad) {
  DeviceTable table;
  const v1::Device device = Device("a", v1::DEVICE_STATUS_ONLINE);
  const StoredDevice stored = DeviceTable::ToStored(device);
  ASSERT_TRUE(table.Load("a", stored.bytes, 5'000'000).ok());
  EXPECT_EQ(table.Find("a")->etag(), device.etag());
  EXPECT_EQ(table.Find("a")->last_seen().seconds(), 5);
  EXPECT_EQ(table.Load("b", stored.bytes, 0).code(), absl::StatusCode::kDataLoss);
  EXPECT_EQ(table.Load("a", "\xff\xff", 0).code(), absl::StatusCode::kDataLoss);
}

TEST(DeviceTableTest, ScansInOrderAndInChunks) {
  DeviceTable table;
  for (const char* id : {"c", "a", "d", "b"}) Put(&table, Device(id));
  DeviceTable::Chunk chunk = table.Scan("", 3, Any);
  EXPECT_THAT(Ids(chunk), ElementsAre("a", "b", "c"));
  EXPECT_FALSE(chunk.at_end);
  chunk = table.Scan(chunk.scanned_to, 3, Any);
  EXPECT_THAT(Ids(chunk), ElementsAre("d"));
  EXPECT_TRUE(chunk.at_end);
  chunk = table.Scan("", 2, [](const DeviceTable::Flags&) { return false; });
  EXPECT_THAT(Ids(chunk), IsEmpty());
  EXPECT_EQ(chunk.scanned_to, "b");
  EXPECT_TRUE(table.Scan("", 4, Any).at_end);
}

TEST(DeviceTableTest, CountsByStatus) {
  DeviceTable table;
  Put(&table, Device("a", v1::DEVICE_STATUS_ONLINE));
  Put(&table, Device("b", v1::DEVICE_STATUS_ONLINE));
  Put(&table, Device("a", v1::DEVICE_STATUS_ERROR));
  table.Erase("b");
  EXPECT_EQ(table.CountByStatus()[v1::DEVICE_STATUS_ONLINE], 0);
  EXPECT_EQ(table.CountByStatus()[v1::DEVICE_STATUS_ERROR], 1);
}

TEST(DeviceTableTest, LastSeenMovesForwardOnlyAndSurvivesAPut) {
  DeviceTable table;
  Put(&table, Device("a"));
  EXPECT_FALSE(table.See("b", 5, 1).has_value());
  EXPECT_TRUE(table.See("a", 9'000'000, 1)->moved);
  EXPECT_FALSE(table.See("a", 8'000'000, 1)->moved);
  EXPECT_FALSE(table.See("a", 0, 1)->moved);
  Put(&table, Device("a", v1::DEVICE_STATUS_ONLINE));
  EXPECT_EQ(table.Find("a")->last_seen().seconds(), 9);
  EXPECT_EQ(table.InstanceOf("a"), 1);
}

TEST(DeviceTableTest, KnowsWhichLastSeenIsNotWritten) {
  DeviceTable table;
  for (const char* id : {"a", "b", "c"}) Put(&table, Device(id));
  table.See("a", 1, 1);
  table.See("c", 3, 1);
  EXPECT_THAT(table.UnwrittenLastSeen("", 1), ElementsAre("a"));
  EXPECT_THAT(table.UnwrittenLastSeen("a", 10), ElementsAre("c"));
  const std::vector<StoredLastSeen> taken = table.TakeLastSeen({"a", "c", "gone"});
  ASSERT_EQ(taken.size(), 2u);
  EXPECT_EQ(taken[1].last_seen_us, 3);
  EXPECT_THAT(table.UnwrittenLastSeen("", 10), IsEmpty());
  table.MarkUnwritten(taken);
  EXPECT_THAT(table.UnwrittenLastSeen("", 10), ElementsAre("a", "c"));
}

TEST(DeviceTableTest, KnowsWhoVouchesForOnlineDevices) {
  DeviceTable table;
  Put(&table, Device("a", v1::DEVICE_STATUS_ONLINE));
  Put(&table, Device("b", v1::DEVICE_STATUS_ONLINE));
  Put(&table, Device("c", v1::DEVICE_STATUS_ERROR));
  table.AssignOnline(1);
  table.See("b", 0, 2);
  table.See("c", 0, 2);
  EXPECT_THAT(table.OnlineOf(1), ElementsAre("a"));
  EXPECT_THAT(table.OnlineOf(2), ElementsAre("b"));
}

}  // namespace
}  // namespace sluice::registry
