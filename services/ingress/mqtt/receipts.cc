#include "services/ingress/mqtt/receipts.h"

#include <utility>

#include "absl/time/time.h"

namespace sluice::ingress {
namespace {

constexpr absl::Duration kRetryInterval = absl::Milliseconds(100);
constexpr absl::Duration kStopPatience = absl::Seconds(1);

}  // namespace

Receipts::Receipts(const Options& options, Intake* intake, Publisher* publisher)
    : options_(options), intake_(intake), publisher_(publisher) {
  listener_ = intake_->AddDurableListener([this] { OnDurable(); });
  thread_ = std::thread([this] { Run(); });
}

Receipts::~Receipts() { Stop(); }

void Receipts::Add(const Receipt& receipt, Publication answer) {
  const auto bytes = static_cast<int64_t>(answer.topic.size() + answer.payload.size() +
                                          answer.correlation_data.size());
  absl::MutexLock lock(&mutex_);
  if (closed_) {
    ++stats_.dropped_unsent;
    return;
  }
  if (waiting_.size() >= options_.max_waiting ||
      waiting_bytes_ + bytes > options_.max_waiting_bytes) {
    ++stats_.dropped_full;
    return;
  }
  // It may be durable already, as that of a message sent twice is.
  if (waiting_.empty()) look_ = true;
  waiting_bytes_ += bytes;
  waiting_.push_back({receipt, std::move(answer), bytes});
}

void Receipts::Stop() {
  {
    absl::MutexLock lock(&mutex_);
    closed_ = true;
    const auto done = [this]() ABSL_EXCLUSIVE_LOCKS_REQUIRED(mutex_) {
      return waiting_.empty() || away_ || stopping_;
    };
    mutex_.AwaitWithTimeout(absl::Condition(&done), kStopPatience);
    stopping_ = true;
  }
  if (!thread_.joinable()) return;
  thread_.join();
  intake_->RemoveDurableListener(listener_);
  absl::MutexLock lock(&mutex_);
  stats_.dropped_unsent += static_cast<int64_t>(waiting_.size());
  waiting_.clear();
  waiting_bytes_ = 0;
}

Receipts::Stats Receipts::stats() const {
  absl::MutexLock lock(&mutex_);
  Stats stats = stats_;
  stats.waiting = static_cast<int64_t>(waiting_.size());
  return stats;
}

void Receipts::Run() {
  const auto awake = [this]() ABSL_EXCLUSIVE_LOCKS_REQUIRED(mutex_) { return look_ || stopping_; };
  while (true) {
    {
      absl::MutexLock lock(&mutex_);
      mutex_.AwaitWithTimeout(absl::Condition(&awake),
                              away_ ? kRetryInterval : absl::InfiniteDuration());
      if (stopping_) return;
      // Before the disk is asked, so that no fsync after that is missed.
      look_ = false;
    }
    while (SendFirst()) continue;
  }
}

bool Receipts::SendFirst() {
  const Waiting* first = nullptr;
  {
    absl::MutexLock lock(&mutex_);
    if (stopping_ || waiting_.empty() || at_publisher_ >= options_.max_at_publisher) return false;
    first = &waiting_.front();
  }
  if (!intake_->IsDurable(first->receipt)) return false;
  {
    // Before it is published: the completion may come at once.
    absl::MutexLock lock(&mutex_);
    ++at_publisher_;
  }
  const absl::Status status = publisher_->Publish(
      first->answer, [this](const absl::Status& published) { OnPublished(published); });
  absl::MutexLock lock(&mutex_);
  away_ = absl::IsUnavailable(status) || absl::IsResourceExhausted(status);
  if (!status.ok()) --at_publisher_;
  if (away_) return false;
  if (!status.ok()) ++stats_.dropped_unsent;
  RemoveFirst();
  return true;
}

void Receipts::RemoveFirst() {
  waiting_bytes_ -= waiting_.front().bytes;
  waiting_.pop_front();
}

void Receipts::OnDurable() {
  absl::MutexLock lock(&mutex_);
  if (!waiting_.empty()) look_ = true;
}

void Receipts::OnPublished(const absl::Status& status) {
  absl::MutexLock lock(&mutex_);
  --at_publisher_;
  ++(status.ok() ? stats_.sent : stats_.dropped_unsent);
  look_ = true;
}

}  // namespace sluice::ingress
