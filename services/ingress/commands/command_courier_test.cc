#include "services/ingress/commands/command_courier.h"

#include <gmock/gmock.h>
#include <grpcpp/create_channel.h>
#include <grpcpp/security/credentials.h>
#include <grpcpp/security/server_credentials.h>
#include <grpcpp/server.h>
#include <grpcpp/server_builder.h>
#include <gtest/gtest.h>

#include <functional>
#include <map>
#include <memory>
#include <string>
#include <utility>
#include <vector>

#include "absl/base/thread_annotations.h"
#include "absl/strings/str_cat.h"
#include "absl/synchronization/mutex.h"
#include "services/ingress/mqtt/mqtt_session.h"
#include "services/ingress/mqtt/testing/test_broker.h"
#include "sluice/v1/command_service.grpc.pb.h"

namespace sluice::ingress {
namespace {

using ::testing::ElementsAre;
using ::testing::IsSupersetOf;
using ::testing::SizeIs;

v1::Command Pending(const std::string& id, const std::string& device_id) {
  v1::Command command;
  command.set_id(id);
  command.set_device_id(device_id);
  command.set_name("open");
  command.set_state(v1::COMMAND_STATE_PENDING);
  return command;
}

// The registry's side: keeps commands, streams them as CommandService says, notes reports.
class FakeRegistry final : public v1::CommandService::Service {
 public:
  ~FakeRegistry() override { Stop(); }

  // On a free port at first, on the same one later.
  void Start() {
    grpc::ServerBuilder builder;
    builder.AddListeningPort(absl::StrCat("127.0.0.1:", port_), grpc::InsecureServerCredentials(),
                             &port_);
    builder.RegisterService(this);
    {
      absl::MutexLock lock(&mutex_);
      stopping_ = false;
    }
    server_ = builder.BuildAndStart();
    ASSERT_NE(server_, nullptr);
  }
  void Stop() {
    {
      absl::MutexLock lock(&mutex_);
      stopping_ = true;
    }
    if (server_ != nullptr) server_->Shutdown(std::chrono::system_clock::now());
    server_.reset();
  }
  std::shared_ptr<grpc::Channel> Channel() const {
    grpc::ChannelArguments arguments;
    arguments.SetInt(GRPC_ARG_MAX_RECONNECT_BACKOFF_MS, 200);
    return grpc::CreateCustomChannel(absl::StrCat("127.0.0.1:", port_),
                                     grpc::InsecureChannelCredentials(), arguments);
  }

  void Send(v1::Command command) {
    absl::MutexLock lock(&mutex_);
    commands_.push_back(std::move(command));
  }
  void FailReports(grpc::StatusCode code) {
    absl::MutexLock lock(&mutex_);
    report_code_ = code;
  }
  // By command: the last state reported, with the error message.
  std::map<std::string, std::string> reports() const {
    absl::MutexLock lock(&mutex_);
    return reports_;
  }
  int report_calls() const {
    absl::MutexLock lock(&mutex_);
    return report_calls_;
  }

  grpc::Status WatchCommands(grpc::ServerContext* context, const v1::WatchCommandsRequest* request,
                             grpc::ServerWriter<v1::WatchCommandsResponse>* writer) override {
    EXPECT_EQ(request->instance_id(), "ingress-1");
    size_t next = 0;
    while (true) {
      v1::WatchCommandsResponse response;
      {
        absl::MutexLock lock(&mutex_);
        const auto awake = [&]() ABSL_EXCLUSIVE_LOCKS_REQUIRED(mutex_) {
          return stopping_ || next < commands_.size();
        };
        const bool has_more =
            mutex_.AwaitWithTimeout(absl::Condition(&awake), absl::Milliseconds(20));
        if (stopping_ || context->IsCancelled()) return grpc::Status::CANCELLED;
        if (!has_more) continue;
        *response.mutable_command() = commands_[next++];
      }
      if (!writer->Write(response)) return grpc::Status::CANCELLED;
    }
  }

  grpc::Status ReportCommandResult(grpc::ServerContext*,
                                   const v1::ReportCommandResultRequest* request,
                                   v1::Command*) override {
    absl::MutexLock lock(&mutex_);
    ++report_calls_;
    if (report_code_ != grpc::StatusCode::OK) return {report_code_, "as told"};
    reports_[request->command_id()] =
        absl::StrCat(v1::CommandState_Name(request->state()), "|", request->error_message());
    for (v1::Command& command : commands_) {
      if (command.id() == request->command_id()) command.set_state(request->state());
    }
    return grpc::Status::OK;
  }

