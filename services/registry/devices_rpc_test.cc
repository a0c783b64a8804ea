// Devices over gRPC: the real service, the real database.

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <string>
#include <vector>

#include "absl/strings/str_cat.h"
#include "services/registry/running_registry.h"

namespace sluice::registry {
namespace {

using ::testing::ElementsAre;
using ::testing::HasSubstr;

v1::Device Sensor(const std::string& id) {
  v1::Device device;
  device.set_id(id);
  device.mutable_sensor()->add_capabilities()->set_metric("temperature");
  return device;
}

class DevicesRpcTest : public ::testing::Test {
 protected:
  grpc::Status Create(const v1::Device& device, v1::Device* created,
                      const std::string& request_id = "") {
    grpc::ClientContext context;
    v1::CreateDeviceRequest request;
    *request.mutable_device() = device;
    request.set_request_id(request_id);
    return registry_.devices().CreateDevice(&context, request, created);
  }
  v1::Device MustCreate(const v1::Device& device) {
    v1::Device created;
    const grpc::Status status = Create(device, &created);
    EXPECT_TRUE(status.ok()) << status.error_message();
    return created;
  }
  grpc::Status Get(const std::string& id, v1::Device* device) {
    grpc::ClientContext context;
    v1::GetDeviceRequest request;
    request.set_device_id(id);
    return registry_.devices().GetDevice(&context, request, device);
  }
  grpc::Status Update(const v1::Device& device, const std::vector<std::string>& paths,
                      v1::Device* updated) {
    grpc::ClientContext context;
    v1::UpdateDeviceRequest request;
    *request.mutable_device() = device;
    for (const std::string& path : paths) request.mutable_update_mask()->add_paths(path);
    return registry_.devices().UpdateDevice(&context, request, updated);
  }
  grpc::Status Delete(const std::string& id, const std::string& etag = "") {
    grpc::ClientContext context;
    v1::DeleteDeviceRequest request;
    request.set_device_id(id);
    request.set_etag(etag);
    google::protobuf::Empty response;
    return registry_.devices().DeleteDevice(&context, request, &response);
  }
  grpc::Status List(int page_size, const std::string& token, const std::string& filter,
                    std::vector<std::string>* ids, std::string* next_token) {
    grpc::ClientContext context;
    v1::ListDevicesRequest request;
    request.set_page_size(page_size);
    request.set_page_token(token);
    request.set_filter(filter);
    v1::ListDevicesResponse response;
    const grpc::Status status = registry_.devices().ListDevices(&context, request, &response);
    for (const v1::Device& device : response.devices()) ids->push_back(device.id());
    *next_token = response.next_page_token();
    return status;
  }
  std::vector<std::string> Ids(const std::string& filter) {
    std::vector<std::string> ids;
    std::string token;
    const grpc::Status status = List(0, "", filter, &ids, &token);
    EXPECT_TRUE(status.ok()) << status.error_message();
    return ids;
  }

