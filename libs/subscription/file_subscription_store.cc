#include "libs/subscription/file_subscription_store.h"

#include <algorithm>
#include <iterator>

#include "absl/strings/str_cat.h"
#include "libs/device_id/device_id.h"
#include "libs/failpoint/failpoint.h"
#include "libs/status/field_violation.h"
#include "libs/subscription/start_position.h"

namespace sluice {
namespace {

constexpr absl::Duration kShortestExpiry = absl::Minutes(1);
// How long a restarted process waits for subscribers, at most.
constexpr absl::Duration kLongestGrace = absl::Hours(1);

absl::Status NoSubscription(absl::string_view name) {
  return absl::NotFoundError(absl::StrCat("no subscription '", name, "'"));
}

}  // namespace

absl::StatusOr<std::unique_ptr<SubscriptionStore>> SubscriptionStore::Open(const std::string& path,
                                                                           Journal* journal,
                                                                           const Clock* clock,
                                                                           int max_subscriptions) {
  auto stored = ReadSubscriptions(path, journal->id());
  if (!stored.ok()) return stored.status();
  return std::make_unique<FileSubscriptionStore>(path, journal, clock, max_subscriptions,
                                                 *std::move(stored));
}

FileSubscriptionStore::FileSubscriptionStore(std::string path, Journal* journal, const Clock* clock,
                                             int max_subscriptions, StoredSubscriptions stored)
    : path_(std::move(path)),
      journal_(journal),
      clock_(clock),
      max_subscriptions_(static_cast<size_t>(std::max(0, max_subscriptions))),
      opened_(clock->Uptime()),
      stored_(std::move(stored)),
      round_(std::make_shared<Round>()) {
  absl::MutexLock lock(&mutex_);
  for (auto& entry : stored_) {
    entry.second.cursor =
        std::min(std::max<int64_t>(0, entry.second.cursor), journal_->durable_offset());
    uses_[entry.first].last_used = opened_;
  }
  wanted_ = stored_;
  HoldBack();
}

absl::StatusOr<SubscriptionInfo> FileSubscriptionStore::Create(absl::string_view name_view,
                                                               const StartPosition& start,
                                                               absl::Duration expire_after) {
  const std::string name(name_view);
  if (absl::Status status = ValidateId(name, "subscription.name"); !status.ok()) return status;
  if (expire_after < kShortestExpiry) {
    return InvalidField("subscription.expire_after", "must be 1 min or longer");
  }
  StartPosition from = start;
  if (from.kind == StartPosition::Kind::kDefault) from.kind = StartPosition::Kind::kEarliest;
  const auto cursor = ResolveStart(from, *journal_);
  if (!cursor.ok()) return cursor.status();

  SubscriptionInfo info;
  {
    absl::MutexLock lock(&mutex_);
    if (wanted_.count(name) > 0) {
      return absl::AlreadyExistsError(absl::StrCat("subscription '", name, "' exists already"));
    }
    absl::Status status = Add(name, *cursor, expire_after);
    if (status.ok()) status = Commit();
    if (!status.ok()) return status;
    const auto found = stored_.find(name);
    if (found == stored_.end()) return NoSubscription(name);
    info = Describe(name, found->second);
  }
  AddBacklog(&info);
  return info;
}

std::vector<SubscriptionInfo> FileSubscriptionStore::List(absl::string_view after_name, int limit) {
  std::vector<SubscriptionInfo> infos;
  {
    absl::MutexLock lock(&mutex_);
    for (auto entry = stored_.upper_bound(std::string(after_name));
         entry != stored_.end() && static_cast<int>(infos.size()) < limit; ++entry) {
      infos.push_back(Describe(entry->first, entry->second));
    }
  }
  for (SubscriptionInfo& info : infos) AddBacklog(&info);
  return infos;
}

absl::StatusOr<SubscriptionInfo> FileSubscriptionStore::Seek(absl::string_view name_view,
                                                             const StartPosition& start) {
  const std::string name(name_view);
  if (start.kind == StartPosition::Kind::kDefault || start.kind == StartPosition::Kind::kResume) {
    return InvalidField("start", "must be earliest, latest, an offset or a time");
  }
  // Before the mutex: it may read the disk.
  const auto cursor = ResolveStart(start, *journal_);
  if (!cursor.ok()) return cursor.status();

  SubscriptionInfo info;
  {
    absl::MutexLock lock(&mutex_);
    const auto wanted = wanted_.find(name);
    if (wanted == wanted_.end()) return NoSubscription(name);
    wanted->second.cursor = *cursor;
    const int64_t epoch = ++wanted->second.epoch;
    Touch(name);
    HoldBack();
    if (absl::Status status = Commit(); !status.ok()) return status;
    const auto found = stored_.find(name);
    if (found == stored_.end()) return NoSubscription(name);
    if (found->second.epoch == epoch) {
      uses_[name].newest_stream = 0;
      uses_[name].connected = false;
    }
    info = Describe(name, found->second);
  }
  AddBacklog(&info);
  return info;
}

absl::Status FileSubscriptionStore::Delete(absl::string_view name_view) {
  const std::string name(name_view);
  absl::MutexLock lock(&mutex_);
  if (wanted_.erase(name) == 0) return NoSubscription(name);
  return Commit();
}

absl::StatusOr<StreamTicket> FileSubscriptionStore::OpenStream(absl::string_view name,
                                                               const StartPosition& start) {
  if (!name.empty()) return OpenNamedStream(std::string(name), start);
  StartPosition from = start;
  if (from.kind == StartPosition::Kind::kDefault) from.kind = StartPosition::Kind::kLatest;
  const auto offset = ResolveStart(from, *journal_);
  if (!offset.ok()) return offset.status();
  StreamTicket ticket;
  ticket.start = *offset;
  return ticket;
}

absl::StatusOr<StreamTicket> FileSubscriptionStore::OpenNamedStream(const std::string& name,
                                                                    const StartPosition& start) {
  if (absl::Status status = ValidateId(name, "subscription"); !status.ok()) return status;
  const bool resumes =
      start.kind == StartPosition::Kind::kDefault || start.kind == StartPosition::Kind::kResume;
  StartPosition from = start;
  if (resumes) from.kind = StartPosition::Kind::kEarliest;
  // Before the mutex: it may read the disk.
  const auto first_cursor = ResolveStart(from, *journal_);

  absl::MutexLock lock(&mutex_);
  if (wanted_.count(name) == 0) {
    if (!first_cursor.ok()) return first_cursor.status();
    absl::Status status = Add(name, *first_cursor, absl::InfiniteDuration());
    if (!status.ok()) return status;
  } else if (!resumes) {
    return absl::FailedPreconditionError(
        absl::StrCat("subscription '", name, "' exists: it can only be resumed"));
  }
  StreamTicket ticket;
  ticket.name = name;
  ticket.epoch = ++wanted_[name].epoch;
  Touch(name);
  if (absl::Status status = Commit(); !status.ok()) return status;
  const auto found = stored_.find(name);
  if (found == stored_.end()) return NoSubscription(name);
  ticket.start = found->second.cursor;
  ticket.stream = ++streams_;
  Use& use = uses_[name];
  // Of two that opened at once the one with the lower epoch is superseded before it begins.
  if (found->second.epoch == ticket.epoch) {
    use.newest_stream = ticket.stream;
    use.connected = true;
  }
  return ticket;
}

bool FileSubscriptionStore::Superseded(const StreamTicket& ticket) const {
  if (ticket.name.empty()) return false;
  absl::MutexLock lock(&mutex_);
  const auto use = uses_.find(ticket.name);
  const auto found = stored_.find(ticket.name);
  return use == uses_.end() || found == stored_.end() ||
         use->second.newest_stream != ticket.stream || found->second.epoch != ticket.epoch;
}

void FileSubscriptionStore::CloseStream(const StreamTicket& ticket) {
  if (ticket.name.empty()) return;
  absl::MutexLock lock(&mutex_);
  const auto use = uses_.find(ticket.name);
  if (use == uses_.end() || use->second.newest_stream != ticket.stream) return;
  use->second.connected = false;
  Touch(ticket.name);
}

absl::StatusOr<int64_t> FileSubscriptionStore::Acknowledge(absl::string_view name_view,
                                                           absl::string_view journal_id,
                                                           int64_t epoch, int64_t offset) {
  failpoint::Reach(failpoint::Point::kAcknowledge);
  const std::string name(name_view);
  const int64_t durable = journal_->durable_offset();
  absl::MutexLock lock(&mutex_);
  const auto wanted = wanted_.find(name);
  if (wanted == wanted_.end()) return NoSubscription(name);
  if (journal_id != journal_->id()) {
    return absl::OutOfRangeError(absl::StrCat("journal_id: this journal is ", journal_->id(),
                                              ": offsets of another one mean nothing here"));
  }
  if (epoch < 0 || epoch > wanted->second.epoch) {
    return InvalidField("epoch", "is none that a stream of this subscription ever told");
  }
  if (epoch != 0 && epoch < wanted->second.epoch) {
    return absl::AbortedError(
        absl::StrCat("a newer stream of subscription '", name, "' was opened"));
  }
  if (offset < 0 || offset > durable) {
    return InvalidField(
        "offset", absl::StrCat("is ", offset, "; must be 0 to ", durable, ", the durable end"));
  }
  Touch(name);
  bool stored = true;
  if (offset > wanted->second.cursor) {
    wanted->second.cursor = offset;
    stored = false;
  } else {
    // A change that another thread is waiting for may be the one that this answer tells.
    const auto found = stored_.find(name);
    stored = found != stored_.end() && found->second.cursor >= offset;
  }
  if (!stored) {
    if (absl::Status status = Commit(); !status.ok()) return status;
  }
  const auto found = stored_.find(name);
  if (found == stored_.end()) return NoSubscription(name);
  failpoint::Reach(failpoint::Point::kAcknowledged);
  return found->second.cursor;
}

void FileSubscriptionStore::ExpireIdle() {
  absl::MutexLock lock(&mutex_);
  bool changed = false;
  for (auto entry = wanted_.begin(); entry != wanted_.end();) {
    if (uses_[entry->first].connected) Touch(entry->first);
    if (Expired(entry->first, entry->second)) {
      entry = wanted_.erase(entry);
      changed = true;
      continue;
    }
    const auto stored = stored_.find(entry->first);
    const absl::Duration behind =
        stored == stored_.end() ? absl::ZeroDuration()
                                : entry->second.last_used_time - stored->second.last_used_time;
    // Often enough that a crash costs little of the time it has.
    if (behind > entry->second.expire_after / 8) changed = true;
    ++entry;
  }
  if (changed) Commit().IgnoreError();
}

absl::Status FileSubscriptionStore::Add(const std::string& name, int64_t cursor,
                                        absl::Duration expire_after) {
  if (wanted_.size() >= max_subscriptions_) {
    return absl::ResourceExhaustedError(
        absl::StrCat("all ", max_subscriptions_, " subscriptions are in use"));
  }
  StoredSubscription& added = wanted_[name];
  added.cursor = cursor;
  added.expire_after = expire_after;
  added.create_time = clock_->Now();
  Touch(name);
  HoldBack();
  return absl::OkStatus();
}

absl::Status FileSubscriptionStore::Commit() {
  const std::shared_ptr<Round> round = round_;
  while (!round->done) {
    if (writing_) {
      const auto finished = [this]() ABSL_NO_THREAD_SAFETY_ANALYSIS { return !writing_; };
      mutex_.Await(absl::Condition(&finished));
    } else {
      WriteRound();
    }
  }
  return round->status;
}

void FileSubscriptionStore::WriteRound() {
  const std::shared_ptr<Round> round = std::exchange(round_, std::make_shared<Round>());
  StoredSubscriptions writing = wanted_;
  writing_ = true;
  mutex_.Unlock();
  failpoint::Reach(failpoint::Point::kCursor);
  absl::Status status = WriteSubscriptions(path_, journal_->id(), writing);
  failpoint::Reach(failpoint::Point::kCursorStored);
  mutex_.Lock();
  writing_ = false;
  round->done = true;
  round->status = status;
  if (status.ok()) {
    stored_ = std::move(writing);
  } else {
    // What came meanwhile was built on what is undone here.
    const std::shared_ptr<Round> next = std::exchange(round_, std::make_shared<Round>());
    next->done = true;
    next->status = std::move(status);
    wanted_ = stored_;
  }
  for (auto use = uses_.begin(); use != uses_.end();) {
    const bool gone = stored_.count(use->first) == 0 && wanted_.count(use->first) == 0;
    use = gone ? uses_.erase(use) : std::next(use);
  }
  HoldBack();
}

void FileSubscriptionStore::HoldBack() {
  int64_t lowest = INT64_MAX;
  for (const auto& entry : stored_) lowest = std::min(lowest, entry.second.cursor);
  for (const auto& entry : wanted_) lowest = std::min(lowest, entry.second.cursor);
  journal_->SetRetentionPoint(lowest);
}

void FileSubscriptionStore::Touch(const std::string& name) {
  const auto wanted = wanted_.find(name);
  if (wanted == wanted_.end()) return;
  wanted->second.last_used_time = clock_->Now();
  uses_[name].last_used = clock_->Uptime();
}

bool FileSubscriptionStore::Expired(const std::string& name,
                                    const StoredSubscription& subscription) const {
  const auto use = uses_.find(name);
  if (use == uses_.end() || use->second.connected) return false;
  const absl::Duration idle_here = clock_->Uptime() - use->second.last_used;
  return clock_->Now() - subscription.last_used_time >= subscription.expire_after &&
         idle_here >= std::min(subscription.expire_after, kLongestGrace);
}

SubscriptionInfo FileSubscriptionStore::Describe(const std::string& name,
                                                 const StoredSubscription& subscription) const {
  SubscriptionInfo info;
  info.name = name;
  info.cursor = subscription.cursor;
  info.epoch = subscription.epoch;
  info.expire_after = subscription.expire_after;
  info.create_time = subscription.create_time;
  info.lag_records = std::max<int64_t>(0, journal_->durable_offset() - subscription.cursor);
  const auto wanted = wanted_.find(name);
  info.last_used_time =
      wanted != wanted_.end() ? wanted->second.last_used_time : subscription.last_used_time;
  const auto use = uses_.find(name);
  info.connected = use != uses_.end() && use->second.connected;
  if (info.connected) info.last_used_time = clock_->Now();
  return info;
}

void FileSubscriptionStore::AddBacklog(SubscriptionInfo* info) {
  if (info->lag_records == 0) return;
  info->lag_bytes = journal_->BytesFrom(info->cursor);
  // Retention may have taken the record at the cursor.
  const int64_t oldest = std::max(info->cursor, journal_->begin_offset());
  {
    absl::MutexLock lock(&mutex_);
    const auto use = uses_.find(info->name);
    if (use != uses_.end() && use->second.looked_up_offset == oldest) {
      info->oldest_time = use->second.looked_up_time;
    }
  }
  if (!info->oldest_time.has_value()) {
    info->oldest_time = journal_->AppendTimeAt(oldest);
    if (!info->oldest_time.has_value()) return;
    absl::MutexLock lock(&mutex_);
    const auto use = uses_.find(info->name);
    if (use != uses_.end()) {
      use->second.looked_up_offset = oldest;
      use->second.looked_up_time = *info->oldest_time;
    }
  }
  info->oldest_age = std::max(absl::ZeroDuration(), clock_->Now() - *info->oldest_time);
}

}  // namespace sluice