 private:
  int port_ = 0;
  std::unique_ptr<grpc::Server> server_;
  mutable absl::Mutex mutex_;
  bool stopping_ ABSL_GUARDED_BY(mutex_) = false;
  grpc::StatusCode report_code_ ABSL_GUARDED_BY(mutex_) = grpc::StatusCode::OK;
  int report_calls_ ABSL_GUARDED_BY(mutex_) = 0;
  std::vector<v1::Command> commands_ ABSL_GUARDED_BY(mutex_);
  std::map<std::string, std::string> reports_ ABSL_GUARDED_BY(mutex_);
};

// A broker whose answers a test gives.
class HeldPublisher final : public Publisher {
 public:
  absl::Status Publish(Publication publication, std::function<void(absl::Status)> done) override {
    absl::MutexLock lock(&mutex_);
    attempts_.push_back(publication.correlation_data);
    if (!answer_.ok()) return answer_;
    held_.push_back(std::move(done));
    return absl::OkStatus();
  }
  void Answer(absl::Status answer) {
    absl::MutexLock lock(&mutex_);
    answer_ = std::move(answer);
  }
  // Ends every publish that is under way.
  void End(const absl::Status& status) {
    std::vector<std::function<void(absl::Status)>> held;
    {
      absl::MutexLock lock(&mutex_);
      held.swap(held_);
    }
    for (const auto& done : held) done(status);
  }
  std::vector<std::string> attempts() const {
    absl::MutexLock lock(&mutex_);
    return attempts_;
  }
  size_t held() const {
    absl::MutexLock lock(&mutex_);
    return held_.size();
  }

 private:
  mutable absl::Mutex mutex_;
  absl::Status answer_ ABSL_GUARDED_BY(mutex_);
  std::vector<std::string> attempts_ ABSL_GUARDED_BY(mutex_);
  std::vector<std::function<void(absl::Status)>> held_ ABSL_GUARDED_BY(mutex_);
};

class CommandCourierTest : public ::testing::Test {
 protected:
  void SetUp() override { registry_.Start(); }

  std::unique_ptr<CommandCourier> Courier(Publisher* publisher, size_t max_commands = 100) {
    CommandCourier::Options options;
    options.instance_id = "ingress-1";
    options.queue.max_commands = max_commands;
    options.queue.first_retry = absl::Milliseconds(10);
    return CommandCourier::Create(options, registry_.Channel(), publisher, &clock_);
  }

