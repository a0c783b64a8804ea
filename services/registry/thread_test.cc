// The registry's decisions in all their threads at once: calls about devices and commands,
// presence, its chores, and watchers. For ./sluice tsan, most of all.

#include <gtest/gtest.h>

#include <atomic>
#include <cstdlib>
#include <functional>
#include <map>
#include <memory>
#include <string>
#include <thread>
#include <utility>
#include <vector>

#include "absl/strings/str_cat.h"
#include "absl/synchronization/mutex.h"
#include "libs/clock/fake_clock.h"
#include "services/registry/commands/command_book.h"
#include "services/registry/devices/device_directory.h"
#include "services/registry/devices/device_watch.h"
#include "services/registry/presence/presence.h"
#include "services/registry/store/rocksdb_registry_store.h"

namespace sluice::registry {
namespace {

constexpr int kCallers = 3;
constexpr int kDevices = 15;
constexpr absl::Duration kSoon = absl::Milliseconds(5);

// One call at a time: what RocksDB does about threads the thread sanitizer does not see.
class OneAtATimeStore final : public RegistryStore {
 public:
  explicit OneAtATimeStore(std::unique_ptr<RegistryStore> store) : store_(std::move(store)) {}

  absl::Status Write(const StoreChanges& changes, Durability durability) override {
    absl::MutexLock lock(&mutex_);
    return store_->Write(changes, durability);
  }
  absl::Status CheckWritable() override {
    absl::MutexLock lock(&mutex_);
    return store_->CheckWritable();
  }
  absl::Status ForEachDevice(const std::function<absl::Status(absl::string_view, absl::string_view,
                                                              int64_t)>& visit) const override {
    absl::MutexLock lock(&mutex_);
    return store_->ForEachDevice(visit);
  }
  absl::Status ForEachUnfinishedCommand(
      const std::function<absl::Status(absl::string_view, absl::string_view)>& visit)
      const override {
    absl::MutexLock lock(&mutex_);
    return store_->ForEachUnfinishedCommand(visit);
  }
  absl::Status ForEachRequest(
      const std::function<absl::Status(const StoredRequest&)>& visit) const override {
    absl::MutexLock lock(&mutex_);
    return store_->ForEachRequest(visit);
  }
  absl::StatusOr<std::string> ReadCommand(absl::string_view id) const override {
    absl::MutexLock lock(&mutex_);
    return store_->ReadCommand(id);
  }
  absl::StatusOr<std::string> LastCommandId() const override {
    absl::MutexLock lock(&mutex_);
    return store_->LastCommandId();
  }
  absl::StatusOr<int64_t> CountEndedCommands() const override {
    absl::MutexLock lock(&mutex_);
    return store_->CountEndedCommands();
  }
  absl::StatusOr<std::vector<EndedCommand>> FirstEndedCommands(int limit) const override {
    absl::MutexLock lock(&mutex_);
    return store_->FirstEndedCommands(limit);
  }

 private:
  mutable absl::Mutex mutex_;
  const std::unique_ptr<RegistryStore> store_;
};

class RegistryThreadTest : public ::testing::Test {
 protected:
  RegistryThreadTest() {
    auto store = OpenRocksDbRegistryStore(std::string(std::getenv("TEST_TMPDIR")) + "/registry");
    EXPECT_TRUE(store.ok()) << store.status();
    state_ = *RegistryState::Open(std::make_unique<OneAtATimeStore>(*std::move(store)), &clock_);
    commands_ = *CommandBook::Open(state_.get(), 1);
    directory_ = std::make_unique<DeviceDirectory>(state_.get(), commands_.get(), 1000);
    presence_ = std::make_unique<Presence>(state_.get());
  }

