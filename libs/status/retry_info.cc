#include "libs/status/retry_info.h"

#include "absl/strings/cord.h"
#include "google/rpc/error_details.pb.h"
#include "libs/proto_time/proto_time.h"

namespace sluice {

absl::Status WithRetryInfo(absl::Status status, absl::Duration delay) {
  google::rpc::RetryInfo detail;
  *detail.mutable_retry_delay() = ToProto(delay);
  status.SetPayload(kRetryInfoUrl, absl::Cord(detail.SerializeAsString()));
  return status;
}

}  // namespace sluice
