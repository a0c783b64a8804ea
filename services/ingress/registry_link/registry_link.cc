#include "services/ingress/registry_link/registry_link.h"

#include <spdlog/spdlog.h>

#include <utility>

#include "libs/backoff/backoff.h"

namespace sluice::ingress {
namespace {

constexpr absl::Duration kFirstRetry = absl::Milliseconds(100);
constexpr absl::Duration kLongestRetry = absl::Seconds(2);
constexpr absl::Duration kCallTimeout = absl::Seconds(5);
constexpr absl::Duration kPresenceInterval = absl::Seconds(1);
// Refusals are logged at most this often.
constexpr absl::Duration kRefusalLogInterval = absl::Seconds(10);

}  // namespace

RegistryLink::RegistryLink(const std::shared_ptr<grpc::Channel>& channel, Parts parts,
                           RegistryReporter::Options options, int64_t cursor)
    : clock_(parts.clock),
      reports_(parts.reports),
      watch_(channel, parts.replica),
      calls_(channel, kCallTimeout),
      reporter_({&calls_, parts.reports, parts.replica, parts.newcomers, parts.heard,
                 [save = std::move(parts.save_cursor)](int64_t at) {
                   const absl::Status status = save(at);
                   if (!status.ok()) {
                     spdlog::error("the cursor of the reports log was not saved: {}",
                                   status.ToString());
                   }
                   return status;
                 }},
                std::move(options), cursor),
      listener_(reports_->AddDurableListener([this](int64_t) {
        absl::MutexLock lock(&mutex_);
        woken_ = true;
      })),
      thread_([this] { Run(); }) {}

RegistryLink::~RegistryLink() { Stop(); }

void RegistryLink::Stop() {
  {
    absl::MutexLock lock(&mutex_);
    stopping_ = true;
  }
  calls_.Stop();
  watch_.Stop();
  if (!thread_.joinable()) return;
  thread_.join();
  reports_->RemoveDurableListener(listener_);
}

void RegistryLink::Run() {
  Backoff backoff(kFirstRetry, kLongestRetry);
  absl::Duration next_presence = clock_->Uptime();
  while (true) {
    {
      absl::MutexLock lock(&mutex_);
      if (stopping_) return;
      woken_ = false;
    }
    absl::Status status = reporter_.Forward();
    // With nothing to forward Forward asks nobody: presence tells whether the registry is back.
    if (status.ok() && (!was_reachable_ || clock_->Uptime() >= next_presence)) {
      next_presence = clock_->Uptime() + kPresenceInterval;
      status = reporter_.TellPresence();
    }
    LogAnswer(status);

    absl::MutexLock lock(&mutex_);
    if (status.ok()) {
      backoff.Reset();
      const auto awake = [this] {
        mutex_.AssertHeld();
        return stopping_ || woken_;
      };
      mutex_.AwaitWithTimeout(absl::Condition(&awake), next_presence - clock_->Uptime());
    } else {
      // Reports that come meanwhile change nothing.
      mutex_.AwaitWithTimeout(absl::Condition(&stopping_), backoff.Next());
    }
  }
}

void RegistryLink::LogAnswer(const absl::Status& status) {
  if (status.ok() != was_reachable_ && !absl::IsCancelled(status)) {
    was_reachable_ = status.ok();
    if (status.ok()) {
      spdlog::info("the registry takes reports again");
    } else {
      spdlog::warn("the registry takes no reports ({}); trying on", status.ToString());
    }
  }
  const RegistryReporter::Stats stats = reporter_.stats();
  const int64_t refusals = stats.refused_reports + stats.refused_devices;
  const absl::Duration now = clock_->Uptime();
  if (refusals > refusals_told_ && now - refusal_told_at_ >= kRefusalLogInterval) {
    spdlog::warn("the registry refused {} of what it was told; the last: {}",
                 refusals - refusals_told_, stats.last_refusal);
    refusals_told_ = refusals;
    refusal_told_at_ = now;
  }
}

}  // namespace sluice::ingress
