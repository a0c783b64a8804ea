#include "services/ingress/registry_link/registry_reporter.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <map>
#include <string>
#include <vector>

#include "absl/strings/str_cat.h"
#include "libs/clock/fake_clock.h"
#include "services/ingress/testing/fake_journal.h"

namespace sluice::ingress {
namespace {

using ::testing::ElementsAre;
using ::testing::IsEmpty;

// A registry that writes down what it is told.
class FakeRegistry final : public RegistryCalls {
 public:
  absl::StatusOr<v1::BatchCreateDevicesResponse> BatchCreateDevices(
      const v1::BatchCreateDevicesRequest& request) override {
    if (!reachable) return absl::UnavailableError("not there");
    v1::BatchCreateDevicesResponse response;
    for (const auto& device : request.devices()) {
      auto* result = response.add_results();
      if (!devices.insert({device.id(), device}).second) {
        result->set_code(static_cast<int>(absl::StatusCode::kAlreadyExists));
      } else if (device.id() == "full") {
        devices.erase("full");
        result->set_code(static_cast<int>(absl::StatusCode::kResourceExhausted));
      } else {
        told.push_back("create " + device.id());
      }
    }
    return response;
  }

  absl::StatusOr<v1::ReportPresenceResponse> ReportPresence(
      const v1::ReportPresenceRequest& request) override {
    if (!reachable) return absl::UnavailableError("not there");
    EXPECT_EQ(request.instance_id(), "ingress-1");
    EXPECT_EQ(request.lease().seconds(), 30);
    ++presence_calls;
    v1::ReportPresenceResponse response;
    for (const auto& sighting : request.sightings()) {
      if (sighting.device_id() == "illegal") return absl::InvalidArgumentError("illegal");
    }
    for (const auto& sighting : request.sightings()) {
      if (devices.count(sighting.device_id()) == 0) {
        response.set_unknown_count(response.unknown_count() + 1);
        continue;
      }
      told.push_back(absl::StrCat(sighting.device_id(), " ",
                                  sighting.status() == v1::DEVICE_STATUS_UNSPECIFIED
                                      ? "seen"
                                      : v1::DeviceStatus_Name(sighting.status()).substr(14),
                                  sighting.has_last_seen() ? "" : " unseen"));
    }
    response.set_lease_was_lost(lease_was_lost);
    lease_was_lost = false;
    return response;
  }

  absl::Status ReportCommandResult(const v1::ReportCommandResultRequest& request) override {
    if (!reachable || --calls_until_gone == 0) return absl::UnavailableError("not there");
    if (const auto it = command_errors.find(request.command_id()); it != command_errors.end()) {
      return it->second;
    }
    told.push_back(absl::StrCat(request.command_id(), "@", request.device_id(), " ",
                                v1::CommandState_Name(request.state()).substr(14)));
    return absl::OkStatus();
  }

  bool reachable = true;
  bool lease_was_lost = false;
  int calls_until_gone = 0;
  int presence_calls = 0;
  std::map<std::string, absl::Status> command_errors;
  std::map<std::string, v1::Device> devices;
  std::vector<std::string> told;
};

class RegistryReporterTest : public ::testing::Test {
 protected:
  RegistryReporterTest() {
    reports_.SyncAlways();
    for (const char* id : {"a", "b"}) Know(id);
  }

  void Know(const std::string& id) {
    v1::Device device;
    device.set_id(id);
    registry_.devices[id] = device;
    replica_.Put(device);
  }

  RegistryReporter NewReporter(bool auto_register = false, int64_t cursor = 0) {
    return RegistryReporter({&registry_, &reports_, &replica_, &newcomers_, &heard_,
                             [this](int64_t c) {
                               saved_cursor_ = c;
                               return absl::OkStatus();
                             }},
                            {"ingress-1", absl::Seconds(30), auto_register}, cursor);
  }

  void Status(const std::string& device, v1::DeviceStatus status, int64_t time_us = 1'000'000) {
    state::v1::Report report;
    report.set_device_id(device);
    report.set_received_time_us(time_us);
    report.mutable_status()->set_status(status);
    const auto offset = reports_.Append(report.SerializeAsString());
    ASSERT_TRUE(offset.ok());
    heard_.StatusReported(device, clock_.Uptime(), *offset);
  }
  void Command(const std::string& device, const std::string& command,
               v1::CommandState state = v1::COMMAND_STATE_SUCCEEDED) {
    state::v1::Report report;
    report.set_device_id(device);
    report.mutable_command()->set_command_id(command);
    report.mutable_command()->set_state(state);
    ASSERT_TRUE(reports_.Append(report.SerializeAsString()).ok());
  }

