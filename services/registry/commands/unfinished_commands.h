#ifndef SLUICE_SERVICES_REGISTRY_COMMANDS_UNFINISHED_COMMANDS_H_
#define SLUICE_SERVICES_REGISTRY_COMMANDS_UNFINISHED_COMMANDS_H_

#include <cstddef>
#include <cstdint>
#include <string>
#include <vector>

#include "absl/base/thread_annotations.h"
#include "absl/container/btree_map.h"
#include "absl/container/btree_set.h"
#include "absl/container/flat_hash_map.h"
#include "absl/status/statusor.h"
#include "absl/strings/string_view.h"
#include "absl/synchronization/mutex.h"
#include "absl/time/time.h"
#include "absl/types/optional.h"

namespace sluice::registry {

// The ids of all commands that have not ended, in memory, in the order of their creation: makes new
// ids, bounds their number, and lets watchers and senders wait. Thread-safe.
//
// An id is 16 hexadecimal digits that grow with every command (microseconds since the Unix epoch,
// or one more than the last id if the clock stood or went back), `-`, and 8 digits that the process
// drew.
//
// A command is begun, written to disk by the caller, and then committed; watchers get commands in
// the order of their ids, so one whose write takes long holds back the later ones until it is
// decided.
class UnfinishedCommands {
 public:
  static constexpr size_t kMaxPerDevice = 100;
  static constexpr size_t kMaxInAll = 100'000;

  // `last_id`: the highest id that was ever kept, or empty. `draw`: a random number.
  UnfinishedCommands(absl::string_view last_id, uint32_t draw);

  // For the start: a command that the store has as unfinished.
  void Load(absl::string_view id, absl::string_view device_id);

  // The id for a new command. RESOURCE_EXHAUSTED: kMaxPerDevice or kMaxInAll have not ended. Commit
  // or Abandon must follow.
  absl::StatusOr<std::string> Begin(absl::string_view device_id, absl::Time now);
  // It is on disk.
  void Commit(absl::string_view id);
  // It is not.
  void Abandon(absl::string_view id);
  // It has ended.
  void End(absl::string_view id);

  // The device of a command that is committed and has not ended.
  absl::optional<std::string> DeviceOf(absl::string_view id) const;
  // The committed commands of a device, in order.
  std::vector<std::string> OfDevice(absl::string_view device_id) const;

  // The first committed command after `after`, if all that were begun before it are decided; waits
  // for it, `timeout` at the most, less if anything else happens meanwhile.
  absl::optional<std::string> Next(absl::string_view after, absl::Duration timeout) const;

  // Waits until the command has ended, `timeout` at the most, less if anything else happens
  // meanwhile: returns whether it has.
  bool WaitEnded(absl::string_view id, absl::Duration timeout) const;

  size_t size() const;

 private:
  struct Row {
    std::string device_id;
    bool committed = false;
  };

  absl::optional<std::string> FindNext(absl::string_view after) const
      ABSL_EXCLUSIVE_LOCKS_REQUIRED(mutex_);
  void Remove(absl::string_view id) ABSL_EXCLUSIVE_LOCKS_REQUIRED(mutex_);

  const std::string suffix_;
  mutable absl::Mutex mutex_;
  mutable absl::CondVar changed_;
  uint64_t last_stamp_ ABSL_GUARDED_BY(mutex_) = 0;
  absl::btree_map<std::string, Row> rows_ ABSL_GUARDED_BY(mutex_);
  absl::flat_hash_map<std::string, absl::btree_set<std::string>> by_device_ ABSL_GUARDED_BY(mutex_);
};

}  // namespace sluice::registry

#endif  // SLUICE_SERVICES_REGISTRY_COMMANDS_UNFINISHED_COMMANDS_H_
