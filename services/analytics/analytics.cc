#include "services/analytics/analytics.h"

#include <errno.h>
#include <spdlog/spdlog.h>
#include <stdio.h>

#include <utility>

#include "absl/strings/str_cat.h"
#include "libs/config/journal_options.h"
#include "libs/proto_time/proto_time.h"
#include "libs/rpc/channel.h"

namespace sluice::analytics {
namespace {

constexpr absl::Duration kUpkeepPause = absl::Seconds(1);
constexpr absl::Duration kAcknowledgeTimeout = absl::Seconds(2);
constexpr int kSubscriptionsPerLook = 10'000;

AnalysisOptions ToAnalysisOptions(const config::v1::AnalyticsConfig& config) {
  AnalysisOptions options;
  options.settings.max_series = config.max_series();
  options.settings.window_size_samples = config.detector().window_size_samples();
  options.settings.threshold = config.detector().threshold();
  options.settings.warm_up_samples = config.detector().warm_up_samples();
  options.on_insight_log = [](const absl::Status& status) {
    if (status.ok()) {
      spdlog::info("insights can be written again");
    } else {
      spdlog::error("insights cannot be written, telemetry waits: {}", status.ToString());
    }
  };
  return options;
}

}  // namespace

absl::StatusOr<std::unique_ptr<rpc::Service>> Analytics::Create(
    const config::v1::AnalyticsConfig& config, const rpc::Environment& environment) {
  const std::string dir = config.data_dir() + "/insights";
  auto journal = Journal::Open(ToJournalOptions(config.journal(), dir), environment.clock);
  if (!journal.ok()) return journal.status();
  if (const int64_t lost = (*journal)->stats().corrupt_records; lost > 0) {
    spdlog::error("{}: {} records cannot be read: they are damaged on disk", dir, lost);
  }
  auto subscriptions = SubscriptionStore::Open(dir + "/subscriptions", journal->get(),
                                               environment.clock, config.max_subscriptions());
  if (!subscriptions.ok()) return subscriptions.status();
  auto insight_log = InsightLog::Open(journal->get());
  if (!insight_log.ok()) return insight_log.status();

  std::unique_ptr<Analytics> analytics(new Analytics(config, environment, *std::move(journal),
                                                     *std::move(subscriptions),
                                                     *std::move(insight_log)));
  if (absl::Status status = analytics->Restore(analytics->checkpoint_path_); !status.ok()) {
    return status;
  }
  if (absl::Status status = analytics->analysis_.AdoptSettings(analytics->checkpoint_path_);
      !status.ok()) {
    spdlog::error("the detector's settings cannot be written down: {}", status.ToString());
  }
  analytics->Start(FromProto(config.checkpoint_interval()));
  return analytics;
}

Analytics::Analytics(const config::v1::AnalyticsConfig& config, const rpc::Environment& environment,
                     std::unique_ptr<Journal> journal,
                     std::unique_ptr<SubscriptionStore> subscriptions,
                     std::unique_ptr<InsightLog> insight_log)
    : journal_(std::move(journal)),
      subscriptions_(std::move(subscriptions)),
      insight_log_(std::move(insight_log)),
      analysis_(ToAnalysisOptions(config), insight_log_.get(), environment.clock),
      feed_(rpc::MakeChannel(config.ingress().address()), &analysis_),
      checkpoint_path_(config.data_dir() + "/checkpoint"),
      rpc_(&analysis_, journal_.get(), subscriptions_.get(), environment.streams,
           environment.clock),
      metrics_(environment.metrics) {}

Analytics::~Analytics() { BeginShutdown(); }

absl::Status Analytics::Restore(const std::string& checkpoint_path) {
  const absl::Status status = analysis_.Restore(checkpoint_path);
  if (status.ok()) {
    spdlog::info("{} series go on from telemetry offset {}", analysis_.stats().series,
                 analysis_.position().next_offset);
    return status;
  }
  if (absl::IsNotFound(status)) return absl::OkStatus();
  if (!absl::IsDataLoss(status)) return status;
  const std::string aside = checkpoint_path + ".damaged";
  spdlog::error("{}; it is {} now, and the series begin anew", std::string(status.message()),
                aside);
  if (rename(checkpoint_path.c_str(), aside.c_str()) == 0) return absl::OkStatus();
  return absl::ErrnoToStatus(errno, absl::StrCat("renaming ", checkpoint_path));
}

void Analytics::Start(absl::Duration checkpoint_interval) {
  checkpointer_.emplace(&analysis_, insight_log_.get(), checkpoint_path_,
                        [this](const TelemetryPosition& position) {
                          return feed_.Acknowledge(position, kAcknowledgeTimeout);
                        });
  feed_.Start();
  checkpoints_ = std::make_unique<PeriodicTask>(checkpoint_interval, [this] { MakeCheckpoint(); });
  upkeep_ = std::make_unique<PeriodicTask>(kUpkeepPause, [this] {
    subscriptions_->ExpireIdle();
    UpdateMetrics();
  });
}

void Analytics::MakeCheckpoint() {
  const absl::Status status = checkpointer_->Run();
  if (!status.ok() && !checkpoint_failed_) {
    spdlog::warn("checkpoint: {}; trying again", status.ToString());
  }
  if (status.ok() && checkpoint_failed_) spdlog::info("checkpoint: made and acknowledged again");
  checkpoint_failed_ = !status.ok();
}

void Analytics::UpdateMetrics() {
  AnalyticsNumbers now;
  now.analysis = analysis_.stats();
  now.insights_passed_over = insight_log_->passed_over();
  now.checkpoints = checkpointer_->stats();
  now.feed = feed_.stats();
  now.journal = journal_->stats();
  now.subscriptions = subscriptions_->List("", kSubscriptionsPerLook);
  metrics_.Update(now);
}

std::vector<rpc::GrpcService> Analytics::GrpcServices() {
  return {{v1::AnalyticsService::service_full_name(), &rpc_}};
}

void Analytics::BeginShutdown() {
  analysis_.Stop();
  feed_.Stop();
}

void Analytics::Finish() {
  BeginShutdown();
  checkpoints_.reset();
  upkeep_.reset();
  MakeCheckpoint();
}

}  // namespace sluice::analytics
