// Commands and presence over gRPC: the real service, the real database.

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <memory>
#include <string>
#include <thread>
#include <vector>

#include "absl/strings/str_cat.h"
#include "services/registry/running_registry.h"

namespace sluice::registry {
namespace {

using ::testing::HasSubstr;

class CommandsRpcTest : public ::testing::Test {
 protected:
  CommandsRpcTest() {
    v1::Device valve;
    valve.set_id("valve");
    valve.mutable_actuator()->add_commands()->set_name("open");
    Create(valve);
    v1::Device thermometer;
    thermometer.set_id("thermometer");
    thermometer.mutable_sensor();
    Create(thermometer);
  }

  void Create(const v1::Device& device) {
    grpc::ClientContext context;
    v1::CreateDeviceRequest request;
    *request.mutable_device() = device;
    v1::Device created;
    const grpc::Status status = registry_.devices().CreateDevice(&context, request, &created);
    ASSERT_TRUE(status.ok()) << status.error_message();
  }
  grpc::Status Send(const std::string& device, const std::string& name, v1::Command* command,
                    const std::string& request_id = "") {
    grpc::ClientContext context;
    v1::SendCommandRequest request;
    request.set_device_id(device);
    request.set_name(name);
    request.set_request_id(request_id);
    return registry_.commands().SendCommand(&context, request, command);
  }
  v1::Command MustSend() {
    v1::Command command;
    const grpc::Status status = Send("valve", "open", &command);
    EXPECT_TRUE(status.ok()) << status.error_message();
    return command;
  }
  grpc::Status Get(const std::string& id, v1::Command* command) {
    grpc::ClientContext context;
    v1::GetCommandRequest request;
    request.set_command_id(id);
    return registry_.commands().GetCommand(&context, request, command);
  }
  v1::CommandState StateOf(const std::string& id) {
    v1::Command command;
    EXPECT_TRUE(Get(id, &command).ok());
    return command.state();
  }
  grpc::Status Report(const std::string& id, const std::string& device, v1::CommandState state,
                      v1::Command* command) {
    grpc::ClientContext context;
    v1::ReportCommandResultRequest request;
    request.set_command_id(id);
    request.set_device_id(device);
    request.set_state(state);
    request.mutable_result()->set_string_value("as told");
    return registry_.commands().ReportCommandResult(&context, request, command);
  }

  struct Watch {
    grpc::ClientContext context;
    std::unique_ptr<grpc::ClientReader<v1::WatchCommandsResponse>> reader;
    v1::Command Next() {
      v1::WatchCommandsResponse response;
      reader->Read(&response);
      return response.command();
    }
  };
  std::unique_ptr<Watch> StartWatch(const std::string& instance = "ingress-1") {
    auto watch = std::make_unique<Watch>();
    watch->context.set_deadline(std::chrono::system_clock::now() + std::chrono::seconds(60));
    v1::WatchCommandsRequest request;
    request.set_instance_id(instance);
    watch->reader = registry_.commands().WatchCommands(&watch->context, request);
    return watch;
  }

