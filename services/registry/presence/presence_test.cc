#include "services/registry/presence/presence.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <cstdlib>
#include <filesystem>
#include <functional>
#include <memory>
#include <string>
#include <utility>

#include "libs/clock/fake_clock.h"
#include "services/registry/commands/command_book.h"
#include "services/registry/devices/device_directory.h"
#include "services/registry/store/hooked_store.h"
#include "services/registry/store/rocksdb_registry_store.h"

namespace sluice::registry {
namespace {

using ::testing::StartsWith;

class PresenceTest : public ::testing::Test {
 protected:
  PresenceTest() {
    dir_ = std::string(std::getenv("TEST_TMPDIR")) + "/" +
           ::testing::UnitTest::GetInstance()->current_test_info()->name();
    std::filesystem::remove_all(dir_);
    Open();
    for (const char* id : {"a", "b", "c"}) {
      v1::CreateDeviceRequest request;
      request.mutable_device()->set_id(id);
      request.mutable_device()->mutable_sensor();
      EXPECT_TRUE(directory_->Create(request).ok());
    }
  }

  void Open() {
    presence_.reset();
    directory_.reset();
    commands_.reset();
    state_.reset();
    auto store = OpenRocksDbRegistryStore(dir_);
    ASSERT_TRUE(store.ok()) << store.status();
    auto write = [this](RegistryStore& disk, const StoreChanges& changes,
                        RegistryStore::Durability durability) {
      if (during_write_) std::exchange(during_write_, nullptr)();
      return disk.Write(changes, durability);
    };
    auto state =
        RegistryState::Open(std::make_unique<HookedStore>(*std::move(store), write), &clock_);
    ASSERT_TRUE(state.ok()) << state.status();
    state_ = *std::move(state);
    commands_ = *CommandBook::Open(state_.get(), 1);
    directory_ = std::make_unique<DeviceDirectory>(state_.get(), commands_.get(), 100);
    presence_ = std::make_unique<Presence>(state_.get());
  }

  v1::ReportPresenceRequest Report(const std::string& instance = "one") {
    v1::ReportPresenceRequest request;
    request.set_instance_id(instance);
    return request;
  }
  void Heard(const std::string& id, v1::ReportPresenceRequest* request) {
    v1::Sighting* sighting = request->add_sightings();
    sighting->set_device_id(id);
    sighting->mutable_last_seen()->set_seconds(absl::ToUnixSeconds(clock_.Now()));
  }
  void Said(const std::string& id, v1::DeviceStatus status, const std::string& message,
            v1::ReportPresenceRequest* request) {
    v1::Sighting* sighting = request->add_sightings();
    sighting->set_device_id(id);
    sighting->set_status(status);
    sighting->set_status_message(message);
  }
  v1::ReportPresenceResponse Send(const v1::ReportPresenceRequest& request) {
    const auto response = presence_->Report(request);
    EXPECT_TRUE(response.ok()) << response.status();
    return response.ok() ? *response : v1::ReportPresenceResponse();
  }
  v1::Device Get(const std::string& id) { return *directory_->Get(id); }

