#ifndef SLUICE_SERVICES_REGISTRY_COMMANDS_COMMAND_BOOK_H_
#define SLUICE_SERVICES_REGISTRY_COMMANDS_COMMAND_BOOK_H_

#include <cstdint>
#include <functional>
#include <memory>
#include <string>
#include <vector>

#include "absl/base/thread_annotations.h"
#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "absl/strings/string_view.h"
#include "absl/synchronization/mutex.h"
#include "absl/time/time.h"
#include "absl/types/optional.h"
#include "services/registry/commands/unfinished_commands.h"
#include "services/registry/devices/registry_state.h"
#include "sluice/v1/command_service.pb.h"

namespace sluice::registry {

struct CommandBookStats {
  // Since the start.
  int64_t accepted = 0;
  int64_t sent = 0;
  int64_t succeeded = 0;
  int64_t failed = 0;
  int64_t cancelled = 0;
  // Now.
  int64_t unfinished = 0;
  int64_t waiting = 0;
};

// Takes commands in, keeps them, moves them on and forgets them as sluice.v1.CommandService
// promises; requests come as the client sent them and are validated here. The commands themselves
// stay in the store (they are large); only the ids of unfinished ones are in memory. All that
// happens to the commands of one device happens under that device's lock. Thread-safe. Errors as in
// the proto, beside those of RegistryStore.
class CommandBook {
 public:
  // Ended commands are kept this long, and no more than this many.
  static constexpr absl::Duration kKeepEnded = absl::Hours(24 * 7);
  static constexpr int64_t kMaxEnded = 100'000;
  // Calls that wait for a command's end at the same time: each occupies a thread.
  static constexpr int64_t kMaxWaiting = 32;

  // `state` must outlive it. `draw`: a random number, part of the ids. `max_ended`: kMaxEnded but
  // in tests.
  static absl::StatusOr<std::unique_ptr<CommandBook>> Open(RegistryState* state, uint32_t draw,
                                                           int64_t max_ended = kMaxEnded);

  // `gone` is asked a few times a second while it waits: nobody wants the answer any more.
  absl::StatusOr<v1::Command> Send(const v1::SendCommandRequest& request,
                                   const std::function<bool()>& gone);
  absl::StatusOr<v1::Command> Get(absl::string_view command_id) const;
  absl::StatusOr<v1::Command> Report(const v1::ReportCommandResultRequest& request);

  // For a watcher that has been told everything up to the command `after` (empty: nothing): the
  // next one that has not ended. Waits for it, `timeout` at the most; nothing if none came.
  absl::StatusOr<absl::optional<v1::Command>> Next(absl::string_view after,
                                                   absl::Duration timeout) const;

  // Adds to `changes` that all unfinished commands of the device end CANCELLED, and returns their
  // ids: for Cancelled, once the changes are written. The caller holds the device's lock.
  absl::StatusOr<std::vector<std::string>> CancelAll(absl::string_view device_id,
                                                     absl::string_view why, StoreChanges* changes);
  void Cancelled(const std::vector<std::string>& ids);

  // Deletes ended commands that are too old or too many. Call it now and then.
  absl::Status Trim();
  // Whether there are too many.
  bool NeedsTrim() const;

  CommandBookStats stats() const;

 private:
  class WaitingPlace;

  CommandBook(RegistryState* state, int64_t max_ended, absl::string_view last_id, uint32_t draw)
      : state_(state), max_ended_(max_ended), unfinished_(last_id, draw) {}

  absl::StatusOr<v1::Command> Accept(const v1::SendCommandRequest& request);
  absl::StatusOr<v1::Command> Read(absl::string_view id) const;
  void Count(v1::CommandState state);

  RegistryState* const state_;
  const int64_t max_ended_;
  UnfinishedCommands unfinished_;
  mutable absl::Mutex mutex_;
  CommandBookStats stats_ ABSL_GUARDED_BY(mutex_);
  int64_t ended_ ABSL_GUARDED_BY(mutex_) = 0;
};

}  // namespace sluice::registry

#endif  // SLUICE_SERVICES_REGISTRY_COMMANDS_COMMAND_BOOK_H_
