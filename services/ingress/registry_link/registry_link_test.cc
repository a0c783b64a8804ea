#include "services/ingress/registry_link/registry_link.h"

#include <grpcpp/server_builder.h>
#include <gtest/gtest.h>

#include <algorithm>
#include <functional>
#include <memory>
#include <string>
#include <vector>

#include "absl/strings/str_cat.h"
#include "libs/rpc/channel.h"
#include "services/ingress/testing/fake_journal.h"
#include "sluice/state/v1/report.pb.h"

namespace sluice::ingress {
namespace {

constexpr absl::Duration kPatience = absl::Seconds(20);

// A registry on a socket that keeps devices and writes down what it is told.
class SmallRegistry final : public v1::RegistryService::Service,
                            public v1::CommandService::Service {
 public:
  // Port 0 picks a free one.
  void Start(int port = 0) {
    {
      absl::MutexLock lock(&mutex_);
      stopping_ = false;
    }
    grpc::ServerBuilder builder;
    builder.AddListeningPort(absl::StrCat("127.0.0.1:", port), grpc::InsecureServerCredentials(),
                             &port_);
    builder.RegisterService(static_cast<v1::RegistryService::Service*>(this));
    builder.RegisterService(static_cast<v1::CommandService::Service*>(this));
    server_ = builder.BuildAndStart();
    ASSERT_NE(server_, nullptr);
  }
  void Stop() {
    {
      absl::MutexLock lock(&mutex_);
      stopping_ = true;
    }
    server_->Shutdown();
    server_.reset();
  }
  int port() const { return port_; }

  void Create(const std::string& id) {
    absl::MutexLock lock(&mutex_);
    ids_.push_back(id);
  }
  void Delete(const std::string& id) {
    absl::MutexLock lock(&mutex_);
    ids_.erase(std::remove(ids_.begin(), ids_.end(), id), ids_.end());
  }
  bool AwaitTold(const std::string& what) {
    absl::MutexLock lock(&mutex_);
    const auto told = [&] {
      mutex_.AssertHeld();
      return std::find(told_.begin(), told_.end(), what) != told_.end();
    };
    return mutex_.AwaitWithTimeout(absl::Condition(&told), kPatience);
  }

  grpc::Status WatchDevices(grpc::ServerContext* context, const v1::WatchDevicesRequest*,
                            grpc::ServerWriter<v1::WatchDevicesResponse>* writer) override {
    std::vector<std::string> shown;
    bool synced = false;
    while (!context->IsCancelled()) {
      std::vector<std::string> now;
      {
        absl::MutexLock lock(&mutex_);
        if (stopping_) return {grpc::StatusCode::UNAVAILABLE, "stopping"};
        now = ids_;
      }
      v1::WatchDevicesResponse message;
      for (size_t i = shown.size(); i < now.size(); ++i) {
        message.mutable_upserted()->set_id(now[i]);
        writer->Write(message);
      }
      for (const std::string& id : shown) {
        if (std::find(now.begin(), now.end(), id) != now.end()) continue;
        message.set_deleted_id(id);
        writer->Write(message);
      }
      shown = now;
      if (!synced) {
        message.set_synced(true);
        writer->Write(message);
        synced = true;
      }
      absl::MutexLock lock(&mutex_);
      const auto changed = [&] {
        mutex_.AssertHeld();
        return stopping_ || ids_ != shown;
      };
      mutex_.AwaitWithTimeout(absl::Condition(&changed), absl::Milliseconds(50));
    }
    return grpc::Status::CANCELLED;
  }
  grpc::Status BatchCreateDevices(grpc::ServerContext*,
                                  const v1::BatchCreateDevicesRequest* request,
                                  v1::BatchCreateDevicesResponse* response) override {
    absl::MutexLock lock(&mutex_);
    for (const auto& device : request->devices()) {
      response->add_results();
      ids_.push_back(device.id());
    }
    return grpc::Status::OK;
  }
  grpc::Status ReportPresence(grpc::ServerContext*, const v1::ReportPresenceRequest* request,
                              v1::ReportPresenceResponse*) override {
    absl::MutexLock lock(&mutex_);
    for (const auto& sighting : request->sightings()) {
      told_.push_back(absl::StrCat(sighting.device_id(), " ", sighting.status()));
    }
    return grpc::Status::OK;
  }
  grpc::Status ReportCommandResult(grpc::ServerContext*,
                                   const v1::ReportCommandResultRequest* request,
                                   v1::Command*) override {
    absl::MutexLock lock(&mutex_);
    told_.push_back(request->command_id());
    return grpc::Status::OK;
  }

 private:
  int port_ = 0;
  std::unique_ptr<grpc::Server> server_;
  absl::Mutex mutex_;
  bool stopping_ ABSL_GUARDED_BY(mutex_) = false;
  std::vector<std::string> ids_ ABSL_GUARDED_BY(mutex_);
  std::vector<std::string> told_ ABSL_GUARDED_BY(mutex_);
};

class RegistryLinkTest : public ::testing::Test {
 protected:
  std::unique_ptr<RegistryLink> NewLink(const std::string& address) {
    return std::make_unique<RegistryLink>(
        rpc::MakeChannel(address),
        RegistryLink::Parts{&clock_, &reports_, &replica_, &newcomers_, &heard_,
                            [](int64_t) { return absl::OkStatus(); }},
        RegistryReporter::Options{"ingress-1", absl::Seconds(30), true}, 0);
  }
  std::unique_ptr<RegistryLink> NewLink() {
    return NewLink(absl::StrCat("127.0.0.1:", registry_.port()));
  }
  void ReportCommand(const std::string& id) {
    state::v1::Report report;
    report.set_device_id("a");
    report.mutable_command()->set_command_id(id);
    ASSERT_TRUE(reports_.Append(report.SerializeAsString()).ok());
    reports_.Sync();
  }
  bool Await(const std::function<bool()>& condition) {
    absl::Mutex mutex;
    const absl::Duration end = clock_.Uptime() + kPatience;
    while (!condition() && clock_.Uptime() < end) {
      absl::MutexLock lock(&mutex);
      mutex.AwaitWithTimeout(absl::Condition(&condition, &std::function<bool()>::operator()),
                             absl::Milliseconds(10));
    }
    return condition();
  }
  bool Await(DeviceReplica::Standing standing, const std::string& id) {
    return Await([&] { return replica_.Find(id) == standing; });
  }

