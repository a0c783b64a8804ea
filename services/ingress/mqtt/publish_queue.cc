#include "services/ingress/mqtt/publish_queue.h"

#include <utility>

namespace sluice::ingress {
namespace {

int64_t BytesOf(const Publication& publication) {
  return static_cast<int64_t>(publication.topic.size() + publication.payload.size());
}

}  // namespace

absl::Status PublishQueue::Add(Publication publication, Done done) {
  const int64_t bytes = BytesOf(publication);
  if (queue_.size() >= options_.max_queued || queued_bytes_ + bytes > options_.max_queued_bytes) {
    ++refusals_;
    return absl::ResourceExhaustedError("too many messages wait to be published");
  }
  queued_bytes_ += bytes;
  queue_.push_back({std::move(publication), std::move(done)});
  return absl::OkStatus();
}

PublishQueue::Next PublishQueue::TakeNext(int64_t connection) {
  Queued next = std::move(queue_.front());
  queue_.pop_front();
  queued_bytes_ -= BytesOf(next.publication);
  const int64_t id = ++last_id_;
  in_flight_.emplace(id, InFlight{std::move(next.done), connection});
  return {id, std::move(next.publication)};
}

void PublishQueue::End(int64_t id, absl::Status status) {
  const auto found = in_flight_.find(id);
  if (found == in_flight_.end()) return;
  Finish(std::move(found->second.done), std::move(status));
  in_flight_.erase(found);
}

void PublishQueue::EndQueued(const absl::Status& status) {
  for (Queued& queued : queue_) Finish(std::move(queued.done), status);
  queue_.clear();
  queued_bytes_ = 0;
}

void PublishQueue::EndInFlight(int64_t before_connection, const absl::Status& status) {
  for (auto it = in_flight_.begin(); it != in_flight_.end();) {
    if (it->second.connection >= before_connection) {
      ++it;
      continue;
    }
    Finish(std::move(it->second.done), status);
    in_flight_.erase(it++);
  }
}

std::vector<PublishQueue::Ended> PublishQueue::TakeEnded() {
  std::vector<Ended> ended;
  ended.swap(ended_);
  return ended;
}

PublishQueue::Stats PublishQueue::stats() const {
  return {.queued = static_cast<int64_t>(queue_.size()),
          .in_flight = static_cast<int64_t>(in_flight_.size()),
          .published = published_,
          .failures = failures_,
          .refusals = refusals_};
}

void PublishQueue::Finish(Done done, absl::Status status) {
  ++(status.ok() ? published_ : failures_);
  ended_.push_back({std::move(done), std::move(status)});
}

}  // namespace sluice::ingress
