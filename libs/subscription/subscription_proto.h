#ifndef SLUICE_LIBS_SUBSCRIPTION_SUBSCRIPTION_PROTO_H_
#define SLUICE_LIBS_SUBSCRIPTION_SUBSCRIPTION_PROTO_H_

#include <google/protobuf/repeated_ptr_field.h>

#include <vector>

#include "absl/status/statusor.h"
#include "absl/strings/string_view.h"
#include "libs/journal/journal.h"
#include "libs/subscription/subscription_store.h"
#include "sluice/v1/subscription.pb.h"

namespace sluice {

// Between the API's messages and the structs of the units that decide.

// INVALID_ARGUMENT names the field below `field`: a negative offset, a time out of range.
absl::StatusOr<StartPosition> StartFromProto(const v1::Start& start, absl::string_view field);

// Infinite if unset. INVALID_ARGUMENT: not a legal duration.
absl::StatusOr<absl::Duration> ExpireAfterFromProto(const v1::Subscription& subscription,
                                                    absl::string_view field);

v1::Subscription ToProto(const SubscriptionInfo& info);

// For the `gaps` of a response.
void AddGaps(const std::vector<Gap>& gaps, google::protobuf::RepeatedPtrField<v1::Gap>* out);

}  // namespace sluice

#endif  // SLUICE_LIBS_SUBSCRIPTION_SUBSCRIPTION_PROTO_H_
