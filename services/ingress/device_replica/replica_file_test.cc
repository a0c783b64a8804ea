#include "services/ingress/device_replica/replica_file.h"

#include <gtest/gtest.h>

#include <cstdlib>
#include <string>

#include "libs/file/atomic_file.h"

namespace sluice::ingress {
namespace {

std::string NewPath(const std::string& name) {
  return std::string(std::getenv("TEST_TMPDIR")) + "/" + name;
}

v1::Device Device(const std::string& id) {
  v1::Device device;
  device.set_id(id);
  return device;
}

TEST(ReplicaFileTest, KeepsTheReplicaOverARestart) {
  const std::string path = NewPath("devices");
  DeviceReplica before;
  ReplicaFile file(path, &before);
  ASSERT_TRUE(file.Load().ok()) << "a missing file is an empty one";
  before.Put(Device("a"));
  ASSERT_TRUE(file.SaveIfChanged().ok());

  DeviceReplica after;
  ASSERT_TRUE(ReplicaFile(path, &after).Load().ok());
  EXPECT_EQ(after.Find("a"), DeviceReplica::Standing::kEnabled);
}

TEST(ReplicaFileTest, WritesOnlyChanges) {
  const std::string path = NewPath("unchanged");
  DeviceReplica replica;
  ReplicaFile file(path, &replica);
  ASSERT_TRUE(file.SaveIfChanged().ok());
  EXPECT_TRUE(absl::IsNotFound(ReadFile(path, 100).status()));
  replica.Put(Device("a"));
  ASSERT_TRUE(file.SaveIfChanged().ok());
  ASSERT_TRUE(ReplaceFile(path, "").ok());
  ASSERT_TRUE(file.SaveIfChanged().ok());
  EXPECT_EQ(*ReadFile(path, 100), "");
}

TEST(ReplicaFileTest, SaysWhichFileIsDamaged) {
  const std::string path = NewPath("damaged");
  ASSERT_TRUE(ReplaceFile(path, "nonsense").ok());
  DeviceReplica replica;
  const absl::Status status = ReplicaFile(path, &replica).Load();
  EXPECT_EQ(status.code(), absl::StatusCode::kInvalidArgument);
  EXPECT_NE(status.message().find(path), absl::string_view::npos);
}

TEST(ReplicaFileTest, TriesAgainAfterAFailedWrite) {
  DeviceReplica replica;
  ReplicaFile file(NewPath("no-such-directory/devices"), &replica);
  replica.Put(Device("a"));
  EXPECT_FALSE(file.SaveIfChanged().ok());
  EXPECT_FALSE(file.SaveIfChanged().ok());
}

}  // namespace
}  // namespace sluice::ingress
