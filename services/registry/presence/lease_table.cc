#include "services/registry/presence/lease_table.h"

#include <algorithm>
#include <utility>

#include "absl/strings/str_cat.h"

namespace sluice::registry {

absl::StatusOr<LeaseTable::Lease> LeaseTable::Renew(absl::string_view instance,
                                                    absl::Duration duration, absl::Duration now) {
  absl::MutexLock lock(&mutex_);
  const auto found = by_instance_.find(instance);
  if (found != by_instance_.end() && now < found->second.end) {
    found->second.end = now + duration;
    return Lease{found->second.number, false};
  }
  if (found != by_instance_.end()) {
    ended_.push_back(found->second.number);
  } else if (by_instance_.size() >= kMaxInstances) {
    return absl::ResourceExhaustedError(
        absl::StrCat(kMaxInstances, " ingress instances have a lease already"));
  }
  const Entry entry = {++last_number_, now + duration};
  by_instance_.insert_or_assign(std::string(instance), entry);
  return Lease{entry.number, true};
}

int32_t LeaseTable::Begin(absl::Duration duration, absl::Duration now) {
  absl::MutexLock lock(&mutex_);
  unnamed_.push_back({++last_number_, now + duration});
  return last_number_;
}

std::vector<int32_t> LeaseTable::TakeEnded(absl::Duration now) {
  absl::MutexLock lock(&mutex_);
  std::vector<int32_t> ended = std::exchange(ended_, {});
  for (auto it = by_instance_.begin(); it != by_instance_.end();) {
    if (now < it->second.end) {
      ++it;
    } else {
      ended.push_back(it->second.number);
      by_instance_.erase(it++);
    }
  }
  for (auto it = unnamed_.begin(); it != unnamed_.end();) {
    if (now < it->end) {
      ++it;
    } else {
      ended.push_back(it->number);
      it = unnamed_.erase(it);
    }
  }
  return ended;
}

bool LeaseTable::Holds(int32_t number, absl::Duration now) const {
  absl::MutexLock lock(&mutex_);
  return std::any_of(by_instance_.begin(), by_instance_.end(), [&](const auto& each) {
    return each.second.number == number && now < each.second.end;
  });
}

}  // namespace sluice::registry
