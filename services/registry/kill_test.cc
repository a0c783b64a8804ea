// The real process, killed in the middle of changes to devices and commands: what was acknowledged
// is there after it, to the last field, and what was under way happened as a whole or not at all.
#include <google/protobuf/util/message_differencer.h>
#include <gtest/gtest.h>

#include <algorithm>
#include <atomic>
#include <map>
#include <memory>
#include <random>
#include <string>
#include <thread>
#include <vector>

#include "absl/strings/str_cat.h"
#include "absl/types/optional.h"
#include "libs/rpc/service_process.h"
#include "sluice/v1/command_service.grpc.pb.h"
#include "sluice/v1/registry_service.grpc.pb.h"

namespace sluice::registry {
namespace {

using ::google::protobuf::util::MessageDifferencer;

constexpr int kClients = 4;
constexpr int kRounds = 10;
constexpr int kDevices = 6;  // of each client, beside its valve

// One caller with devices of its own, and the book that it keeps of what the registry acknowledged.
class Client {
 public:
  Client(int number, unsigned seed) : name_(absl::StrCat("c", number)), random_(seed) {}

  void Connect(const std::shared_ptr<grpc::Channel>& channel) {
    registry_ = v1::RegistryService::NewStub(channel);
    commands_ = v1::CommandService::NewStub(channel);
  }

  // Changes something until a call ends without an answer.
  void RunUntilKilled(std::atomic<int>* acknowledged) {
    while (Change()) acknowledged->fetch_add(1);
  }

  // Compares the book with what is there, and enters what became of the call under way.
  void Verify() {
    for (int i = 0; i < kDevices; ++i) VerifyDevice(absl::StrCat(name_, "-", i));
    VerifyDevice(Valve());
    if (!under_way_request_id_.empty()) {
      // Sent again it is the same command, whether it had arrived or not.
      const v1::Command first = MustSend(under_way_request_id_);
      EXPECT_TRUE(MessageDifferencer::Equals(first, MustSend(under_way_request_id_)));
      book_of_commands_[first.id()] = first;
      under_way_request_id_.clear();
    }
    for (auto& [id, command] : book_of_commands_) VerifyCommand(id, &command);
    under_way_ = {};
  }

  size_t devices() const { return book_.size(); }
  size_t commands() const { return book_of_commands_.size(); }

 private:
  // What the call that has no answer yet is to make of the device or command of that id.
  struct UnderWay {
    std::string id;
    bool deletes = false;
    v1::Device device;
    v1::CommandState state = v1::COMMAND_STATE_UNSPECIFIED;
  };

  std::string Valve() const { return name_ + "-valve"; }

  bool Change() {
    if (book_.count(Valve()) == 0) return Create(Valve());
    switch (random_() % 6) {
      case 0:
        return Send();
      case 1:
      case 2:  // more, so that not too many are unfinished
        return Finish();
      default:
        break;
    }
    const std::string id = absl::StrCat(name_, "-", random_() % kDevices);
    if (book_.count(id) == 0) return Create(id);
    switch (random_() % 4) {
      case 0:
        return Delete(id);
      case 1:
        return SetStatus(id);
      default:
        return Update(id);
    }
  }

  bool Create(const std::string& id) {
    v1::CreateDeviceRequest request;
    v1::Device* device = request.mutable_device();
    device->set_id(id);
    if (id == Valve()) {
      device->mutable_actuator()->add_commands()->set_name("open");
    } else {
      device->mutable_sensor();
    }
    device->set_firmware_version(NewText());
    (*device->mutable_labels())["of"] = name_;
    under_way_.id = id;
    under_way_.device = *device;
    grpc::ClientContext context;
    v1::Device answer;
    return Enter(registry_->CreateDevice(&context, request, &answer), answer);
  }
  bool Update(const std::string& id) {
    v1::UpdateDeviceRequest request;
    request.mutable_device()->set_id(id);
    request.mutable_device()->set_firmware_version(NewText());
    request.mutable_update_mask()->add_paths("firmware_version");
    under_way_.id = id;
    under_way_.device = book_[id];
    under_way_.device.set_firmware_version(request.device().firmware_version());
    grpc::ClientContext context;
    v1::Device answer;
    return Enter(registry_->UpdateDevice(&context, request, &answer), answer);
  }
  bool SetStatus(const std::string& id) {
    v1::UpdateDeviceStatusRequest request;
    request.set_device_id(id);
    request.set_status(v1::DEVICE_STATUS_ERROR);
    request.set_status_message(NewText());
    under_way_.id = id;
    under_way_.device = book_[id];
    under_way_.device.set_status(request.status());
    under_way_.device.set_status_message(request.status_message());
    grpc::ClientContext context;
    v1::Device answer;
    return Enter(registry_->UpdateDeviceStatus(&context, request, &answer), answer);
  }
  bool Delete(const std::string& id) {
    v1::DeleteDeviceRequest request;
    request.set_device_id(id);
    under_way_.id = id;
    under_way_.deletes = true;
    grpc::ClientContext context;
    google::protobuf::Empty answer;
    if (!Answered(registry_->DeleteDevice(&context, request, &answer))) return false;
    book_.erase(id);
    under_way_ = {};
    return true;
  }
  bool Send() {
    under_way_request_id_ = NewText();
    v1::Command answer;
    if (!Answered(TrySend(under_way_request_id_, &answer))) return false;
    under_way_request_id_.clear();
    book_of_commands_[answer.id()] = answer;
    return true;
  }
  bool Finish() {
    const auto at = std::find_if(
        book_of_commands_.begin(), book_of_commands_.end(),
        [](const auto& entry) { return entry.second.state() != v1::COMMAND_STATE_SUCCEEDED; });
    if (at == book_of_commands_.end()) return Send();
    v1::ReportCommandResultRequest request;
    request.set_command_id(at->first);
    request.set_device_id(Valve());
    request.set_state(v1::COMMAND_STATE_SUCCEEDED);
    request.mutable_result()->set_string_value(NewText());
    under_way_.id = at->first;
    under_way_.state = request.state();
    grpc::ClientContext context;
    v1::Command answer;
    if (!Answered(commands_->ReportCommandResult(&context, request, &answer))) return false;
    at->second = answer;
    under_way_ = {};
    return true;
  }

