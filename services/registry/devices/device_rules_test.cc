#include "services/registry/devices/device_rules.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <string>

namespace sluice::registry {
namespace {

using ::testing::HasSubstr;
using ::testing::StartsWith;

const absl::Time kNow = absl::FromUnixSeconds(1'700'000'000);

v1::Device Thermometer() {
  v1::Device device;
  device.set_id("thermo-1");
  v1::Capability* capability = device.mutable_sensor()->add_capabilities();
  capability->set_metric("temperature");
  capability->set_unit("Cel");
  (*device.mutable_labels())["site"] = "north";
  (*device.mutable_metadata())["serial"] = "123";
  return device;
}

std::string Error(const v1::Device& device) {
  const absl::Status status = ValidateDevice(device, "device");
  EXPECT_EQ(status.code(), absl::StatusCode::kInvalidArgument);
  return std::string(status.message());
}

google::protobuf::FieldMask Mask(const std::vector<std::string>& paths) {
  google::protobuf::FieldMask mask;
  for (const std::string& path : paths) mask.add_paths(path);
  return mask;
}

TEST(ValidateDeviceTest, TakesWhatLiesAtTheLimits) {
  v1::Device device = Thermometer();
  device.set_id(std::string(128, 'x'));
  device.set_firmware_version(std::string(128, 'f'));
  device.mutable_metadata()->clear();
  device.mutable_labels()->clear();
  for (int i = 0; i < 64; ++i) {
    (*device.mutable_metadata())[std::to_string(i) + std::string(126, 'k')] =
        std::string(1024, 'v');
    (*device.mutable_labels())[std::to_string(i)] = std::string(63, 'v');
  }
  for (int i = 1; i < 256; ++i) {
    v1::Capability* capability = device.mutable_sensor()->add_capabilities();
    capability->set_metric(std::to_string(i) + std::string(253, 'm'));
    capability->set_unit(std::string(32, 'u'));
    capability->set_description(std::string(1024, 'd'));
  }
  EXPECT_TRUE(ValidateDevice(device, "device").ok()) << ValidateDevice(device, "device");
}

TEST(ValidateDeviceTest, NamesTheFieldBeyondItsLimit) {
  v1::Device device = Thermometer();
  device.set_id("a/b");
  EXPECT_THAT(Error(device), StartsWith("device.id: byte 1"));

  device = Thermometer();
  device.clear_type();
  EXPECT_EQ(Error(device), "device.type: must be one of sensor, actuator, gateway");

  device = Thermometer();
  device.set_firmware_version(std::string(129, 'f'));
  EXPECT_EQ(Error(device), "device.firmware_version: is 129 bytes long; at most 128 are allowed");

  device = Thermometer();
  (*device.mutable_metadata())[""] = "x";
  EXPECT_EQ(Error(device), "device.metadata[\"\"]: the key must not be empty");

  device = Thermometer();
  (*device.mutable_metadata())["k"] = std::string(1025, 'v');
  EXPECT_EQ(Error(device), "device.metadata[\"k\"]: is 1025 bytes long; at most 1024 are allowed");

  device = Thermometer();
  for (int i = 0; i < 64; ++i) (*device.mutable_metadata())[std::to_string(i)] = "";
  EXPECT_EQ(Error(device), "device.metadata: has 65 entries; at most 64 are allowed");

  device = Thermometer();
  (*device.mutable_labels())["site"] = "two words";
  EXPECT_EQ(Error(device),
            "device.labels[\"site\"]: the value may hold A-Z a-z 0-9 . _ - / only, not ' '");

  device = Thermometer();
  (*device.mutable_labels())[std::string(64, 'k')] = "";
  EXPECT_THAT(Error(device), HasSubstr("the key is 64 bytes long; at most 63"));

  device = Thermometer();
  device.mutable_sensor()->add_capabilities()->set_metric("temperature");
  EXPECT_EQ(Error(device),
            "device.sensor.capabilities[1].metric: 'temperature' stands there twice");

  device = Thermometer();
  device.mutable_sensor()->add_capabilities();
  EXPECT_EQ(Error(device), "device.sensor.capabilities[1].metric: must not be empty");

  device = Thermometer();
  device.mutable_sensor()->mutable_capabilities(0)->set_unit(std::string(33, 'u'));
  EXPECT_THAT(Error(device), StartsWith("device.sensor.capabilities[0].unit: is 33 bytes"));

  device = Thermometer();
  device.mutable_actuator()->add_commands()->set_name("open it");
  EXPECT_THAT(Error(device), StartsWith("device.actuator.commands[0].name: byte 4"));

  device = Thermometer();
  for (int i = 0; i < 257; ++i) device.mutable_actuator()->add_commands();
  EXPECT_EQ(Error(device), "device.actuator.commands: has 257 entries; at most 256 are allowed");
}

TEST(ValidateStatusTest, RefusesWhatIsNoStatus) {
  EXPECT_TRUE(ValidateStatus(v1::DEVICE_STATUS_ERROR, "status").ok());
  EXPECT_EQ(ValidateStatus(v1::DEVICE_STATUS_UNSPECIFIED, "status").message(),
            "status: must not be UNSPECIFIED");
  EXPECT_EQ(ValidateStatus(static_cast<v1::DeviceStatus>(99), "status").message(),
            "status: 99 is no status");
}

TEST(NewDeviceTest, SetsWhatOnlyTheRegistrySets) {
  v1::Device requested = Thermometer();
  requested.set_status(v1::DEVICE_STATUS_ONLINE);
  requested.set_status_message("mine");
  requested.set_etag("mine");
  requested.mutable_last_seen()->set_seconds(5);
  requested.mutable_create_time()->set_seconds(5);
  const v1::Device device = NewDevice(requested, kNow);
  EXPECT_EQ(device.status(), v1::DEVICE_STATUS_UNKNOWN);
  EXPECT_EQ(device.status_message(), "");
  EXPECT_TRUE(device.enabled());
  EXPECT_FALSE(device.has_last_seen());
  EXPECT_EQ(device.create_time().seconds(), 1'700'000'000);
  EXPECT_EQ(device.update_time().seconds(), 1'700'000'000);
  EXPECT_NE(device.etag(), "mine");
  EXPECT_EQ(device.labels().at("site"), "north");

  requested.set_enabled(false);
  EXPECT_FALSE(NewDevice(requested, kNow).enabled());
}

TEST(ApplyUpdateTest, ChangesWhatTheMaskNamesAndNothingElse) {
  const v1::Device current = NewDevice(Thermometer(), kNow);
  v1::Device requested;
  requested.set_id("thermo-1");
  requested.set_firmware_version("2.0");
  requested.set_enabled(false);
  (*requested.mutable_labels())["floor"] = "3";
  (*requested.mutable_metadata())["a.b"] = "dotted";

  auto device = ApplyUpdate(current, requested, Mask({"firmware_version"}));
  ASSERT_TRUE(device.ok()) << device.status();
  EXPECT_EQ(device->firmware_version(), "2.0");
  EXPECT_TRUE(device->enabled());
  EXPECT_EQ(device->labels_size(), 1);

  device = ApplyUpdate(current, requested, Mask({"labels.floor", "labels.site", "metadata.a.b"}));
  ASSERT_TRUE(device.ok());
  EXPECT_EQ(device->labels_size(), 1);
  EXPECT_EQ(device->labels().at("floor"), "3");
  EXPECT_EQ(device->metadata().at("a.b"), "dotted");
  EXPECT_EQ(device->metadata().at("serial"), "123");

  device = ApplyUpdate(current, requested, Mask({"labels", "metadata", "enabled"}));
  ASSERT_TRUE(device.ok());
  EXPECT_EQ(device->labels_size(), 1);
  EXPECT_EQ(device->metadata_size(), 1);
  EXPECT_FALSE(device->enabled());

  requested.mutable_gateway();
  device = ApplyUpdate(current, requested, Mask({"gateway"}));
  ASSERT_TRUE(device.ok());
  EXPECT_TRUE(device->has_gateway());
}

TEST(ApplyUpdateTest, AnEmptyMaskMeansEverythingThatIsSet) {
  const v1::Device current = NewDevice(Thermometer(), kNow);
  v1::Device requested;
  requested.set_id("thermo-1");
  requested.set_status(v1::DEVICE_STATUS_ERROR);
  requested.set_enabled(false);
  (*requested.mutable_labels())["floor"] = "3";
  const auto device = ApplyUpdate(current, requested, {});
  ASSERT_TRUE(device.ok());
  EXPECT_FALSE(device->enabled());
  EXPECT_EQ(device->labels_size(), 1);
  EXPECT_EQ(device->metadata_size(), 1);
  EXPECT_TRUE(device->has_sensor());
  EXPECT_EQ(device->status(), v1::DEVICE_STATUS_UNKNOWN);
}

TEST(ApplyUpdateTest, RefusesOtherPathsAndNamesThem) {
  const v1::Device current = NewDevice(Thermometer(), kNow);
  for (const char* path : {"id", "status", "last_seen", "*", "", "labels.", "metadata.", "etag",
                           "sensor.capabilities", "create_time"}) {
    const auto device = ApplyUpdate(current, Thermometer(), Mask({"labels", path}));
    EXPECT_EQ(device.status().code(), absl::StatusCode::kInvalidArgument) << path;
    EXPECT_THAT(std::string(device.status().message()), StartsWith("update_mask.paths[1]: "));
  }
  EXPECT_FALSE(ApplyUpdate(current, Thermometer(), Mask({"gateway"})).ok());
  EXPECT_FALSE(ApplyUpdate(current, Thermometer(), Mask({"enabled"})).ok());
}

TEST(ApplyUpdateTest, TheResultMustKeepTheRules) {
  v1::Device requested = Thermometer();
  (*requested.mutable_labels())["bad key!"] = "";
  EXPECT_FALSE(ApplyUpdate(NewDevice(Thermometer(), kNow), requested, Mask({"labels"})).ok());
}

TEST(TouchTest, TheEtagChangesAlsoWhenTheClockStandsOrGoesBack) {
  v1::Device device = NewDevice(Thermometer(), kNow);
  const std::string first = device.etag();
  Touch(kNow, &device);
  const std::string second = device.etag();
  EXPECT_NE(second, first);
  Touch(kNow - absl::Hours(1), &device);
  EXPECT_NE(device.etag(), second);
  EXPECT_NE(device.etag(), first);
  Touch(kNow + absl::Hours(1), &device);
  EXPECT_EQ(device.update_time().seconds(), 1'700'003'600);
}

TEST(FingerprintTest, DependsOnWhatCreateTakes) {
  v1::Device device = Thermometer();
  const uint64_t fingerprint = Fingerprint(device);
  device.set_status(v1::DEVICE_STATUS_ERROR);
  device.set_enabled(true);
  EXPECT_EQ(Fingerprint(device), fingerprint);
  (*device.mutable_labels())["site"] = "south";
  EXPECT_NE(Fingerprint(device), fingerprint);
}

}  // namespace
}  // namespace sluice::registry
