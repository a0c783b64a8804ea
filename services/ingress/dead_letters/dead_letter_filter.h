#ifndef SLUICE_SERVICES_INGRESS_DEAD_LETTERS_DEAD_LETTER_FILTER_H_
#define SLUICE_SERVICES_INGRESS_DEAD_LETTERS_DEAD_LETTER_FILTER_H_

#include <string>

#include "absl/container/flat_hash_set.h"
#include "absl/status/statusor.h"
#include "absl/strings/string_view.h"
#include "absl/time/time.h"
#include "sluice/v1/telemetry_service.pb.h"

namespace sluice::ingress {

// A time in a request. INVALID_ARGUMENT names the field: not of the years 1970 to 9999.
absl::StatusOr<absl::Time> CheckedTime(const google::protobuf::Timestamp& time,
                                       absl::string_view field);

// Which dead letters are meant (sluice.v1.DeadLetterFilter). Immutable.
class DeadLetterFilter {
 public:
  // INVALID_ARGUMENT names the field below `filter`: too many entries, no reason, no time.
  static absl::StatusOr<DeadLetterFilter> Create(const v1::DeadLetterFilter& filter);

  bool Matches(const v1::DeadLetter& letter) const;

 private:
  absl::flat_hash_set<int> reasons_;
  absl::flat_hash_set<std::string> device_ids_;
  absl::Time received_from_ = absl::InfinitePast();
  absl::Time received_before_ = absl::InfiniteFuture();
};

}  // namespace sluice::ingress

#endif  // SLUICE_SERVICES_INGRESS_DEAD_LETTERS_DEAD_LETTER_FILTER_H_