  // Makes the device, has it seen and commanded, changes it; every third one is deleted.
  void Live(const std::string& id, bool is_deleted) {
    v1::CreateDeviceRequest create;
    create.mutable_device()->set_id(id);
    create.mutable_device()->mutable_actuator()->add_commands()->set_name("open");
    ASSERT_TRUE(directory_->Create(create).ok());

    v1::ReportPresenceRequest report;
    report.set_instance_id("one");
    report.mutable_lease()->set_seconds(1000);
    for (const std::string& seen : {id, std::string("nobody")}) {
      auto* sighting = report.add_sightings();
      sighting->set_device_id(seen);
      sighting->mutable_last_seen()->set_seconds(absl::ToUnixSeconds(clock_.Now()));
      sighting->set_status(v1::DEVICE_STATUS_ONLINE);
    }
    ASSERT_TRUE(presence_->Report(report).ok());

    v1::SendCommandRequest send;
    send.set_device_id(id);
    send.set_name("open");
    send.mutable_wait()->set_seconds(1);
    const auto command = commands_->Send(send, [] { return false; });
    ASSERT_TRUE(command.ok()) << command.status();

    v1::UpdateDeviceRequest update;
    update.mutable_device()->set_id(id);
    update.mutable_device()->set_firmware_version("2");
    update.mutable_update_mask()->add_paths("firmware_version");
    ASSERT_TRUE(directory_->Update(update).ok());
    v1::DeleteDeviceRequest erase;
    erase.set_device_id(id);
    if (!is_deleted) return;
    ASSERT_TRUE(directory_->Delete(erase).ok());
  }

  // Answers every command, so that nobody waits in vain.
  void Answer() {
    std::string after;
    while (!done_) {
      const auto next = commands_->Next(after, kSoon);
      ASSERT_TRUE(next.ok()) << next.status();
      if (!next->has_value()) continue;
      after = (*next)->id();
      v1::ReportCommandResultRequest result;
      result.set_command_id(after);
      result.set_device_id((*next)->device_id());
      result.set_state(v1::COMMAND_STATE_SUCCEEDED);
      ASSERT_TRUE(commands_->Report(result).ok());
    }
  }

  void DoChores() {
    while (!done_) {
      clock_.Advance(absl::Milliseconds(1));
      ASSERT_TRUE(presence_->EndLeases().ok());
      ASSERT_TRUE(presence_->WriteLastSeen(RegistryStore::Durability::kBuffered).ok());
      ASSERT_TRUE(commands_->Trim().ok());
      commands_->stats();
      ASSERT_TRUE(directory_->List({}, [] { return false; }).ok());
    }
  }

  // What a watcher that listens from the start ends up with.
  void Watch() {
    DeviceWatch watch(state_.get(), true);
    for (bool last = false; !last;) {
      last = done_;
      for (bool more = true; more;) {
        const auto messages = watch.Next(kSoon);
        ASSERT_TRUE(messages.ok()) << messages.status();
        more = !messages->empty();
        for (const v1::WatchDevicesResponse& message : *messages) {
          if (message.has_upserted()) watched_[message.upserted().id()] = message.upserted();
          watched_.erase(message.deleted_id());
        }
      }
    }
  }

  FakeClock clock_;
  std::unique_ptr<RegistryState> state_;
  std::unique_ptr<CommandBook> commands_;
  std::unique_ptr<DeviceDirectory> directory_;
  std::unique_ptr<Presence> presence_;
  std::map<std::string, v1::Device> watched_;
  std::atomic<bool> done_{false};
};

TEST_F(RegistryThreadTest, WatchersEndUpWithWhatCallersMade) {
  std::vector<std::thread> others;
  others.emplace_back([this] { Answer(); });
  others.emplace_back([this] { DoChores(); });
  others.emplace_back([this] { Watch(); });
  std::vector<std::thread> callers;
  for (int caller = 0; caller < kCallers; ++caller) {
    callers.emplace_back([this, caller] {
      for (int i = 0; i < kDevices; ++i) Live(absl::StrCat("d-", caller, "-", i), i % 3 == 0);
    });
  }
  for (std::thread& caller : callers) caller.join();
  done_ = true;
  for (std::thread& other : others) other.join();

  const auto listed = directory_->List({}, [] { return false; });
  ASSERT_TRUE(listed.ok());
  EXPECT_EQ(listed->devices_size(), kCallers * kDevices * 2 / 3);
  ASSERT_EQ(watched_.size(), static_cast<size_t>(listed->devices_size()));
  for (const v1::Device& device : listed->devices()) {
    EXPECT_EQ(watched_[device.id()].SerializeAsString(), device.SerializeAsString());
    EXPECT_EQ(device.firmware_version(), "2");
    EXPECT_EQ(device.status(), v1::DEVICE_STATUS_ONLINE);
  }
  EXPECT_EQ(commands_->stats().succeeded, kCallers * kDevices);
}

}  // namespace
}  // namespace sluice::registry
