#ifndef SLUICE_SERVICES_INGRESS_COAP_RAW_CLIENT_H_
#define SLUICE_SERVICES_INGRESS_COAP_RAW_CLIENT_H_

#include <arpa/inet.h>
#include <netinet/in.h>
#include <poll.h>
#include <sys/socket.h>
#include <unistd.h>

#include <cstdint>
#include <string>
#include <utility>
#include <vector>

#include "absl/strings/numbers.h"
#include "absl/strings/str_split.h"
#include "absl/strings/string_view.h"
#include "absl/time/time.h"
#include "absl/types/optional.h"

namespace sluice::ingress {

// A CoAP message as a test writes and reads it, with libcoap nowhere near.
struct RawMessage {
  enum Type { kCon = 0, kNon = 1, kAck = 2, kRst = 3 };

  int type = kCon;
  int code = 0;  // class * 100 + detail: 204
  int message_id = 0;
  std::string token;
  std::vector<std::pair<int, std::string>> options;  // by number, in order
  std::string payload;

  std::string Encode() const;
  static absl::optional<RawMessage> Decode(absl::string_view bytes);

  // The first such option's value as a number, or -1.
  int64_t Uint(int option) const;
};

inline std::string EncodeUint(uint32_t value) {
  std::string bytes;
  for (; value != 0; value >>= 8) bytes.insert(bytes.begin(), static_cast<char>(value & 0xff));
  return bytes;
}

// A POST to `path` ("devices/a/telemetry").
inline RawMessage Post(int message_id, absl::string_view path, std::string payload) {
  RawMessage message;
  message.code = 2;
  message.message_id = message_id;
  message.token = "T" + std::to_string(message_id);
  for (absl::string_view segment : absl::StrSplit(path, '/')) {
    message.options.emplace_back(11, std::string(segment));
  }
  message.payload = std::move(payload);
  return message;
}

// A UDP socket of its own that speaks to one server.
class RawClient {
 public:
  explicit RawClient(const std::string& endpoint) {  // 127.0.0.1:PORT
    const std::vector<std::string> parts = absl::StrSplit(endpoint, ':');
    sockaddr_in address{};
    address.sin_family = AF_INET;
    int port = 0;
    if (!absl::SimpleAtoi(parts[1], &port)) abort();
    address.sin_port = htons(static_cast<uint16_t>(port));
    inet_pton(AF_INET, parts[0].c_str(), &address.sin_addr);
    socket_ = socket(AF_INET, SOCK_DGRAM, 0);
    if (connect(socket_, reinterpret_cast<sockaddr*>(&address), sizeof(address)) != 0) abort();
  }
  ~RawClient() { close(socket_); }
  RawClient(const RawClient&) = delete;

  void SendBytes(absl::string_view bytes) {
    if (send(socket_, bytes.data(), bytes.size(), 0) < 0) abort();
  }
  void Send(const RawMessage& message) { SendBytes(message.Encode()); }

  // The next message that comes, or none within the time.
  absl::optional<RawMessage> Receive(absl::Duration timeout = absl::Seconds(10)) {
    pollfd readable{socket_, POLLIN, 0};
    if (poll(&readable, 1, static_cast<int>(absl::ToInt64Milliseconds(timeout))) != 1) return {};
    char bytes[2048];
    const ssize_t size = recv(socket_, bytes, sizeof(bytes), 0);
    if (size < 0) return {};
    return RawMessage::Decode(absl::string_view(bytes, size));
  }

  absl::optional<RawMessage> Ask(const RawMessage& message) {
    Send(message);
    return Receive();
  }

 private:
  int socket_ = -1;
};

inline std::string RawMessage::Encode() const {
  std::string bytes;
  bytes += static_cast<char>(1 << 6 | type << 4 | token.size());
  bytes += static_cast<char>((code / 100) << 5 | code % 100);
  bytes += static_cast<char>(message_id >> 8);
  bytes += static_cast<char>(message_id & 0xff);
  bytes += token;
  const auto nibble = [](size_t value, std::string* extension) {
    if (value < 13) return value;
    if (value < 269) {
      *extension += static_cast<char>(value - 13);
      return size_t{13};
    }
    *extension += static_cast<char>((value - 269) >> 8);
    *extension += static_cast<char>((value - 269) & 0xff);
    return size_t{14};
  };
  int last = 0;
  for (const auto& [number, value] : options) {
    std::string extension;
    const size_t delta = nibble(static_cast<size_t>(number - last), &extension);
    const size_t length = nibble(value.size(), &extension);
    bytes += static_cast<char>(delta << 4 | length);
    bytes += extension + value;
    last = number;
  }
  if (!payload.empty()) bytes += '\xff' + payload;
  return bytes;
}

inline absl::optional<RawMessage> RawMessage::Decode(absl::string_view bytes) {
  const auto byte = [&](size_t at) { return static_cast<uint8_t>(bytes[at]); };
  if (bytes.size() < 4) return {};
  RawMessage message;
  message.type = byte(0) >> 4 & 3;
  message.code = (byte(1) >> 5) * 100 + (byte(1) & 31);
  message.message_id = byte(2) << 8 | byte(3);
  size_t at = 4;
  message.token = std::string(bytes.substr(at, byte(0) & 15));
  at += message.token.size();
  int number = 0;
  const auto extended = [&](int value) {
    if (value == 13) return byte(at++) + 13;
    if (value == 14) return at += 2, (byte(at - 2) << 8 | byte(at - 1)) + 269;
    return value;
  };
  while (at < bytes.size() && byte(at) != 0xff) {
    const uint8_t head = byte(at++);
    number += extended(head >> 4);
    const size_t length = static_cast<size_t>(extended(head & 15));
    message.options.emplace_back(number, std::string(bytes.substr(at, length)));
    at += length;
  }
  if (at < bytes.size()) message.payload = std::string(bytes.substr(at + 1));
  return message;
}

inline int64_t RawMessage::Uint(int option) const {
  for (const auto& [number, value] : options) {
    if (number != option) continue;
    int64_t decoded = 0;
    for (const char c : value) decoded = decoded << 8 | static_cast<uint8_t>(c);
    return decoded;
  }
  return -1;
}

}  // namespace sluice::ingress

#endif  // SLUICE_SERVICES_INGRESS_COAP_RAW_CLIENT_H_
