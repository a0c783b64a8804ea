#ifndef SLUICE_SERVICES_INGRESS_COMMANDS_COMMAND_COURIER_H_
#define SLUICE_SERVICES_INGRESS_COMMANDS_COMMAND_COURIER_H_

#include <grpcpp/channel.h>

#include <cstdint>
#include <memory>
#include <string>
#include <thread>

#include "absl/time/time.h"
#include "libs/clock/clock.h"
#include "services/ingress/commands/command_queue.h"
#include "services/ingress/mqtt/publish.h"

namespace sluice::ingress {

// Carries commands from the registry to their devices: watches CommandService, publishes each
// PENDING command, and reports it SENT once the broker has it. At-least-once: after a failure the
// same command is published again, with the same id.
//
// Three threads of its own: one watches (for ever, reconnecting within 5 s), one publishes, one
// reports. When the queue is full the watch reads no further until there is room.
class CommandCourier {
 public:
  struct Options {
    // Names this ingress to the registry, see WatchCommandsRequest.instance_id.
    std::string instance_id;
    CommandQueue::Options queue = {};
    // Deadline of one report.
    absl::Duration report_timeout = absl::Seconds(5);
  };

  struct Stats {
    // The watch is open as far as we know.
    bool watching = false;
    // Watches begun.
    int64_t watches = 0;
    CommandQueue::Stats queue;
  };

  // Starts at once; a registry that is not there is tried for ever. `publisher` and `clock` outlive
  // it.
  static std::unique_ptr<CommandCourier> Create(const Options& options,
                                                const std::shared_ptr<grpc::Channel>& registry,
                                                Publisher* publisher, const Clock* clock);

  // Stops.
  ~CommandCourier();

  // Ends calls and threads at once; commands not reported yet are PENDING at the registry and come
  // again with the next watch. Publishes under way end without it. To be called before
  // MqttSession::Stop. Idempotent.
  void Stop();

  Stats stats() const;

 private:
  class Core;

  CommandCourier() = default;

  // Shared with the completions of publishes, which may come when this is gone.
  std::shared_ptr<Core> core_;
  std::thread watcher_;
  std::thread publisher_;
  std::thread reporter_;
};

}  // namespace sluice::ingress

#endif  // SLUICE_SERVICES_INGRESS_COMMANDS_COMMAND_COURIER_H_
