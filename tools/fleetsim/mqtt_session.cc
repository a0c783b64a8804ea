#include "tools/fleetsim/mqtt_session.h"

#include <algorithm>
#include <utility>

#include "absl/strings/match.h"
#include "absl/strings/str_cat.h"
#include "tools/fleetsim/command.h"

namespace sluice::fleetsim {
namespace {

constexpr size_t kMaxBodyBytes = 256 << 10;
// QoS 0 has no acknowledgements to wait for: this much may wait for the socket.
constexpr size_t kMaxQos0OutputBytes = 64 << 10;
constexpr size_t kMaxAnswers = 256;
constexpr size_t kMaxUnreleased = 1000;
// Above the packet ids of telemetry.
constexpr uint16_t kFirstAnswerId = 0x8000;
constexpr uint16_t kLastAnswerId = 0xfffe;
constexpr uint16_t kSubscribeId = 0xffff;

}  // namespace

MqttSession::MqttSession(absl::string_view device_id, const MqttSessionOptions* options,
                         Listener* listener)
    : device_id_(device_id),
      telemetry_topic_(absl::StrCat("devices/", device_id, "/telemetry")),
      options_(options),
      listener_(listener),
      slots_(options->qos > 0 ? options->inflight : 0),
      next_answer_id_(kFirstAnswerId) {
  for (size_t id = slots_.size(); id > 0; --id) {
    free_packet_ids_.push_back(static_cast<uint16_t>(id));
  }
}

void MqttSession::Start() {
  input_.clear();
  output_.clear();
  const std::string status_topic = absl::StrCat("devices/", device_id_, "/status");
  MqttConnect connect;
  connect.client_id = device_id_;
  connect.clean_session = options_->clean_session;
  connect.keep_alive_s = static_cast<uint16_t>(options_->keep_alive_s);
  connect.will_topic = status_topic;
  connect.will_payload = "offline";
  AppendConnect(connect, &output_);
}

void MqttSession::Stop() {
  connected_ = false;
  ready_ = false;
  input_.clear();
  output_.clear();
}

absl::Status MqttSession::Receive(absl::string_view bytes) {
  // Most of the time packets come whole and are read where they are.
  const bool buffered = !input_.empty();
  if (buffered) input_.append(bytes.data(), bytes.size());
  absl::string_view rest = buffered ? absl::string_view(input_) : bytes;
  while (!rest.empty()) {
    MqttPacket packet;
    const absl::StatusOr<size_t> size = ReadPacket(rest, kMaxBodyBytes, &packet);
    if (!size.ok()) return size.status();
    if (*size == 0) break;
    if (absl::Status status = Handle(packet); !status.ok()) return status;
    rest.remove_prefix(*size);
  }
  if (buffered) {
    input_.erase(0, input_.size() - rest.size());
  } else {
    input_.assign(rest.data(), rest.size());
  }
  return absl::OkStatus();
}

absl::Status MqttSession::Handle(const MqttPacket& packet) {
  if (!connected_ && packet.type != MqttPacketType::kConnack) {
    return absl::InvalidArgumentError("malformed MQTT: the first packet is not CONNACK");
  }
  switch (packet.type) {
    case MqttPacketType::kPuback:
    case MqttPacketType::kPubrec:
    case MqttPacketType::kPubrel:
    case MqttPacketType::kPubcomp: {
      const absl::StatusOr<uint16_t> id = ParseAck(packet);
      if (!id.ok()) return id.status();
      return HandleAck(packet.type, *id);
    }
    case MqttPacketType::kPublish:
      return HandlePublish(packet);
    case MqttPacketType::kPingresp:
      return absl::OkStatus();
    case MqttPacketType::kConnack:
      return HandleConnack(packet);
    case MqttPacketType::kSuback:
      return HandleSuback(packet);
    default:
      return absl::InvalidArgumentError("malformed MQTT: a packet that only clients send");
  }
}

absl::Status MqttSession::HandleConnack(const MqttPacket& packet) {
  const absl::StatusOr<MqttConnack> connack = ParseConnack(packet);
  if (!connack.ok()) return connack.status();
  if (connected_) return absl::InvalidArgumentError("malformed MQTT: a second CONNACK");
  if (connack->code != 0) {
    return absl::PermissionDeniedError(
        absl::StrCat("the broker refused the connection (code ", connack->code, ")"));
  }
  connected_ = true;
  AppendStatus("online");
  Subscribe();
  if (!connack->session_present) unreleased_.clear();
  SendAgain(connack->session_present);
  return absl::OkStatus();
}

void MqttSession::Subscribe() {
  const std::string errors = absl::StrCat("devices/", device_id_, "/errors");
  const std::string commands = absl::StrCat("devices/", device_id_, "/commands");
  std::vector<MqttSubscribe> filters = {{errors, 0}};
  if (options_->respond_commands) filters.push_back({commands, 2});
  AppendSubscribe(kSubscribeId, filters, &output_);
}

void MqttSession::SendAgain(bool session_present) {
  std::vector<std::pair<int64_t, uint16_t>> pending;
  for (size_t i = 0; i < slots_.size(); ++i) {
    const uint16_t id = static_cast<uint16_t>(i + 1);
    if (slots_[i].state == State::kFree) continue;
    const bool forgotten = options_->clean_session || slots_[i].state == State::kReleased;
    if (!session_present && forgotten) {
      Free(id);
    } else {
      pending.emplace_back(slots_[i].number, id);
    }
  }
  std::sort(pending.begin(), pending.end());
  for (const auto& [number, id] : pending) {
    if (slots_[id - 1].state == State::kReleased) {
      AppendAck(MqttPacketType::kPubrel, id, &output_);
      continue;
    }
    std::string payload;
    listener_->AppendPayload(number, &payload);
    AppendPublish({telemetry_topic_, payload, options_->qos, id, /*dup=*/true, false}, &output_);
  }
  for (const Answer& answer : answers_) {
    AppendPublish({answer.topic, answer.payload, 1, answer.packet_id, /*dup=*/true, false},
                  &output_);
  }
}

absl::Status MqttSession::HandleSuback(const MqttPacket& packet) {
  const absl::StatusOr<MqttSuback> suback = ParseSuback(packet);
  if (!suback.ok()) return suback.status();
  if (suback->packet_id != kSubscribeId) return absl::OkStatus();
  for (const char code : suback->codes) {
    if (static_cast<uint8_t>(code) == 0x80) listener_->OnError("mqtt subscribe refused");
  }
  if (!ready_) {
    ready_ = true;
    listener_->OnReady();
  }
  return absl::OkStatus();
}

absl::Status MqttSession::HandlePublish(const MqttPacket& packet) {
  const absl::StatusOr<MqttPublish> publish = ParsePublish(packet);
  if (!publish.ok()) return publish.status();
  bool repeated = false;
  if (publish->qos == 1) {
    AppendAck(MqttPacketType::kPuback, publish->packet_id, &output_);
  } else if (publish->qos == 2) {
    repeated =
        std::find(unreleased_.begin(), unreleased_.end(), publish->packet_id) != unreleased_.end();
    if (!repeated) {
      if (unreleased_.size() >= kMaxUnreleased) {
        return absl::ResourceExhaustedError("the broker does not release its QoS 2 messages");
      }
      unreleased_.push_back(publish->packet_id);
    }
    AppendAck(MqttPacketType::kPubrec, publish->packet_id, &output_);
  }
  if (repeated) return absl::OkStatus();
  if (absl::EndsWith(publish->topic, "/commands")) {
    HandleCommand(publish->payload);
  } else if (absl::EndsWith(publish->topic, "/errors")) {
    listener_->OnError("mqtt device was told of an error");
  }
  return absl::OkStatus();
}

void MqttSession::HandleCommand(absl::string_view payload) {
  listener_->OnCommand();
  absl::StatusOr<CommandAnswer> answer = CarryOut(device_id_, payload);
  if (!answer.ok()) {
    listener_->OnError("command that cannot be understood");
    return;
  }
  if (answers_.size() >= kMaxAnswers) {
    listener_->OnError("command not answered: too many answers wait");
    return;
  }
  const uint16_t id = next_answer_id_;
  next_answer_id_ = id == kLastAnswerId ? kFirstAnswerId : id + 1;
  answers_.push_back(
      {id, absl::StrCat("devices/", device_id_, "/commands/", answer->command_id, "/response"),
       std::move(answer->payload)});
  AppendPublish({answers_.back().topic, answers_.back().payload, 1, id, false, false}, &output_);
}

absl::Status MqttSession::HandleAck(MqttPacketType type, uint16_t packet_id) {
  if (type == MqttPacketType::kPubrel) {
    unreleased_.erase(std::remove(unreleased_.begin(), unreleased_.end(), packet_id),
                      unreleased_.end());
    AppendAck(MqttPacketType::kPubcomp, packet_id, &output_);
    return absl::OkStatus();
  }
  if (packet_id >= kFirstAnswerId) {
    if (type == MqttPacketType::kPuback) HandleAnswerAck(packet_id);
    return absl::OkStatus();
  }
  if (packet_id == 0 || packet_id > slots_.size()) {
    return absl::InvalidArgumentError("malformed MQTT: acknowledgement of nothing");
  }
  Slot& slot = slots_[packet_id - 1];
  const int qos = options_->qos;
  if (type == MqttPacketType::kPuback && qos == 1 && slot.state == State::kPublished) {
    listener_->OnAcknowledged(slot.number);
    Free(packet_id);
    listener_->OnRoom();
  } else if (type == MqttPacketType::kPubrec && qos == 2 && slot.state != State::kFree) {
    if (slot.state == State::kPublished) listener_->OnAcknowledged(slot.number);
    slot.state = State::kReleased;
    AppendAck(MqttPacketType::kPubrel, packet_id, &output_);
  } else if (type == MqttPacketType::kPubcomp && qos == 2 && slot.state == State::kReleased) {
    Free(packet_id);
    listener_->OnRoom();
  } else {
    listener_->OnError("mqtt acknowledgement that was not due");
  }
  return absl::OkStatus();
}

void MqttSession::HandleAnswerAck(uint16_t packet_id) {
  const auto answer = std::find_if(answers_.begin(), answers_.end(), [packet_id](const Answer& a) {
    return a.packet_id == packet_id;
  });
  if (answer == answers_.end()) return;
  answers_.erase(answer);
  listener_->OnCommandAnswered();
}

void MqttSession::Free(uint16_t packet_id) {
  slots_[packet_id - 1].state = State::kFree;
  free_packet_ids_.push_back(packet_id);
  --unacknowledged_;
}

bool MqttSession::CanPublish() const {
  if (!ready_) return false;
  return options_->qos == 0 ? output_.size() < kMaxQos0OutputBytes : !free_packet_ids_.empty();
}

void MqttSession::Publish(int64_t number, absl::string_view payload) {
  uint16_t id = 0;
  if (options_->qos > 0) {
    id = free_packet_ids_.back();
    free_packet_ids_.pop_back();
    slots_[id - 1] = Slot{number, State::kPublished};
    ++unacknowledged_;
  }
  AppendPublish({telemetry_topic_, payload, options_->qos, id, false, false}, &output_);
}

void MqttSession::Ping() { AppendEmpty(MqttPacketType::kPingreq, &output_); }

void MqttSession::Disconnect() {
  ready_ = false;
  if (!connected_) return;
  AppendStatus("offline");
  AppendEmpty(MqttPacketType::kDisconnect, &output_);
}

void MqttSession::AppendStatus(absl::string_view status) {
  const std::string topic = absl::StrCat("devices/", device_id_, "/status");
  AppendPublish({topic, status, 0, 0, false, /*retain=*/true}, &output_);
}

}  // namespace sluice::fleetsim
