#include "tools/sluicectl/device_input.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <string>
#include <vector>

#include "tools/sluicectl/json_output.h"

namespace sluice::sluicectl {
namespace {

using ::testing::ElementsAre;
using ::testing::HasSubstr;
using ::testing::UnorderedElementsAre;

TEST(DeviceFromFlagsTest, MakesEachType) {
  DeviceFlags flags;
  flags.capabilities = {"temperature:Cel", "humidity", "bus:t:K"};
  flags.labels = {"site=north", "note="};
  flags.firmware = "1.2.3";
  flags.has_firmware = true;
  flags.disable = true;
  const v1::Device sensor = *DeviceFromFlags("s-1", flags);
  EXPECT_EQ(sensor.id(), "s-1");
  ASSERT_EQ(sensor.sensor().capabilities_size(), 3);
  EXPECT_EQ(sensor.sensor().capabilities(0).unit(), "Cel");
  EXPECT_EQ(sensor.sensor().capabilities(1).unit(), "");
  EXPECT_EQ(sensor.sensor().capabilities(2).metric(), "bus:t");
  EXPECT_EQ(sensor.labels().at("site"), "north");
  EXPECT_EQ(sensor.labels().at("note"), "");
  EXPECT_EQ(sensor.firmware_version(), "1.2.3");
  EXPECT_TRUE(sensor.has_enabled());
  EXPECT_FALSE(sensor.enabled());

  DeviceFlags actuator;
  actuator.commands = {"start"};
  EXPECT_EQ(DeviceFromFlags("a", actuator)->actuator().commands(0).name(), "start");
  DeviceFlags gateway;
  gateway.type = "gateway";
  EXPECT_TRUE(DeviceFromFlags("g", gateway)->has_gateway());
  EXPECT_FALSE(DeviceFromFlags("g", gateway)->has_enabled());
}

TEST(DeviceFromFlagsTest, RefusesContradictions) {
  DeviceFlags none;
  EXPECT_THAT(std::string(DeviceFromFlags("x", none).status().message()), HasSubstr("--type"));
  DeviceFlags both;
  both.capabilities = {"t"};
  both.commands = {"start"};
  EXPECT_FALSE(DeviceFromFlags("x", both).ok());
  DeviceFlags wrong;
  wrong.type = "toaster";
  EXPECT_FALSE(DeviceFromFlags("x", wrong).ok());
  DeviceFlags label;
  label.type = "gateway";
  label.labels = {"site"};
  EXPECT_FALSE(DeviceFromFlags("x", label).ok());
  label.labels = {"site=a", "site=b"};
  EXPECT_FALSE(DeviceFromFlags("x", label).ok());
}

TEST(UpdateFromFlagsTest, TheMaskNamesExactlyWhatIsGiven) {
  DeviceFlags flags;
  flags.labels = {"site=north"};
  flags.removed_labels = {"old"};
  flags.metadata = {"serial=7"};
  flags.removed_metadata = {"note"};
  flags.enable = true;
  flags.has_firmware = true;
  const v1::UpdateDeviceRequest request = *UpdateFromFlags("x", flags);
  EXPECT_THAT(request.update_mask().paths(),
              UnorderedElementsAre("labels.site", "labels.old", "metadata.serial", "metadata.note",
                                   "enabled", "firmware_version"));
  EXPECT_TRUE(request.device().enabled());
  EXPECT_EQ(request.device().firmware_version(), "");

  DeviceFlags type;
  type.capabilities = {"t"};
  EXPECT_THAT(UpdateFromFlags("x", type)->update_mask().paths(), ElementsAre("sensor"));
}

TEST(UpdateFromFlagsTest, RefusesNothingAndContradictions) {
  EXPECT_FALSE(UpdateFromFlags("x", {}).ok());
  DeviceFlags flags;
  flags.labels = {"site=north"};
  flags.removed_labels = {"site"};
  EXPECT_FALSE(UpdateFromFlags("x", flags).ok());
  DeviceFlags both;
  both.enable = both.disable = true;
  EXPECT_FALSE(UpdateFromFlags("x", both).ok());
}

TEST(ParseDevicesTest, TakesLinesAndArrays) {
  const auto lines =
      ParseDevices("{\"id\":\"a\",\"gateway\":{}}\n\n{\"id\":\"b{\\\"\",\n\"sensor\":{}}\n");
  ASSERT_TRUE(lines.ok()) << lines.status();
  ASSERT_EQ(lines->size(), 2);
  EXPECT_EQ((*lines)[1].id(), "b{\"");
  EXPECT_EQ(ParseDevices(" [ {\"id\":\"a\"}, {\"id\":\"b\"} ] ")->size(), 2);
}

TEST(ParseDevicesTest, TakesWhatListPrints) {
  v1::Device device;
  device.set_id("a");
  device.mutable_sensor()->add_capabilities()->set_metric("t");
  device.mutable_create_time()->set_seconds(1);
  device.set_enabled(false);
  const auto devices = ParseDevices(*ToJsonLine(device));
  ASSERT_TRUE(devices.ok()) << devices.status();
  EXPECT_EQ((*devices)[0].SerializeAsString(), device.SerializeAsString());
}

TEST(ParseDevicesTest, NamesTheLineOfWhatIsWrong) {
  const auto message = [](const char* text) {
    return std::string(ParseDevices(text).status().message());
  };
  EXPECT_THAT(message("{\"id\":\"a\"}\n{\"ident\":\"b\"}"), HasSubstr("line 2: "));
  EXPECT_THAT(message("{\"id\":\"a\"}\n{\"ident\":\"b\"}"), HasSubstr("ident"));
  EXPECT_THAT(message("{\"id\":\"a\"}\nhello"), HasSubstr("line 2: a device must be"));
  EXPECT_THAT(message("\n{\"id\":\"a\""), HasSubstr("line 2: the JSON object"));
  EXPECT_THAT(message(""), HasSubstr("no device"));
  EXPECT_THAT(message("[]"), HasSubstr("no device"));
}

}  // namespace
}  // namespace sluice::sluicectl
