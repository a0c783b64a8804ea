#include "services/registry/commands/command_rules.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <cmath>
#include <string>

namespace sluice::registry {
namespace {

using ::testing::HasSubstr;
using ::testing::StartsWith;

const absl::Time kNow = absl::FromUnixSeconds(1'700'000'000);

v1::SendCommandRequest Open() {
  v1::SendCommandRequest request;
  request.set_device_id("valve");
  request.set_name("open");
  (*request.mutable_arguments()->mutable_fields())["percent"].set_number_value(40);
  return request;
}

v1::ReportCommandResultRequest Report(v1::CommandState state) {
  v1::ReportCommandResultRequest report;
  report.set_command_id("1");
  report.set_device_id("valve");
  report.set_state(state);
  return report;
}

std::string Error(const v1::SendCommandRequest& request) {
  const absl::Status status = ValidateSend(request);
  EXPECT_EQ(status.code(), absl::StatusCode::kInvalidArgument);
  return std::string(status.message());
}

std::string Error(const v1::ReportCommandResultRequest& request) {
  const absl::Status status = ValidateReport(request);
  EXPECT_EQ(status.code(), absl::StatusCode::kInvalidArgument);
  return std::string(status.message());
}

TEST(ValidateSendTest, NamesTheFieldBeyondItsRange) {
  EXPECT_TRUE(ValidateSend(Open()).ok());
  v1::SendCommandRequest request = Open();
  request.set_device_id("a/b");
  EXPECT_THAT(Error(request), StartsWith("device_id: "));
  request = Open();
  request.set_name("");
  EXPECT_EQ(Error(request), "name: must not be empty");
  request = Open();
  request.set_request_id(std::string(129, 'r'));
  EXPECT_THAT(Error(request), StartsWith("request_id: is 129 bytes"));
  request = Open();
  request.mutable_wait()->set_seconds(300);
  EXPECT_TRUE(ValidateSend(request).ok());
  request.mutable_wait()->set_nanos(1);
  EXPECT_EQ(Error(request), "wait: must be 0s to 5m");
  request.mutable_wait()->set_nanos(0);
  request.mutable_wait()->set_seconds(-1);
  EXPECT_EQ(Error(request), "wait: must be 0s to 5m");
  request = Open();
  (*request.mutable_arguments()->mutable_fields())["x"].set_string_value(
      std::string(16 << 10, 'x'));
  EXPECT_THAT(Error(request), HasSubstr("bytes long as JSON; at most 16384"));
  (*request.mutable_arguments()->mutable_fields())["x"].set_number_value(std::nan(""));
  EXPECT_THAT(Error(request), StartsWith("arguments: is not JSON"));
}

TEST(ValidateReportTest, NamesTheFieldBeyondItsRange) {
  EXPECT_TRUE(ValidateReport(Report(v1::COMMAND_STATE_SUCCEEDED)).ok());
  for (const int state : {0, 1, 5, 17}) {
    EXPECT_EQ(Error(Report(static_cast<v1::CommandState>(state))),
              "state: must be SENT, SUCCEEDED or FAILED");
  }
  v1::ReportCommandResultRequest report = Report(v1::COMMAND_STATE_SUCCEEDED);
  report.set_device_id("");
  EXPECT_THAT(Error(report), StartsWith("device_id: must not be empty"));
  report.set_state(v1::COMMAND_STATE_FAILED);
  EXPECT_TRUE(ValidateReport(report).ok());
  report.set_state(v1::COMMAND_STATE_SENT);
  EXPECT_TRUE(ValidateReport(report).ok());
  report.set_error_message(std::string(1025, 'e'));
  EXPECT_THAT(Error(report), StartsWith("error_message: is 1025 bytes"));
  report = Report(v1::COMMAND_STATE_FAILED);
  report.mutable_result()->set_string_value(std::string(64 << 10, 'x'));
  EXPECT_THAT(Error(report), HasSubstr("at most 65536"));
  report = Report(v1::COMMAND_STATE_FAILED);
  report.set_command_id("");
  EXPECT_EQ(Error(report), "command_id: must not be empty");
}

TEST(CheckAcceptsTest, OnlyAnEnabledActuatorThatListsTheCommand) {
  v1::Device device;
  device.set_id("valve");
  device.set_enabled(true);
  device.mutable_actuator();
  EXPECT_TRUE(CheckAccepts(device, "anything").ok());
  device.mutable_actuator()->add_commands()->set_name("open");
  EXPECT_TRUE(CheckAccepts(device, "open").ok());
  EXPECT_EQ(CheckAccepts(device, "shut").message(), "the device 'valve' has no command 'shut'");
  device.set_enabled(false);
  EXPECT_EQ(CheckAccepts(device, "open").message(), "the device 'valve' is disabled");
  device.set_enabled(true);
  device.mutable_sensor();
  EXPECT_EQ(CheckAccepts(device, "open").message(), "the device 'valve' is no actuator");
  EXPECT_EQ(CheckAccepts(device, "open").code(), absl::StatusCode::kFailedPrecondition);
}

TEST(AdvanceTest, MovesForwardOnly) {
  v1::Command command = NewCommand(Open(), "1", kNow);
  EXPECT_EQ(command.state(), v1::COMMAND_STATE_PENDING);
  EXPECT_TRUE(Advance(Report(v1::COMMAND_STATE_SENT), kNow + absl::Seconds(1), &command));
  EXPECT_FALSE(Advance(Report(v1::COMMAND_STATE_SENT), kNow + absl::Seconds(2), &command));
  EXPECT_EQ(command.update_time().seconds(), 1'700'000'001);
  v1::ReportCommandResultRequest success = Report(v1::COMMAND_STATE_SUCCEEDED);
  success.mutable_result()->set_number_value(41);
  EXPECT_TRUE(Advance(success, kNow, &command));
  EXPECT_EQ(command.result().number_value(), 41);
  EXPECT_EQ(command.update_time().seconds(), 1'700'000'001);
  EXPECT_FALSE(Advance(Report(v1::COMMAND_STATE_FAILED), kNow, &command));
  EXPECT_FALSE(Advance(Report(v1::COMMAND_STATE_SENT), kNow, &command));
  EXPECT_EQ(command.state(), v1::COMMAND_STATE_SUCCEEDED);
}

TEST(AdvanceTest, AnAnswerMayOvertakeTheReportOfSent) {
  v1::Command command = NewCommand(Open(), "1", kNow);
  v1::ReportCommandResultRequest failure = Report(v1::COMMAND_STATE_FAILED);
  failure.set_error_message("stuck");
  EXPECT_TRUE(Advance(failure, kNow, &command));
  EXPECT_EQ(command.error_message(), "stuck");
  EXPECT_FALSE(command.has_result());
  EXPECT_FALSE(Advance(Report(v1::COMMAND_STATE_SENT), kNow, &command));
}

TEST(AdvanceTest, ACancelledCommandStaysSo) {
  v1::Command command = NewCommand(Open(), "1", kNow);
  Cancel("the device was deleted", kNow, &command);
  EXPECT_TRUE(IsFinal(command.state()));
  EXPECT_FALSE(Advance(Report(v1::COMMAND_STATE_SUCCEEDED), kNow, &command));
  EXPECT_EQ(command.error_message(), "the device was deleted");
}

TEST(CheckReporterTest, TheCommandsOwnDeviceOnly) {
  const v1::Command command = NewCommand(Open(), "1", kNow);
  v1::ReportCommandResultRequest report = Report(v1::COMMAND_STATE_SUCCEEDED);
  EXPECT_TRUE(CheckReporter(report, command).ok());
  report.set_device_id("pump");
  EXPECT_EQ(CheckReporter(report, command).code(), absl::StatusCode::kPermissionDenied);
  report.set_device_id("");
  EXPECT_TRUE(CheckReporter(report, command).ok());
}

TEST(CommandFingerprintTest, DependsOnTheOrderAndNotOnTheCall) {
  v1::SendCommandRequest request = Open();
  const uint64_t fingerprint = Fingerprint(request);
  request.mutable_wait()->set_seconds(5);
  EXPECT_EQ(Fingerprint(request), fingerprint);
  (*request.mutable_arguments()->mutable_fields())["percent"].set_number_value(41);
  EXPECT_NE(Fingerprint(request), fingerprint);
}

}  // namespace
}  // namespace sluice::registry
