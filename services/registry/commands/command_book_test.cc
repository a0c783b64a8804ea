#include "services/registry/commands/command_book.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <cstdlib>
#include <filesystem>
#include <memory>
#include <string>

#include "libs/clock/fake_clock.h"
#include "services/registry/devices/device_rules.h"
#include "services/registry/store/hooked_store.h"
#include "services/registry/store/rocksdb_registry_store.h"

namespace sluice::registry {
namespace {

// What becomes of writes.
enum class Disk {
  kWell,
  kGone,
  kSilent,  // what is written is there, but it says that it failed
};

class CommandBookTest : public ::testing::Test {
 protected:
  CommandBookTest() {
    dir_ = std::string(std::getenv("TEST_TMPDIR")) + "/" +
           ::testing::UnitTest::GetInstance()->current_test_info()->name();
    std::filesystem::remove_all(dir_);
    Open(3);
    v1::Device valve;
    valve.set_id("valve");
    valve.mutable_actuator();
    EXPECT_TRUE(state_->Commit({NewDevice(valve, clock_.Now())}, {}).ok());
  }

  void Open(int64_t max_ended) {
    book_.reset();
    state_.reset();
    auto store = OpenRocksDbRegistryStore(dir_);
    ASSERT_TRUE(store.ok()) << store.status();
    auto write = [this](RegistryStore& disk, const StoreChanges& changes,
                        RegistryStore::Durability durability) {
      const absl::Status failed = absl::UnavailableError("the disk is gone");
      if (disk_ == Disk::kGone) return failed;
      const absl::Status status = disk.Write(changes, durability);
      return disk_ == Disk::kSilent ? failed : status;
    };
    auto state =
        RegistryState::Open(std::make_unique<HookedStore>(*std::move(store), write), &clock_);
    ASSERT_TRUE(state.ok()) << state.status();
    state_ = *std::move(state);
    auto book = CommandBook::Open(state_.get(), 7, max_ended);
    ASSERT_TRUE(book.ok()) << book.status();
    book_ = *std::move(book);
  }

  absl::StatusOr<v1::Command> Send(const std::string& request_id = "") {
    v1::SendCommandRequest request;
    request.set_device_id("valve");
    request.set_name("open");
    request.set_request_id(request_id);
    return book_->Send(request, [] { return false; });
  }
  absl::StatusOr<v1::Command> Report(const std::string& id, v1::CommandState state) {
    v1::ReportCommandResultRequest report;
    report.set_command_id(id);
    report.set_device_id("valve");
    report.set_state(state);
    return book_->Report(report);
  }
  std::string SendAndEnd() {
    const std::string id = Send()->id();
    EXPECT_TRUE(Report(id, v1::COMMAND_STATE_SUCCEEDED).ok());
    return id;
  }