  SystemClock clock_;
  SmallRegistry registry_;
  FakeJournal reports_;
  DeviceReplica replica_;
  Newcomers newcomers_;
  HeardDevices heard_{&clock_};
};

TEST_F(RegistryLinkTest, FollowsDevicesAndTellsWhatIsNew) {
  registry_.Create("a");
  registry_.Start();
  auto link = NewLink();
  EXPECT_TRUE(Await(DeviceReplica::Standing::kEnabled, "a"));
  newcomers_.Add("b");
  EXPECT_TRUE(Await(DeviceReplica::Standing::kEnabled, "b"));
  registry_.Delete("a");
  EXPECT_TRUE(Await(DeviceReplica::Standing::kUnknown, "a"));
  heard_.Heard("b", MomentOf(clock_));
  EXPECT_TRUE(registry_.AwaitTold("b 0"));
  ReportCommand("c-1");
  EXPECT_TRUE(registry_.AwaitTold("c-1"));
  EXPECT_TRUE(Await([&] { return link->stats().cursor == 1; }));
  link.reset();
  registry_.Stop();
}

TEST_F(RegistryLinkTest, ComesBackWhenTheRegistryDoes) {
  registry_.Create("a");
  registry_.Start();
  const int port = registry_.port();
  auto link = NewLink();
  EXPECT_TRUE(Await(DeviceReplica::Standing::kEnabled, "a"));
  registry_.Stop();
  ReportCommand("c-1");
  registry_.Delete("a");
  registry_.Create("b");
  EXPECT_EQ(replica_.Find("a"), DeviceReplica::Standing::kEnabled) << "known while it is away";
  registry_.Start(port);
  EXPECT_TRUE(Await(DeviceReplica::Standing::kEnabled, "b"));
  EXPECT_TRUE(Await(DeviceReplica::Standing::kUnknown, "a"));
  EXPECT_TRUE(registry_.AwaitTold("c-1"));
  link.reset();
  registry_.Stop();
}

TEST_F(RegistryLinkTest, StopsWhileNobodyIsThere) {
  auto link = NewLink("127.0.0.1:1");
  ReportCommand("c-1");
  link->Stop();
  link->Stop();
  EXPECT_FALSE(link->synced());
  EXPECT_EQ(link->stats().cursor, 0);
}

}  // namespace
}  // namespace sluice::ingress
