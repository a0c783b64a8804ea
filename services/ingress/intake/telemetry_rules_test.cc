#include "services/ingress/intake/telemetry_rules.h"

#include <gtest/gtest.h>

#include <functional>
#include <limits>
#include <string>

namespace sluice::ingress {
namespace {

v1::Telemetry Good() {
  v1::Telemetry telemetry;
  telemetry.set_device_id("pump-7");
  auto* reading = telemetry.add_readings();
  reading->set_metric("temperature");
  reading->set_double_value(21.5);
  return telemetry;
}

TEST(ValidateTelemetryTest, TakesWhatKeepsTheRanges) {
  v1::Telemetry telemetry = Good();
  EXPECT_TRUE(ValidateTelemetry(telemetry).ok());
  telemetry.set_via("gateway-1");
  telemetry.set_message_id(std::string(128, 'm'));
  telemetry.mutable_readings(0)->set_metric(std::string(256, 'm'));
  telemetry.mutable_readings(0)->set_unit("Cel");
  telemetry.mutable_readings(0)->set_string_value(std::string(65536, 'x'));
  telemetry.mutable_readings(0)->mutable_time()->set_seconds(253'402'300'799);
  while (telemetry.readings_size() < 1024) *telemetry.add_readings() = Good().readings(0);
  EXPECT_TRUE(ValidateTelemetry(telemetry).ok());
}

TEST(ValidateTelemetryTest, NamesTheFieldThatDoesNot) {
  const auto expect = [](const std::function<void(v1::Telemetry*)>& spoil,
                         absl::string_view message) {
    v1::Telemetry telemetry = Good();
    spoil(&telemetry);
    EXPECT_EQ(ValidateTelemetry(telemetry).message(), message);
  };
  using T = v1::Telemetry;
  expect([](T* t) { t->clear_device_id(); }, "device_id: must not be empty");
  expect([](T* t) { t->set_via("a b"); }, "via: byte 1 (0x20) is not one of A-Z a-z 0-9 . _ - :");
  expect([](T* t) { t->set_message_id(std::string(129, 'm')); },
         "message_id: is 129 bytes long; at most 128 are allowed");
  expect([](T* t) { t->clear_readings(); }, "readings: holds 0; must be 1 to 1024");
  expect(
      [](T* t) {
        for (int i = 0; i < 1024; ++i) *t->add_readings() = t->readings(0);
      },
      "readings: holds 1025; must be 1 to 1024");
  expect([](T* t) { t->add_readings()->set_metric("x"); }, "readings[1].value: is required");
  expect([](T* t) { t->add_readings()->set_int_value(1); },
         "readings[1].metric: the metric's name is empty");
  expect([](T* t) { t->mutable_readings(0)->set_metric("a\nb"); },
         "readings[0].metric: the metric's name 'a\\nb' holds a control character");
  for (const double value :
       {std::numeric_limits<double>::quiet_NaN(), std::numeric_limits<double>::infinity()}) {
    expect([value](T* t) { t->mutable_readings(0)->set_double_value(value); },
           "readings[0].double_value: must be finite");
  }
  expect([](T* t) { t->mutable_readings(0)->set_bytes_value(std::string(65537, 'x')); },
         "readings[0].bytes_value: is 65537 bytes long; at most 65536 are allowed");
  expect([](T* t) { t->mutable_readings(0)->set_unit(std::string(33, 'u')); },
         "readings[0].unit: is 33 bytes long; at most 32 are allowed");
  expect([](T* t) { t->mutable_readings(0)->mutable_time()->set_nanos(-1); },
         "readings[0].time: is not a valid timestamp");
}

}  // namespace
}  // namespace sluice::ingress
