// The least that a subscriber can do: MQTT 3.1.1 on a socket, one recv for as much as there is, one
// send for all of its acknowledgements. Usage: raw_subscriber PORT COUNT_FILE. Runs until SIGTERM.

#include <arpa/inet.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <sys/socket.h>

#include <cstdint>
#include <cstdio>
#include <cstdlib>
#include <cstring>
#include <string>

#include "bench/shared_count.h"

namespace {

constexpr size_t kBufferBytes = 256 << 10;
constexpr uint8_t kTypeMask = 0xF0, kPublish = 0x30, kQosMask = 0x06;

[[noreturn]] void Fail(const char* what) {
  std::perror(what);
  std::exit(1);
}

int Connect(const char* port) {
  const int fd = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
  sockaddr_in broker{};
  broker.sin_family = AF_INET;
  broker.sin_port = htons(static_cast<uint16_t>(std::atoi(port)));
  broker.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
  if (fd < 0 || connect(fd, reinterpret_cast<sockaddr*>(&broker), sizeof(broker)) != 0) {
    Fail("connect");
  }
  const int on = 1;
  setsockopt(fd, IPPROTO_TCP, TCP_NODELAY, &on, sizeof(on));
  return fd;
}

void SendAll(int fd, const std::string& bytes) {
  for (size_t sent = 0; sent < bytes.size();) {
    const ssize_t n = send(fd, bytes.data() + sent, bytes.size() - sent, MSG_NOSIGNAL);
    if (n <= 0) Fail("send");
    sent += static_cast<size_t>(n);
  }
}

// Waits for an answer of so many bytes; the last one is to be `code`.
void Expect(int fd, size_t bytes, uint8_t code, const char* what) {
  uint8_t answer[8];
  if (recv(fd, answer, bytes, MSG_WAITALL) != static_cast<ssize_t>(bytes)) Fail(what);
  if (answer[bytes - 1] == code) return;
  std::fprintf(stderr, "%s: refused with %d\n", what, answer[bytes - 1]);
  std::exit(1);
}

void Subscribe(int fd) {
  // A clean session without keep-alive, client id `raw`.
  SendAll(fd, std::string("\x10\x0F\x00\x04MQTT\x04\x02\x00\x00\x00\x03raw", 17));
  Expect(fd, 4, 0, "CONNECT");
  const std::string filter = "devices/+/telemetry";
  const auto size = static_cast<char>(filter.size());
  const std::string body = std::string("\x00\x01\x00", 3) + size + filter + '\x01';
  SendAll(fd, std::string("\x82") + static_cast<char>(body.size()) + body);
  Expect(fd, 5, 1, "SUBSCRIBE");
}

// Takes the packets that are whole; returns their bytes. Appends what is to be answered.
size_t Take(const uint8_t* data, size_t size, std::string* answer, uint64_t* messages) {
  size_t at = 0;
  while (true) {
    size_t length = 0, header = 1;
    for (int shift = 0;; shift += 7, ++header) {
      if (at + header >= size) return at;
      length |= static_cast<size_t>(data[at + header] & 0x7F) << shift;
      if ((data[at + header] & 0x80) == 0) break;
    }
    ++header;
    if (at + header + length > size) return at;
    if ((data[at] & kTypeMask) == kPublish) {
      ++*messages;
      if ((data[at] & kQosMask) != 0) {
        const uint8_t* const topic = data + at + header;
        const uint8_t* const packet_id = topic + 2 + (topic[0] << 8 | topic[1]);
        answer->append("\x40\x02", 2);
        answer->append(reinterpret_cast<const char*>(packet_id), 2);
      }
    }
    at += header + length;
  }
}

}  // namespace

int main(int argc, char** argv) {
  if (argc != 3) {
    std::fprintf(stderr, "usage: raw_subscriber PORT COUNT_FILE\n");
    return 2;
  }
  const int fd = Connect(argv[1]);
  Subscribe(fd);
  sluice::bench::SharedCount count(argv[2]);
  std::string buffer(kBufferBytes, '\0'), answer;
  size_t held = 0;
  while (true) {
    const ssize_t n = recv(fd, buffer.data() + held, buffer.size() - held, 0);
    if (n <= 0) Fail("recv");
    held += static_cast<size_t>(n);
    uint64_t messages = 0;
    answer.clear();
    const size_t taken =
        Take(reinterpret_cast<const uint8_t*>(buffer.data()), held, &answer, &messages);
    held -= taken;
    std::memmove(buffer.data(), buffer.data() + taken, held);
    if (!answer.empty()) SendAll(fd, answer);
    count.Add(messages);
  }
}
