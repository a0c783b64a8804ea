#ifndef SLUICE_SERVICES_INGRESS_TESTING_FAKE_JOURNAL_H_
#define SLUICE_SERVICES_INGRESS_TESTING_FAKE_JOURNAL_H_

#include <algorithm>
#include <cstdint>
#include <functional>
#include <map>
#include <memory>
#include <set>
#include <string>
#include <utility>
#include <vector>

#include "absl/base/thread_annotations.h"
#include "absl/synchronization/mutex.h"
#include "libs/journal/journal.h"

namespace sluice::ingress {

// A journal in memory whose disk a test drives: what is appended becomes durable with Sync, or at
// once after SyncAlways. Thread-safe.
class FakeJournal final : public Journal {
 public:
  explicit FakeJournal(std::string id = "fake-journal") : id_(std::move(id)) {}

  // The disk has everything appended so far.
  void Sync() {
    absl::MutexLock listeners_lock(&listeners_mutex_);
    int64_t durable;
    {
      absl::MutexLock lock(&mutex_);
      durable = durable_ = End();
      ++stats_.syncs;
    }
    for (const auto& [key, listener] : listeners_) listener(durable);
  }
  void SyncAlways() {
    absl::MutexLock lock(&mutex_);
    sync_always_ = true;
  }
  // Every Append fails with `status` from now on; OK ends that.
  void FailAppends(absl::Status status) {
    absl::MutexLock lock(&mutex_);
    append_status_ = std::move(status);
  }
  // What is appended from now on is appended at that time. At first: 1970.
  void SetTime(absl::Time time) {
    absl::MutexLock lock(&mutex_);
    time_ = time;
  }
  std::vector<std::string> records() const {
    absl::MutexLock lock(&mutex_);
    return records_;
  }
  // Records below `offset` are deleted, as by retention.
  void DeleteBelow(int64_t offset) {
    absl::MutexLock lock(&mutex_);
    begin_ = std::max(begin_, offset);
  }
  // The record at `offset` is damaged on the disk.
  void Damage(int64_t offset) {
    absl::MutexLock lock(&mutex_);
    damaged_.insert(offset);
  }
  // Of the last append.
  WaitsFor waits_for() const {
    absl::MutexLock lock(&mutex_);
    return waits_for_;
  }
  // How many records were appended before the last WriteAll.
  int64_t written() const {
    absl::MutexLock lock(&mutex_);
    return written_;
  }
  int64_t retention_point() const {
    absl::MutexLock lock(&mutex_);
    return retention_point_;
  }

  const std::string& id() const override { return id_; }
  absl::Status WriteAll() override {
    absl::MutexLock lock(&mutex_);
    if (append_status_.ok()) written_ = End();
    return append_status_;
  }
  absl::Status CheckWritable() override {
    absl::MutexLock lock(&mutex_);
    return append_status_;
  }

  int64_t begin_offset() const override {
    absl::MutexLock lock(&mutex_);
    return begin_;
  }
  int64_t durable_offset() const override {
    absl::MutexLock lock(&mutex_);
    return durable_;
  }
  int64_t end_offset() const override {
    absl::MutexLock lock(&mutex_);
    return End();
  }
  int64_t OffsetAt(absl::Time time) const override {
    absl::MutexLock lock(&mutex_);
    int64_t offset = begin_;
    while (offset < durable_ && times_[static_cast<size_t>(offset)] < time) ++offset;
    return offset;
  }
  absl::optional<absl::Time> AppendTimeAt(int64_t) const override { return absl::nullopt; }
  int64_t BytesFrom(int64_t) const override { return 0; }

  bool WaitDurable(int64_t offset, absl::Duration timeout) const override {
    absl::MutexLock lock(&mutex_);
    const auto durable = [&] {
      mutex_.AssertReaderHeld();
      return durable_ > offset;
    };
    return mutex_.AwaitWithTimeout(absl::Condition(&durable), timeout);
  }