  FakeClock clock_;
  FakeJournal reports_;
  FakeRegistry registry_;
  DeviceReplica replica_;
  Newcomers newcomers_;
  HeardDevices heard_{&clock_};
  int64_t saved_cursor_ = -1;
};

TEST_F(RegistryReporterTest, ForwardsTheReportsInTheirOrder) {
  RegistryReporter reporter = NewReporter();
  Status("a", v1::DEVICE_STATUS_ONLINE);
  Status("b", v1::DEVICE_STATUS_ERROR, 0);
  Status("a", v1::DEVICE_STATUS_OFFLINE);
  Command("a", "c-1", v1::COMMAND_STATE_SENT);
  Command("b", "c-1", v1::COMMAND_STATE_FAILED);
  Status("b", v1::DEVICE_STATUS_MAINTENANCE);
  ASSERT_TRUE(reporter.Forward().ok());
  EXPECT_THAT(registry_.told, ElementsAre("a ONLINE", "b ERROR unseen", "a OFFLINE unseen",
                                          "c-1@ SENT", "c-1@b FAILED", "b MAINTENANCE"));
  EXPECT_EQ(registry_.presence_calls, 3);
  EXPECT_EQ(reporter.stats().forwarded_reports, 6);
  EXPECT_EQ(reporter.stats().cursor, 6);
  EXPECT_EQ(saved_cursor_, 6);

  registry_.told.clear();
  ASSERT_TRUE(reporter.Forward().ok());
  EXPECT_THAT(registry_.told, IsEmpty());
}

TEST_F(RegistryReporterTest, GoesOnWhereItStood) {
  Command("a", "c-1");
  Command("a", "c-2");
  RegistryReporter reporter = NewReporter(false, 1);
  ASSERT_TRUE(reporter.Forward().ok());
  EXPECT_THAT(registry_.told, ElementsAre("c-2@a SUCCEEDED"));
}

TEST_F(RegistryReporterTest, HoldsTheOrderWhileTheRegistryIsAway) {
  RegistryReporter reporter = NewReporter();
  for (int i = 0; i < 4; ++i) Command("a", absl::StrCat("c-", i));
  registry_.calls_until_gone = 3;
  EXPECT_EQ(reporter.Forward().code(), absl::StatusCode::kUnavailable);
  EXPECT_EQ(saved_cursor_, 2);
  registry_.reachable = false;
  for (int i = 0; i < 50; ++i) EXPECT_FALSE(reporter.Forward().ok());
  EXPECT_EQ(reporter.stats().cursor, 2);
  registry_.reachable = true;
  Command("a", "c-4");
  ASSERT_TRUE(reporter.Forward().ok());
  EXPECT_THAT(registry_.told, ElementsAre("c-0@a SUCCEEDED", "c-1@a SUCCEEDED", "c-2@a SUCCEEDED",
                                          "c-3@a SUCCEEDED", "c-4@a SUCCEEDED"));
  EXPECT_EQ(reporter.stats().refused_reports, 0);
}

TEST_F(RegistryReporterTest, SkipsWhatIsRefusedForGood) {
  RegistryReporter reporter = NewReporter();
  registry_.command_errors = {{"gone", absl::NotFoundError("no such command")},
                              {"bad", absl::InvalidArgumentError("bad")},
                              {"foreign", absl::PermissionDeniedError("not yours")}};
  for (const char* id : {"gone", "bad", "foreign", "good"}) Command("a", id);
  Status("a", v1::DEVICE_STATUS_ONLINE);
  Status("illegal", v1::DEVICE_STATUS_ONLINE);
  Status("b", v1::DEVICE_STATUS_ONLINE);
  ASSERT_TRUE(reports_.Append("\xff nonsense").ok());
  ASSERT_TRUE(reports_.Append("").ok());
  Command("a", "last");
  ASSERT_TRUE(reporter.Forward().ok());
  EXPECT_THAT(registry_.told,
              ElementsAre("good@a SUCCEEDED", "a ONLINE", "b ONLINE", "last@a SUCCEEDED"));
  EXPECT_EQ(reporter.stats().refused_reports, 6);
  EXPECT_EQ(reporter.stats().cursor, 10);
  EXPECT_NE(reporter.stats().last_refusal, "");
}

TEST_F(RegistryReporterTest, SkipsWhatTheRegistryKeepsFailingOn) {
  RegistryReporter reporter = NewReporter();
  registry_.command_errors = {{"poison", absl::InternalError("bug")}};
  Command("a", "poison");
  Command("a", "good");
  for (int i = 1; i < RegistryReporter::kMaxFailures; ++i) {
    EXPECT_EQ(reporter.Forward().code(), absl::StatusCode::kInternal);
  }
  ASSERT_TRUE(reporter.Forward().ok());
  EXPECT_THAT(registry_.told, ElementsAre("good@a SUCCEEDED"));
  EXPECT_EQ(reporter.stats().refused_reports, 1);
}

TEST_F(RegistryReporterTest, CountsReportsThatWereLostOnTheWay) {
  RegistryReporter reporter = NewReporter();
  for (int i = 0; i < 5; ++i) Command("a", absl::StrCat("c-", i));
  reports_.DeleteBelow(3);
  ASSERT_TRUE(reporter.Forward().ok());
  EXPECT_EQ(reporter.stats().lost_reports, 3);
  EXPECT_EQ(reporter.stats().cursor, 5);
}

TEST_F(RegistryReporterTest, CountsALostReportOnceHoweverOftenItTries) {
  RegistryReporter reporter = NewReporter();
  for (int i = 0; i < 5; ++i) Command("a", absl::StrCat("c-", i));
  reports_.DeleteBelow(2);
  registry_.reachable = false;
  EXPECT_FALSE(reporter.Forward().ok());
  EXPECT_FALSE(reporter.Forward().ok());
  EXPECT_EQ(reporter.stats().lost_reports, 2);
  reports_.DeleteBelow(4);
  EXPECT_FALSE(reporter.Forward().ok());
  registry_.reachable = true;
  EXPECT_TRUE(reporter.Forward().ok());
  EXPECT_EQ(reporter.stats().lost_reports, 4);
}

TEST_F(RegistryReporterTest, RegistersNewcomersBeforeItTellsOfThem) {
  RegistryReporter reporter = NewReporter(true);
  newcomers_.Add("n-1");
  newcomers_.Add("a");  // the replica is behind
  newcomers_.Add("full");
  // Of this one a process before us heard.
  Status("n-2", v1::DEVICE_STATUS_ONLINE);
  ASSERT_TRUE(reporter.Forward().ok());
  EXPECT_THAT(registry_.told, ElementsAre("create n-1", "create n-2", "n-2 ONLINE"));
  EXPECT_TRUE(registry_.devices["n-1"].has_sensor());
  EXPECT_EQ(registry_.devices["n-1"].labels().at("auto-registered"), "true");
  EXPECT_EQ(reporter.stats().registered_devices, 2);
  EXPECT_EQ(reporter.stats().refused_devices, 1);
  EXPECT_EQ(newcomers_.waiting(), 0u);
}

TEST_F(RegistryReporterTest, KeepsNewcomersWhileTheRegistryIsAway) {
  RegistryReporter reporter = NewReporter(true);
  newcomers_.Add("n-1");
  registry_.reachable = false;
  EXPECT_FALSE(reporter.Forward().ok());
  registry_.reachable = true;
  EXPECT_TRUE(reporter.Forward().ok());
  EXPECT_THAT(registry_.told, ElementsAre("create n-1"));
}

TEST_F(RegistryReporterTest, DoesNotRegisterWhereItMayNot) {
  RegistryReporter reporter = NewReporter(false);
  Status("stranger", v1::DEVICE_STATUS_ONLINE);
  ASSERT_TRUE(reporter.Forward().ok());
  EXPECT_THAT(registry_.told, IsEmpty());
  EXPECT_EQ(reporter.stats().unknown_sightings, 1);
}

TEST_F(RegistryReporterTest, TellsWhoWasHeardFrom) {
  RegistryReporter reporter = NewReporter();
  heard_.Heard("a", MomentOf(clock_));
  ASSERT_TRUE(reporter.TellPresence().ok());
  EXPECT_THAT(registry_.told, ElementsAre("a seen"));
  ASSERT_TRUE(reporter.TellPresence().ok());
  EXPECT_THAT(registry_.told, ElementsAre("a seen"));
  EXPECT_EQ(registry_.presence_calls, 2) << "an empty report renews the lease";

  registry_.reachable = false;
  heard_.Heard("b", MomentOf(clock_));
  EXPECT_FALSE(reporter.TellPresence().ok());
  registry_.reachable = true;
  registry_.lease_was_lost = true;
  ASSERT_TRUE(reporter.TellPresence().ok());
  EXPECT_THAT(registry_.told, ElementsAre("a seen", "b seen"));
  registry_.told.clear();
  ASSERT_TRUE(reporter.TellPresence().ok());
  EXPECT_THAT(registry_.told, ::testing::UnorderedElementsAre("a seen", "b seen"));
}

TEST_F(RegistryReporterTest, ASightingNeverComesBeforeTheStatusThatItFollows) {
  RegistryReporter reporter = NewReporter();
  Status("a", v1::DEVICE_STATUS_OFFLINE);
  heard_.Heard("a", MomentOf(clock_));
  ASSERT_TRUE(reporter.TellPresence().ok());
  EXPECT_THAT(registry_.told, IsEmpty());
  ASSERT_TRUE(reporter.Forward().ok());
  ASSERT_TRUE(reporter.TellPresence().ok());
  EXPECT_THAT(registry_.told, ElementsAre("a OFFLINE unseen", "a seen"));
}

TEST_F(RegistryReporterTest, TellsMoreThanOneBatch) {
  RegistryReporter reporter = NewReporter();
  for (int i = 0; i < 10'001; ++i) {
    const std::string id = absl::StrCat("d", i);
    registry_.devices[id];
    heard_.Heard(id, MomentOf(clock_));
  }
  ASSERT_TRUE(reporter.TellPresence().ok());
  EXPECT_EQ(registry_.told.size(), 10'001u);
  EXPECT_EQ(registry_.presence_calls, 2);
}

}  // namespace
}  // namespace sluice::ingress
