#ifndef SLUICE_SERVICES_INGRESS_REGISTRY_LINK_REGISTRY_REPORTER_H_
#define SLUICE_SERVICES_INGRESS_REGISTRY_LINK_REGISTRY_REPORTER_H_

#include <cstdint>
#include <functional>
#include <memory>
#include <string>
#include <vector>

#include "absl/base/thread_annotations.h"
#include "absl/status/status.h"
#include "absl/synchronization/mutex.h"
#include "absl/time/time.h"
#include "libs/journal/journal.h"
#include "services/ingress/device_replica/device_replica.h"
#include "services/ingress/intake/heard_devices.h"
#include "services/ingress/intake/newcomers.h"
#include "services/ingress/registry_link/registry_calls.h"
#include "sluice/state/v1/report.pb.h"

namespace sluice::ingress {

// Tells the registry what ingress learned: devices to register, the reports log in its order, and
// who was heard from.
//
// A report goes at least once. One that the registry cannot be asked about (UNAVAILABLE and the
// like; UNIMPLEMENTED, too: an older registry) stays at the head until it can, and holds back all
// behind it. One that it refuses for good is counted and skipped; so is one that it fails on
// (INTERNAL, UNKNOWN) kMaxFailures times.
//
// One thread calls; stats may be asked for by any.
class RegistryReporter {
 public:
  static constexpr int kMaxFailures = 10;

  struct Options {
    // Names this ingress to the registry.
    std::string instance_id;
    // How long the registry takes our word for a device without another report.
    absl::Duration lease = absl::Seconds(30);
    // Whether devices that the registry does not know are created there.
    bool auto_register = false;
  };
  // What it works with; all of it outlives the reporter.
  struct Parts {
    RegistryCalls* calls;
    Journal* reports;
    const DeviceReplica* replica;
    Newcomers* newcomers;
    HeardDevices* heard;
    // Keeps the cursor over restarts. If that fails, reports go again after a restart.
    std::function<absl::Status(int64_t cursor)> save_cursor;
  };
  struct Stats {
    int64_t cursor = 0;  // reports below it are dealt with
    int64_t registered_devices = 0;
    int64_t refused_devices = 0;  // that the registry would not create
    int64_t forwarded_reports = 0;
    int64_t refused_reports = 0;    // skipped
    int64_t lost_reports = 0;       // deleted or damaged before they were forwarded
    int64_t unknown_sightings = 0;  // of devices that the registry does not know
    std::string last_refusal;       // in words; empty: none
  };

  // `cursor`: the first report that is not forwarded yet.
  RegistryReporter(Parts parts, Options options, int64_t cursor);

  // Registers newcomers and forwards every report that is durable when it is called. An error is
  // the registry's that could not be asked: try again later.
  absl::Status Forward();

  // Tells who was heard from since the last time, and renews the lease. Errors as in Forward.
  absl::Status TellPresence();

  Stats stats() const;

 private:
  struct Group;

  absl::Status Register();
  // Sees to it that unknown devices in `batch` are registered before what they said is told.
  absl::Status RegisterUnknown(const JournalBatch& batch);
  absl::Status ForwardBatch(const JournalBatch& batch);
  absl::Status SendStatuses(Group* group);
  absl::Status SendCommand(const state::v1::Report& report);
  // Turns the registry's answer to `count` reports into whether to go on: OK, or try again later.
  absl::Status Settle(const absl::Status& answer, int64_t count);
  absl::Status Report(v1::ReportPresenceRequest* request);
  void Refused(const absl::Status& answer, int64_t Stats::*counter);
  void CountGaps(const std::vector<Gap>& gaps);
  void Moved(int64_t cursor);

  const Parts parts_;
  const Options options_;
  std::unique_ptr<JournalReader> reader_;
  int64_t cursor_;
  // How often the report at the cursor failed.
  int failures_ = 0;
  // Gaps below this offset are counted.
  int64_t gaps_counted_to_ = 0;

  mutable absl::Mutex mutex_;
  Stats stats_ ABSL_GUARDED_BY(mutex_);
};

}  // namespace sluice::ingress

#endif  // SLUICE_SERVICES_INGRESS_REGISTRY_LINK_REGISTRY_REPORTER_H_
