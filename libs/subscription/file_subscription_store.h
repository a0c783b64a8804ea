#ifndef SLUICE_LIBS_SUBSCRIPTION_FILE_SUBSCRIPTION_STORE_H_
#define SLUICE_LIBS_SUBSCRIPTION_FILE_SUBSCRIPTION_STORE_H_

#include <cstdint>
#include <map>
#include <memory>
#include <string>
#include <utility>
#include <vector>

#include "absl/base/thread_annotations.h"
#include "absl/synchronization/mutex.h"
#include "libs/subscription/subscription_file.h"
#include "libs/subscription/subscription_store.h"

namespace sluice {

// The store in one file.
//
// A change is made to `wanted_` first and counts when the file with it is on disk and it is in
// `stored_`. The first thread that waits for that writes the file, with all changes made so far;
// those that come while it writes wait for the next round. If a write fails, all that is not stored
// is undone.
class FileSubscriptionStore final : public SubscriptionStore {
 public:
  FileSubscriptionStore(std::string path, Journal* journal, const Clock* clock,
                        int max_subscriptions, StoredSubscriptions stored);

  absl::StatusOr<SubscriptionInfo> Create(absl::string_view name, const StartPosition& start,
                                          absl::Duration expire_after) override;
  std::vector<SubscriptionInfo> List(absl::string_view after_name, int limit) override;
  absl::StatusOr<SubscriptionInfo> Seek(absl::string_view name,
                                        const StartPosition& start) override;
  absl::Status Delete(absl::string_view name) override;
  absl::StatusOr<StreamTicket> OpenStream(absl::string_view name,
                                          const StartPosition& start) override;
  bool Superseded(const StreamTicket& ticket) const override;
  void CloseStream(const StreamTicket& ticket) override;
  absl::StatusOr<int64_t> Acknowledge(absl::string_view name, absl::string_view journal_id,
                                      int64_t epoch, int64_t offset) override;
  void ExpireIdle() override;

 private:
  // Changes that are written together.
  struct Round {
    bool done = false;
    absl::Status status;
  };
  // What is known of a subscription in this process alone.
  struct Use {
    int64_t newest_stream = 0;  // 0: none was opened yet
    bool connected = false;
    absl::Duration last_used;  // Uptime
    // The record that was looked up last, and what was found: it never changes.
    int64_t looked_up_offset = -1;
    absl::Time looked_up_time;
  };

  absl::StatusOr<StreamTicket> OpenNamedStream(const std::string& name, const StartPosition& start);
  absl::Status Add(const std::string& name, int64_t cursor, absl::Duration expire_after)
      ABSL_EXCLUSIVE_LOCKS_REQUIRED(mutex_);
  // Waits until everything in wanted_ is on disk.
  absl::Status Commit() ABSL_EXCLUSIVE_LOCKS_REQUIRED(mutex_);
  void WriteRound() ABSL_EXCLUSIVE_LOCKS_REQUIRED(mutex_);
  void HoldBack() ABSL_EXCLUSIVE_LOCKS_REQUIRED(mutex_);
  void Touch(const std::string& name) ABSL_EXCLUSIVE_LOCKS_REQUIRED(mutex_);
  bool Expired(const std::string& name, const StoredSubscription& subscription) const
      ABSL_EXCLUSIVE_LOCKS_REQUIRED(mutex_);
  SubscriptionInfo Describe(const std::string& name, const StoredSubscription& subscription) const
      ABSL_EXCLUSIVE_LOCKS_REQUIRED(mutex_);
  // Adds what the journal knows of the backlog. May read the disk.
  void AddBacklog(SubscriptionInfo* info) ABSL_LOCKS_EXCLUDED(mutex_);

  const std::string path_;
  Journal* const journal_;
  const Clock* const clock_;
  const size_t max_subscriptions_;
  const absl::Duration opened_;  // Uptime

  mutable absl::Mutex mutex_;
  StoredSubscriptions stored_ ABSL_GUARDED_BY(mutex_);
  StoredSubscriptions wanted_ ABSL_GUARDED_BY(mutex_);
  std::shared_ptr<Round> round_ ABSL_GUARDED_BY(mutex_);
  bool writing_ ABSL_GUARDED_BY(mutex_) = false;
  std::map<std::string, Use> uses_ ABSL_GUARDED_BY(mutex_);
  int64_t streams_ ABSL_GUARDED_BY(mutex_) = 0;
};

}  // namespace sluice

#endif  // SLUICE_LIBS_SUBSCRIPTION_FILE_SUBSCRIPTION_STORE_H_
