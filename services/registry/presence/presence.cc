#include "services/registry/presence/presence.h"

#include <algorithm>
#include <utility>

#include "absl/container/flat_hash_set.h"
#include "absl/strings/str_cat.h"
#include "libs/device_id/device_id.h"
#include "libs/status/field_violation.h"
#include "services/registry/devices/device_rules.h"

namespace sluice::registry {
namespace {

constexpr int kMaxSightings = 10'000;
constexpr size_t kDevicesPerWrite = 1000;
constexpr absl::Duration kDefaultLease = absl::Seconds(30);
constexpr int64_t kMinLeaseUs = 1'000'000;
constexpr int64_t kMaxLeaseUs = 3'600'000'000;

absl::StatusOr<absl::Duration> LeaseOf(const v1::ReportPresenceRequest& request) {
  if (!request.has_lease()) return kDefaultLease;
  // Bounded before it is multiplied: the seconds come from the network.
  const int64_t seconds = std::clamp<int64_t>(request.lease().seconds(), 0, 1'000'000);
  const int64_t us = seconds * 1'000'000 + request.lease().nanos() / 1'000;
  if (us < kMinLeaseUs || us > kMaxLeaseUs) return InvalidField("lease", "must be 1s to 1h");
  return absl::Microseconds(us);
}

absl::Status ValidateSighting(const v1::Sighting& sighting, const std::string& path) {
  absl::Status status = ValidateId(sighting.device_id(), absl::StrCat(path, ".device_id"));
  if (!status.ok()) return status;
  if (sighting.status() != v1::DEVICE_STATUS_UNSPECIFIED) {
    status = ValidateStatus(sighting.status(), absl::StrCat(path, ".status"));
    if (!status.ok()) return status;
  }
  // The range of google.protobuf.Timestamp from 1970 on.
  const auto& last_seen = sighting.last_seen();
  if (last_seen.seconds() < 0 || last_seen.seconds() > 253'402'300'799 || last_seen.nanos() < 0 ||
      last_seen.nanos() > 999'999'999) {
    return InvalidField(absl::StrCat(path, ".last_seen"), "is no time from 1970 to 9999");
  }
  return ValidateStatusMessage(sighting.status_message(), absl::StrCat(path, ".status_message"));
}

absl::Status Validate(const v1::ReportPresenceRequest& request) {
  absl::Status status = ValidateId(request.instance_id(), "instance_id");
  if (!status.ok()) return status;
  if (request.sightings_size() > kMaxSightings) {
    return InvalidField("sightings",
                        absl::StrCat("has ", request.sightings_size(), " entries; at most ",
                                     kMaxSightings, " are allowed"));
  }
  absl::flat_hash_set<absl::string_view> ids;
  for (int i = 0; i < request.sightings_size(); ++i) {
    const v1::Sighting& sighting = request.sightings(i);
    const std::string path = absl::StrCat("sightings[", i, "]");
    if (!(status = ValidateSighting(sighting, path)).ok()) return status;
    if (!ids.insert(sighting.device_id()).second) {
      return InvalidField(absl::StrCat(path, ".device_id"),
                          absl::StrCat("'", sighting.device_id(), "' stands there twice"));
    }
  }
  return absl::OkStatus();
}

bool WasHeard(const v1::Sighting& sighting) { return sighting.has_last_seen(); }

// Whether a device of this status may change by the sighting; ApplySighting decides.
bool MayChangeStatus(const v1::Sighting& sighting, v1::DeviceStatus status) {
  if (sighting.status() != v1::DEVICE_STATUS_UNSPECIFIED) return true;
  return WasHeard(sighting) &&
         (status == v1::DEVICE_STATUS_OFFLINE || status == v1::DEVICE_STATUS_UNKNOWN);
}

}  // namespace

bool ApplySighting(const v1::Sighting& sighting, v1::Device* device) {
  if (!MayChangeStatus(sighting, device->status())) return false;
  const bool given = sighting.status() != v1::DEVICE_STATUS_UNSPECIFIED;
  const v1::DeviceStatus status = given ? sighting.status() : v1::DEVICE_STATUS_ONLINE;
  const std::string message = given ? sighting.status_message() : std::string();
  if (device->status() == status && device->status_message() == message) return false;
  device->set_status(status);
  device->set_status_message(message);
  return true;
}

Presence::Presence(RegistryState* state) : state_(state) {
  state_->table().AssignOnline(leases_.Begin(kGraceAfterStart, state_->clock().Uptime()));
}

absl::StatusOr<v1::ReportPresenceResponse> Presence::Report(
    const v1::ReportPresenceRequest& request) {
  absl::Status status = Validate(request);
  if (!status.ok()) return status;
  const auto duration = LeaseOf(request);
  if (!duration.ok()) return duration.status();
  const auto lease = leases_.Renew(request.instance_id(), *duration, state_->clock().Uptime());
  if (!lease.ok()) return lease.status();

  v1::ReportPresenceResponse response;
  response.set_lease_was_lost(lease->was_lost);
  const int64_t now_us = absl::ToUnixMicros(state_->clock().Now());
  std::vector<const v1::Sighting*> statuses;
  for (const v1::Sighting& sighting : request.sightings()) {
    // A time to come would hold last_seen there until it has come.
    const int64_t last_seen_us = std::min(ToMicros(sighting.last_seen()), now_us);
    const auto seen = state_->table().See(sighting.device_id(), last_seen_us, lease->number);
    if (!seen.has_value()) {
      response.set_unknown_count(response.unknown_count() + 1);
    } else if (MayChangeStatus(sighting, seen->flags.status)) {
      statuses.push_back(&sighting);
    }
    if (seen.has_value() && seen->moved) state_->feed().PublishLastSeen(sighting.device_id());
  }
  if (!(status = ApplySightings(statuses)).ok()) return status;
  // A write that took longer than the lease: its devices must not stay ONLINE.
  if (!leases_.Holds(lease->number, state_->clock().Uptime())) {
    if (!(status = MakeUnknown(lease->number)).ok()) return status;
  }
  return response;
}

absl::Status Presence::ApplySightings(const std::vector<const v1::Sighting*>& sightings) {
  for (size_t begin = 0; begin < sightings.size(); begin += kDevicesPerWrite) {
    const size_t end = std::min(begin + kDevicesPerWrite, sightings.size());
    std::vector<absl::string_view> ids;
    for (size_t i = begin; i < end; ++i) ids.push_back(sightings[i]->device_id());
    const auto hold = state_->locks().Lock(ids);
    std::vector<v1::Device> changed;
    for (size_t i = begin; i < end; ++i) {
      absl::optional<v1::Device> device = state_->table().Find(sightings[i]->device_id());
      if (!device.has_value() || !ApplySighting(*sightings[i], &*device)) continue;
      Touch(state_->clock().Now(), &*device);
      changed.push_back(*std::move(device));
    }
    if (changed.empty()) continue;
    const absl::Status status = state_->Commit(changed, {});
    if (!status.ok()) return status;
  }
  return absl::OkStatus();
}

absl::Status Presence::MakeUnknown(int32_t lease) {
  const std::vector<std::string> online = state_->table().OnlineOf(lease);
  for (size_t begin = 0; begin < online.size(); begin += kDevicesPerWrite) {
    const size_t end = std::min(begin + kDevicesPerWrite, online.size());
    const auto hold = state_->locks().Lock({online.begin() + begin, online.begin() + end});
    std::vector<v1::Device> changed;
    for (size_t i = begin; i < end; ++i) {
      absl::optional<v1::Device> device = state_->table().Find(online[i]);
      // It may have been heard of since.
      if (!device.has_value() || device->status() != v1::DEVICE_STATUS_ONLINE ||
          state_->table().InstanceOf(online[i]) != lease) {
        continue;
      }
      device->set_status(v1::DEVICE_STATUS_UNKNOWN);
      device->set_status_message("the ingress instance that watched it is gone");
      Touch(state_->clock().Now(), &*device);
      changed.push_back(*std::move(device));
    }
    if (changed.empty()) continue;
    absl::Status status = state_->Commit(changed, {});
    if (status.ok()) status = TakeBack(lease, changed);
    if (!status.ok()) return status;
  }
  return absl::OkStatus();
}

// A sighting that came while its device was being made UNKNOWN found it ONLINE, and changed nothing
// but who vouches for it.
absl::Status Presence::TakeBack(int32_t lease, const std::vector<v1::Device>& made_unknown) {
  std::vector<v1::Device> online;
  for (const v1::Device& device : made_unknown) {
    if (state_->table().InstanceOf(device.id()) == lease) continue;
    v1::Device& back = online.emplace_back(device);
    back.set_status(v1::DEVICE_STATUS_ONLINE);
    back.clear_status_message();
    Touch(state_->clock().Now(), &back);
  }
  return online.empty() ? absl::OkStatus() : state_->Commit(online, {});
}

absl::Status Presence::EndLeases() {
  absl::MutexLock lock(&mutex_);
  for (const int32_t lease : leases_.TakeEnded(state_->clock().Uptime())) ended_.push_back(lease);
  while (!ended_.empty()) {
    const absl::Status status = MakeUnknown(ended_.back());
    if (!status.ok()) return status;
    ended_.pop_back();
  }
  return absl::OkStatus();
}

absl::Status Presence::WriteLastSeen(RegistryStore::Durability durability) {
  std::string after;
  while (true) {
    const std::vector<std::string> ids = state_->table().UnwrittenLastSeen(after, kDevicesPerWrite);
    if (ids.empty()) return absl::OkStatus();
    after = ids.back();
    // So that no last_seen is written behind a deletion.
    const auto hold = state_->locks().Lock({ids.begin(), ids.end()});
    StoreChanges changes;
    changes.put_last_seen = state_->table().TakeLastSeen(ids);
    const absl::Status status = state_->store().Write(changes, durability);
    if (!status.ok()) {
      state_->table().MarkUnwritten(changes.put_last_seen);
      return status;
    }
  }
}

}  // namespace sluice::registry
