#include "services/ingress/intake/journal_intake.h"

#include <algorithm>
#include <utility>

#include "absl/strings/str_cat.h"
#include "libs/device_id/device_id.h"
#include "libs/proto_time/proto_time.h"
#include "services/ingress/decoder/payload_decoder.h"
#include "services/ingress/decoder/report_payloads.h"
#include "services/ingress/decoder/text.h"
#include "services/ingress/intake/telemetry_rules.h"
#include "sluice/state/v1/report.pb.h"

namespace sluice::ingress {
namespace {

// What of a dead letter's texts is kept.
constexpr size_t kMaxAddressBytes = 1024;
constexpr size_t kMaxContentTypeBytes = 256;
constexpr size_t kMaxDetailBytes = 1024;
constexpr size_t kMaxSenderBytes = 256;
constexpr size_t kMaxMessageIdBytes = 256;
// The offset that is added when the record leaves the box.
constexpr int64_t kOffsetBytes = 16;

// What one thread needs again for each message.
struct Workspace {
  PayloadDecoder decoder;
  std::string bytes;
};

Workspace& ThisThreadsWorkspace() {
  thread_local Workspace workspace;
  return workspace;
}

Verdict Refuse(absl::Status status, v1::DeadLetterReason reason) {
  return {std::move(status), reason, Receipt()};
}

v1::DeadLetterReason ReasonOf(const absl::Status& decode_error) {
  switch (decode_error.code()) {
    case absl::StatusCode::kOutOfRange:
      return v1::DEAD_LETTER_REASON_TOO_LARGE;
    case absl::StatusCode::kUnimplemented:
      return v1::DEAD_LETTER_REASON_UNSUPPORTED_CONTENT_TYPE;
    default:
      return v1::DEAD_LETTER_REASON_MALFORMED;
  }
}

Verdict RefuseDecoding(const absl::Status& status) { return Refuse(status, ReasonOf(status)); }

// Nothing is written, and the sender may try again.
Verdict RefuseForRate(absl::string_view device_id, absl::Duration wait) {
  Verdict verdict;
  verdict.status = absl::ResourceExhaustedError(
      absl::StrCat("device ", device_id, " sends more than it may; again in ",
                   absl::FormatDuration(absl::Ceil(wait, absl::Milliseconds(1)))));
  verdict.over_rate = true;
  verdict.retry_after = wait;
  return verdict;
}

// A failed write: nothing was written, so it is no refusal and the sender may try again.
Verdict NotNow(const absl::Status& status) {
  Verdict verdict;
  verdict.status =
      absl::IsResourceExhausted(status)
          ? status
          : absl::UnavailableError(absl::StrCat("could not be written: ", status.message()));
  return verdict;
}

void PutPosition(const InboundMessage& message, v1::RingPosition* position) {
  position->set_ring_id(message.ring->ring_id);
  position->set_end(message.ring->end);
}

// Who sent the message, and where it stood, as far as the source knows. `record`: Telemetry or
// DeadLetter.
template <typename Record>
void PutOrigin(const InboundMessage& message, Record* record) {
  if (!message.client_id.empty() || !message.username.empty()) {
    record->mutable_sender()->set_client_id(ToUtf8(message.client_id, kMaxSenderBytes));
    record->mutable_sender()->set_username(ToUtf8(message.username, kMaxSenderBytes));
  }
  if (message.ring.has_value()) PutPosition(message, record->mutable_ring_position());
}

}  // namespace

bool JournalIntake::IsInLog(const InboundMessage* message, Receipt::Log log) const {
  return message != nullptr && message->ring.has_value() && message->ring->read_before &&
         options_.marks.Has(log, *message->ring);
}

Verdict JournalIntake::Append(const InboundMessage* message, Receipt::Log log,
                              absl::string_view record) {
  if (IsInLog(message, log)) return Verdict();
  // What came by Paho is acknowledged when it is written. To a CoAP device, which waits for the
  // disk, some milliseconds are nothing: a sync for each message would wear it out. Who calls by
  // gRPC asks for a sync when all of a batch is written.
  WaitsFor waits_for = WaitsFor::kWritten;
  if (message != nullptr && message->ring.has_value()) {
    if (log == Receipt::Log::kTelemetry) {
      waits_for = WaitsFor::kNothing;  // the ring keeps it until it is durable
    } else {
      // After kill -9 the ring is read on behind the last message that any log has: what stood
      // there before must not be in memory alone.
      const absl::Status written = parts_.telemetry->WriteAll();
      if (!written.ok()) return NotNow(written);
    }
  }
  const auto offset = LogOf(log)->Append(record, waits_for);
  if (!offset.ok()) return NotNow(offset.status());
  Verdict verdict;
  verdict.receipt = {log, *offset};
  return verdict;
}

Verdict JournalIntake::Take(const InboundMessage& message) {
  Verdict verdict = BuryIfRefused(message, Decide(message, /*limit_rate=*/true));
  Count(message.protocol, message.kind, message.qos, verdict);
  return verdict;
}

Verdict JournalIntake::TakeAgain(const InboundMessage& message) {
  Verdict verdict = Decide(message, /*limit_rate=*/false);
  Count(message.protocol, message.kind, message.qos, verdict);
  return verdict;
}

Verdict JournalIntake::Decide(const InboundMessage& message, bool limit_rate) {
  if (message.kind == InboundMessage::Kind::kUnknown) {
    return Refuse(absl::InvalidArgumentError("nothing is known to be sent to this address"),
                  v1::DEAD_LETTER_REASON_MALFORMED);
  }
  absl::Status id_status = ValidateId(message.device_id, "device id");
  if (!id_status.ok()) {
    return Refuse(std::move(id_status), v1::DEAD_LETTER_REASON_ILLEGAL_DEVICE_ID);
  }
  const Verdict rate = limit_rate ? CheckRate(message) : Verdict();
  if (!rate.status.ok()) return rate;
  const int64_t size =
      std::max(message.payload_size_bytes, static_cast<int64_t>(message.payload.size()));
  if (size > kMaxPayloadBytes) {
    return Refuse(
        absl::OutOfRangeError(absl::StrCat("the payload is ", size, " bytes long; at most ",
                                           kMaxPayloadBytes, " are allowed")),
        v1::DEAD_LETTER_REASON_TOO_LARGE);
  }
  switch (message.kind) {
    case InboundMessage::Kind::kTelemetry:
      return TakeTelemetry(message, rate.over_rate);
    case InboundMessage::Kind::kStatus:
      return TakeStatus(message);
    case InboundMessage::Kind::kCommandResponse:
      return TakeCommandResponse(message);
    case InboundMessage::Kind::kUnknown:
      break;
  }
  return Verdict();
}

Verdict JournalIntake::CheckRate(const InboundMessage& message) {
  const bool by_broker = message.protocol == v1::PROTOCOL_MQTT;
  if (message.ring.has_value() || (by_broker && message.kind != InboundMessage::Kind::kTelemetry)) {
    return Verdict();
  }
  const absl::Duration wait = parts_.rates->TryCount(message.device_id, message.received.uptime);
  if (wait <= absl::ZeroDuration()) return Verdict();
  if (!by_broker || message.qos == 0) return RefuseForRate(message.device_id, wait);
  Verdict flagged;
  flagged.over_rate = true;
  return flagged;
}

Verdict JournalIntake::TakeTelemetry(const InboundMessage& message, bool over_rate) {
  const absl::Status id_status = ValidateMessageId(message.message_id);
  if (!id_status.ok()) return RefuseDecoding(id_status);
  const auto decoded = ThisThreadsWorkspace().decoder.Decode(message.content_type, message.payload);
  if (!decoded.ok()) return RefuseDecoding(decoded.status());
  v1::Telemetry& telemetry = **decoded;
  Verdict verdict = Admit(message.device_id);
  if (!verdict.status.ok()) return verdict;
  telemetry.set_device_id(message.device_id.data(), message.device_id.size());
  telemetry.set_protocol(message.protocol);
  telemetry.set_message_id(message.message_id.data(), message.message_id.size());
  telemetry.set_over_rate(over_rate);
  PutOrigin(message, &telemetry);
  verdict = AppendTelemetry(&message, message.received, &telemetry);
  verdict.over_rate = over_rate && verdict.status.ok();
  return verdict;
}

Verdict JournalIntake::TakeDecoded(const Moment& received, v1::Telemetry* telemetry) {
  Verdict verdict;
  absl::Status status = ValidateTelemetry(*telemetry);
  if (!status.ok()) verdict = RefuseDecoding(status);
  if (verdict.status.ok()) {
    const absl::Duration wait = parts_.rates->TryCount(telemetry->device_id(), received.uptime);
    if (wait > absl::ZeroDuration()) verdict = RefuseForRate(telemetry->device_id(), wait);
  }
  if (verdict.status.ok()) verdict = Admit(telemetry->device_id());
  if (verdict.status.ok()) {
    telemetry->clear_offset();
    telemetry->clear_over_rate();
    telemetry->clear_sender();
    telemetry->clear_ring_position();
    telemetry->set_protocol(v1::PROTOCOL_GRPC);
    verdict = AppendTelemetry(nullptr, received, telemetry);
  }
  Count(v1::PROTOCOL_GRPC, InboundMessage::Kind::kTelemetry, /*qos=*/1, verdict);
  return verdict;
}

Verdict JournalIntake::AppendTelemetry(const InboundMessage* message, const Moment& received,
                                       v1::Telemetry* telemetry) {
  *telemetry->mutable_received_time() = ToProto(received.time);
  const auto size = static_cast<int64_t>(telemetry->ByteSizeLong());
  constexpr int64_t kMaxBytes = Journal::kMaxRecordBytes - kOffsetBytes;
  if (size > kMaxBytes) {
    return Refuse(absl::OutOfRangeError(absl::StrCat("is ", size, " bytes long; at most ",
                                                     kMaxBytes, " are allowed")),
                  v1::DEAD_LETTER_REASON_TOO_LARGE);
  }
  std::string& bytes = ThisThreadsWorkspace().bytes;
  bytes.clear();
  telemetry->AppendToString(&bytes);
  Verdict verdict;
  const auto append = [&]() -> absl::optional<int64_t> {
    verdict = Append(message, Receipt::Log::kTelemetry, bytes);
    if (verdict.receipt.log == Receipt::Log::kNone) return absl::nullopt;
    return verdict.receipt.offset;
  };
  if (telemetry->message_id().empty() || IsInLog(message, Receipt::Log::kTelemetry)) {
    append();
  } else if (const auto first = parts_.window->WriteOnce(
                 telemetry->device_id(), telemetry->message_id(), received.uptime, append)) {
    verdict.receipt = {Receipt::Log::kTelemetry, *first};
    verdict.duplicate = true;
  }
  if (verdict.status.ok()) parts_.heard->Heard(telemetry->device_id(), received);
  return verdict;
}

Verdict JournalIntake::TakeStatus(const InboundMessage& message) {
  auto status = DecodeStatus(message.content_type, message.payload);
  if (!status.ok()) return RefuseDecoding(status.status());
  if (message.retained &&
      parts_.replica->HasStatus(message.device_id, status->status(), status->status_message())) {
    return Verdict();
  }
  Verdict verdict = Admit(message.device_id);
  if (!verdict.status.ok()) return verdict;
  state::v1::Report report;
  report.set_device_id(message.device_id.data(), message.device_id.size());
  if (!message.retained) report.set_received_time_us(absl::ToUnixMicros(message.received.time));
  *report.mutable_status() = *std::move(status);
  if (message.ring.has_value()) PutPosition(message, report.mutable_ring_position());
  verdict = Append(&message, Receipt::Log::kReports, report.SerializeAsString());
  if (verdict.status.ok()) {
    // When the device said what the broker kept is not known: newer telemetry may be on its way.
    const absl::Duration said_at =
        message.retained ? -absl::InfiniteDuration() : message.received.uptime;
    parts_.heard->StatusReported(message.device_id, said_at, verdict.receipt.offset);
  }
  return verdict;
}

Verdict JournalIntake::TakeCommandResponse(const InboundMessage& message) {
  absl::Status id_status = ValidateId(message.command_id, "command id");
  if (!id_status.ok()) return RefuseDecoding(id_status);
  auto response = DecodeCommandResponse(message.content_type, message.payload);
  if (!response.ok()) return RefuseDecoding(response.status());
  Verdict verdict = Admit(message.device_id);
  if (!verdict.status.ok()) return verdict;
  state::v1::Report report;
  report.set_device_id(message.device_id.data(), message.device_id.size());
  report.set_received_time_us(absl::ToUnixMicros(message.received.time));
  *report.mutable_command() = *std::move(response);
  report.mutable_command()->set_command_id(message.command_id.data(), message.command_id.size());
  if (message.ring.has_value()) PutPosition(message, report.mutable_ring_position());
  verdict = Append(&message, Receipt::Log::kReports, report.SerializeAsString());
  if (verdict.status.ok()) parts_.heard->Heard(message.device_id, message.received);
  return verdict;
}

Verdict JournalIntake::Admit(absl::string_view device_id) {
  switch (parts_.replica->Find(device_id)) {
    case DeviceReplica::Standing::kEnabled:
      return Verdict();
    case DeviceReplica::Standing::kDisabled:
      return Refuse(
          absl::FailedPreconditionError(absl::StrCat("device ", device_id, " is disabled")),
          v1::DEAD_LETTER_REASON_DISABLED_DEVICE);
    case DeviceReplica::Standing::kUnknown:
      break;
  }
  if (!options_.auto_register) {
    return Refuse(absl::NotFoundError(absl::StrCat("device ", device_id, " is not registered")),
                  v1::DEAD_LETTER_REASON_UNKNOWN_DEVICE);
  }
  parts_.newcomers->Add(device_id);
  return Verdict();
}

Verdict JournalIntake::BuryIfRefused(const InboundMessage& message, Verdict verdict) {
  if (verdict.reason == v1::DEAD_LETTER_REASON_UNSPECIFIED) return verdict;
  v1::DeadLetter letter;
  *letter.mutable_received_time() = ToProto(message.received.time);
  letter.set_protocol(message.protocol);
  letter.set_device_id(ToUtf8(message.device_id, kMaxAddressBytes));
  letter.set_address(ToUtf8(message.address, kMaxAddressBytes));
  letter.set_reason(verdict.reason);
  letter.set_detail(
      ToUtf8({verdict.status.message().data(), verdict.status.message().size()}, kMaxDetailBytes));
  const absl::string_view payload = message.payload.substr(0, kMaxPayloadBytes);
  letter.set_payload(payload.data(), payload.size());
  letter.set_payload_size_bytes(
      std::max(message.payload_size_bytes, static_cast<int64_t>(message.payload.size())));
  letter.set_content_type(ToUtf8(message.content_type, kMaxContentTypeBytes));
  letter.set_message_id(ToUtf8(message.message_id, kMaxMessageIdBytes));
  PutOrigin(message, &letter);
  Verdict buried = Append(&message, Receipt::Log::kDeadLetters, letter.SerializeAsString());
  if (!buried.status.ok()) return buried;
  verdict.receipt = buried.receipt;
  return verdict;
}

Journal* JournalIntake::LogOf(Receipt::Log log) const {
  switch (log) {
    case Receipt::Log::kTelemetry:
      return parts_.telemetry;
    case Receipt::Log::kDeadLetters:
      return parts_.dead_letters;
    case Receipt::Log::kReports:
      return parts_.reports;
    case Receipt::Log::kNone:
      break;
  }
  return nullptr;
}

absl::Status JournalIntake::CheckWritable() const {
  absl::Status status;
  for (Journal* const journal : {parts_.telemetry, parts_.dead_letters, parts_.reports}) {
    status.Update(journal->CheckWritable());
  }
  return status;
}

void JournalIntake::RequestSync() {
  for (Journal* const journal : {parts_.telemetry, parts_.dead_letters, parts_.reports}) {
    journal->RequestSync();
  }
}

void JournalIntake::SyncTo(const Receipt& receipt) const {
  if (Journal* const journal = LogOf(receipt.log); journal != nullptr) {
    journal->SyncTo(receipt.offset);
  }
}

bool JournalIntake::IsDurable(const Receipt& receipt) const {
  const Journal* journal = LogOf(receipt.log);
  return journal == nullptr || journal->durable_offset() > receipt.offset;
}

bool JournalIntake::WaitDurable(const Receipt& receipt, absl::Duration timeout) const {
  const Journal* journal = LogOf(receipt.log);
  return journal == nullptr || journal->WaitDurable(receipt.offset, timeout);
}

int64_t JournalIntake::AddDurableListener(std::function<void()> listener) {
  const auto call = [listener = std::move(listener)](int64_t) { listener(); };
  const ListenerKeys keys = {parts_.telemetry->AddDurableListener(call),
                             parts_.dead_letters->AddDurableListener(call),
                             parts_.reports->AddDurableListener(call)};
  absl::MutexLock lock(&listeners_mutex_);
  listeners_[++last_listener_] = keys;
  return last_listener_;
}

void JournalIntake::RemoveDurableListener(int64_t key) {
  ListenerKeys keys;
  {
    absl::MutexLock lock(&listeners_mutex_);
    const auto it = listeners_.find(key);
    if (it == listeners_.end()) return;
    keys = it->second;
    listeners_.erase(it);
  }
  parts_.telemetry->RemoveDurableListener(keys.telemetry);
  parts_.dead_letters->RemoveDurableListener(keys.dead_letters);
  parts_.reports->RemoveDurableListener(keys.reports);
}

void JournalIntake::Count(v1::Protocol protocol, InboundMessage::Kind kind, int qos,
                          const Verdict& verdict) {
  IntakeStats::Outcome outcome = IntakeStats::kUnavailable;
  if (verdict.status.ok()) {
    outcome = verdict.duplicate                            ? IntakeStats::kDuplicate
              : verdict.receipt.log == Receipt::Log::kNone ? IntakeStats::kUnchanged
              : verdict.over_rate                          ? IntakeStats::kAcceptedOverRate
                                                           : IntakeStats::kAccepted;
  } else if (verdict.over_rate) {
    outcome = IntakeStats::kOverRate;
  } else {
    switch (verdict.reason) {
      case v1::DEAD_LETTER_REASON_MALFORMED:
        outcome = IntakeStats::kMalformed;
        break;
      case v1::DEAD_LETTER_REASON_TOO_LARGE:
        outcome = IntakeStats::kTooLarge;
        break;
      case v1::DEAD_LETTER_REASON_ILLEGAL_DEVICE_ID:
        outcome = IntakeStats::kIllegalDeviceId;
        break;
      case v1::DEAD_LETTER_REASON_UNKNOWN_DEVICE:
        outcome = IntakeStats::kUnknownDevice;
        break;
      case v1::DEAD_LETTER_REASON_DISABLED_DEVICE:
        outcome = IntakeStats::kDisabledDevice;
        break;
      case v1::DEAD_LETTER_REASON_UNSUPPORTED_CONTENT_TYPE:
        outcome = IntakeStats::kUnsupportedContentType;
        break;
      default:
        break;
    }
  }
  const int row = v1::Protocol_IsValid(protocol) ? protocol : v1::PROTOCOL_UNSPECIFIED;
  const int column = std::clamp(qos, 0, IntakeStats::kQos - 1);
  messages_[row][static_cast<int>(kind)][column][outcome].fetch_add(1, std::memory_order_relaxed);
}

IntakeStats JournalIntake::stats() const {
  IntakeStats stats;
  for (int p = 0; p < IntakeStats::kProtocols; ++p) {
    for (int k = 0; k < IntakeStats::kKinds; ++k) {
      for (int q = 0; q < IntakeStats::kQos; ++q) {
        for (int o = 0; o < IntakeStats::kOutcomes; ++o) {
          stats.messages[p][k][q][o] = messages_[p][k][q][o].load(std::memory_order_relaxed);
        }
      }
    }
  }
  return stats;
}

}  // namespace sluice::ingress
