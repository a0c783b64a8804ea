// WatchDevices over gRPC.

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <memory>
#include <set>
#include <string>
#include <thread>

#include "absl/strings/str_cat.h"
#include "services/registry/running_registry.h"

namespace sluice::registry {
namespace {

class WatchRpcTest : public ::testing::Test {
 protected:
  struct Watch {
    grpc::ClientContext context;
    std::unique_ptr<grpc::ClientReader<v1::WatchDevicesResponse>> reader;

    // "+ID", "-ID", "synced", or "end".
    std::string Next() {
      v1::WatchDevicesResponse message;
      if (!reader->Read(&message)) return "end";
      if (message.has_upserted()) return "+" + message.upserted().id();
      if (message.change_case() == v1::WatchDevicesResponse::kDeletedId) {
        return "-" + message.deleted_id();
      }
      return message.synced() ? "synced" : "empty";
    }
  };

  std::unique_ptr<Watch> StartWatch() {
    auto watch = std::make_unique<Watch>();
    watch->context.set_deadline(std::chrono::system_clock::now() + std::chrono::seconds(60));
    watch->reader = registry_.devices().WatchDevices(&watch->context, {});
    return watch;
  }

  void CreateMany(const std::string& prefix, int count, int metadata_bytes = 0) {
    v1::BatchCreateDevicesRequest request;
    for (int i = 0; i < count; ++i) {
      v1::Device* device = request.add_devices();
      device->set_id(absl::StrCat(prefix, i));
      device->mutable_gateway();
      if (metadata_bytes > 0) (*device->mutable_metadata())["x"] = std::string(metadata_bytes, 'x');
    }
    v1::BatchCreateDevicesResponse response;
    grpc::ClientContext context;
    ASSERT_TRUE(registry_.devices().BatchCreateDevices(&context, request, &response).ok());
    for (const auto& result : response.results()) ASSERT_EQ(result.code(), 0) << result.message();
  }

  void Delete(const std::string& id) {
    grpc::ClientContext context;
    v1::DeleteDeviceRequest request;
    request.set_device_id(id);
    google::protobuf::Empty response;
    ASSERT_TRUE(registry_.devices().DeleteDevice(&context, request, &response).ok());
  }

  RunningRegistry registry_;
};

TEST_F(WatchRpcTest, TellsTheSnapshotThenSyncedThenChanges) {
  CreateMany("d", 2);
  const auto watch = StartWatch();
  EXPECT_EQ(watch->Next(), "+d0");
  EXPECT_EQ(watch->Next(), "+d1");
  EXPECT_EQ(watch->Next(), "synced");
  CreateMany("e", 1);
  EXPECT_EQ(watch->Next(), "+e0");
  Delete("d0");
  EXPECT_EQ(watch->Next(), "-d0");
  EXPECT_TRUE(Eventually([&] { return registry_.Metric("sluice_registry_watchers") == 1; }));
  watch->context.TryCancel();
  EXPECT_EQ(watch->Next(), "end");
  EXPECT_EQ(watch->reader->Finish().error_code(), grpc::StatusCode::CANCELLED);
  EXPECT_TRUE(Eventually([&] { return registry_.streams().open() == 0; }));
}

TEST_F(WatchRpcTest, NothingIsLostBetweenSnapshotAndChanges) {
  CreateMany("a", 1000);
  std::thread writer([&] {
    for (int i = 0; i < 20; ++i) CreateMany(absl::StrCat("b", i, "-"), 100);
    for (int i = 0; i < 100; ++i) Delete(absl::StrCat("a", i));
    CreateMany("last", 1);
  });
  const auto watch = StartWatch();
  std::set<std::string> known;
  bool synced = false;
  std::string message;
  while (message != "+last0" || !synced) {
    message = watch->Next();
    ASSERT_NE(message, "end");
    if (message == "synced") {
      synced = true;
      if (known.count("last0") > 0) break;
    } else if (message[0] == '+') {
      known.insert(message.substr(1));
    } else {
      known.erase(message.substr(1));
    }
  }
  writer.join();
  EXPECT_EQ(known.size(), 1000u + 2000u - 100u + 1u);
  watch->context.TryCancel();
}

TEST_F(WatchRpcTest, AWatcherThatDoesNotReadEndsAborted) {
  CreateMany("first", 1);
  const auto watch = StartWatch();
  EXPECT_EQ(watch->Next(), "+first0");
  EXPECT_EQ(watch->Next(), "synced");
  // 1 KB each: the connection's buffers fill, then the queue of 10,000.
  for (int i = 0; i < 40 && registry_.Metric("sluice_registry_watchers_dropped_total") == 0; ++i) {
    CreateMany(absl::StrCat("d", i, "-"), 1000, 1000);
  }
  std::string message;
  while (message != "end") message = watch->Next();
  EXPECT_EQ(watch->reader->Finish().error_code(), grpc::StatusCode::ABORTED);
  EXPECT_TRUE(
      Eventually([&] { return registry_.Metric("sluice_registry_watchers_dropped_total") == 1; }));
}

TEST_F(WatchRpcTest, ShutdownEndsAWatch) {
  const auto watch = StartWatch();
  EXPECT_EQ(watch->Next(), "synced");
  registry_.Stop();
  EXPECT_EQ(watch->Next(), "end");
  EXPECT_EQ(watch->reader->Finish().error_code(), grpc::StatusCode::UNAVAILABLE);
}

class OneStreamTest : public ::testing::Test {
 protected:
  static config::v1::RegistryConfig Config() {
    config::v1::RegistryConfig config = DefaultConfig();
    config.mutable_grpc()->set_max_streams(1);
    return config;
  }
  RunningRegistry registry_{Config()};
};

TEST_F(OneStreamTest, OneMoreStreamIsResourceExhausted) {
  grpc::ClientContext first_context;
  const auto first = registry_.devices().WatchDevices(&first_context, {});
  v1::WatchDevicesResponse message;
  ASSERT_TRUE(first->Read(&message));
  grpc::ClientContext second_context;
  const auto second = registry_.devices().WatchDevices(&second_context, {});
  EXPECT_FALSE(second->Read(&message));
  EXPECT_EQ(second->Finish().error_code(), grpc::StatusCode::RESOURCE_EXHAUSTED);
  first_context.TryCancel();
}

}  // namespace
}  // namespace sluice::registry