  RunningRegistry registry_;
};

TEST_F(DevicesRpcTest, CreatesAndShowsADevice) {
  const v1::Device created = MustCreate(Sensor("thermo-1"));
  EXPECT_EQ(created.status(), v1::DEVICE_STATUS_UNKNOWN);
  EXPECT_TRUE(created.enabled());
  EXPECT_EQ(created.create_time().seconds(), 1'700'000'000);
  EXPECT_NE(created.etag(), "");
  v1::Device device;
  ASSERT_TRUE(Get("thermo-1", &device).ok());
  EXPECT_EQ(device.SerializeAsString(), created.SerializeAsString());

  EXPECT_EQ(Create(Sensor("thermo-1"), &device).error_code(), grpc::StatusCode::ALREADY_EXISTS);
  EXPECT_EQ(Get("other", &device).error_code(), grpc::StatusCode::NOT_FOUND);
}

TEST_F(DevicesRpcTest, RefusesIllegalInputAndNamesTheField) {
  v1::Device device;
  for (const char* id : {"", ".", "..", "a/b", "a b"}) {
    EXPECT_EQ(Create(Sensor(id), &device).error_code(), grpc::StatusCode::INVALID_ARGUMENT) << id;
    EXPECT_EQ(Get(id, &device).error_code(), grpc::StatusCode::INVALID_ARGUMENT) << id;
    EXPECT_EQ(Delete(id).error_code(), grpc::StatusCode::INVALID_ARGUMENT) << id;
  }
  const grpc::Status status = Create(Sensor("a/b"), &device);
  EXPECT_THAT(status.error_message(), HasSubstr("device.id: byte 1"));
  EXPECT_THAT(status.error_details(), HasSubstr("device.id"));
  EXPECT_EQ(Create(Sensor("a"), &device, std::string(129, 'r')).error_code(),
            grpc::StatusCode::INVALID_ARGUMENT);
}

TEST_F(DevicesRpcTest, ARepeatedRequestIdCreatesOnceAlsoAfterARestart) {
  v1::Device first;
  v1::Device again;
  ASSERT_TRUE(Create(Sensor("a"), &first, "r1").ok());
  ASSERT_TRUE(Create(Sensor("a"), &again, "r1").ok());
  EXPECT_EQ(again.etag(), first.etag());
  EXPECT_EQ(Create(Sensor("b"), &again, "r1").error_code(), grpc::StatusCode::INVALID_ARGUMENT);
  EXPECT_EQ(Create(Sensor("a"), &again, "r2").error_code(), grpc::StatusCode::ALREADY_EXISTS);
  registry_.Stop();
  registry_.Start();
  ASSERT_TRUE(Create(Sensor("a"), &again, "r1").ok());
  EXPECT_EQ(again.etag(), first.etag());
  registry_.clock().Advance(absl::Hours(2));
  EXPECT_EQ(Create(Sensor("a"), &again, "r1").error_code(), grpc::StatusCode::ALREADY_EXISTS);
}

TEST_F(DevicesRpcTest, ABatchGivesEachDeviceItsOwnResult) {
  MustCreate(Sensor("there"));
  grpc::ClientContext context;
  v1::BatchCreateDevicesRequest request;
  *request.add_devices() = Sensor("new");
  *request.add_devices() = Sensor("there");
  *request.add_devices() = Sensor("bad id");
  *request.add_devices() = Sensor("new");
  v1::BatchCreateDevicesResponse response;
  ASSERT_TRUE(registry_.devices().BatchCreateDevices(&context, request, &response).ok());
  ASSERT_EQ(response.results_size(), 4);
  EXPECT_EQ(response.results(0).code(), 0);
  EXPECT_EQ(response.results(0).device().id(), "new");
  EXPECT_EQ(response.results(1).code(), 6);
  EXPECT_EQ(response.results(2).code(), 3);
  EXPECT_THAT(response.results(2).message(), HasSubstr("devices[2].id"));
  EXPECT_EQ(response.results(3).code(), 6);
  EXPECT_THAT(Ids(""), ElementsAre("new", "there"));
}

TEST_F(DevicesRpcTest, ABatchThatIsEmptyOrTooLargeIsRefused) {
  v1::BatchCreateDevicesRequest request;
  v1::BatchCreateDevicesResponse response;
  {
    grpc::ClientContext context;
    EXPECT_EQ(registry_.devices().BatchCreateDevices(&context, request, &response).error_code(),
              grpc::StatusCode::INVALID_ARGUMENT);
  }
  for (int i = 0; i < 1001; ++i) *request.add_devices() = Sensor(absl::StrCat("d", i));
  grpc::ClientContext context;
  EXPECT_EQ(registry_.devices().BatchCreateDevices(&context, request, &response).error_code(),
            grpc::StatusCode::INVALID_ARGUMENT);
  EXPECT_THAT(Ids(""), ElementsAre());
}

TEST_F(DevicesRpcTest, ListsPageByPage) {
  for (const char* id : {"e", "b", "a", "d", "c"}) MustCreate(Sensor(id));
  std::vector<std::string> ids;
  std::string token;
  ASSERT_TRUE(List(2, "", "type = sensor", &ids, &token).ok());
  EXPECT_THAT(ids, ElementsAre("a", "b"));
  const std::string second = token;
  ids.clear();
  ASSERT_TRUE(List(3, second, "type = sensor", &ids, &token).ok());
  EXPECT_THAT(ids, ElementsAre("c", "d", "e"));
  EXPECT_EQ(token, "");

  EXPECT_EQ(List(2, second, "", &ids, &token).error_code(), grpc::StatusCode::INVALID_ARGUMENT);
  EXPECT_EQ(List(2, "made up", "", &ids, &token).error_code(), grpc::StatusCode::INVALID_ARGUMENT);
  EXPECT_EQ(List(1001, "", "", &ids, &token).error_code(), grpc::StatusCode::INVALID_ARGUMENT);
  EXPECT_EQ(List(-1, "", "", &ids, &token).error_code(), grpc::StatusCode::INVALID_ARGUMENT);
  const grpc::Status bad = List(0, "", "type = pump", &ids, &token);
  EXPECT_EQ(bad.error_code(), grpc::StatusCode::INVALID_ARGUMENT);
  EXPECT_THAT(bad.error_message(), HasSubstr("at byte 7"));
}

TEST_F(DevicesRpcTest, APageOfLargeDevicesStaysBelowAClientsLimit) {
  for (int i = 0; i < 60; ++i) {
    v1::Device device = Sensor(absl::StrCat("d", 100 + i));
    for (int k = 0; k < 60; ++k) {
      (*device.mutable_metadata())[absl::StrCat("key", k)] = std::string(1024, 'v');
    }
    MustCreate(device);
  }
  std::vector<std::string> ids;
  std::string token;
  int pages = 0;
  do {
    const std::string last = token;
    const grpc::Status status = List(1000, last, "", &ids, &token);
    ASSERT_TRUE(status.ok()) << status.error_message();
    ++pages;
  } while (!token.empty());
  EXPECT_EQ(ids.size(), 60u);
  EXPECT_GT(pages, 1);
}

TEST_F(DevicesRpcTest, FiltersByTypeStatusLabelAndEnabled) {
  v1::Device pump;
  pump.set_id("pump");
  pump.mutable_actuator();
  (*pump.mutable_labels())["site"] = "north";
  MustCreate(pump);
  v1::Device off = Sensor("off");
  off.set_enabled(false);
  (*off.mutable_labels())["site"] = "north";
  MustCreate(off);
  MustCreate(Sensor("on"));
  EXPECT_THAT(Ids("type = actuator"), ElementsAre("pump"));
  EXPECT_THAT(Ids("labels.site = north"), ElementsAre("off", "pump"));
  EXPECT_THAT(Ids("labels.site = north AND enabled = true"), ElementsAre("pump"));
  EXPECT_THAT(Ids("status = ONLINE"), ElementsAre());
  EXPECT_THAT(Ids("status = UNKNOWN AND enabled = false"), ElementsAre("off"));
}

TEST_F(DevicesRpcTest, UpdatesByMaskAndChecksTheEtag) {
  const v1::Device created = MustCreate(Sensor("a"));
  v1::Device change;
  change.set_id("a");
  change.set_firmware_version("2.0");
  (*change.mutable_labels())["site"] = "north";
  v1::Device updated;
  ASSERT_TRUE(Update(change, {"labels.site"}, &updated).ok());
  EXPECT_EQ(updated.labels().at("site"), "north");
  EXPECT_EQ(updated.firmware_version(), "");
  EXPECT_NE(updated.etag(), created.etag());
  EXPECT_EQ(updated.create_time().seconds(), created.create_time().seconds());

  change.set_etag(created.etag());
  EXPECT_EQ(Update(change, {"firmware_version"}, &updated).error_code(), grpc::StatusCode::ABORTED);
  v1::Device current;
  ASSERT_TRUE(Get("a", &current).ok());
  change.set_etag(current.etag());
  ASSERT_TRUE(Update(change, {"firmware_version"}, &updated).ok());
  EXPECT_EQ(updated.firmware_version(), "2.0");

  // Nothing new: nothing changes.
  change.set_etag("");
  v1::Device same;
  ASSERT_TRUE(Update(change, {}, &same).ok());
  EXPECT_EQ(same.etag(), updated.etag());

  const grpc::Status bad = Update(change, {"labels", "status"}, &updated);
  EXPECT_EQ(bad.error_code(), grpc::StatusCode::INVALID_ARGUMENT);
  EXPECT_THAT(bad.error_message(), HasSubstr("update_mask.paths[1]"));
  change.set_id("other");
  EXPECT_EQ(Update(change, {"labels"}, &updated).error_code(), grpc::StatusCode::NOT_FOUND);
}

TEST_F(DevicesRpcTest, DeletesADevice) {
  const v1::Device created = MustCreate(Sensor("a"));
  EXPECT_EQ(Delete("a", "old").error_code(), grpc::StatusCode::ABORTED);
  EXPECT_TRUE(Delete("a", created.etag()).ok());
  EXPECT_EQ(Delete("a").error_code(), grpc::StatusCode::NOT_FOUND);
  EXPECT_THAT(Ids(""), ElementsAre());
}

TEST_F(DevicesRpcTest, SetsTheStatusByHand) {
  MustCreate(Sensor("a"));
  v1::UpdateDeviceStatusRequest request;
  request.set_device_id("a");
  request.set_status(v1::DEVICE_STATUS_MAINTENANCE);
  request.set_status_message("new battery");
  v1::Device device;
  {
    grpc::ClientContext context;
    ASSERT_TRUE(registry_.devices().UpdateDeviceStatus(&context, request, &device).ok());
  }
  EXPECT_EQ(device.status(), v1::DEVICE_STATUS_MAINTENANCE);
  EXPECT_EQ(device.status_message(), "new battery");
  EXPECT_TRUE(Eventually([&] { return registry_.Metric("sluice_devices", "maintenance") == 1; }));
  for (const int wrong : {0, 99}) {
    request.set_status(static_cast<v1::DeviceStatus>(wrong));
    grpc::ClientContext context;
    EXPECT_EQ(registry_.devices().UpdateDeviceStatus(&context, request, &device).error_code(),
              grpc::StatusCode::INVALID_ARGUMENT);
  }
  request.set_status(v1::DEVICE_STATUS_ERROR);
  request.set_status_message(std::string(1025, 'm'));
  grpc::ClientContext context;
  EXPECT_EQ(registry_.devices().UpdateDeviceStatus(&context, request, &device).error_code(),
            grpc::StatusCode::INVALID_ARGUMENT);
}

TEST_F(DevicesRpcTest, ARestartKeepsEverything) {
  const v1::Device a = MustCreate(Sensor("a"));
  MustCreate(Sensor("b"));
  EXPECT_TRUE(Delete("b").ok());
  registry_.Stop();
  registry_.Start();
  v1::Device device;
  ASSERT_TRUE(Get("a", &device).ok());
  EXPECT_EQ(device.SerializeAsString(), a.SerializeAsString());
  EXPECT_THAT(Ids(""), ElementsAre("a"));
}

TEST_F(DevicesRpcTest, ACallWhoseDeadlineHasPassedDoesNothing) {
  grpc::ClientContext context;
  context.set_deadline(std::chrono::system_clock::now() - std::chrono::seconds(1));
  v1::CreateDeviceRequest request;
  *request.mutable_device() = Sensor("late");
  v1::Device device;
  EXPECT_EQ(registry_.devices().CreateDevice(&context, request, &device).error_code(),
            grpc::StatusCode::DEADLINE_EXCEEDED);
  EXPECT_THAT(Ids(""), ElementsAre());
}

class MaxDevicesTest : public ::testing::Test {
 protected:
  static config::v1::RegistryConfig Config() {
    config::v1::RegistryConfig config = DefaultConfig();
    config.set_max_devices(2);
    return config;
  }
  RunningRegistry registry_{Config()};
};

TEST_F(MaxDevicesTest, OneMoreIsResourceExhausted) {
  v1::BatchCreateDevicesRequest request;
  for (const char* id : {"a", "b", "c"}) *request.add_devices() = Sensor(id);
  v1::BatchCreateDevicesResponse response;
  grpc::ClientContext context;
  ASSERT_TRUE(registry_.devices().BatchCreateDevices(&context, request, &response).ok());
  EXPECT_EQ(response.results(1).code(), 0);
  EXPECT_EQ(response.results(2).code(), 8);

  grpc::ClientContext create_context;
  v1::CreateDeviceRequest create;
  *create.mutable_device() = Sensor("d");
  v1::Device device;
  EXPECT_EQ(registry_.devices().CreateDevice(&create_context, create, &device).error_code(),
            grpc::StatusCode::RESOURCE_EXHAUSTED);
}

}  // namespace
}  // namespace sluice::registry