  SystemClock clock_;
  FakeRegistry registry_;
};

TEST_F(CommandCourierTest, ReportsSentOnlyWhenTheBrokerHasIt) {
  HeldPublisher broker;
  auto courier = Courier(&broker);
  registry_.Send(Pending("1", "valve"));
  ASSERT_TRUE(Eventually([&] { return broker.held() == 1; }));
  EXPECT_THAT(registry_.reports(), SizeIs(0));
  EXPECT_EQ(courier->stats().queue.in_flight, 1);
  broker.End(absl::OkStatus());
  ASSERT_TRUE(Eventually([&] { return registry_.reports().size() == 1; }));
  EXPECT_EQ(registry_.reports()["1"], "COMMAND_STATE_SENT|");
  EXPECT_TRUE(Eventually([&] { return courier->stats().queue.held == 0; }));
}

TEST_F(CommandCourierTest, PublishesAgainWhatFailed) {
  HeldPublisher broker;
  broker.Answer(absl::UnavailableError("not connected"));
  auto courier = Courier(&broker);
  registry_.Send(Pending("1", "valve"));
  ASSERT_TRUE(Eventually([&] { return broker.attempts().size() >= 3; }));
  broker.Answer(absl::OkStatus());
  ASSERT_TRUE(Eventually([&] { return broker.held() == 1; }));
  broker.End(absl::AbortedError("the broker lost the session"));
  ASSERT_TRUE(Eventually([&] { return broker.held() == 1; }));
  broker.End(absl::OkStatus());
  ASSERT_TRUE(Eventually([&] { return registry_.reports().size() == 1; }));
  EXPECT_EQ(registry_.reports()["1"], "COMMAND_STATE_SENT|");
  EXPECT_THAT(broker.attempts(), ::testing::Each("1")) << "always the same id";
}

TEST_F(CommandCourierTest, ReportsFailedWhatCanNeverBeSent) {
  HeldPublisher broker;
  auto courier = Courier(&broker);
  registry_.Send(Pending("1", "not/legal"));
  ASSERT_TRUE(Eventually([&] { return registry_.reports().size() == 1; }));
  EXPECT_THAT(registry_.reports()["1"],
              ::testing::StartsWith("COMMAND_STATE_FAILED|command.device_id: "));
  EXPECT_THAT(broker.attempts(), SizeIs(0));
}

TEST_F(CommandCourierTest, ReportsUntilTheRegistryTakesIt) {
  HeldPublisher broker;
  registry_.FailReports(grpc::StatusCode::UNAVAILABLE);
  auto courier = Courier(&broker);
  registry_.Send(Pending("1", "valve"));
  ASSERT_TRUE(Eventually([&] { return broker.held() == 1; }));
  broker.End(absl::OkStatus());
  ASSERT_TRUE(Eventually([&] { return registry_.report_calls() >= 3; }));
  registry_.FailReports(grpc::StatusCode::OK);
  EXPECT_TRUE(Eventually([&] { return registry_.reports().size() == 1; }));
  EXPECT_THAT(broker.attempts(), ElementsAre("1"));
}

TEST_F(CommandCourierTest, ForgetsWhatTheRegistryDoesNotKnow) {
  HeldPublisher broker;
  registry_.FailReports(grpc::StatusCode::NOT_FOUND);
  auto courier = Courier(&broker);
  registry_.Send(Pending("1", "valve"));
  ASSERT_TRUE(Eventually([&] { return broker.held() == 1; }));
  broker.End(absl::OkStatus());
  ASSERT_TRUE(Eventually([&] { return courier->stats().queue.unwanted == 1; }));
  EXPECT_EQ(courier->stats().queue.held, 0);
}

TEST_F(CommandCourierTest, WatchesAgainAfterTheRegistryCameBack) {
  HeldPublisher broker;
  auto courier = Courier(&broker);
  registry_.Send(Pending("1", "valve"));
  ASSERT_TRUE(Eventually([&] { return broker.held() == 1; }));
  registry_.Stop();
  ASSERT_TRUE(Eventually([&] { return !courier->stats().watching; }));
  registry_.Send(Pending("2", "pump"));
  registry_.Start();
  ASSERT_TRUE(Eventually([&] { return broker.held() == 2; }));
  EXPECT_THAT(broker.attempts(), ElementsAre("1", "2")) << "1 is known though streamed again";
  EXPECT_GE(courier->stats().watches, 2);
}

TEST_F(CommandCourierTest, ReadsNoFurtherThanItHasRoom) {
  HeldPublisher broker;
  auto courier = Courier(&broker, 3);
  for (int i = 0; i < 10; ++i) registry_.Send(Pending(absl::StrCat(i), absl::StrCat("d", i)));
  ASSERT_TRUE(Eventually([&] { return broker.held() == 3; }));
  EXPECT_EQ(courier->stats().queue.held, 3);
  EXPECT_TRUE(Eventually([&] {
    broker.End(absl::OkStatus());
    return registry_.reports().size() == 10;
  }));
  EXPECT_THAT(broker.attempts(), SizeIs(10));
}

TEST_F(CommandCourierTest, StopsAtOnceWithEverythingUnderWay) {
  HeldPublisher broker;
  auto courier = Courier(&broker, 3);
  for (int i = 0; i < 10; ++i) registry_.Send(Pending(absl::StrCat(i), absl::StrCat("d", i)));
  ASSERT_TRUE(Eventually([&] { return broker.held() == 3; }));
  courier->Stop();
  courier->Stop();
  courier.reset();
  broker.End(absl::OkStatus());
}

TEST_F(CommandCourierTest, StopsWithoutARegistry) {
  registry_.Stop();
  HeldPublisher broker;
  auto courier = Courier(&broker);
  ASSERT_TRUE(Eventually([&] { return courier->stats().watches >= 1; }));
  courier->Stop();
}

// Through a real broker to a client that is not ours, over an outage of the broker.
TEST_F(CommandCourierTest, ReachesTheDeviceThroughMosquitto) {
  TestBroker broker;
  const std::vector<std::string> device = {
      "-V", "5", "-c", "-i", "valve", "-x", "1000", "-t", "devices/valve/commands", "-q", "2"};
  const auto with = [&](std::vector<std::string> more) {
    std::vector<std::string> all = device;
    all.insert(all.end(), more.begin(), more.end());
    return all;
  };
  broker.Subscribe(with({"-E"}));

  MqttSession::Options options;
  options.broker = broker.uri();
  options.client_id = "sluice-ingress-1";
  auto session = MqttSession::Create(options).value();
  session->Start(std::vector<Subscription>(),
                 [](const InboundPublish&) { return Outcome::kTaken; });
  auto courier = Courier(session.get());
  v1::Command command = Pending("1", "valve");
  (*command.mutable_arguments()->mutable_fields())["percent"].set_number_value(40);
  registry_.Send(command);
  ASSERT_TRUE(Eventually([&] { return registry_.reports().size() == 1; }));
  EXPECT_EQ(registry_.reports()["1"], "COMMAND_STATE_SENT|");

  broker.Save();
  broker.Kill();
  ASSERT_TRUE(Eventually([&] { return !session->stats().connected; }));
  registry_.Send(Pending("2", "valve"));
  ASSERT_TRUE(Eventually([&] { return courier->stats().queue.publish_failures >= 1; }));
  broker.Start();
  ASSERT_TRUE(Eventually([&] { return registry_.reports().size() == 2; }));

  const std::string topic = "devices/valve/commands/";
  EXPECT_THAT(
      broker.Subscribe(with({"-C", "2", "-W", "10", "-F", "%t|%q|%C|%R|%D|%p"})),
      IsSupersetOf(
          {"devices/valve/commands|2|application/json|" + topic +
               "1/response|1|{\"command_id\": \"1\", \"name\": \"open\", \"arguments\": "
               "{\"percent\":40}}",
           "devices/valve/commands|2|application/json|" + topic +
               "2/response|2|{\"command_id\": \"2\", \"name\": \"open\", \"arguments\": {}}"}));
  courier->Stop();
  session->Stop();
}

}  // namespace
}  // namespace sluice::ingress
