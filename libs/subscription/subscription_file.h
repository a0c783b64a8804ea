#ifndef SLUICE_LIBS_SUBSCRIPTION_SUBSCRIPTION_FILE_H_
#define SLUICE_LIBS_SUBSCRIPTION_SUBSCRIPTION_FILE_H_

#include <cstdint>
#include <map>
#include <string>

#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "absl/strings/string_view.h"
#include "absl/time/time.h"

namespace sluice {

// What is kept of a subscription.
struct StoredSubscription {
  int64_t cursor = 0;
  int64_t epoch = 0;
  absl::Duration expire_after = absl::InfiniteDuration();
  absl::Time create_time;
  absl::Time last_used_time;
};

// By name.
using StoredSubscriptions = std::map<std::string, StoredSubscription>;

// The file of subscriptions: a sluice.state.v1.Subscriptions.

// None if there is no such file. Cursors are 0 if they are of another journal. FAILED_PRECONDITION:
// a newer format. DATA_LOSS: not such a file, or not as it was written.
absl::StatusOr<StoredSubscriptions> ReadSubscriptions(const std::string& path,
                                                      absl::string_view journal_id);

// Replaces the file; on disk when it returns OK.
absl::Status WriteSubscriptions(const std::string& path, absl::string_view journal_id,
                                const StoredSubscriptions& subscriptions);

}  // namespace sluice

#endif  // SLUICE_LIBS_SUBSCRIPTION_SUBSCRIPTION_FILE_H_
