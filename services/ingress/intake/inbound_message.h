#ifndef SLUICE_SERVICES_INGRESS_INTAKE_INBOUND_MESSAGE_H_
#define SLUICE_SERVICES_INGRESS_INTAKE_INBOUND_MESSAGE_H_

#include <cstdint>

#include "absl/strings/string_view.h"
#include "absl/types/optional.h"
#include "libs/clock/clock.h"
#include "sluice/v1/telemetry.pb.h"

namespace sluice::ingress {

// The end of a record in a ring (libs/ring).
struct RingPosition {
  uint64_t ring_id = 0;
  uint64_t end = 0;
  // It may have been read, and written down, before a crash: its log is looked through for it.
  bool read_before = false;
};

// One message of a device as its source hands it on: nothing in it tells which source that was, and
// nothing has been checked. The views live as long as the call they are passed to.
struct InboundMessage {
  enum class Kind {
    kTelemetry,        // readings
    kStatus,           // what the device (or its Will) says of itself
    kCommandResponse,  // the answer to a command
    kUnknown,          // on an address that says nothing to us: for the dead letters
  };

  Kind kind = Kind::kTelemetry;
  v1::Protocol protocol = v1::PROTOCOL_UNSPECIFIED;
  // 0: nobody waits for an acknowledgement (MQTT QoS 0, CoAP NON); 1, 2: MQTT's QoS; CoAP CON is 1.
  int qos = 0;
  // The device id as it stood in topic or path, legal or not.
  absl::string_view device_id;
  // kCommandResponse: the command's id as it stood in topic or path.
  absl::string_view command_id;
  // The MQTT topic or CoAP path, for the dead letters.
  absl::string_view address;
  // The id that the device gave the message; empty: none.
  absl::string_view message_id;
  // A media type, or empty: JSON is assumed.
  absl::string_view content_type;
  absl::string_view payload;
  // Size of the payload as sent; larger than payload.size() if the source cut it off.
  int64_t payload_size_bytes = 0;
  // When it arrived on the box.
  Moment received;
  // The broker kept it and shows it again (kStatus only: sources drop retained telemetry).
  bool retained = false;
  // Who sent it, as the broker knows it; empty: not known.
  absl::string_view client_id;
  absl::string_view username;
  // Where it stood in the ring of the broker's plugin; unset: it came another way.
  absl::optional<RingPosition> ring;
};

}  // namespace sluice::ingress

#endif  // SLUICE_SERVICES_INGRESS_INTAKE_INBOUND_MESSAGE_H_
