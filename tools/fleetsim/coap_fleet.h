#ifndef SLUICE_TOOLS_FLEETSIM_COAP_FLEET_H_
#define SLUICE_TOOLS_FLEETSIM_COAP_FLEET_H_

#include <cstdint>
#include <memory>
#include <string>
#include <vector>

#include "absl/status/status.h"
#include "tools/fleetsim/coap_endpoint.h"
#include "tools/fleetsim/event_loop.h"
#include "tools/fleetsim/fleet.h"
#include "tools/fleetsim/fleet_clock.h"
#include "tools/fleetsim/socket_address.h"
#include "tools/fleetsim/workload.h"

namespace sluice::fleetsim {

struct CoapFleetOptions {
  SocketAddress gateway;
  CoapEndpointOptions endpoint;
  // Send whenever there is room, instead of by TrySend.
  bool greedy = false;
  // Give each device an address of 127.0.0.0/8 of its own; each has a port of its own anyway.
  bool spread_sources = false;
  // Of message ids, tokens and jitter.
  uint64_t seed = 1;
};

// CoAP devices, each with a UDP socket of its own.
class CoapFleet final : public Fleet {
 public:
  // Adds the devices to `workload`. The pointers outlive it.
  CoapFleet(const CoapFleetOptions& options, const std::vector<std::string>& ids, EventLoop* loop,
            const FleetClock* clock, Workload* workload);
  ~CoapFleet() override;

  // Opens every socket.
  absl::Status Open();

  int size() const override;
  int ready() const override { return ready_; }
  int64_t unacknowledged() const override;
  int64_t retransmissions() const;
  bool TrySend(int device, int64_t now_us) override;
  void SendAll(int64_t now_us) override;
  void Tick(int64_t now_us) override;
  void Flush(int64_t) override {}
  bool Leave(int64_t) override { return true; }

 private:
  class Device;

  const CoapFleetOptions options_;
  EventLoop* const loop_;
  const FleetClock* const clock_;
  Workload* const workload_;
  // Read by one device at a time.
  std::vector<char> read_buffer_;
  int ready_ = 0;
  std::vector<std::unique_ptr<Device>> devices_;
};

}  // namespace sluice::fleetsim

#endif  // SLUICE_TOOLS_FLEETSIM_COAP_FLEET_H_
