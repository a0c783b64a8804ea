#include "services/registry/registry_metrics.h"

#include "absl/strings/ascii.h"
#include "absl/strings/strip.h"

namespace sluice::registry {
namespace {

void CatchUp(prometheus::Counter* counter, int64_t total) {
  counter->Increment(static_cast<double>(total) - counter->Value());
}

}  // namespace

RegistryMetrics::RegistryMetrics(prometheus::Registry* metrics) {
  auto& devices = prometheus::BuildGauge()
                      .Name("sluice_devices")
                      .Help("Devices of the registry by their status")
                      .Register(*metrics);
  for (int status = v1::DEVICE_STATUS_ONLINE; status < v1::DeviceStatus_ARRAYSIZE; ++status) {
    const std::string name = v1::DeviceStatus_Name(static_cast<v1::DeviceStatus>(status));
    devices_[status] = &devices.Add(
        {{"status", absl::AsciiStrToLower(absl::StripPrefix(name, "DEVICE_STATUS_"))}});
  }
  watchers_ = &prometheus::BuildGauge()
                   .Name("sluice_registry_watchers")
                   .Help("Open streams of WatchDevices")
                   .Register(*metrics)
                   .Add({});
  watchers_dropped_ = &prometheus::BuildCounter()
                           .Name("sluice_registry_watchers_dropped_total")
                           .Help("Watchers that were ended because they fell too far behind")
                           .Register(*metrics)
                           .Add({});
  last_seen_skipped_ = &prometheus::BuildCounter()
                            .Name("sluice_registry_last_seen_skipped_total")
                            .Help("Changes of last_seen alone that a slow watcher was not told")
                            .Register(*metrics)
                            .Add({});
}

void RegistryMetrics::Update(RegistryState* state) {
  const auto by_status = state->table().CountByStatus();
  for (int status = v1::DEVICE_STATUS_ONLINE; status < v1::DeviceStatus_ARRAYSIZE; ++status) {
    devices_[status]->Set(static_cast<double>(by_status[status]));
  }
  const ChangeFeedStats feed = state->feed().stats();
  watchers_->Set(static_cast<double>(feed.watchers));
  CatchUp(watchers_dropped_, feed.overflowed);
  CatchUp(last_seen_skipped_, feed.skipped_last_seen);
}

}  // namespace sluice::registry
