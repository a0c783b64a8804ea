#ifndef SLUICE_SERVICES_REGISTRY_STORE_REGISTRY_STORE_H_
#define SLUICE_SERVICES_REGISTRY_STORE_REGISTRY_STORE_H_

#include <cstdint>
#include <functional>
#include <string>
#include <vector>

#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "absl/strings/string_view.h"

namespace sluice::registry {

// A device as it is kept: `bytes` is a serialized sluice.v1.Device without last_seen and etag.
struct StoredDevice {
  std::string id;
  std::string bytes;
};

// When a device was last heard from, in microseconds since the Unix epoch. Kept apart from the
// device because it changes so much oftener.
struct StoredLastSeen {
  std::string id;
  int64_t last_seen_us = 0;
};

// A command as it is kept: `bytes` is a serialized sluice.v1.Command.
struct StoredCommand {
  std::string id;
  std::string device_id;
  std::string bytes;
  // Whether its state is final, and since when (microseconds since the Unix epoch).
  bool ended = false;
  int64_t end_time_us = 0;
};

// A command that has ended, as the order in which such commands are deleted knows it.
struct EndedCommand {
  std::string id;
  int64_t end_time_us = 0;
};

// A request_id that was used (see RequestMemory).
struct StoredRequest {
  std::string key;
  uint64_t fingerprint = 0;
  std::string result_id;
  int64_t time_us = 0;
};

// What one write changes: all of it or nothing.
struct StoreChanges {
  std::vector<StoredDevice> put_devices;
  std::vector<std::string> delete_devices;  // with their last_seen
  std::vector<StoredLastSeen> put_last_seen;
  std::vector<StoredCommand> put_commands;  // ended or not; an ended one never comes back to life
  std::vector<EndedCommand> delete_commands;
  std::vector<StoredRequest> put_requests;
  std::vector<std::string> delete_requests;  // keys
};

// The durable record of devices and commands. One interface for both, because deleting or disabling
// a device ends its commands in the same write. Thread-safe; concurrent synced writes share an
// fsync.
//
// Errors: RESOURCE_EXHAUSTED (disk full), UNAVAILABLE (the disk failed: the write may or may not be
// there; the next one tries anew), DATA_LOSS (what is on disk is damaged).
class RegistryStore {
 public:
  enum class Durability {
    kSynced,    // on disk when the call returns
    kBuffered,  // in the kernel's hands: survives the process, not a power loss
  };

  virtual ~RegistryStore() = default;

  virtual absl::Status Write(const StoreChanges& changes, Durability durability) = 0;

  // Whether the last write went well, or the disk takes writes again; otherwise what stands in the
  // way. For health, about once a second.
  virtual absl::Status CheckWritable() = 0;

  // Calls `visit` for each device in order of their ids; last_seen_us is 0 if it was never heard
  // from.
  virtual absl::Status ForEachDevice(
      const std::function<absl::Status(absl::string_view id, absl::string_view bytes,
                                       int64_t last_seen_us)>& visit) const = 0;

  // Calls `visit` for each command that has not ended, in order of their ids.
  virtual absl::Status ForEachUnfinishedCommand(
      const std::function<absl::Status(absl::string_view id, absl::string_view device_id)>& visit)
      const = 0;

  virtual absl::Status ForEachRequest(
      const std::function<absl::Status(const StoredRequest& request)>& visit) const = 0;

  // The serialized command. NOT_FOUND.
  virtual absl::StatusOr<std::string> ReadCommand(absl::string_view id) const = 0;

  // The command with the highest id; empty if there is none.
  virtual absl::StatusOr<std::string> LastCommandId() const = 0;

  // How many commands have ended and are kept still. Walks over all of them: for the start.
  virtual absl::StatusOr<int64_t> CountEndedCommands() const = 0;

  // Up to `limit` of those that ended first, in that order.
  virtual absl::StatusOr<std::vector<EndedCommand>> FirstEndedCommands(int limit) const = 0;
};

}  // namespace sluice::registry

#endif  // SLUICE_SERVICES_REGISTRY_STORE_REGISTRY_STORE_H_
