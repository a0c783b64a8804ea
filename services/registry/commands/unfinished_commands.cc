#include "services/registry/commands/unfinished_commands.h"

#include <algorithm>
#include <utility>

#include "absl/strings/numbers.h"
#include "absl/strings/str_cat.h"

namespace sluice::registry {
namespace {

constexpr size_t kStampDigits = 16;

}  // namespace

UnfinishedCommands::UnfinishedCommands(absl::string_view last_id, uint32_t draw)
    : suffix_(absl::StrCat("-", absl::Hex(draw, absl::kZeroPad8))) {
  uint64_t stamp = 0;
  if (absl::SimpleHexAtoi(last_id.substr(0, kStampDigits), &stamp)) last_stamp_ = stamp;
}

void UnfinishedCommands::Load(absl::string_view id, absl::string_view device_id) {
  absl::MutexLock lock(&mutex_);
  rows_.insert_or_assign(std::string(id), Row{std::string(device_id), true});
  by_device_[std::string(device_id)].emplace(id);
}

absl::StatusOr<std::string> UnfinishedCommands::Begin(absl::string_view device_id, absl::Time now) {
  absl::MutexLock lock(&mutex_);
  if (rows_.size() >= kMaxInAll) {
    return absl::ResourceExhaustedError(absl::StrCat(kMaxInAll, " commands have not ended yet"));
  }
  const auto found = by_device_.find(device_id);
  if (found != by_device_.end() && found->second.size() >= kMaxPerDevice) {
    return absl::ResourceExhaustedError(absl::StrCat(kMaxPerDevice, " commands of the device '",
                                                     device_id, "' have not ended yet"));
  }
  last_stamp_ = std::max(last_stamp_ + 1,
                         static_cast<uint64_t>(std::max<int64_t>(absl::ToUnixMicros(now), 0)));
  std::string id = absl::StrCat(absl::Hex(last_stamp_, absl::kZeroPad16), suffix_);
  rows_.try_emplace(id, Row{std::string(device_id), false});
  by_device_[std::string(device_id)].insert(id);
  return id;
}

void UnfinishedCommands::Commit(absl::string_view id) {
  absl::MutexLock lock(&mutex_);
  const auto found = rows_.find(id);
  if (found != rows_.end()) found->second.committed = true;
  changed_.SignalAll();
}

void UnfinishedCommands::Abandon(absl::string_view id) {
  absl::MutexLock lock(&mutex_);
  Remove(id);
}

void UnfinishedCommands::End(absl::string_view id) {
  absl::MutexLock lock(&mutex_);
  Remove(id);
}

void UnfinishedCommands::Remove(absl::string_view id) {
  const auto found = rows_.find(id);
  if (found == rows_.end()) return;
  const auto of_device = by_device_.find(found->second.device_id);
  of_device->second.erase(found->first);
  if (of_device->second.empty()) by_device_.erase(of_device);
  rows_.erase(found);
  changed_.SignalAll();
}

absl::optional<std::string> UnfinishedCommands::DeviceOf(absl::string_view id) const {
  absl::MutexLock lock(&mutex_);
  const auto found = rows_.find(id);
  if (found == rows_.end() || !found->second.committed) return absl::nullopt;
  return found->second.device_id;
}

std::vector<std::string> UnfinishedCommands::OfDevice(absl::string_view device_id) const {
  std::vector<std::string> ids;
  absl::MutexLock lock(&mutex_);
  const auto found = by_device_.find(device_id);
  if (found == by_device_.end()) return ids;
  for (const std::string& id : found->second) {
    if (rows_.find(id)->second.committed) ids.push_back(id);
  }
  return ids;
}

absl::optional<std::string> UnfinishedCommands::FindNext(absl::string_view after) const {
  // What lies before `after` was told already, or ended, or was abandoned.
  const auto it = rows_.upper_bound(after);
  if (it == rows_.end() || !it->second.committed) return absl::nullopt;
  return it->first;
}

absl::optional<std::string> UnfinishedCommands::Next(absl::string_view after,
                                                     absl::Duration timeout) const {
  absl::MutexLock lock(&mutex_);
  absl::optional<std::string> id = FindNext(after);
  if (id.has_value() || timeout <= absl::ZeroDuration()) return id;
  changed_.WaitWithTimeout(&mutex_, timeout);
  return FindNext(after);
}

bool UnfinishedCommands::WaitEnded(absl::string_view id, absl::Duration timeout) const {
  absl::MutexLock lock(&mutex_);
  if (!rows_.contains(id)) return true;
  changed_.WaitWithTimeout(&mutex_, timeout);
  return !rows_.contains(id);
}

size_t UnfinishedCommands::size() const {
  absl::MutexLock lock(&mutex_);
  return rows_.size();
}

}  // namespace sluice::registry
