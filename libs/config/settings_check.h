#ifndef SLUICE_LIBS_CONFIG_SETTINGS_CHECK_H_
#define SLUICE_LIBS_CONFIG_SETTINGS_CHECK_H_

#include <google/protobuf/duration.pb.h>

#include <cstdint>
#include <initializer_list>
#include <string>

#include "absl/status/status.h"
#include "absl/strings/string_view.h"
#include "absl/time/time.h"
#include "sluice/config/v1/common.pb.h"

namespace sluice {

inline constexpr int64_t kKiB = int64_t{1} << 10;
inline constexpr int64_t kMiB = int64_t{1} << 20;
inline constexpr int64_t kGiB = int64_t{1} << 30;
inline constexpr int64_t kTiB = int64_t{1} << 40;

// Values of config::v1::Journal::when_full.
inline constexpr char kRejectNew[] = "reject_new";
inline constexpr char kDropOldest[] = "drop_oldest";

// The defaults that all services share; `listen` is the service's own port.
config::v1::Log DefaultLog();
config::v1::Grpc DefaultGrpc(absl::string_view listen);
config::v1::Journal DefaultJournal(int64_t max_bytes, int64_t hard_max_bytes,
                                   int64_t segment_bytes);

// Any number of checks of settings, of which the first that fails is kept: INVALID_ARGUMENT with
// the setting's path (`journal.max_bytes`), what it is and what it must be.
class SettingsCheck {
 public:
  void That(bool holds, absl::string_view field, absl::string_view rule);
  // Both ends are legal.
  void Range(absl::string_view field, int64_t value, int64_t low, int64_t high);
  void Range(absl::string_view field, const google::protobuf::Duration& value, absl::Duration low,
             absl::Duration high);
  void OneOf(absl::string_view field, absl::string_view value,
             std::initializer_list<absl::string_view> allowed);
  // An address to listen on, which must be a loopback one.
  void Loopback(absl::string_view field, absl::string_view listen);
  // HOST:PORT of something that is elsewhere.
  void Address(absl::string_view field, absl::string_view address);
  // What another check said.
  void Add(const absl::Status& status) { status_.Update(status); }

  // What common.proto says of the settings that services share. `log`, `grpc` and `metrics` are
  // called so in every service.
  void Log(const config::v1::Log& log);
  void Grpc(const config::v1::Grpc& grpc);
  void Metrics(const config::v1::Metrics& metrics);
  void Journal(const std::string& field, const config::v1::Journal& journal);

  const absl::Status& status() const { return status_; }

 private:
  absl::Status status_;
};

}  // namespace sluice

#endif  // SLUICE_LIBS_CONFIG_SETTINGS_CHECK_H_
