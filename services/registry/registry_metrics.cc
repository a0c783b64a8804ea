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
  auto& watchers = prometheus::BuildGauge()
                       .Name("sluice_registry_watchers")
                       .Help("Open streams by what they watch")
                       .Register(*metrics);
  device_watchers_ = &watchers.Add({{"of", "devices"}});
  command_watchers_ = &watchers.Add({{"of", "commands"}});
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
  auto& commands =
      prometheus::BuildCounter()
          .Name("sluice_commands_total")
          .Help("Commands by what became of them; each passes through several outcomes")
          .Register(*metrics);
  accepted_ = &commands.Add({{"outcome", "accepted"}});
  sent_ = &commands.Add({{"outcome", "sent"}});
  succeeded_ = &commands.Add({{"outcome", "succeeded"}});
  failed_ = &commands.Add({{"outcome", "failed"}});
  cancelled_ = &commands.Add({{"outcome", "cancelled"}});
  unfinished_ = &prometheus::BuildGauge()
                     .Name("sluice_registry_unfinished_commands")
                     .Help("Commands that have not ended")
                     .Register(*metrics)
                     .Add({});
  waiting_ = &prometheus::BuildGauge()
                  .Name("sluice_registry_waiting_calls")
                  .Help("Calls of SendCommand that wait for the command's end")
                  .Register(*metrics)
                  .Add({});
}

void RegistryMetrics::Update(RegistryState* state, const CommandBook& commands,
                             int64_t command_watchers) {
  const auto by_status = state->table().CountByStatus();
  for (int status = v1::DEVICE_STATUS_ONLINE; status < v1::DeviceStatus_ARRAYSIZE; ++status) {
    devices_[status]->Set(static_cast<double>(by_status[status]));
  }
  const ChangeFeedStats feed = state->feed().stats();
  device_watchers_->Set(static_cast<double>(feed.watchers));
  command_watchers_->Set(static_cast<double>(command_watchers));
  CatchUp(watchers_dropped_, feed.overflowed);
  CatchUp(last_seen_skipped_, feed.skipped_last_seen);
  const CommandBookStats book = commands.stats();
  unfinished_->Set(static_cast<double>(book.unfinished));
  waiting_->Set(static_cast<double>(book.waiting));
  CatchUp(accepted_, book.accepted);
  CatchUp(sent_, book.sent);
  CatchUp(succeeded_, book.succeeded);
  CatchUp(failed_, book.failed);
  CatchUp(cancelled_, book.cancelled);
}

}  // namespace sluice::registry
