#ifndef SLUICE_TOOLS_FLEETSIM_TALLY_H_
#define SLUICE_TOOLS_FLEETSIM_TALLY_H_

#include <array>
#include <cstdint>
#include <map>
#include <string>
#include <vector>

#include "absl/base/thread_annotations.h"
#include "absl/container/flat_hash_map.h"
#include "absl/strings/string_view.h"
#include "absl/synchronization/mutex.h"
#include "absl/types/span.h"
#include "tools/fleetsim/histogram.h"

namespace sluice::fleetsim {

enum class Protocol { kMqtt = 0, kCoap = 1 };
inline constexpr int kProtocols = 2;

// What became of the messages of one protocol.
struct ProtocolTotals {
  int64_t devices = 0;
  int64_t sent = 0;
  // Told by the broker or gateway that it has them.
  int64_t acknowledged = 0;
  // Told that it does not take them.
  int64_t refused = 0;
  // Shown to the subscriber at least once.
  int64_t received = 0;
  int64_t acknowledged_and_received = 0;
  // Shown to it again at another offset.
  int64_t duplicates = 0;
  // Those of them that the device had sent once only (MQTT; CoAP devices count as having sent all
  // of theirs more often).
  int64_t unprovoked_duplicates = 0;
  // Shown to it after a later message of the same device.
  int64_t out_of_order = 0;
  // From sending to the acknowledgement, and to the subscriber.
  Histogram acknowledge_latency;
  Histogram delivery_latency;

  // Acknowledged, but not shown to the subscriber.
  int64_t lost() const { return acknowledged - acknowledged_and_received; }
  // Neither acknowledged nor shown.
  int64_t lost_unacknowledged() const {
    return sent - acknowledged - received + acknowledged_and_received;
  }
};

struct AnomalyTotals {
  int64_t planted = 0;
  // Those of them that were acknowledged.
  int64_t acknowledged = 0;
  // Planted, and reported by analytics.
  int64_t found = 0;
  // Acknowledged, but not found.
  int64_t missed = 0;
  // Reported, but not planted.
  int64_t false_alarms = 0;
};

struct Totals {
  std::array<ProtocolTotals, kProtocols> protocols;
  AnomalyTotals anomalies;
  // Records of devices or tags that this run did not send.
  int64_t foreign = 0;
  // By kind, in words.
  std::map<std::string, int64_t> errors;
};

// Remembers every message of a run in 8 bytes: when it was sent, whether it was acknowledged, how
// often it arrived, whether it was an anomaly. A device's messages are numbered from 0. Times are
// microseconds since the run began. Thread-safe.
class Tally {
 public:
  // A message as a subscriber saw it, known by its tag (see signal.h).
  struct Arrival {
    absl::string_view device_id;
    int64_t tag;
  };
  // What must be known to send a message again.
  struct Sending {
    int64_t sent_us = 0;
    bool anomaly = false;
  };

  // Message 0 of every device has the tag `first_tag`. Runs that choose different ones can tell
  // leftovers of each other.
  explicit Tally(int64_t first_tag) : first_tag_(first_tag) {}
  Tally(const Tally&) = delete;
  Tally& operator=(const Tally&) = delete;

  // Adds a device and returns its index, counted from 0.
  int AddDevice(absl::string_view id, Protocol protocol);

  // A new message of the device; returns its number.
  int64_t Sent(int device, int64_t now_us, bool anomaly);
  // The message was sent again, since it was not acknowledged in time.
  void SentAgain(int device, int64_t number);
  // The first time counts; false if it was acknowledged already.
  bool Acknowledged(int device, int64_t number, int64_t now_us);
  void Refused(int device);
  Sending Find(int device, int64_t number) const;

  // Messages that the telemetry subscriber was shown.
  void Received(absl::Span<const Arrival> arrivals, int64_t now_us);
  // Records shown at an offset that was shown before: normally what had been received already, and
  // then nothing happens. If it is another message, the offset was given twice: it counts as
  // received, and as an error.
  void ReceivedAgain(absl::Span<const Arrival> arrivals, int64_t now_us);
  // Messages that analytics reported as anomalies.
  void Reported(absl::Span<const Arrival> anomalies);

  // Kinds beyond the first 64 are counted as `other`.
  void CountError(absl::string_view kind);

  Totals Snapshot() const;
  // What is asked every second, without copying histograms.
  struct Progress {
    int64_t sent = 0, acknowledged = 0, received = 0, lost = 0;
    AnomalyTotals anomalies;
    int64_t errors = 0;
  };
  Progress progress() const;

 private:
  struct Device {
    Protocol protocol;
    std::vector<uint64_t> messages;
    // The highest number that the subscriber was shown.
    int64_t newest_received = -1;
  };

  // The device and number of an arrival; false if it is not of this run.
  bool Locate(const Arrival& arrival, int* device, int64_t* number)
      ABSL_EXCLUSIVE_LOCKS_REQUIRED(mutex_);

  // Takes in the first arrival of a message.
  void Receive(Device* device, int64_t number, int64_t now_us)
      ABSL_EXCLUSIVE_LOCKS_REQUIRED(mutex_);
  void CountErrorLocked(absl::string_view kind) ABSL_EXCLUSIVE_LOCKS_REQUIRED(mutex_);

  const int64_t first_tag_;
  mutable absl::Mutex mutex_;
  std::vector<Device> devices_ ABSL_GUARDED_BY(mutex_);
  absl::flat_hash_map<std::string, int> index_ ABSL_GUARDED_BY(mutex_);
  Totals totals_ ABSL_GUARDED_BY(mutex_);
};

}  // namespace sluice::fleetsim

#endif  // SLUICE_TOOLS_FLEETSIM_TALLY_H_
