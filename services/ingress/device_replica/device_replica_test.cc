#include "services/ingress/device_replica/device_replica.h"

#include <gtest/gtest.h>

namespace sluice::ingress {
namespace {

using Standing = DeviceReplica::Standing;

v1::Device Device(const std::string& id, bool enabled = true,
                  v1::DeviceStatus status = v1::DEVICE_STATUS_ONLINE) {
  v1::Device device;
  device.set_id(id);
  device.set_enabled(enabled);
  device.set_status(status);
  return device;
}

TEST(DeviceReplicaTest, FollowsTheWatch) {
  DeviceReplica replica;
  EXPECT_EQ(replica.Find("a"), Standing::kUnknown);
  replica.BeginSnapshot();
  replica.Put(Device("a"));
  EXPECT_EQ(replica.Find("a"), Standing::kEnabled);
  replica.EndSnapshot();
  replica.Put(Device("b", false));
  EXPECT_EQ(replica.Find("b"), Standing::kDisabled);
  replica.Put(Device("b", true));
  EXPECT_EQ(replica.Find("b"), Standing::kEnabled);
  replica.Remove("b");
  replica.Remove("b");
  EXPECT_EQ(replica.Find("b"), Standing::kUnknown);

  v1::Device silent;
  silent.set_id("c");
  replica.Put(silent);
  EXPECT_EQ(replica.Find("c"), Standing::kEnabled) << "without the field a device is enabled";
}

TEST(DeviceReplicaTest, ForgetsWhatANewSnapshotLacksOnlyOnceItIsComplete) {
  DeviceReplica replica;
  replica.BeginSnapshot();
  replica.Put(Device("a"));
  replica.Put(Device("b"));
  replica.EndSnapshot();

  replica.BeginSnapshot();
  replica.Put(Device("b"));
  EXPECT_EQ(replica.Find("a"), Standing::kEnabled);
  // The watch broke off here and begins anew.
  replica.BeginSnapshot();
  replica.Put(Device("a"));
  replica.EndSnapshot();
  EXPECT_EQ(replica.Find("a"), Standing::kEnabled);
  EXPECT_EQ(replica.Find("b"), Standing::kUnknown);
}

TEST(DeviceReplicaTest, ComparesStatuses) {
  DeviceReplica replica;
  v1::Device device = Device("a", true, v1::DEVICE_STATUS_ERROR);
  device.set_status_message("hot");
  replica.Put(device);
  EXPECT_TRUE(replica.HasStatus("a", v1::DEVICE_STATUS_ERROR, "hot"));
  EXPECT_FALSE(replica.HasStatus("a", v1::DEVICE_STATUS_ERROR, ""));
  EXPECT_FALSE(replica.HasStatus("a", v1::DEVICE_STATUS_ONLINE, "hot"));
  EXPECT_FALSE(replica.HasStatus("b", v1::DEVICE_STATUS_ERROR, "hot"));
}

TEST(DeviceReplicaTest, ComesBackFromItsContent) {
  DeviceReplica replica;
  replica.Put(Device("a", true, v1::DEVICE_STATUS_OFFLINE));
  replica.Put(Device("b", false));
  const std::string content = replica.Serialize();

  DeviceReplica restored;
  ASSERT_TRUE(restored.Restore(content).ok());
  EXPECT_EQ(restored.size(), 2u);
  EXPECT_TRUE(restored.HasStatus("a", v1::DEVICE_STATUS_OFFLINE, ""));
  EXPECT_EQ(restored.Find("b"), Standing::kDisabled);
  EXPECT_EQ(restored.version(), 0) << "what was just read need not be written";

  // What was restored goes like anything else when a snapshot does not name it.
  restored.BeginSnapshot();
  restored.Put(Device("b"));
  restored.EndSnapshot();
  EXPECT_EQ(restored.Find("a"), Standing::kUnknown);
}

TEST(DeviceReplicaTest, RefusesWhatIsNoContentOfIts) {
  DeviceReplica replica;
  EXPECT_EQ(replica.Restore("").code(), absl::StatusCode::kInvalidArgument);
  EXPECT_EQ(replica.Restore("nonsense").code(), absl::StatusCode::kInvalidArgument);
  EXPECT_EQ(replica.Restore("\x08\x02").code(), absl::StatusCode::kFailedPrecondition);
  EXPECT_EQ(replica.size(), 0u);
}

TEST(DeviceReplicaTest, CountsOnlyRealChangesAsAVersion) {
  DeviceReplica replica;
  replica.Put(Device("a"));
  const int64_t version = replica.version();
  replica.BeginSnapshot();
  replica.Put(Device("a"));
  replica.EndSnapshot();
  EXPECT_EQ(replica.version(), version);
  replica.Put(Device("a", false));
  EXPECT_GT(replica.version(), version);
}

}  // namespace
}  // namespace sluice::ingress
