#ifndef SLUICE_LIBS_PROTO_TIME_PROTO_TIME_H_
#define SLUICE_LIBS_PROTO_TIME_PROTO_TIME_H_

#include <google/protobuf/duration.pb.h>
#include <google/protobuf/timestamp.pb.h>

#include "absl/time/time.h"

namespace sluice {

// Times and durations in messages, and back: exact to the nanosecond, what is finer is cut off.
// Nothing is checked: what a message holds must be validated where it comes in, and an infinite
// time or duration has no form there.
absl::Time FromProto(const google::protobuf::Timestamp& timestamp);
google::protobuf::Timestamp ToProto(absl::Time time);
absl::Duration FromProto(const google::protobuf::Duration& duration);
google::protobuf::Duration ToProto(absl::Duration duration);

}  // namespace sluice

#endif  // SLUICE_LIBS_PROTO_TIME_PROTO_TIME_H_