  FakeClock clock_;
  std::string dir_;
  // Called once, while the next write is under way.
  std::function<void()> during_write_;
  std::unique_ptr<RegistryState> state_;
  std::unique_ptr<CommandBook> commands_;
  std::unique_ptr<DeviceDirectory> directory_;
  std::unique_ptr<Presence> presence_;
};

TEST_F(PresenceTest, ADeviceThatIsHeardFromIsOnline) {
  v1::ReportPresenceRequest request = Report();
  Heard("a", &request);
  Heard("stranger", &request);
  const v1::ReportPresenceResponse response = Send(request);
  EXPECT_EQ(response.unknown_count(), 1);
  EXPECT_TRUE(response.lease_was_lost());
  EXPECT_EQ(Get("a").status(), v1::DEVICE_STATUS_ONLINE);
  EXPECT_EQ(Get("a").last_seen().seconds(), absl::ToUnixSeconds(clock_.Now()));
  EXPECT_EQ(Get("b").status(), v1::DEVICE_STATUS_UNKNOWN);
  EXPECT_FALSE(Send(Report()).lease_was_lost());
}

TEST_F(PresenceTest, LastSeenAloneLeavesTheEtag) {
  v1::ReportPresenceRequest request = Report();
  Heard("a", &request);
  Send(request);
  const std::string etag = Get("a").etag();
  clock_.Advance(absl::Seconds(5));
  request = Report();
  Heard("a", &request);
  Send(request);
  EXPECT_EQ(Get("a").etag(), etag);
  EXPECT_EQ(Get("a").last_seen().seconds(), absl::ToUnixSeconds(clock_.Now()));
}

TEST_F(PresenceTest, AGivenStatusHoldsUntilAnotherIsGiven) {
  v1::ReportPresenceRequest request = Report();
  Said("a", v1::DEVICE_STATUS_ERROR, "stuck", &request);
  Said("b", v1::DEVICE_STATUS_OFFLINE, "bye", &request);
  Send(request);
  EXPECT_EQ(Get("a").status_message(), "stuck");
  EXPECT_FALSE(Get("b").has_last_seen());
  request = Report();
  Heard("a", &request);
  Heard("b", &request);
  Send(request);
  EXPECT_EQ(Get("a").status(), v1::DEVICE_STATUS_ERROR);
  EXPECT_EQ(Get("b").status(), v1::DEVICE_STATUS_ONLINE);
  EXPECT_EQ(Get("b").status_message(), "");
}

TEST_F(PresenceTest, ASightingThatSaysNothingChangesNothing) {
  v1::ReportPresenceRequest request = Report();
  request.add_sightings()->set_device_id("a");
  Send(request);
  EXPECT_EQ(Get("a").status(), v1::DEVICE_STATUS_UNKNOWN);
}

TEST_F(PresenceTest, ALastSeenToComeIsNow) {
  v1::ReportPresenceRequest request = Report();
  Heard("a", &request);
  request.mutable_sightings(0)->mutable_last_seen()->set_seconds(200'000'000'000);
  Send(request);
  EXPECT_EQ(Get("a").last_seen().seconds(), absl::ToUnixSeconds(clock_.Now()));
}

TEST_F(PresenceTest, WhenALeaseEndsItsOnlineDevicesBecomeUnknown) {
  v1::ReportPresenceRequest one = Report("one");
  one.mutable_lease()->set_seconds(10);
  Heard("a", &one);
  Said("b", v1::DEVICE_STATUS_ERROR, "stuck", &one);
  Send(one);
  v1::ReportPresenceRequest two = Report("two");
  Heard("c", &two);
  Send(two);
  clock_.Advance(absl::Seconds(9));
  ASSERT_TRUE(presence_->EndLeases().ok());
  EXPECT_EQ(Get("a").status(), v1::DEVICE_STATUS_ONLINE);
  clock_.Advance(absl::Seconds(1));
  ASSERT_TRUE(presence_->EndLeases().ok());
  EXPECT_EQ(Get("a").status(), v1::DEVICE_STATUS_UNKNOWN);
  EXPECT_EQ(Get("b").status(), v1::DEVICE_STATUS_ERROR);
  EXPECT_EQ(Get("c").status(), v1::DEVICE_STATUS_ONLINE);
  EXPECT_TRUE(Send(one).lease_was_lost());
  EXPECT_EQ(Get("a").status(), v1::DEVICE_STATUS_ONLINE);
}

TEST_F(PresenceTest, ADeviceThatMovedToAnotherInstanceStaysOnline) {
  v1::ReportPresenceRequest one = Report("one");
  one.mutable_lease()->set_seconds(10);
  Heard("a", &one);
  Send(one);
  v1::ReportPresenceRequest two = Report("two");
  Heard("a", &two);
  Send(two);
  clock_.Advance(absl::Seconds(10));
  ASSERT_TRUE(presence_->EndLeases().ok());
  EXPECT_EQ(Get("a").status(), v1::DEVICE_STATUS_ONLINE);
}

TEST_F(PresenceTest, AReportAfterTheEndRescuesOnlyWhatItNames) {
  v1::ReportPresenceRequest request = Report();
  Heard("a", &request);
  Heard("b", &request);
  Send(request);
  clock_.Advance(absl::Seconds(31));
  request = Report();
  Heard("a", &request);
  EXPECT_TRUE(Send(request).lease_was_lost());
  ASSERT_TRUE(presence_->EndLeases().ok());
  EXPECT_EQ(Get("a").status(), v1::DEVICE_STATUS_ONLINE);
  EXPECT_EQ(Get("b").status(), v1::DEVICE_STATUS_UNKNOWN);
}

TEST_F(PresenceTest, ADeviceThatIsHeardFromWhileItsLeaseEndsStaysOnline) {
  v1::ReportPresenceRequest request = Report();
  Heard("a", &request);
  Heard("b", &request);
  Send(request);
  clock_.Advance(absl::Seconds(30));
  during_write_ = [this] {
    v1::ReportPresenceRequest late = Report();
    Heard("a", &late);
    Send(late);
  };
  ASSERT_TRUE(presence_->EndLeases().ok());
  EXPECT_EQ(Get("a").status(), v1::DEVICE_STATUS_ONLINE);
  EXPECT_EQ(Get("a").status_message(), "");
  EXPECT_EQ(Get("b").status(), v1::DEVICE_STATUS_UNKNOWN);
}

TEST_F(PresenceTest, AfterARestartOnlineDevicesMustBeReportedAnew) {
  v1::ReportPresenceRequest request = Report();
  Heard("a", &request);
  Heard("b", &request);
  Send(request);
  Open();
  EXPECT_EQ(Get("a").status(), v1::DEVICE_STATUS_ONLINE);
  request = Report();
  request.mutable_lease()->set_seconds(3600);
  Heard("a", &request);
  EXPECT_TRUE(Send(request).lease_was_lost());
  clock_.Advance(Presence::kGraceAfterStart);
  ASSERT_TRUE(presence_->EndLeases().ok());
  EXPECT_EQ(Get("a").status(), v1::DEVICE_STATUS_ONLINE);
  EXPECT_EQ(Get("b").status(), v1::DEVICE_STATUS_UNKNOWN);
}

TEST_F(PresenceTest, LastSeenSurvivesOnceItIsWritten) {
  v1::ReportPresenceRequest request = Report();
  Heard("a", &request);
  Send(request);
  Open();
  EXPECT_FALSE(Get("a").has_last_seen());
  clock_.Advance(absl::Seconds(1));
  request = Report();
  Heard("a", &request);
  Heard("b", &request);
  Send(request);
  ASSERT_TRUE(presence_->WriteLastSeen(RegistryStore::Durability::kSynced).ok());
  v1::DeleteDeviceRequest deletion;
  deletion.set_device_id("b");
  ASSERT_TRUE(directory_->Delete(deletion).ok());
  Open();
  EXPECT_EQ(Get("a").last_seen().seconds(), absl::ToUnixSeconds(clock_.Now()));
  EXPECT_FALSE(directory_->Get("b").ok());
}

TEST_F(PresenceTest, RefusesWhatBreaksARangeAndNamesIt) {
  const auto error = [&](const v1::ReportPresenceRequest& request) {
    const auto response = presence_->Report(request);
    EXPECT_EQ(response.status().code(), absl::StatusCode::kInvalidArgument);
    return std::string(response.status().message());
  };
  EXPECT_THAT(error(Report("")), StartsWith("instance_id: "));
  v1::ReportPresenceRequest request = Report();
  request.mutable_lease()->set_seconds(0);
  EXPECT_EQ(error(request), "lease: must be 1s to 1h");
  request.mutable_lease()->set_seconds(INT64_MAX);
  EXPECT_EQ(error(request), "lease: must be 1s to 1h");
  request.mutable_lease()->set_seconds(-1);
  EXPECT_EQ(error(request), "lease: must be 1s to 1h");

  request = Report();
  Heard("a", &request);
  Heard("a", &request);
  EXPECT_EQ(error(request), "sightings[1].device_id: 'a' stands there twice");
  request.mutable_sightings(1)->set_device_id("a/b");
  EXPECT_THAT(error(request), StartsWith("sightings[1].device_id: byte 1"));
  request.mutable_sightings(1)->set_device_id("b");
  request.mutable_sightings(1)->set_status(static_cast<v1::DeviceStatus>(42));
  EXPECT_EQ(error(request), "sightings[1].status: 42 is no status");
  request.mutable_sightings(1)->clear_status();
  request.mutable_sightings(1)->mutable_last_seen()->set_seconds(INT64_MAX);
  EXPECT_THAT(error(request), StartsWith("sightings[1].last_seen: "));
  request.mutable_sightings(1)->clear_last_seen();
  request.mutable_sightings(1)->set_status_message(std::string(1025, 'm'));
  EXPECT_THAT(error(request), StartsWith("sightings[1].status_message: is 1025 bytes"));

  request = Report();
  for (int i = 0; i < 10'001; ++i) Heard("d" + std::to_string(i), &request);
  EXPECT_THAT(error(request), StartsWith("sightings: has 10001 entries"));
}

}  // namespace
}  // namespace sluice::registry
