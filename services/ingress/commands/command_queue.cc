#include "services/ingress/commands/command_queue.h"

#include <algorithm>

namespace sluice::ingress {
namespace {

// As Command.error_message allows.
constexpr size_t kMaxErrorBytes = 1024;

}  // namespace

CommandQueue::Added CommandQueue::Add(const v1::Command& command) {
  if (command.state() != v1::COMMAND_STATE_PENDING) return Added::kNotNeeded;
  if (entries_.contains(command.id()) || remembered_.contains(command.id())) {
    return Added::kNotNeeded;
  }
  if (!HasRoom()) return Added::kFull;
  Entry& entry = entries_[command.id()];
  entry.command = command;
  entry.sequence = next_sequence_++;
  std::deque<std::string>& line = lines_[command.device_id()];
  line.push_back(command.id());
  if (line.size() == 1) to_publish_.insert({clock_->Uptime(), entry.sequence, command.id()});
  return Added::kAccepted;
}

absl::optional<v1::Command> CommandQueue::NextToPublish() {
  if (in_flight_ >= options_.max_in_flight || to_publish_.empty()) return absl::nullopt;
  const auto first = to_publish_.begin();
  if (first->when > clock_->Uptime()) return absl::nullopt;
  Entry& entry = entries_.at(first->command_id);
  to_publish_.erase(first);
  entry.in_flight = true;
  ++in_flight_;
  return entry.command;
}

void CommandQueue::Published(absl::string_view command_id, const absl::Status& status) {
  const auto found = entries_.find(command_id);
  if (found == entries_.end() || !found->second.in_flight) return;
  Entry& entry = found->second;
  entry.in_flight = false;
  --in_flight_;
  if (!status.ok() && !absl::IsInvalidArgument(status)) {
    ++stats_.publish_failures;
    to_publish_.insert({RetryTime(++entry.tries), entry.sequence, entry.command.id()});
    return;
  }
  ++(status.ok() ? stats_.published : stats_.unsendable);
  v1::ReportCommandResultRequest& report = entry.report.emplace();
  report.set_command_id(entry.command.id());
  if (status.ok()) {
    report.set_state(v1::COMMAND_STATE_SENT);
  } else {
    report.set_device_id(entry.command.device_id());
    report.set_state(v1::COMMAND_STATE_FAILED);
    report.set_error_message(std::string(status.message().substr(0, kMaxErrorBytes)));
  }
  entry.tries = 0;
  to_report_.insert({clock_->Uptime(), entry.sequence, entry.command.id()});
  LeaveLine(entry.command.device_id());
}

absl::optional<v1::ReportCommandResultRequest> CommandQueue::NextToReport() {
  if (to_report_.empty()) return absl::nullopt;
  const auto first = to_report_.begin();
  if (first->when > clock_->Uptime()) return absl::nullopt;
  const v1::ReportCommandResultRequest report = *entries_.at(first->command_id).report;
  to_report_.erase(first);
  return report;
}

void CommandQueue::Reported(absl::string_view command_id, ReportEnd end) {
  const auto found = entries_.find(command_id);
  if (found == entries_.end()) return;
  Entry& entry = found->second;
  if (end == ReportEnd::kTryAgain) {
    to_report_.insert({RetryTime(++entry.tries), entry.sequence, entry.command.id()});
    return;
  }
  ++(end == ReportEnd::kAccepted ? stats_.reported : stats_.unwanted);
  Remember(entry.command.id());
  entries_.erase(found);
}

absl::Duration CommandQueue::PublishTime() const {
  const bool idle = in_flight_ >= options_.max_in_flight || to_publish_.empty();
  return idle ? absl::InfiniteDuration() : to_publish_.begin()->when;
}

absl::Duration CommandQueue::ReportTime() const {
  return to_report_.empty() ? absl::InfiniteDuration() : to_report_.begin()->when;
}

CommandQueue::Stats CommandQueue::stats() const {
  Stats stats = stats_;
  stats.held = static_cast<int64_t>(entries_.size());
  stats.in_flight = static_cast<int64_t>(in_flight_);
  return stats;
}

absl::Duration CommandQueue::RetryTime(int tries) const {
  absl::Duration wait = options_.first_retry;
  for (int i = 1; i < tries && wait < options_.longest_retry; ++i) wait *= 2;
  return clock_->Uptime() + std::min(wait, options_.longest_retry);
}

void CommandQueue::LeaveLine(const std::string& device_id) {
  const auto line = lines_.find(device_id);
  line->second.pop_front();
  if (line->second.empty()) {
    lines_.erase(line);
    return;
  }
  const std::string& next = line->second.front();
  to_publish_.insert({clock_->Uptime(), entries_.at(next).sequence, next});
}

void CommandQueue::Remember(const std::string& command_id) {
  remembered_.insert(command_id);
  remembered_order_.push_back(command_id);
  if (remembered_order_.size() <= options_.max_remembered) return;
  remembered_.erase(remembered_order_.front());
  remembered_order_.pop_front();
}

}  // namespace sluice::ingress
