#include "services/ingress/ingress_service.h"

#include <spdlog/spdlog.h>

#include <utility>

#include "libs/rpc/channel.h"
#include "services/ingress/config.h"

namespace sluice::ingress {
namespace {

constexpr absl::Duration kLookAfterInterval = absl::Seconds(1);
// How often the replica is written at most, in rounds of looking after.
constexpr int kRoundsPerSave = 5;

DeviceReplica* Loaded(ReplicaFile* file, DeviceReplica* replica) {
  const absl::Status status = file->Load();
  if (!status.ok()) {
    spdlog::warn("starting without the devices known before: {}", status.ToString());
  }
  return replica;
}

}  // namespace

absl::StatusOr<std::unique_ptr<rpc::Service>> IngressService::Create(
    const config::v1::IngressConfig& config, const rpc::Environment& environment) {
  auto storage = Storage::Open(config, environment.clock);
  if (!storage.ok()) return storage.status();
  std::unique_ptr<IngressService> service(
      new IngressService(config, environment, *std::move(storage)));
  auto sources = Sources::Start(
      config, {&service->intake_, &service->budget_, &service->unknown_topics_, environment.clock,
               service->storage_->marks(),
               [metrics = &service->metrics_](v1::Protocol protocol, absl::Duration took) {
                 metrics->Acknowledged(protocol, took);
               }});
  if (!sources.ok()) return sources.status();
  service->sources_ = *std::move(sources);
  if (Publisher* publisher = service->sources_->mqtt_publisher(); publisher != nullptr) {
    service->courier_ = CommandCourier::Create({config.instance_id()},
                                               rpc::MakeChannel(config.registry().address()),
                                               publisher, environment.clock);
  }
  service->looking_after_ = std::thread([service = service.get()] { service->LookAfter(); });
  return std::unique_ptr<rpc::Service>(std::move(service));
}

IngressService::IngressService(const config::v1::IngressConfig& config,
                               const rpc::Environment& environment,
                               std::unique_ptr<Storage> storage)
    : environment_(environment),
      metrics_(environment.metrics),
      storage_(std::move(storage)),
      replica_file_(config.data_dir() + "/devices", &replica_),
      heard_(environment.clock),
      rates_(config.admission().max_device_messages_per_s(), DeviceBurst(config)),
      budget_(config.admission().max_bytes_under_way()),
      intake_(
          {storage_->telemetry(), storage_->dead_letters(), storage_->reports(),
           Loaded(&replica_file_, &replica_), &newcomers_, &heard_, storage_->window(), &rates_},
          {AutoRegister(config), storage_->marks()}),
      link_(rpc::MakeChannel(config.registry().address()),
            {environment.clock, storage_->reports(), &replica_, &newcomers_, &heard_,
             [this](int64_t cursor) { return storage_->SaveReportsCursor(cursor); }},
            {config.instance_id(), absl::Seconds(30), AutoRegister(config)},
            storage_->reports_cursor()),
      telemetry_rpc_(
          {&intake_, &budget_, storage_->telemetry(), storage_->subscriptions(),
           storage_->dead_letter_log(), &unknown_topics_, environment.streams, environment.clock,
           [this](absl::Duration took) { metrics_.Acknowledged(v1::PROTOCOL_GRPC, took); }}) {}

IngressService::~IngressService() {
  BeginShutdown();
  Finish();
}

std::vector<rpc::GrpcService> IngressService::GrpcServices() {
  return {{v1::TelemetryService::service_full_name(), &telemetry_rpc_}};
}

std::map<std::string, std::string> IngressService::Endpoints() { return sources_->Endpoints(); }

void IngressService::BeginShutdown() {
  if (courier_ != nullptr) courier_->Stop();
  if (sources_ != nullptr) sources_->Stop();
}

void IngressService::Finish() {
  {
    absl::MutexLock lock(&mutex_);
    stopping_ = true;
  }
  if (looking_after_.joinable()) looking_after_.join();
  link_.Stop();
  SaveReplica();
}

void IngressService::LookAfter() {
  for (int round = 1;; ++round) {
    metrics_.Update(Observe());
    storage_->subscriptions()->ExpireIdle();
    if (round % kRoundsPerSave == 0) SaveReplica();
    absl::MutexLock lock(&mutex_);
    mutex_.AwaitWithTimeout(absl::Condition(&stopping_), kLookAfterInterval);
    if (stopping_) return;
  }
}

void IngressService::SaveReplica() {
  const absl::Status status = replica_file_.SaveIfChanged();
  if (!status.ok()) spdlog::error("the known devices were not saved: {}", status.ToString());
}

IngressMetrics::Snapshot IngressService::Observe() const {
  IngressMetrics::Snapshot snapshot;
  snapshot.intake = intake_.stats();
  snapshot.journals["telemetry"] = storage_->telemetry()->stats();
  snapshot.journals["dead_letters"] = storage_->dead_letters()->stats();
  snapshot.journals["reports"] = storage_->reports()->stats();
  constexpr int kAll = 10'000;
  snapshot.subscriptions = storage_->subscriptions()->List("", kAll);
  const RegistryReporter::Stats link = link_.stats();
  snapshot.dropped = sources_->Dropped();
  if (courier_ != nullptr) {
    snapshot.dropped["commands_unsendable"] = courier_->stats().queue.unsendable;
  }
  snapshot.dropped["newcomers_full"] = newcomers_.dropped();
  snapshot.dropped["newcomers_refused"] = link.refused_devices;
  snapshot.dropped["presence_full"] = heard_.dropped();
  snapshot.dropped["presence_unknown_device"] = link.unknown_sightings;
  snapshot.dropped["replica_full"] = replica_.dropped();
  snapshot.dropped["reports_refused"] = link.refused_reports;
  snapshot.dropped["reports_lost"] = link.lost_reports;
  snapshot.brokers = sources_->Brokers();
  snapshot.coap = sources_->CoapDedup();
  snapshot.registry_synced = link_.synced();
  snapshot.known_devices = static_cast<int64_t>(replica_.size());
  snapshot.dropped["grpc_overload"] = budget_.refusals();
  snapshot.bytes_under_way = budget_.used_bytes();
  snapshot.window = storage_->window()->stats();
  return snapshot;
}

}  // namespace sluice::ingress
