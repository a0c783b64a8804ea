#include "services/registry/store/rocksdb_registry_store.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <rocksdb/db.h>
#include <signal.h>
#include <sys/resource.h>

#include <cstdlib>
#include <filesystem>
#include <fstream>
#include <memory>
#include <string>
#include <vector>

namespace sluice::registry {
namespace {

using ::testing::ElementsAre;
using Durability = RegistryStore::Durability;

class RocksDbRegistryStoreTest : public ::testing::Test {
 protected:
  RocksDbRegistryStoreTest() {
    dir_ = std::string(std::getenv("TEST_TMPDIR")) + "/" +
           ::testing::UnitTest::GetInstance()->current_test_info()->name();
    std::filesystem::remove_all(dir_);
    Reopen();
  }

  void Reopen() {
    store_.reset();
    auto opened = OpenRocksDbRegistryStore(dir_);
    ASSERT_TRUE(opened.ok()) << opened.status();
    store_ = *std::move(opened);
  }

  // "ID=BYTES@LAST_SEEN" of every device.
  std::vector<std::string> Devices() {
    std::vector<std::string> devices;
    const absl::Status status = store_->ForEachDevice(
        [&](absl::string_view id, absl::string_view bytes, int64_t last_seen_us) {
          devices.push_back(std::string(id) + "=" + std::string(bytes) + "@" +
                            std::to_string(last_seen_us));
          return absl::OkStatus();
        });
    EXPECT_TRUE(status.ok()) << status;
    return devices;
  }

  std::vector<std::string> Unfinished() {
    std::vector<std::string> commands;
    const absl::Status status =
        store_->ForEachUnfinishedCommand([&](absl::string_view id, absl::string_view device_id) {
          commands.push_back(std::string(id) + " for " + std::string(device_id));
          return absl::OkStatus();
        });
    EXPECT_TRUE(status.ok()) << status;
    return commands;
  }

