#ifndef SLUICE_SERVICES_INGRESS_REGISTRY_LINK_REGISTRY_LINK_H_
#define SLUICE_SERVICES_INGRESS_REGISTRY_LINK_REGISTRY_LINK_H_

#include <grpcpp/channel.h>

#include <functional>
#include <memory>
#include <thread>

#include "absl/base/thread_annotations.h"
#include "absl/synchronization/mutex.h"
#include "libs/clock/clock.h"
#include "libs/journal/journal.h"
#include "services/ingress/device_replica/device_replica.h"
#include "services/ingress/intake/heard_devices.h"
#include "services/ingress/intake/newcomers.h"
#include "services/ingress/registry_link/device_watch.h"
#include "services/ingress/registry_link/grpc_registry_calls.h"
#include "services/ingress/registry_link/registry_reporter.h"

namespace sluice::ingress {

// Everything between ingress and the registry: the watch of its devices, and a thread that tells it
// of reports as they become durable, and of newcomers and presence every second at the latest.
// While the registry is away it tries on for ever, at most 2 s apart. Thread-safe.
class RegistryLink {
 public:
  // What it works with; all of it outlives the link.
  struct Parts {
    const Clock* clock;
    Journal* reports;
    DeviceReplica* replica;
    Newcomers* newcomers;
    HeardDevices* heard;
    // As in RegistryReporter.
    std::function<absl::Status(int64_t cursor)> save_cursor;
  };

  // Begins at once.
  RegistryLink(const std::shared_ptr<grpc::Channel>& channel, Parts parts,
               RegistryReporter::Options options, int64_t cursor);
  ~RegistryLink();  // stops

  // Ends every call under way and joins. What is not told yet stays in the reports log.
  void Stop();

  bool synced() const { return watch_.synced(); }
  RegistryReporter::Stats stats() const { return reporter_.stats(); }

 private:
  void Run();
  void LogAnswer(const absl::Status& status);

  const Clock* const clock_;
  Journal* const reports_;
  DeviceWatch watch_;
  GrpcRegistryCalls calls_;
  RegistryReporter reporter_;

  absl::Mutex mutex_;
  bool stopping_ ABSL_GUARDED_BY(mutex_) = false;
  // More of the reports log is durable.
  bool woken_ ABSL_GUARDED_BY(mutex_) = false;

  // The thread's own.
  bool was_reachable_ = true;
  int64_t refusals_told_ = 0;
  absl::Duration refusal_told_at_ = -absl::InfiniteDuration();

  int64_t listener_ = 0;
  std::thread thread_;
};

}  // namespace sluice::ingress

#endif  // SLUICE_SERVICES_INGRESS_REGISTRY_LINK_REGISTRY_LINK_H_
