#ifndef SLUICE_BENCH_SAMPLES_H_
#define SLUICE_BENCH_SAMPLES_H_

#include <cstdint>

#include "absl/strings/str_cat.h"
#include "absl/strings/str_format.h"
#include "sluice/v1/device.pb.h"
#include "sluice/v1/telemetry.pb.h"

namespace sluice::bench {

inline constexpr int kDevices = 1000;

inline std::string DeviceId(int64_t number) {
  return absl::StrFormat("sensor-%05d", number % kDevices);
}

// A record as intake puts it to the journal, of a device that sent about 80 bytes of JSON by MQTT.
inline v1::Telemetry SampleTelemetry(int64_t number) {
  v1::Telemetry telemetry;
  telemetry.set_device_id(DeviceId(number));
  telemetry.set_protocol(v1::PROTOCOL_MQTT);
  telemetry.mutable_received_time()->set_seconds(1'750'000'000 + number / 20'000);
  telemetry.mutable_received_time()->set_nanos(static_cast<int32_t>(number % 20'000 * 50'000 + 1));
  auto* reading = telemetry.add_readings();
  reading->set_metric("temperature");
  reading->set_double_value(20 + 0.001 * static_cast<double>(number % 1000));
  reading = telemetry.add_readings();
  reading->set_metric("humidity");
  reading->set_int_value(number % 100);
  telemetry.mutable_sender()->set_client_id(telemetry.device_id());
  telemetry.mutable_ring_position()->set_ring_id(0x5eed);
  telemetry.mutable_ring_position()->set_end(static_cast<uint64_t>(number) * 160);
  return telemetry;
}

// A device as whoever registers it gives it.
inline v1::Device SampleDevice(int64_t number) {
  v1::Device device;
  device.set_id(DeviceId(number));
  for (const char* metric : {"temperature", "humidity"}) {
    device.mutable_sensor()->add_capabilities()->set_metric(metric);
  }
  device.set_firmware_version("1.0.0");
  (*device.mutable_metadata())["serial"] = absl::StrCat("SN-", 1'000'000 + number % kDevices);
  (*device.mutable_labels())["site"] = "hall-1";
  device.set_enabled(true);
  return device;
}

}  // namespace sluice::bench

#endif  // SLUICE_BENCH_SAMPLES_H_
