#include "services/registry/devices/device_watch.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <cstdlib>
#include <filesystem>
#include <memory>
#include <string>
#include <vector>

#include "absl/strings/str_cat.h"
#include "libs/clock/fake_clock.h"
#include "services/registry/devices/device_rules.h"
#include "services/registry/store/rocksdb_registry_store.h"

namespace sluice::registry {
namespace {

using ::testing::ElementsAre;
using ::testing::IsEmpty;

class DeviceWatchTest : public ::testing::Test {
 protected:
  DeviceWatchTest() {
    const std::string dir =
        absl::StrCat(std::getenv("TEST_TMPDIR"), "/",
                     ::testing::UnitTest::GetInstance()->current_test_info()->name());
    std::filesystem::remove_all(dir);
    auto store = OpenRocksDbRegistryStore(dir);
    EXPECT_TRUE(store.ok()) << store.status();
    state_ = *RegistryState::Open(*std::move(store), &clock_);
  }

  void Create(const std::vector<std::string>& ids) {
    std::vector<v1::Device> devices;
    for (const std::string& id : ids) {
      v1::Device requested;
      requested.set_id(id);
      requested.mutable_sensor();
      devices.push_back(NewDevice(requested, clock_.Now()));
    }
    ASSERT_TRUE(state_->Commit(devices, {}).ok());
  }
  void Delete(const std::string& id) {
    StoreChanges changes;
    changes.delete_devices.push_back(id);
    ASSERT_TRUE(state_->Commit({}, changes).ok());
  }

  // "+ID", "-ID" or "synced" of each of the next messages.
  static std::vector<std::string> Next(DeviceWatch* watch) {
    std::vector<std::string> said;
    const auto messages = watch->Next(absl::ZeroDuration());
    EXPECT_TRUE(messages.ok()) << messages.status();
    for (const v1::WatchDevicesResponse& message : *messages) {
      if (message.has_upserted()) {
        said.push_back("+" + message.upserted().id());
      } else if (message.change_case() == v1::WatchDevicesResponse::kDeletedId) {
        said.push_back("-" + message.deleted_id());
      } else {
        said.push_back("synced");
      }
    }
    return said;
  }

  FakeClock clock_;
  std::unique_ptr<RegistryState> state_;
};

TEST_F(DeviceWatchTest, AnEmptyRegistryIsSyncedAtOnce) {
  DeviceWatch watch(state_.get(), false);
  EXPECT_THAT(Next(&watch), IsEmpty());
  EXPECT_THAT(Next(&watch), ElementsAre("synced"));
  EXPECT_THAT(Next(&watch), IsEmpty());
}

TEST_F(DeviceWatchTest, WhatChangesDuringTheSnapshotIsToldBeforeSynced) {
  std::vector<std::string> ids;
  for (int i = 100; i < 400; ++i) ids.push_back(absl::StrCat("d", i));
  Create(ids);
  DeviceWatch watch(state_.get(), false);
  EXPECT_EQ(Next(&watch).size(), 256u);
  Delete("d100");
  Create({"a"});
  EXPECT_EQ(Next(&watch).size(), 44u);
  EXPECT_THAT(Next(&watch), ElementsAre("-d100", "+a", "synced"));
  Delete("a");
  EXPECT_THAT(Next(&watch), ElementsAre("-a"));
}

TEST_F(DeviceWatchTest, ADeviceIsToldAsItIsWhenItIsTold) {
  DeviceWatch watch(state_.get(), false);
  Next(&watch);
  Next(&watch);
  Create({"a"});
  Delete("a");
  EXPECT_THAT(Next(&watch), ElementsAre("-a"));
  Create({"b"});
  Delete("b");
  Create({"b"});
  EXPECT_THAT(Next(&watch), ElementsAre("+b"));
}

TEST_F(DeviceWatchTest, TooFarBehindIsAbortedAlsoDuringTheSnapshot) {
  DeviceWatch watch(state_.get(), false);
  for (int batch = 0; batch < 11; ++batch) {
    std::vector<std::string> ids;
    for (int i = 0; i < 1000; ++i) ids.push_back(absl::StrCat("d", batch, "-", i));
    Create(ids);
  }
  EXPECT_EQ(watch.Next(absl::ZeroDuration()).status().code(), absl::StatusCode::kAborted);
}

}  // namespace
}  // namespace sluice::registry
