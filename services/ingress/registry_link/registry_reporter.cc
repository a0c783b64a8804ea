#include "services/ingress/registry_link/registry_reporter.h"

#include <algorithm>
#include <utility>

#include "absl/container/flat_hash_set.h"
#include "absl/strings/str_cat.h"
#include "libs/proto_time/proto_time.h"

namespace sluice::ingress {
namespace {

constexpr size_t kMaxDevicesInABatch = 1000;
constexpr size_t kMaxSightingsInABatch = 10'000;
constexpr int kMaxReportsInABatch = 1000;
constexpr int64_t kMaxBatchBytes = 1 << 20;
constexpr char kAutoRegisteredLabel[] = "auto-registered";

enum class Kind { kDone, kRefused, kFailed, kNotAsked };

// What an answer means for what was told.
Kind KindOf(const absl::Status& answer) {
  switch (answer.code()) {
    case absl::StatusCode::kOk:
      return Kind::kDone;
    case absl::StatusCode::kNotFound:
    case absl::StatusCode::kInvalidArgument:
    case absl::StatusCode::kPermissionDenied:
    case absl::StatusCode::kAlreadyExists:
    case absl::StatusCode::kFailedPrecondition:
    case absl::StatusCode::kOutOfRange:
      return Kind::kRefused;
    case absl::StatusCode::kInternal:
    case absl::StatusCode::kUnknown:
    case absl::StatusCode::kDataLoss:
      return Kind::kFailed;
    default:
      return Kind::kNotAsked;
  }
}

v1::Sighting SightingOf(const state::v1::Report& report) {
  v1::Sighting sighting;
  sighting.set_device_id(report.device_id());
  sighting.set_status(report.status().status());
  sighting.set_status_message(report.status().status_message());
  // OFFLINE may be the broker's word (the Will), so it is no sign of life.
  if (report.received_time_us() > 0 && report.status().status() != v1::DEVICE_STATUS_OFFLINE) {
    *sighting.mutable_last_seen() = ToProto(absl::FromUnixMicros(report.received_time_us()));
  }
  return sighting;
}

}  // namespace

// Statuses of different devices that go in one call.
struct RegistryReporter::Group {
  std::vector<v1::Sighting> sightings;
  absl::flat_hash_set<std::string> devices;
  int64_t end = 0;  // first offset behind it
};

RegistryReporter::RegistryReporter(Parts parts, Options options, int64_t cursor)
    : parts_(std::move(parts)), options_(std::move(options)), cursor_(cursor) {
  absl::MutexLock lock(&mutex_);
  stats_.cursor = cursor;
}

absl::Status RegistryReporter::Forward() {
  absl::Status status = Register();
  const int64_t end = parts_.reports->durable_offset();
  const int64_t begin = cursor_;
  if (reader_ == nullptr) reader_ = parts_.reports->NewReader(cursor_);
  while (status.ok() && cursor_ < end) {
    const auto batch = reader_->Read(kMaxReportsInABatch, kMaxBatchBytes);
    status = batch.status();
    if (!status.ok()) break;
    CountGaps(batch->gaps);
    status = ForwardBatch(*batch);
    if (status.ok()) Moved(batch->next_offset);
  }
  // After an error the reader stands behind what was not forwarded.
  if (!status.ok()) reader_.reset();
  if (cursor_ != begin) parts_.save_cursor(cursor_).IgnoreError();
  return status;
}

absl::Status RegistryReporter::ForwardBatch(const JournalBatch& batch) {
  absl::Status status = RegisterUnknown(batch);
  if (!status.ok()) return status;
  Group group;
  for (const JournalRecord& record : batch.records) {
    state::v1::Report report;
    if (!report.ParseFromString(record.bytes) ||
        report.report_case() == state::v1::Report::REPORT_NOT_SET) {
      // Not ours: it would stand in the way for ever.
      if (status = SendStatuses(&group); !status.ok()) return status;
      Refused(absl::DataLossError(absl::StrCat("report ", record.offset, " cannot be read")),
              &Stats::refused_reports);
      Moved(record.offset + 1);
      continue;
    }
    const bool is_status = report.has_status();
    // Of a device there is one sighting in a call, and commands keep their place.
    if (!is_status || group.devices.contains(report.device_id())) {
      if (status = SendStatuses(&group); !status.ok()) return status;
    }
    if (is_status) {
      group.sightings.push_back(SightingOf(report));
      group.devices.insert(report.device_id());
      group.end = record.offset + 1;
      continue;
    }
    if (status = SendCommand(report); !status.ok()) return status;
    Moved(record.offset + 1);
  }
  return SendStatuses(&group);
}

absl::Status RegistryReporter::SendStatuses(Group* group) {
  if (group->sightings.empty()) return absl::OkStatus();
  v1::ReportPresenceRequest request;
  for (const v1::Sighting& sighting : group->sightings) *request.add_sightings() = sighting;
  absl::Status answer = Report(&request);
  if (KindOf(answer) == Kind::kRefused && group->sightings.size() > 1) {
    // One of them is to blame, the others are not. Told twice has one effect.
    for (const v1::Sighting& sighting : group->sightings) {
      request.clear_sightings();
      *request.add_sightings() = sighting;
      answer = Report(&request);
      if (absl::Status status = Settle(answer, 1); !status.ok()) return status;
    }
  } else if (absl::Status status = Settle(answer, static_cast<int64_t>(group->sightings.size()));
             !status.ok()) {
    return status;
  }
  Moved(group->end);
  *group = Group();
  return absl::OkStatus();
}

absl::Status RegistryReporter::SendCommand(const state::v1::Report& report) {
  v1::ReportCommandResultRequest request;
  const state::v1::CommandReport& command = report.command();
  request.set_command_id(command.command_id());
  request.set_state(command.state());
  if (command.state() != v1::COMMAND_STATE_SENT) request.set_device_id(report.device_id());
  if (command.has_result()) *request.mutable_result() = command.result();
  request.set_error_message(command.error_message());
  return Settle(parts_.calls->ReportCommandResult(request), 1);
}

absl::Status RegistryReporter::Settle(const absl::Status& answer, int64_t count) {
  Kind kind = KindOf(answer);
  if (kind == Kind::kFailed && ++failures_ >= kMaxFailures) kind = Kind::kRefused;
  switch (kind) {
    case Kind::kDone: {
      absl::MutexLock lock(&mutex_);
      stats_.forwarded_reports += count;
      break;
    }
    case Kind::kRefused:
      for (int64_t i = 0; i < count; ++i) Refused(answer, &Stats::refused_reports);
      break;
    case Kind::kFailed:
    case Kind::kNotAsked:
      return answer;
  }
  failures_ = 0;
  return absl::OkStatus();
}

absl::Status RegistryReporter::RegisterUnknown(const JournalBatch& batch) {
  if (!options_.auto_register) return absl::OkStatus();
  bool any = false;
  for (const JournalRecord& record : batch.records) {
    state::v1::Report report;
    if (!report.ParseFromString(record.bytes) ||
        parts_.replica->Find(report.device_id()) != DeviceReplica::Standing::kUnknown) {
      continue;
    }
    parts_.newcomers->Add(report.device_id());
    any = true;
  }
  return any ? Register() : absl::OkStatus();
}

absl::Status RegistryReporter::Register() {
  while (true) {
    const std::vector<std::string> ids = parts_.newcomers->Take(kMaxDevicesInABatch);
    if (ids.empty()) return absl::OkStatus();
    v1::BatchCreateDevicesRequest request;
    for (const std::string& id : ids) {
      v1::Device* device = request.add_devices();
      device->set_id(id);
      device->mutable_sensor();
      (*device->mutable_labels())[kAutoRegisteredLabel] = "true";
    }
    const auto response = parts_.calls->BatchCreateDevices(request);
    if (!response.ok() && KindOf(response.status()) == Kind::kNotAsked) {
      parts_.newcomers->GiveBack(ids);
      return response.status();
    }
    parts_.newcomers->Done(ids);
    if (!response.ok()) {
      // The device's next message offers it again.
      for (size_t i = 0; i < ids.size(); ++i) Refused(response.status(), &Stats::refused_devices);
      continue;
    }
    for (const auto& result : response->results()) {
      const auto code = static_cast<absl::StatusCode>(result.code());
      if (code == absl::StatusCode::kAlreadyExists) continue;
      if (code != absl::StatusCode::kOk) {
        Refused(absl::Status(code, result.message()), &Stats::refused_devices);
        continue;
      }
      absl::MutexLock lock(&mutex_);
      ++stats_.registered_devices;
    }
  }
}

absl::Status RegistryReporter::TellPresence() {
  while (true) {
    const auto heard = parts_.heard->Take(kMaxSightingsInABatch, cursor_);
    v1::ReportPresenceRequest request;
    for (const auto& sighting : heard) {
      auto* out = request.add_sightings();
      out->set_device_id(sighting.device_id);
      *out->mutable_last_seen() = ToProto(sighting.last_seen);
    }
    const absl::Status answer = Report(&request);
    if (KindOf(answer) == Kind::kRefused) {
      Refused(answer, &Stats::refused_reports);  // presence comes again by itself
    } else if (!answer.ok()) {
      parts_.heard->GiveBack(heard);
      return answer;
    }
    if (heard.size() < kMaxSightingsInABatch) return absl::OkStatus();
  }
}

absl::Status RegistryReporter::Report(v1::ReportPresenceRequest* request) {
  request->set_instance_id(options_.instance_id);
  request->mutable_lease()->set_seconds(absl::ToInt64Seconds(options_.lease));
  const auto response = parts_.calls->ReportPresence(*request);
  if (!response.ok()) return response.status();
  if (response->lease_was_lost()) parts_.heard->TellAgain();
  absl::MutexLock lock(&mutex_);
  stats_.unknown_sightings += response->unknown_count();
  return absl::OkStatus();
}

void RegistryReporter::Refused(const absl::Status& answer, int64_t Stats::*counter) {
  absl::MutexLock lock(&mutex_);
  ++(stats_.*counter);
  stats_.last_refusal = answer.ToString();
}

// A gap is read again, and must not count again, for as long as the registry cannot be told of what
// stands behind it.
void RegistryReporter::CountGaps(const std::vector<Gap>& gaps) {
  absl::MutexLock lock(&mutex_);
  for (const Gap& gap : gaps) {
    if (gap.to <= gaps_counted_to_) continue;
    stats_.lost_reports += gap.to - std::max(gap.from, gaps_counted_to_);
    gaps_counted_to_ = gap.to;
  }
}

void RegistryReporter::Moved(int64_t cursor) {
  cursor_ = cursor;
  absl::MutexLock lock(&mutex_);
  stats_.cursor = cursor;
}

RegistryReporter::Stats RegistryReporter::stats() const {
  absl::MutexLock lock(&mutex_);
  return stats_;
}

}  // namespace sluice::ingress