  grpc::Status TrySend(const std::string& request_id, v1::Command* answer) {
    v1::SendCommandRequest request;
    request.set_device_id(Valve());
    request.set_name("open");
    request.set_request_id(request_id);
    grpc::ClientContext context;
    return commands_->SendCommand(&context, request, answer);
  }
  v1::Command MustSend(const std::string& request_id) {
    v1::Command answer;
    const grpc::Status status = TrySend(request_id, &answer);
    EXPECT_TRUE(status.ok()) << status.error_message();
    return answer;
  }

  // False: the process ended. Anything else than that and an answer is a failure.
  static bool Answered(const grpc::Status& status) {
    EXPECT_TRUE(status.ok() || status.error_code() == grpc::StatusCode::UNAVAILABLE)
        << status.error_code() << " " << status.error_message();
    return status.ok();
  }
  bool Enter(const grpc::Status& status, const v1::Device& answer) {
    if (!Answered(status)) return false;
    book_[answer.id()] = answer;
    under_way_ = {};
    return true;
  }

  void VerifyDevice(const std::string& id) {
    v1::GetDeviceRequest request;
    request.set_device_id(id);
    grpc::ClientContext context;
    v1::Device found;
    const grpc::Status status = registry_->GetDevice(&context, request, &found);
    const auto entry = book_.find(id);
    const bool is_under_way = under_way_.id == id;
    if (status.error_code() == grpc::StatusCode::NOT_FOUND) {
      EXPECT_TRUE(entry == book_.end() || (is_under_way && under_way_.deletes)) << id << " is lost";
      book_.erase(id);
      return;
    }
    ASSERT_TRUE(status.ok()) << status.error_message();
    if (entry != book_.end() && MessageDifferencer::Equals(found, entry->second)) return;
    ASSERT_TRUE(is_under_way && !under_way_.deletes)
        << id << " is " << found.ShortDebugString() << "; acknowledged was "
        << (entry == book_.end() ? "its end" : entry->second.ShortDebugString());
    EXPECT_EQ(found.firmware_version(), under_way_.device.firmware_version());
    EXPECT_EQ(found.status_message(), under_way_.device.status_message());
    EXPECT_EQ(found.labels().at("of"), name_);
    book_[id] = found;
  }
  void VerifyCommand(const std::string& id, v1::Command* command) {
    v1::GetCommandRequest request;
    request.set_command_id(id);
    grpc::ClientContext context;
    v1::Command found;
    const grpc::Status status = commands_->GetCommand(&context, request, &found);
    ASSERT_TRUE(status.ok()) << id << ": " << status.error_message();
    if (MessageDifferencer::Equals(found, *command)) return;
    EXPECT_TRUE(under_way_.id == id && found.state() == under_way_.state)
        << "command is " << found.ShortDebugString() << "; acknowledged was "
        << command->ShortDebugString();
    *command = found;
  }

  std::string NewText() { return absl::StrCat(name_, "-text-", ++last_text_); }

  const std::string name_;
  std::mt19937 random_;
  std::unique_ptr<v1::RegistryService::Stub> registry_;
  std::unique_ptr<v1::CommandService::Stub> commands_;
  int last_text_ = 0;
  std::map<std::string, v1::Device> book_;
  std::map<std::string, v1::Command> book_of_commands_;
  UnderWay under_way_;
  std::string under_way_request_id_;
};

TEST(KillTest, WhatWasAcknowledgedIsThere) {
  const unsigned seed = std::random_device()();
  SCOPED_TRACE(absl::StrCat("seed ", seed));
  std::mt19937 random(seed);
  rpc::ServiceProcess process("services/registry/sluice-registry", {});
  std::vector<Client> clients;
  for (int i = 0; i < kClients; ++i) clients.emplace_back(i, seed + static_cast<unsigned>(i));
  for (int round = 0; round <= kRounds; ++round) {
    process.Start();
    if (::testing::Test::HasFatalFailure()) return;
    for (Client& client : clients) {
      client.Connect(process.channel());
      client.Verify();
    }
    if (::testing::Test::HasFailure() || round == kRounds) break;
    std::atomic<int> acknowledged{0};
    std::vector<std::thread> threads;
    for (Client& client : clients) {
      threads.emplace_back([&] { client.RunUntilKilled(&acknowledged); });
    }
    const int enough = 1 + static_cast<int>(random() % 200);
    while (acknowledged < enough) std::this_thread::yield();
    EXPECT_TRUE(WIFSIGNALED(process.End(SIGKILL)));
    for (std::thread& thread : threads) thread.join();
  }
  size_t devices = 0;
  size_t commands = 0;
  for (const Client& client : clients) {
    devices += client.devices();
    commands += client.commands();
  }
  EXPECT_GT(commands, 50u);
  // Nothing is there that nobody made.
  v1::ListDevicesRequest request;
  request.set_page_size(1000);
  grpc::ClientContext context;
  v1::ListDevicesResponse all;
  const auto stub = v1::RegistryService::NewStub(process.channel());
  ASSERT_TRUE(stub->ListDevices(&context, request, &all).ok());
  EXPECT_EQ(static_cast<size_t>(all.devices_size()), devices);
}

}  // namespace
}  // namespace sluice::registry