  RunningRegistry registry_;
};

TEST_F(CommandsRpcTest, ACommandGoesThroughItsStates) {
  const v1::Command sent = MustSend();
  EXPECT_EQ(sent.state(), v1::COMMAND_STATE_PENDING);
  EXPECT_EQ(sent.device_id(), "valve");
  EXPECT_EQ(sent.create_time().seconds(), 1'700'000'000);
  v1::Command command;
  ASSERT_TRUE(Report(sent.id(), "", v1::COMMAND_STATE_SENT, &command).ok());
  EXPECT_EQ(command.state(), v1::COMMAND_STATE_SENT);
  ASSERT_TRUE(Report(sent.id(), "valve", v1::COMMAND_STATE_SUCCEEDED, &command).ok());
  EXPECT_EQ(command.result().string_value(), "as told");
  ASSERT_TRUE(Report(sent.id(), "valve", v1::COMMAND_STATE_FAILED, &command).ok());
  EXPECT_EQ(command.state(), v1::COMMAND_STATE_SUCCEEDED);
  EXPECT_EQ(StateOf(sent.id()), v1::COMMAND_STATE_SUCCEEDED);
  for (const char* outcome : {"accepted", "sent", "succeeded"}) {
    EXPECT_TRUE(
        Eventually([&] { return registry_.Metric("sluice_commands_total", outcome) == 1; }));
  }
}

TEST_F(CommandsRpcTest, RefusesWhatTheDeviceDoesNotTake) {
  v1::Command command;
  EXPECT_EQ(Send("nobody", "open", &command).error_code(), grpc::StatusCode::NOT_FOUND);
  EXPECT_EQ(Send("thermometer", "open", &command).error_code(),
            grpc::StatusCode::FAILED_PRECONDITION);
  EXPECT_EQ(Send("valve", "shut", &command).error_code(), grpc::StatusCode::FAILED_PRECONDITION);
  EXPECT_EQ(Send("a/b", "open", &command).error_code(), grpc::StatusCode::INVALID_ARGUMENT);
  EXPECT_EQ(Send("valve", "", &command).error_code(), grpc::StatusCode::INVALID_ARGUMENT);
  EXPECT_EQ(Get("none", &command).error_code(), grpc::StatusCode::NOT_FOUND);
  EXPECT_EQ(Get("a b", &command).error_code(), grpc::StatusCode::INVALID_ARGUMENT);
  EXPECT_EQ(Report("none", "valve", v1::COMMAND_STATE_SENT, &command).error_code(),
            grpc::StatusCode::NOT_FOUND);
  const std::string id = MustSend().id();
  EXPECT_EQ(Report(id, "thermometer", v1::COMMAND_STATE_SUCCEEDED, &command).error_code(),
            grpc::StatusCode::PERMISSION_DENIED);
  EXPECT_EQ(Report(id, "valve", v1::COMMAND_STATE_CANCELLED, &command).error_code(),
            grpc::StatusCode::INVALID_ARGUMENT);
  EXPECT_EQ(StateOf(id), v1::COMMAND_STATE_PENDING);
}

TEST_F(CommandsRpcTest, AHundredUnfinishedCommandsAreEnough) {
  v1::Command command;
  for (int i = 0; i < 100; ++i) ASSERT_TRUE(Send("valve", "open", &command).ok());
  EXPECT_EQ(Send("valve", "open", &command).error_code(), grpc::StatusCode::RESOURCE_EXHAUSTED);
  ASSERT_TRUE(Report(command.id(), "valve", v1::COMMAND_STATE_SUCCEEDED, &command).ok());
  EXPECT_TRUE(Send("valve", "open", &command).ok());
}

TEST_F(CommandsRpcTest, ARepeatedRequestIdSendsOnceAlsoAfterARestart) {
  v1::Command first;
  v1::Command again;
  ASSERT_TRUE(Send("valve", "open", &first, "r").ok());
  ASSERT_TRUE(Send("valve", "open", &again, "r").ok());
  EXPECT_EQ(again.id(), first.id());
  registry_.Stop();
  registry_.Start();
  ASSERT_TRUE(Send("valve", "open", &again, "r").ok());
  EXPECT_EQ(again.id(), first.id());
  EXPECT_EQ(Send("valve", "other", &again, "r").error_code(), grpc::StatusCode::INVALID_ARGUMENT);
  ASSERT_TRUE(Send("valve", "open", &again, "r2").ok());
  EXPECT_NE(again.id(), first.id());
}

TEST_F(CommandsRpcTest, AWatcherGetsWhatIsUnfinishedThenWhatIsNew) {
  const v1::Command pending = MustSend();
  const v1::Command sent = MustSend();
  const v1::Command done = MustSend();
  v1::Command command;
  ASSERT_TRUE(Report(sent.id(), "", v1::COMMAND_STATE_SENT, &command).ok());
  ASSERT_TRUE(Report(done.id(), "valve", v1::COMMAND_STATE_SUCCEEDED, &command).ok());
  const auto watch = StartWatch();
  EXPECT_EQ(watch->Next().id(), pending.id());
  const v1::Command second = watch->Next();
  EXPECT_EQ(second.id(), sent.id());
  EXPECT_EQ(second.state(), v1::COMMAND_STATE_SENT);
  const v1::Command fresh = MustSend();
  EXPECT_EQ(watch->Next().id(), fresh.id());

  // One that comes back sees them again.
  watch->context.TryCancel();
  const auto again = StartWatch();
  EXPECT_EQ(again->Next().id(), pending.id());
  EXPECT_EQ(again->Next().id(), sent.id());
  EXPECT_EQ(again->Next().id(), fresh.id());
  EXPECT_TRUE(
      Eventually([&] { return registry_.Metric("sluice_registry_watchers", "commands") == 1; }));
  registry_.Stop();
  again->Next();
  EXPECT_EQ(again->reader->Finish().error_code(), grpc::StatusCode::UNAVAILABLE);
}

TEST_F(CommandsRpcTest, AWatcherMustNameItself) {
  const auto watch = StartWatch("");
  watch->Next();
  EXPECT_EQ(watch->reader->Finish().error_code(), grpc::StatusCode::INVALID_ARGUMENT);
}

TEST_F(CommandsRpcTest, ARestartKeepsCommandsAndNewIdsComeAfterThem) {
  const v1::Command done = MustSend();
  const v1::Command pending = MustSend();
  v1::Command command;
  ASSERT_TRUE(Report(done.id(), "valve", v1::COMMAND_STATE_FAILED, &command).ok());
  registry_.Stop();
  registry_.Start();
  EXPECT_EQ(StateOf(done.id()), v1::COMMAND_STATE_FAILED);
  EXPECT_EQ(StateOf(pending.id()), v1::COMMAND_STATE_PENDING);
  EXPECT_GT(MustSend().id(), pending.id());
  const auto watch = StartWatch();
  EXPECT_EQ(watch->Next().id(), pending.id());
  watch->context.TryCancel();
}

TEST_F(CommandsRpcTest, DeletingTheDeviceCancelsItsCommands) {
  const std::string id = MustSend().id();
  grpc::ClientContext context;
  v1::DeleteDeviceRequest request;
  request.set_device_id("valve");
  google::protobuf::Empty response;
  ASSERT_TRUE(registry_.devices().DeleteDevice(&context, request, &response).ok());
  v1::Command command;
  ASSERT_TRUE(Get(id, &command).ok());
  EXPECT_EQ(command.state(), v1::COMMAND_STATE_CANCELLED);
  EXPECT_THAT(command.error_message(), HasSubstr("deleted"));
  registry_.Stop();
  registry_.Start();
  EXPECT_EQ(StateOf(id), v1::COMMAND_STATE_CANCELLED);
}

TEST_F(CommandsRpcTest, DisablingTheDeviceCancelsItsCommands) {
  const std::string id = MustSend().id();
  grpc::ClientContext context;
  v1::UpdateDeviceRequest request;
  request.mutable_device()->set_id("valve");
  request.mutable_device()->set_enabled(false);
  v1::Device device;
  ASSERT_TRUE(registry_.devices().UpdateDevice(&context, request, &device).ok());
  EXPECT_EQ(StateOf(id), v1::COMMAND_STATE_CANCELLED);
  v1::Command command;
  EXPECT_EQ(Send("valve", "open", &command).error_code(), grpc::StatusCode::FAILED_PRECONDITION);
}

TEST_F(CommandsRpcTest, WaitReturnsTheEndedCommand) {
  v1::SendCommandRequest request;
  request.set_device_id("valve");
  request.set_name("open");
  request.mutable_wait()->set_seconds(300);
  const auto watch = StartWatch();
  std::thread device([&] {
    v1::Command command;
    const std::string id = watch->Next().id();
    EXPECT_TRUE(Report(id, "", v1::COMMAND_STATE_SENT, &command).ok());
    EXPECT_TRUE(Report(id, "valve", v1::COMMAND_STATE_SUCCEEDED, &command).ok());
  });
  grpc::ClientContext context;
  v1::Command command;
  ASSERT_TRUE(registry_.commands().SendCommand(&context, request, &command).ok());
  EXPECT_EQ(command.state(), v1::COMMAND_STATE_SUCCEEDED);
  device.join();
  watch->context.TryCancel();
}

TEST_F(CommandsRpcTest, WaitEndsWithItsTimeTheDeadlineOrTheService) {
  v1::SendCommandRequest request;
  request.set_device_id("valve");
  request.set_name("open");
  request.mutable_wait()->set_seconds(300);
  v1::Command command;
  // The metrics lag behind: what is seen of a call must not be taken for the one before it.
  const auto waiting_calls = [&](int accepted, int waiting) {
    return Eventually([&] {
      return registry_.Metric("sluice_commands_total", "accepted") == accepted &&
             registry_.Metric("sluice_registry_waiting_calls") == waiting;
    });
  };
  {
    grpc::ClientContext context;
    context.set_deadline(std::chrono::system_clock::now() + std::chrono::milliseconds(500));
    EXPECT_EQ(registry_.commands().SendCommand(&context, request, &command).error_code(),
              grpc::StatusCode::DEADLINE_EXCEEDED);
    EXPECT_TRUE(waiting_calls(1, 0));
  }
  grpc::Status status;
  std::thread timed([&] {
    grpc::ClientContext context;
    status = registry_.commands().SendCommand(&context, request, &command);
  });
  EXPECT_TRUE(waiting_calls(2, 1));
  registry_.clock().Advance(absl::Seconds(300));
  timed.join();
  EXPECT_TRUE(status.ok()) << status.error_message();
  EXPECT_EQ(command.state(), v1::COMMAND_STATE_PENDING);
  EXPECT_TRUE(waiting_calls(2, 0));

  std::thread stopped([&] {
    grpc::ClientContext context;
    status = registry_.commands().SendCommand(&context, request, &command);
  });
  EXPECT_TRUE(waiting_calls(3, 1));
  registry_.Stop();
  stopped.join();
  EXPECT_TRUE(status.ok()) << status.error_message();
  EXPECT_EQ(command.state(), v1::COMMAND_STATE_PENDING);
}

TEST_F(CommandsRpcTest, PresenceIsALease) {
  v1::ReportPresenceRequest request;
  request.set_instance_id("ingress-1");
  request.mutable_lease()->set_seconds(10);
  v1::Sighting* sighting = request.add_sightings();
  sighting->set_device_id("valve");
  sighting->mutable_last_seen()->set_seconds(1'700'000'000);
  v1::ReportPresenceResponse response;
  {
    grpc::ClientContext context;
    ASSERT_TRUE(registry_.devices().ReportPresence(&context, request, &response).ok());
  }
  EXPECT_TRUE(response.lease_was_lost());
  EXPECT_TRUE(Eventually([&] { return registry_.Metric("sluice_devices", "online") == 1; }));
  registry_.clock().Advance(absl::Seconds(10));
  EXPECT_TRUE(Eventually([&] { return registry_.Metric("sluice_devices", "unknown") == 2; }));

  // last_seen is written at the end of the process, too.
  registry_.Stop();
  registry_.Start();
  grpc::ClientContext context;
  v1::GetDeviceRequest get;
  get.set_device_id("valve");
  v1::Device device;
  ASSERT_TRUE(registry_.devices().GetDevice(&context, get, &device).ok());
  EXPECT_EQ(device.last_seen().seconds(), 1'700'000'000);
}

}  // namespace
}  // namespace sluice::registry
