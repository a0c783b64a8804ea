#ifndef SLUICE_SERVICES_INGRESS_DEVICE_REPLICA_REPLICA_FILE_H_
#define SLUICE_SERVICES_INGRESS_DEVICE_REPLICA_REPLICA_FILE_H_

#include <cstdint>
#include <string>

#include "absl/status/status.h"
#include "services/ingress/device_replica/device_replica.h"

namespace sluice::ingress {

// The file that holds a device replica over restarts. One thread at a time.
class ReplicaFile {
 public:
  // `replica` must outlive it.
  ReplicaFile(std::string path, DeviceReplica* replica)
      : path_(std::move(path)), replica_(replica) {}

  // Reads the file into the replica; a missing file is an empty one. Else what Restore or the file
  // system said: the replica then fills from the registry alone.
  absl::Status Load();

  // Writes the replica, atomically, if it changed since it was last written or read.
  absl::Status SaveIfChanged();

 private:
  const std::string path_;
  DeviceReplica* const replica_;
  int64_t saved_version_ = 0;
};

}  // namespace sluice::ingress

#endif  // SLUICE_SERVICES_INGRESS_DEVICE_REPLICA_REPLICA_FILE_H_
