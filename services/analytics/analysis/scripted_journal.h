#ifndef SLUICE_SERVICES_ANALYTICS_ANALYSIS_SCRIPTED_JOURNAL_H_
#define SLUICE_SERVICES_ANALYTICS_ANALYSIS_SCRIPTED_JOURNAL_H_

#include <algorithm>
#include <memory>
#include <string>
#include <utility>
#include <vector>

#include "absl/synchronization/mutex.h"
#include "libs/journal/journal.h"

namespace sluice::analytics {

// A journal in memory, for tests: a test says when it refuses records and when they become durable,
// and may damage it. Thread-safe.
class ScriptedJournal final : public Journal {
 public:
  // From now on Append answers `status`; OK: it takes records again.
  void SetAppendStatus(absl::Status status) {
    absl::MutexLock lock(&mutex_);
    append_status_ = std::move(status);
  }
  // Whether records are durable as soon as they are appended. Default: yes.
  void SetSyncing(bool syncing) {
    absl::MutexLock lock(&mutex_);
    syncing_ = syncing;
    if (syncing) durable_ = static_cast<int64_t>(records_.size());
  }
  // What kill -9 and loss of power leave: what was durable, and of the rest so much.
  void LoseUnsynced(int64_t kept = 0) {
    absl::MutexLock lock(&mutex_);
    durable_ = std::min(static_cast<int64_t>(records_.size()), durable_ + kept);
    records_.resize(durable_);
  }
  void SetRecord(int64_t offset, std::string bytes) {
    absl::MutexLock lock(&mutex_);
    records_[offset] = std::move(bytes);
  }
  std::vector<std::string> records() const {
    absl::MutexLock lock(&mutex_);
    return records_;
  }

  const std::string& id() const override { return id_; }
  absl::Status WriteAll() override { return absl::OkStatus(); }
  absl::Status CheckWritable() override {
    absl::MutexLock lock(&mutex_);
    return append_status_;
  }
  int64_t begin_offset() const override { return 0; }
  int64_t durable_offset() const override {
    absl::MutexLock lock(&mutex_);
    return durable_;
  }
  int64_t end_offset() const override {
    absl::MutexLock lock(&mutex_);
    return static_cast<int64_t>(records_.size());
  }
  int64_t OffsetAt(absl::Time) const override { return durable_offset(); }
  absl::optional<absl::Time> AppendTimeAt(int64_t) const override { return absl::nullopt; }
  int64_t BytesFrom(int64_t) const override { return 0; }
  bool WaitDurable(int64_t offset, absl::Duration timeout) const override {
    absl::MutexLock lock(&mutex_);
    const auto is_durable = [&] {
      mutex_.AssertReaderHeld();
      return durable_ > offset;
    };
    return mutex_.AwaitWithTimeout(absl::Condition(&is_durable), timeout);
  }
  int64_t AddDurableListener(std::function<void(int64_t)>) override { return 0; }
  void RemoveDurableListener(int64_t) override {}
  void SetRetentionPoint(int64_t) override {}
  std::unique_ptr<JournalReader> NewReader(int64_t offset) override {
    return std::make_unique<Reader>(this, offset);
  }
  JournalStats stats() const override { return {}; }

 private:
  absl::StatusOr<int64_t> DoAppend(absl::string_view record, WaitsFor) override {
    absl::MutexLock lock(&mutex_);
    if (!append_status_.ok()) return append_status_;
    records_.emplace_back(record);
    if (syncing_) durable_ = static_cast<int64_t>(records_.size());
    return static_cast<int64_t>(records_.size()) - 1;
  }

  class Reader final : public JournalReader {
   public:
    Reader(const ScriptedJournal* journal, int64_t offset) : journal_(journal), next_(offset) {}
    absl::StatusOr<JournalBatch> Read(int max_records, int64_t) override {
      JournalBatch batch;
      absl::MutexLock lock(&journal_->mutex_);
      for (; next_ < journal_->durable_ && max_records > 0; ++next_, --max_records) {
        batch.records.push_back({next_, absl::UnixEpoch(), journal_->records_[next_]});
      }
      batch.next_offset = next_;
      return batch;
    }
    int64_t next_offset() const override { return next_; }

   private:
    const ScriptedJournal* const journal_;
    int64_t next_;
  };

  const std::string id_ = "scripted";
  mutable absl::Mutex mutex_;
  std::vector<std::string> records_ ABSL_GUARDED_BY(mutex_);
  int64_t durable_ ABSL_GUARDED_BY(mutex_) = 0;
  bool syncing_ ABSL_GUARDED_BY(mutex_) = true;
  absl::Status append_status_ ABSL_GUARDED_BY(mutex_);
};

}  // namespace sluice::analytics

#endif  // SLUICE_SERVICES_ANALYTICS_ANALYSIS_SCRIPTED_JOURNAL_H_
