#include "services/analytics/analysis/checkpointer.h"

#include <utility>

#include "absl/time/time.h"

namespace sluice::analytics {
namespace {

constexpr absl::Duration kInsightsDurableTimeout = absl::Seconds(10);

}  // namespace

Checkpointer::Checkpointer(Analysis* analysis, const InsightLog* insights, std::string path,
                           Acknowledge acknowledge)
    : analysis_(analysis),
      insights_(insights),
      path_(std::move(path)),
      acknowledge_(std::move(acknowledge)),
      durable_(analysis->position()) {}

absl::Status Checkpointer::Run() {
  absl::MutexLock lock(&run_mutex_);
  if (!(analysis_->position() == durable_)) {
    const absl::Status status = Write();
    absl::MutexLock stats_lock(&stats_mutex_);
    ++(status.ok() ? stats_.checkpoints : stats_.failures);
    if (!status.ok()) return status;
  }
  if (durable_ == acknowledged_) return absl::OkStatus();
  const absl::Status status = acknowledge_(durable_);
  if (!status.ok() && !absl::IsOutOfRange(status) && !absl::IsNotFound(status)) return status;
  acknowledged_ = durable_;
  return absl::OkStatus();
}

absl::Status Checkpointer::Write() {
  auto pending = analysis_->WriteCheckpoint(path_);
  if (!pending.ok()) return pending.status();
  if (!insights_->WaitDurable(kInsightsDurableTimeout)) {
    return absl::UnavailableError("the insights of a checkpoint do not become durable");
  }
  if (absl::Status status = (*pending)->Commit(); !status.ok()) return status;
  durable_ = (*pending)->position();
  absl::MutexLock lock(&stats_mutex_);
  stats_.size_bytes = (*pending)->size_bytes();
  return absl::OkStatus();
}

Checkpointer::Stats Checkpointer::stats() const {
  absl::MutexLock lock(&stats_mutex_);
  return stats_;
}

}  // namespace sluice::analytics