  std::string dir_;
  std::unique_ptr<RegistryStore> store_;
};

TEST_F(RocksDbRegistryStoreTest, KeepsDevicesInOrderWithTheirLastSeenOverARestart) {
  StoreChanges changes;
  changes.put_devices = {{"b", "B"}, {"a", "A"}, {"a.1", "A1"}, {"c", "C"}};
  changes.put_last_seen = {{"a.1", 7}, {"c", 1'700'000'000'000'000}, {"gone", 3}};
  ASSERT_TRUE(store_->Write(changes, Durability::kSynced).ok());
  Reopen();
  EXPECT_THAT(Devices(), ElementsAre("a=A@0", "a.1=A1@7", "b=B@0", "c=C@1700000000000000"));

  StoreChanges deletion;
  deletion.delete_devices = {"c"};
  deletion.put_devices = {{"b", "B2"}};
  ASSERT_TRUE(store_->Write(deletion, Durability::kSynced).ok());
  StoreChanges creation;
  creation.put_devices = {{"c", "new"}};
  ASSERT_TRUE(store_->Write(creation, Durability::kSynced).ok());
  Reopen();
  EXPECT_THAT(Devices(), ElementsAre("a=A@0", "a.1=A1@7", "b=B2@0", "c=new@0"));
}

TEST_F(RocksDbRegistryStoreTest, ACommandLeavesTheUnfinishedOnesWhenItEnds) {
  EXPECT_EQ(*store_->LastCommandId(), "");
  StoreChanges changes;
  changes.put_devices = {{"pump", "P"}};
  changes.put_commands = {{"1", "pump", "one", false, 0}, {"2", "valve", "two", false, 0}};
  ASSERT_TRUE(store_->Write(changes, Durability::kSynced).ok());
  EXPECT_THAT(Unfinished(), ElementsAre("1 for pump", "2 for valve"));

  StoreChanges end;
  end.put_commands = {{"2", "valve", "two done", true, 50}, {"1", "pump", "one done", true, 256}};
  ASSERT_TRUE(store_->Write(end, Durability::kSynced).ok());
  Reopen();
  EXPECT_THAT(Unfinished(), ElementsAre());
  EXPECT_EQ(*store_->ReadCommand("1"), "one done");
  EXPECT_EQ(*store_->LastCommandId(), "2");
  EXPECT_EQ(*store_->CountEndedCommands(), 2);
  const auto first = store_->FirstEndedCommands(1);
  ASSERT_EQ(first->size(), 1u);
  EXPECT_EQ((*first)[0].id, "2");
  EXPECT_EQ((*first)[0].end_time_us, 50);

  StoreChanges trim;
  trim.delete_commands = *first;
  ASSERT_TRUE(store_->Write(trim, Durability::kBuffered).ok());
  EXPECT_EQ(store_->ReadCommand("2").status().code(), absl::StatusCode::kNotFound);
  EXPECT_EQ(*store_->CountEndedCommands(), 1);
}

TEST_F(RocksDbRegistryStoreTest, KeepsUsedRequestIds) {
  StoreChanges changes;
  changes.put_requests = {{std::string("a\0b", 3), 0xfedcba9876543210u, "result", 12}};
  ASSERT_TRUE(store_->Write(changes, Durability::kSynced).ok());
  Reopen();
  std::vector<StoredRequest> requests;
  const auto collect = [&](const StoredRequest& request) {
    requests.push_back(request);
    return absl::OkStatus();
  };
  ASSERT_TRUE(store_->ForEachRequest(collect).ok());
  ASSERT_EQ(requests.size(), 1u);
  EXPECT_EQ(requests[0].key, std::string("a\0b", 3));
  EXPECT_EQ(requests[0].fingerprint, 0xfedcba9876543210u);
  EXPECT_EQ(requests[0].result_id, "result");
  EXPECT_EQ(requests[0].time_us, 12);
  StoreChanges deletion;
  deletion.delete_requests = {std::string("a\0b", 3)};
  ASSERT_TRUE(store_->Write(deletion, Durability::kSynced).ok());
  requests.clear();
  ASSERT_TRUE(store_->ForEachRequest(collect).ok());
  EXPECT_TRUE(requests.empty());
}

TEST_F(RocksDbRegistryStoreTest, ASecondOpenIsRefused) {
  EXPECT_EQ(OpenRocksDbRegistryStore(dir_).status().code(), absl::StatusCode::kFailedPrecondition);
}

TEST_F(RocksDbRegistryStoreTest, ANewerFormatIsRefused) {
  store_.reset();
  rocksdb::DB* raw = nullptr;
  ASSERT_TRUE(rocksdb::DB::Open(rocksdb::Options(), dir_, &raw).ok());
  ASSERT_TRUE(raw->Put(rocksdb::WriteOptions(), "format", "2").ok());
  delete raw;
  const absl::Status status = OpenRocksDbRegistryStore(dir_).status();
  EXPECT_EQ(status.code(), absl::StatusCode::kFailedPrecondition);
  EXPECT_THAT(std::string(status.message()), ::testing::HasSubstr("format 2"));
}

TEST_F(RocksDbRegistryStoreTest, AFlippedBitInTheLogCostsOneBlockOfItAtTheMost) {
  for (int i = 0; i < 500; ++i) {
    StoreChanges changes;
    changes.put_devices = {{std::to_string(1000 + i), std::string(100, 'x')}};
    ASSERT_TRUE(store_->Write(changes, Durability::kSynced).ok());
  }
  // As a crash leaves it: the log is copied before closing flushes it.
  const std::string copy = dir_ + "-copy";
  std::filesystem::remove_all(copy);
  std::filesystem::copy(dir_, copy, std::filesystem::copy_options::recursive);
  store_.reset();
  std::string log;
  for (const auto& file : std::filesystem::directory_iterator(copy)) {
    if (file.path().extension() == ".log" && file.file_size() > 0) log = file.path();
  }
  ASSERT_FALSE(log.empty());
  std::fstream stream(log, std::ios::in | std::ios::out | std::ios::binary);
  stream.seekg(20'000);
  const char byte = static_cast<char>(stream.get());
  stream.seekp(20'000);
  stream.put(static_cast<char>(byte ^ 1));
  stream.close();

  dir_ = copy;
  Reopen();
  // A record takes about 150 bytes; RocksDB goes on at the next 32 KiB block of its log.
  const std::vector<std::string> devices = Devices();
  EXPECT_GT(devices.size(), 500u - (32 << 10) / 150);
  EXPECT_THAT(devices.back(), ::testing::StartsWith("1499="));
}

TEST_F(RocksDbRegistryStoreTest, LeavesADatabaseAloneThatHasLostItsCurrent) {
  StoreChanges changes;
  changes.put_devices = {{"kept", "x"}};
  ASSERT_TRUE(store_->Write(changes, Durability::kSynced).ok());
  Reopen();  // The device is in a table from here on.
  store_.reset();
  const std::string current = dir_ + "/CURRENT";
  std::filesystem::rename(current, dir_ + "-CURRENT");
  const absl::Status refused = OpenRocksDbRegistryStore(dir_).status();
  EXPECT_EQ(refused.code(), absl::StatusCode::kDataLoss) << refused;

  std::filesystem::rename(dir_ + "-CURRENT", current);
  Reopen();
  EXPECT_THAT(Devices(), ElementsAre("kept=x@0"));
}

TEST_F(RocksDbRegistryStoreTest, GoesOnWhenTheDiskTakesWritesAgain) {
  StoreChanges small;
  small.put_devices = {{"before", "x"}};
  ASSERT_TRUE(store_->Write(small, Durability::kSynced).ok());
  signal(SIGXFSZ, SIG_IGN);
  rlimit unlimited;
  ASSERT_EQ(getrlimit(RLIMIT_FSIZE, &unlimited), 0);
  rlimit limited = unlimited;
  limited.rlim_cur = 64 << 10;
  ASSERT_EQ(setrlimit(RLIMIT_FSIZE, &limited), 0);
  StoreChanges large;
  large.put_devices = {{"refused", std::string(256 << 10, 'x')}};
  const absl::Status refused = store_->Write(large, Durability::kSynced);
  ASSERT_EQ(setrlimit(RLIMIT_FSIZE, &unlimited), 0);
  EXPECT_EQ(refused.code(), absl::StatusCode::kUnavailable) << refused;

  small.put_devices = {{"later", "x"}};
  const absl::Status later = store_->Write(small, Durability::kSynced);
  EXPECT_TRUE(later.ok()) << later;
  Reopen();
  EXPECT_THAT(Devices(), ElementsAre("before=x@0", "later=x@0"));
}

TEST_F(RocksDbRegistryStoreTest, KnowsWhetherTheDiskTakesWritesAndIsReadMeanwhile) {
  StoreChanges small;
  small.put_devices = {{"before", "x"}};
  ASSERT_TRUE(store_->Write(small, Durability::kSynced).ok());
  EXPECT_TRUE(store_->CheckWritable().ok());
  signal(SIGXFSZ, SIG_IGN);
  rlimit unlimited;
  ASSERT_EQ(getrlimit(RLIMIT_FSIZE, &unlimited), 0);
  rlimit limited = unlimited;
  limited.rlim_cur = 32 << 10;
  ASSERT_EQ(setrlimit(RLIMIT_FSIZE, &limited), 0);
  StoreChanges large;
  large.put_devices = {{"refused", std::string(256 << 10, 'x')}};
  const absl::Status refused = store_->Write(large, Durability::kSynced);
  const absl::Status health = store_->CheckWritable();
  const std::vector<std::string> devices = Devices();
  ASSERT_EQ(setrlimit(RLIMIT_FSIZE, &unlimited), 0);
  EXPECT_EQ(refused.code(), absl::StatusCode::kUnavailable) << refused;
  EXPECT_EQ(health.code(), absl::StatusCode::kResourceExhausted) << health;
  EXPECT_THAT(devices, ElementsAre("before=x@0"));

  EXPECT_TRUE(store_->CheckWritable().ok());
  small.put_devices = {{"later", "x"}};
  EXPECT_TRUE(store_->Write(small, Durability::kSynced).ok());
  EXPECT_THAT(Devices(), ElementsAre("before=x@0", "later=x@0"));
}

TEST_F(RocksDbRegistryStoreTest, ATornTailIsNoDamage) {
  for (int i = 0; i < 10; ++i) {
    StoreChanges changes;
    changes.put_devices = {{std::to_string(i), std::string(100, 'x')}};
    ASSERT_TRUE(store_->Write(changes, Durability::kSynced).ok());
  }
  const std::string copy = dir_ + "-copy";
  std::filesystem::remove_all(copy);
  std::filesystem::copy(dir_, copy, std::filesystem::copy_options::recursive);
  store_.reset();
  for (const auto& file : std::filesystem::directory_iterator(copy)) {
    if (file.path().extension() == ".log" && file.file_size() > 0) {
      std::filesystem::resize_file(file.path(), file.file_size() - 5);
    }
  }
  dir_ = copy;
  Reopen();
  EXPECT_EQ(Devices().size(), 9u);
}

}  // namespace
}  // namespace sluice::registry