  int64_t AddDurableListener(std::function<void(int64_t)> listener) override {
    absl::MutexLock lock(&listeners_mutex_);
    listeners_[++last_key_] = std::move(listener);
    return last_key_;
  }
  void RemoveDurableListener(int64_t key) override {
    absl::MutexLock lock(&listeners_mutex_);
    listeners_.erase(key);
  }

  void SetRetentionPoint(int64_t offset) override {
    absl::MutexLock lock(&mutex_);
    retention_point_ = offset;
  }

  std::unique_ptr<JournalReader> NewReader(int64_t offset) override {
    return std::make_unique<Reader>(this, offset);
  }

  JournalStats stats() const override {
    absl::MutexLock lock(&mutex_);
    return stats_;
  }

 private:
  absl::StatusOr<int64_t> DoAppend(absl::string_view record, WaitsFor waits_for) override {
    if (static_cast<int64_t>(record.size()) > kMaxRecordBytes) {
      return absl::InvalidArgumentError("record is too large");
    }
    absl::MutexLock lock(&mutex_);
    if (!append_status_.ok()) return append_status_;
    records_.emplace_back(record);
    times_.push_back(time_);
    waits_for_ = waits_for;
    ++stats_.appended_records;
    stats_.bytes += static_cast<int64_t>(record.size());
    if (sync_always_) durable_ = End();
    return End() - 1;
  }

  class Reader final : public JournalReader {
   public:
    Reader(FakeJournal* journal, int64_t offset) : journal_(journal), next_(offset) {}

    absl::StatusOr<JournalBatch> Read(int max_records, int64_t) override {
      absl::MutexLock lock(&journal_->mutex_);
      JournalBatch batch;
      if (next_ < journal_->begin_) {
        batch.gaps.push_back({next_, journal_->begin_, GapReason::kRetention});
        next_ = journal_->begin_;
      }
      while (next_ < journal_->durable_ && static_cast<int>(batch.records.size()) < max_records) {
        if (journal_->damaged_.count(next_) > 0) {
          batch.gaps.push_back({next_, next_ + 1, GapReason::kCorruption});
        } else {
          batch.records.push_back({next_, journal_->times_[next_], journal_->records_[next_]});
        }
        ++next_;
      }
      batch.next_offset = next_;
      return batch;
    }
    int64_t next_offset() const override { return next_; }

   private:
    FakeJournal* const journal_;
    int64_t next_;
  };

  int64_t End() const ABSL_SHARED_LOCKS_REQUIRED(mutex_) {
    return static_cast<int64_t>(records_.size());
  }

  const std::string id_;
  mutable absl::Mutex mutex_;
  WaitsFor waits_for_ ABSL_GUARDED_BY(mutex_) = WaitsFor::kDurable;
  std::vector<std::string> records_ ABSL_GUARDED_BY(mutex_);
  std::vector<absl::Time> times_ ABSL_GUARDED_BY(mutex_);
  absl::Time time_ ABSL_GUARDED_BY(mutex_);
  std::set<int64_t> damaged_ ABSL_GUARDED_BY(mutex_);
  int64_t begin_ ABSL_GUARDED_BY(mutex_) = 0;
  int64_t durable_ ABSL_GUARDED_BY(mutex_) = 0;
  int64_t written_ ABSL_GUARDED_BY(mutex_) = 0;
  int64_t retention_point_ ABSL_GUARDED_BY(mutex_) = INT64_MAX;
  bool sync_always_ ABSL_GUARDED_BY(mutex_) = false;
  absl::Status append_status_ ABSL_GUARDED_BY(mutex_);
  JournalStats stats_ ABSL_GUARDED_BY(mutex_);

  absl::Mutex listeners_mutex_;
  std::map<int64_t, std::function<void(int64_t)>> listeners_ ABSL_GUARDED_BY(listeners_mutex_);
  int64_t last_key_ ABSL_GUARDED_BY(listeners_mutex_) = 0;
};

}  // namespace sluice::ingress

#endif  // SLUICE_SERVICES_INGRESS_TESTING_FAKE_JOURNAL_H_
