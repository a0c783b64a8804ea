#include "services/ingress/coap/pending_answers.h"

#include <algorithm>
#include <utility>

namespace sluice::ingress {

bool PendingAnswers::HasRoom(bool confirmable) const {
  return size_ < (confirmable ? options_.max_answers : options_.max_answers / 4 * 3);
}

void PendingAnswers::Push(PendingAnswer answer) {
  answer.since = clock_->Uptime();
  lanes_[static_cast<size_t>(answer.receipt.log)].answers.push_back(std::move(answer));
  ++size_;
}

bool PendingAnswers::PopDurable(const Intake& intake, size_t max_answers,
                                absl::FunctionRef<void(PendingAnswer&)> send) {
  for (Lane& lane : lanes_) {
    while (!lane.answers.empty() && intake.IsDurable(lane.answers.front().receipt)) {
      if (max_answers-- == 0) return true;
      send(lane.answers.front());
      lane.answers.pop_front();
      if (lane.acknowledged > 0) --lane.acknowledged;
      --size_;
    }
  }
  return false;
}

void PendingAnswers::AcknowledgeOverdue(absl::FunctionRef<void(PendingAnswer&)> acknowledge) {
  const absl::Duration now = clock_->Uptime();
  for (Lane& lane : lanes_) {
    for (; lane.acknowledged < lane.answers.size(); ++lane.acknowledged) {
      PendingAnswer& answer = lane.answers[lane.acknowledged];
      if (now - answer.since < options_.acknowledge_after) break;
      if (!answer.confirmable) continue;
      acknowledge(answer);
      answer.acknowledged = true;
    }
  }
}

absl::Duration PendingAnswers::UntilOverdue() const {
  absl::Duration until = absl::InfiniteDuration();
  const absl::Duration now = clock_->Uptime();
  for (const Lane& lane : lanes_) {
    if (lane.acknowledged == lane.answers.size()) continue;
    const absl::Duration due =
        lane.answers[lane.acknowledged].since + options_.acknowledge_after - now;
    until = std::min(until, std::max(due, absl::ZeroDuration()));
  }
  return until;
}

absl::Duration PendingAnswers::LongestWait() const {
  const absl::Duration now = clock_->Uptime();
  absl::Duration longest;
  for (const Lane& lane : lanes_) {
    if (!lane.answers.empty()) longest = std::max(longest, now - lane.answers.front().since);
  }
  return longest;
}

void PendingAnswers::PopAll(absl::FunctionRef<void(PendingAnswer&)> abandon) {
  for (Lane& lane : lanes_) {
    for (PendingAnswer& answer : lane.answers) abandon(answer);
    lane = Lane();
  }
  size_ = 0;
}

}  // namespace sluice::ingress
