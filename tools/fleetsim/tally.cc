#include "tools/fleetsim/tally.h"

namespace sluice::fleetsim {
namespace {

// A message's 64 bits: 48 of time, then flags.
constexpr uint64_t kTimeMask = (uint64_t{1} << 48) - 1;
constexpr uint64_t kAcknowledged = uint64_t{1} << 48;
constexpr uint64_t kReceived = uint64_t{1} << 49;
constexpr uint64_t kAnomaly = uint64_t{1} << 50;
constexpr uint64_t kReported = uint64_t{1} << 51;

constexpr uint64_t kSentAgain = uint64_t{1} << 52;

constexpr size_t kMaxErrorKinds = 64;

}  // namespace

int Tally::AddDevice(absl::string_view id, Protocol protocol) {
  absl::MutexLock lock(&mutex_);
  const int device = static_cast<int>(devices_.size());
  devices_.push_back(Device{protocol, {}, -1});
  index_.emplace(std::string(id), device);
  ++totals_.protocols[static_cast<int>(protocol)].devices;
  return device;
}

int64_t Tally::Sent(int device, int64_t now_us, bool anomaly) {
  absl::MutexLock lock(&mutex_);
  Device& d = devices_[device];
  d.messages.push_back((static_cast<uint64_t>(now_us) & kTimeMask) | (anomaly ? kAnomaly : 0));
  ++totals_.protocols[static_cast<int>(d.protocol)].sent;
  totals_.anomalies.planted += anomaly;
  return static_cast<int64_t>(d.messages.size()) - 1;
}

void Tally::SentAgain(int device, int64_t number) {
  absl::MutexLock lock(&mutex_);
  devices_[device].messages[number] |= kSentAgain;
}

bool Tally::Acknowledged(int device, int64_t number, int64_t now_us) {
  absl::MutexLock lock(&mutex_);
  Device& d = devices_[device];
  uint64_t& message = d.messages[number];
  if (message & kAcknowledged) return false;
  message |= kAcknowledged;
  ProtocolTotals& totals = totals_.protocols[static_cast<int>(d.protocol)];
  ++totals.acknowledged;
  totals.acknowledge_latency.Record(now_us - static_cast<int64_t>(message & kTimeMask));
  if (message & kReceived) ++totals.acknowledged_and_received;
  if (message & kAnomaly) {
    ++totals_.anomalies.acknowledged;
    if (!(message & kReported)) ++totals_.anomalies.missed;
  }
  return true;
}

void Tally::Refused(int device) {
  absl::MutexLock lock(&mutex_);
  ++totals_.protocols[static_cast<int>(devices_[device].protocol)].refused;
}

Tally::Sending Tally::Find(int device, int64_t number) const {
  absl::MutexLock lock(&mutex_);
  const uint64_t message = devices_[device].messages[number];
  return Sending{static_cast<int64_t>(message & kTimeMask), (message & kAnomaly) != 0};
}

bool Tally::Locate(const Arrival& arrival, int* device, int64_t* number) {
  const auto found = index_.find(arrival.device_id);
  *number = arrival.tag - first_tag_;
  if (found == index_.end() || *number < 0 ||
      *number >= static_cast<int64_t>(devices_[found->second].messages.size())) {
    ++totals_.foreign;
    return false;
  }
  *device = found->second;
  return true;
}

void Tally::Receive(Device* device, int64_t number, int64_t now_us) {
  uint64_t& message = device->messages[number];
  ProtocolTotals& totals = totals_.protocols[static_cast<int>(device->protocol)];
  message |= kReceived;
  ++totals.received;
  if (message & kAcknowledged) ++totals.acknowledged_and_received;
  totals.delivery_latency.Record(now_us - static_cast<int64_t>(message & kTimeMask));
  if (number < device->newest_received) {
    ++totals.out_of_order;
  } else {
    device->newest_received = number;
  }
}

void Tally::Received(absl::Span<const Arrival> arrivals, int64_t now_us) {
  absl::MutexLock lock(&mutex_);
  for (const Arrival& arrival : arrivals) {
    int index;
    int64_t number;
    if (!Locate(arrival, &index, &number)) continue;
    Device& device = devices_[index];
    if (device.messages[number] & kReceived) {
      ProtocolTotals& totals = totals_.protocols[static_cast<int>(device.protocol)];
      ++totals.duplicates;
      if (!(device.messages[number] & kSentAgain)) ++totals.unprovoked_duplicates;
    } else {
      Receive(&device, number, now_us);
    }
  }
}

void Tally::ReceivedAgain(absl::Span<const Arrival> arrivals, int64_t now_us) {
  absl::MutexLock lock(&mutex_);
  for (const Arrival& arrival : arrivals) {
    int index;
    int64_t number;
    if (!Locate(arrival, &index, &number)) continue;
    Device& device = devices_[index];
    if (device.messages[number] & kReceived) continue;
    CountErrorLocked("subscriber: an offset was given to two records");
    Receive(&device, number, now_us);
  }
}

void Tally::Reported(absl::Span<const Arrival> anomalies) {
  absl::MutexLock lock(&mutex_);
  for (const Arrival& arrival : anomalies) {
    int device;
    int64_t number;
    if (!Locate(arrival, &device, &number)) continue;
    uint64_t& message = devices_[device].messages[number];
    if (message & kReported) continue;
    message |= kReported;
    if (!(message & kAnomaly)) {
      ++totals_.anomalies.false_alarms;
      continue;
    }
    ++totals_.anomalies.found;
    if (message & kAcknowledged) --totals_.anomalies.missed;
  }
}

void Tally::CountError(absl::string_view kind) {
  absl::MutexLock lock(&mutex_);
  CountErrorLocked(kind);
}

void Tally::CountErrorLocked(absl::string_view kind) {
  const std::string key(kind);
  if (totals_.errors.size() >= kMaxErrorKinds && totals_.errors.count(key) == 0) {
    ++totals_.errors["other"];
  } else {
    ++totals_.errors[key];
  }
}

Totals Tally::Snapshot() const {
  absl::MutexLock lock(&mutex_);
  return totals_;
}

Tally::Progress Tally::progress() const {
  absl::MutexLock lock(&mutex_);
  Progress progress;
  for (const ProtocolTotals& totals : totals_.protocols) {
    progress.sent += totals.sent;
    progress.acknowledged += totals.acknowledged;
    progress.received += totals.received;
    progress.lost += totals.lost();
  }
  progress.anomalies = totals_.anomalies;
  for (const auto& [kind, count] : totals_.errors) progress.errors += count;
  return progress;
}

}  // namespace sluice::fleetsim
