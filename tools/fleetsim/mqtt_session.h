#ifndef SLUICE_TOOLS_FLEETSIM_MQTT_SESSION_H_
#define SLUICE_TOOLS_FLEETSIM_MQTT_SESSION_H_

#include <cstdint>
#include <deque>
#include <string>
#include <vector>

#include "absl/status/status.h"
#include "absl/strings/string_view.h"
#include "tools/fleetsim/mqtt_codec.h"

namespace sluice::fleetsim {

struct MqttSessionOptions {
  // Of telemetry, 0 to 2.
  int qos = 1;
  // Publishes that may wait for their acknowledgement at once, 1 to 1,000. Means nothing at QoS 0.
  int inflight = 20;
  bool clean_session = false;
  // Take commands at QoS 2 and answer them.
  bool respond_commands = false;
  // The connection counts as dead when nothing came for one and a half times this.
  int keep_alive_s = 30;
};

// One device's side of MQTT 3.1.1, without its socket: bytes that came go in by Receive, bytes to
// be sent are in output(). What is not acknowledged when the connection ends is sent again with DUP
// on the next one, in its order, unless clean_session. Says `online` on its status topic, retained,
// and has `offline` as its Will. Not thread-safe.
class MqttSession {
 public:
  // Told from within Receive. Implementations may call Publish, nothing else of the session.
  class Listener {
   public:
    virtual ~Listener() = default;
    // Connected and subscribed: publishing may begin.
    virtual void OnReady() = 0;
    // PUBACK, or PUBREC at QoS 2.
    virtual void OnAcknowledged(int64_t number) = 0;
    // There is room for another publish; after OnAcknowledged.
    virtual void OnRoom() = 0;
    // Writes the payload of a message that is to be sent again.
    virtual void AppendPayload(int64_t number, std::string* out) = 0;
    // A command came for the first time on this delivery, and: an answer was acknowledged.
    virtual void OnCommand() = 0;
    virtual void OnCommandAnswered() = 0;
    // Counted by kind.
    virtual void OnError(absl::string_view kind) = 0;
  };

  // `options` and `listener` outlive it.
  MqttSession(absl::string_view device_id, const MqttSessionOptions* options, Listener* listener);

  // A connection stands: writes CONNECT. Whatever was left in output() is dropped.
  void Start();
  // The connection is gone.
  void Stop();
  // Takes in what came; keeps the rest of an unfinished packet. An error means that the connection
  // must be closed.
  absl::Status Receive(absl::string_view bytes);

  // Whether a message may be published now.
  bool CanPublish() const;
  // Publishes the message `number`; CanPublish() must hold. Numbers rise.
  void Publish(int64_t number, absl::string_view payload);
  void Ping();
  // Says `offline` and DISCONNECT.
  void Disconnect();

  bool ready() const { return ready_; }
  // Messages that wait for their acknowledgement.
  int unacknowledged() const { return unacknowledged_; }
  // Bytes to send; the caller takes from the front what it sent.
  std::string& output() { return output_; }

 private:
  enum class State : uint8_t { kFree, kPublished, kReleased };
  struct Slot {
    int64_t number = 0;
    State state = State::kFree;
  };
  struct Answer {
    uint16_t packet_id;
    std::string topic;
    std::string payload;
  };

  absl::Status Handle(const MqttPacket& packet);
  absl::Status HandleConnack(const MqttPacket& packet);
  absl::Status HandleSuback(const MqttPacket& packet);
  absl::Status HandlePublish(const MqttPacket& packet);
  absl::Status HandleAck(MqttPacketType type, uint16_t packet_id);
  void HandleCommand(absl::string_view payload);
  void HandleAnswerAck(uint16_t packet_id);
  void Subscribe();
  void SendAgain(bool session_present);
  void Free(uint16_t packet_id);
  void AppendStatus(absl::string_view status);

  const std::string device_id_;
  const std::string telemetry_topic_;
  const MqttSessionOptions* const options_;
  Listener* const listener_;

  bool connected_ = false;
  bool ready_ = false;
  int unacknowledged_ = 0;
  std::string input_;
  std::string output_;
  // Slot i has the packet id i + 1.
  std::vector<Slot> slots_;
  std::vector<uint16_t> free_packet_ids_;
  // Answers to commands that are not acknowledged yet, and packet ids of commands that the broker
  // has not released.
  std::deque<Answer> answers_;
  uint16_t next_answer_id_;
  std::vector<uint16_t> unreleased_;
};

}  // namespace sluice::fleetsim

#endif  // SLUICE_TOOLS_FLEETSIM_MQTT_SESSION_H_
