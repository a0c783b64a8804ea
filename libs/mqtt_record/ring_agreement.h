#ifndef SLUICE_LIBS_MQTT_RECORD_RING_AGREEMENT_H_
#define SLUICE_LIBS_MQTT_RECORD_RING_AGREEMENT_H_

#include <cstdint>

namespace sluice::mqtt_record {

// What the numbers mean that the broker's plugin and ingress show each other beside the records:
// the ring's counters, and the codes of its leases. Numbers keep their meaning for ever.

// Why a publish was not taken. QoS 1 and 2: the connection was closed, and the device sends it
// again; QoS 0: it is gone.
enum Reason : int {
  // No room in the ring.
  kRingFull = 0,
  // Ingress cannot write its journals now: its lease.
  kStorage = 1,
  // The device sends faster than it may: ingress's lease.
  kRate = 2,
  // Ingress has not been seen for longer than the plugin is told to wait for it.
  kNoReader = 3,
  // The ring's file was deleted or replaced.
  kRingReplaced = 4,
  // The disk could not be synced, or not often enough, for a topic that asks for it.
  kSync = 5,
  kReasons = 6,
};
inline constexpr const char* kReasonNames[kReasons] = {"ring_full", "storage",       "rate",
                                                       "no_reader", "ring_replaced", "sync"};

// Codes of leases. The lease of the empty name is for all devices.
inline constexpr uint8_t kRefuseNothing = 0;
inline constexpr uint8_t kRefuseForStorage = 1;
inline constexpr uint8_t kRefuseForRate = 2;

// Upper ends of the buckets of the callback's time, in µs; the last one has none.
inline constexpr int kTimeBuckets = 12;
inline constexpr uint64_t kTimeBoundsUs[kTimeBuckets - 1] = {1,   2,    5,    10,    25,    50,
                                                             100, 1000, 2500, 10000, 100000};

// Numbers of the counters.
inline constexpr int kTakenCounter = 0;                             // + QoS
inline constexpr int kRefusedCounter = 3;                           // + Reason: QoS 1 and 2
inline constexpr int kDroppedCounter = kRefusedCounter + 8;         // + Reason: QoS 0
inline constexpr int kUnknownTopicCounter = kDroppedCounter + 8;    // not taken, passed on
inline constexpr int kWaitsCounter = kUnknownTopicCounter + 1;      // above the high mark
inline constexpr int kWaitedUsCounter = kWaitsCounter + 1;          // in them
inline constexpr int kSyncsCounter = kWaitedUsCounter + 1;          // for single messages
inline constexpr int kAbandonedBytesCounter = kSyncsCounter + 1;    // unread in rings replaced
inline constexpr int kTimeSumCounter = kAbandonedBytesCounter + 1;  // ns in callbacks
inline constexpr int kTimeCounter = kTimeSumCounter + 1;            // + bucket
inline constexpr int kCountersUsed = kTimeCounter + kTimeBuckets;
static_assert(kCountersUsed <= 64);

}  // namespace sluice::mqtt_record

#endif  // SLUICE_LIBS_MQTT_RECORD_RING_AGREEMENT_H_