  FakeClock clock_;
  Disk disk_ = Disk::kWell;
  std::string dir_;
  std::unique_ptr<RegistryState> state_;
  std::unique_ptr<CommandBook> book_;
};

TEST_F(CommandBookTest, AFailedWriteLeavesNothingBehind) {
  disk_ = Disk::kGone;
  EXPECT_EQ(Send("r").status().code(), absl::StatusCode::kUnavailable);
  EXPECT_EQ(book_->stats().unfinished, 0);
  disk_ = Disk::kWell;
  const auto command = Send("r");
  ASSERT_TRUE(command.ok()) << command.status();
  disk_ = Disk::kGone;
  EXPECT_FALSE(Report(command->id(), v1::COMMAND_STATE_SUCCEEDED).ok());
  EXPECT_EQ(book_->Get(command->id())->state(), v1::COMMAND_STATE_PENDING);
  disk_ = Disk::kWell;
  EXPECT_EQ(Report(command->id(), v1::COMMAND_STATE_SUCCEEDED)->state(),
            v1::COMMAND_STATE_SUCCEEDED);
}

TEST_F(CommandBookTest, AnEndThatSeemedToFailIsNotTurnedIntoACancellation) {
  const std::string ended = Send()->id();
  const std::string pending = Send()->id();
  disk_ = Disk::kSilent;
  EXPECT_FALSE(Report(ended, v1::COMMAND_STATE_SUCCEEDED).ok());
  disk_ = Disk::kWell;
  StoreChanges changes;
  const auto ids = book_->CancelAll("valve", "deleted", &changes);
  ASSERT_TRUE(ids.ok()) << ids.status();
  ASSERT_TRUE(state_->Commit({}, std::move(changes)).ok());
  book_->Cancelled(*ids);
  EXPECT_EQ(book_->Get(ended)->state(), v1::COMMAND_STATE_SUCCEEDED);
  EXPECT_EQ(book_->Get(pending)->state(), v1::COMMAND_STATE_CANCELLED);
  EXPECT_EQ(book_->stats().unfinished, 0);
}

TEST_F(CommandBookTest, TheOldestEndedCommandsGoFirstWhenThereAreTooMany) {
  std::vector<std::string> ids;
  for (int i = 0; i < 5; ++i) {
    ids.push_back(SendAndEnd());
    clock_.Advance(absl::Seconds(1));
  }
  const std::string unfinished = Send()->id();
  EXPECT_TRUE(book_->NeedsTrim());
  ASSERT_TRUE(book_->Trim().ok());
  EXPECT_FALSE(book_->NeedsTrim());
  EXPECT_EQ(book_->Get(ids[1]).status().code(), absl::StatusCode::kNotFound);
  EXPECT_TRUE(book_->Get(ids[2]).ok());
  EXPECT_TRUE(book_->Get(unfinished).ok());
  Open(1);
  EXPECT_TRUE(book_->NeedsTrim());
  ASSERT_TRUE(book_->Trim().ok());
  EXPECT_FALSE(book_->Get(ids[3]).ok());
  EXPECT_TRUE(book_->Get(ids[4]).ok());
}

TEST_F(CommandBookTest, AnEndedCommandIsForgottenAfterAWeek) {
  const std::string ended = SendAndEnd();
  const std::string unfinished = Send()->id();
  clock_.Advance(CommandBook::kKeepEnded);
  ASSERT_TRUE(book_->Trim().ok());
  EXPECT_TRUE(book_->Get(ended).ok());
  clock_.Advance(absl::Microseconds(1));
  ASSERT_TRUE(book_->Trim().ok());
  EXPECT_FALSE(book_->Get(ended).ok());
  EXPECT_TRUE(book_->Get(unfinished).ok());
}

TEST_F(CommandBookTest, WatchersSkipWhatHasEnded) {
  SendAndEnd();
  const std::string second = Send()->id();
  const auto next = book_->Next("", absl::ZeroDuration());
  ASSERT_TRUE(next.ok() && next->has_value());
  EXPECT_EQ((*next)->id(), second);
  EXPECT_FALSE(book_->Next(second, absl::ZeroDuration())->has_value());
}

TEST_F(CommandBookTest, WaitingCallsAreBoundedAndARefusalSendsNothing) {
  v1::SendCommandRequest request;
  request.set_device_id("valve");
  request.set_name("open");
  request.mutable_wait()->set_seconds(1);
  // Each call is made from within the wait of the one before.
  int refused = 0;
  std::function<bool()> send_another = [&] {
    const auto inner = book_->Send(request, send_another);
    if (!inner.ok()) {
      EXPECT_EQ(inner.status().code(), absl::StatusCode::kResourceExhausted);
      ++refused;
    }
    return true;
  };
  ASSERT_TRUE(book_->Send(request, send_another).ok());
  EXPECT_EQ(refused, 1);
  EXPECT_EQ(book_->stats().accepted, CommandBook::kMaxWaiting);
  EXPECT_EQ(book_->stats().waiting, 0);
}

}  // namespace
}  // namespace sluice::registry
