#ifndef SLUICE_SERVICES_REGISTRY_STORE_ROCKSDB_REGISTRY_STORE_H_
#define SLUICE_SERVICES_REGISTRY_STORE_ROCKSDB_REGISTRY_STORE_H_

#include <memory>
#include <string>

#include "absl/status/statusor.h"
#include "services/registry/store/registry_store.h"

namespace sluice::registry {

// The registry's record in one RocksDB database of one column family:
//
//   format          version of this layout, "1"
//   c/COMMAND       sluice.v1.Command
//   d/DEVICE        sluice.v1.Device
//   e/TIME COMMAND  an ended command by the time of its end (8 bytes, big endian)
//   r/KEY           a used request_id: time and fingerprint (8 bytes each, big endian), result id
//   s/DEVICE        last_seen (8 bytes, big endian)
//   u/COMMAND       an unfinished command's device id
//
// Times are microseconds since the Unix epoch. Set for a small board: about 10 MB of memory, logs
// of a few MB, two background threads.
//
// Opens `dir`, makes it if missing (its parent must exist). FAILED_PRECONDITION: another process
// has it open, or its layout is newer. DATA_LOSS, and nothing is touched: a table or what names the
// tables is damaged or gone. A damaged write-ahead log does not keep it closed: what is
// lost is the rest of the damaged 32 KiB block of the log, and it is logged as an error.
absl::StatusOr<std::unique_ptr<RegistryStore>> OpenRocksDbRegistryStore(const std::string& dir);

}  // namespace sluice::registry

#endif  // SLUICE_SERVICES_REGISTRY_STORE_ROCKSDB_REGISTRY_STORE_H_
