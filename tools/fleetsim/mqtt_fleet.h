#ifndef SLUICE_TOOLS_FLEETSIM_MQTT_FLEET_H_
#define SLUICE_TOOLS_FLEETSIM_MQTT_FLEET_H_

#include <cstdint>
#include <memory>
#include <string>
#include <vector>

#include "tools/fleetsim/event_loop.h"
#include "tools/fleetsim/fleet.h"
#include "tools/fleetsim/fleet_clock.h"
#include "tools/fleetsim/mqtt_session.h"
#include "tools/fleetsim/socket_address.h"
#include "tools/fleetsim/workload.h"

namespace sluice::fleetsim {

struct MqttFleetOptions {
  SocketAddress broker;
  MqttSessionOptions session;
  // A connection that was lost comes back after this time; 0: after an exponential back-off.
  int64_t reconnect_delay_us = 0;
  // Send whenever there is room, instead of by TrySend.
  bool greedy = false;
  // Give each device an address of 127.0.0.0/8 of its own.
  bool spread_sources = false;
  // Of the jitter.
  uint64_t seed = 1;
};

struct MqttFleetStats {
  int64_t reconnects = 0;
  int64_t commands_received = 0;
  // Their answers are acknowledged.
  int64_t commands_answered = 0;
};

// MQTT devices, each with a connection of its own that comes back by itself. Connections are made
// at most 64 at a time.
class MqttFleet final : public Fleet {
 public:
  // Adds the devices to `workload`. The pointers outlive it.
  MqttFleet(const MqttFleetOptions& options, const std::vector<std::string>& ids, EventLoop* loop,
            const FleetClock* clock, Workload* workload);
  ~MqttFleet() override;

  int size() const override;
  int ready() const override { return ready_; }
  int64_t unacknowledged() const override;
  bool TrySend(int device, int64_t now_us) override;
  void SendAll(int64_t now_us) override;
  void Tick(int64_t now_us) override;
  void Flush(int64_t now_us) override;
  bool Leave(int64_t now_us) override;

  const MqttFleetStats& stats() const { return stats_; }

 private:
  class Connection;

  const MqttFleetOptions options_;
  EventLoop* const loop_;
  const FleetClock* const clock_;
  Workload* const workload_;
  // Read by one connection at a time.
  std::vector<char> read_buffer_;
  std::string payload_;
  // Connections with something to send.
  std::vector<Connection*> dirty_;
  std::vector<std::unique_ptr<Connection>> connections_;
  int connecting_ = 0;
  int ready_ = 0;
  MqttFleetStats stats_;
  // When Leave was first called; negative: not yet.
  int64_t leaving_since_us_ = -1;
};

}  // namespace sluice::fleetsim

#endif  // SLUICE_TOOLS_FLEETSIM_MQTT_FLEET_H_
