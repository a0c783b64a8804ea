#ifndef SLUICE_SERVICES_INGRESS_COAP_DATAGRAM_SENDER_H_
#define SLUICE_SERVICES_INGRESS_COAP_DATAGRAM_SENDER_H_

#include <netinet/in.h>
#include <sys/socket.h>

#include <array>
#include <cstddef>
#include <cstdint>
#include <string>

#include "absl/strings/string_view.h"
#include "services/ingress/coap/coap_message.h"

namespace sluice::ingress {

// Sends datagrams from a bound UDP socket of somebody else's, many with one call to the system. Not
// thread-safe.
class DatagramSender {
 public:
  // `socket` stays open for as long as this lives; -1: everything fails.
  explicit DatagramSender(int socket);

  DatagramSender(const DatagramSender&) = delete;
  DatagramSender& operator=(const DatagramSender&) = delete;

  // Sends it with the next Flush at the latest.
  void Queue(const CoapPeer& to, const CoapLocalAddress& from, absl::string_view datagram);

  // Sends what is queued. What the system refuses is counted and given up, as the network might
  // have lost it.
  void Flush();

  int64_t failed() const { return failed_; }

 private:
  static constexpr size_t kBatch = 64;

  struct Outgoing {
    sockaddr_in6 to;  // or a sockaddr_in, which is shorter
    alignas(cmsghdr) char control[CMSG_SPACE(sizeof(in6_pktinfo))];
    std::string bytes;
  };

  const int socket_;
  bool is_ipv6_ = false;
  size_t queued_ = 0;
  std::array<Outgoing, kBatch> outgoing_;
  std::array<mmsghdr, kBatch> headers_;
  std::array<iovec, kBatch> vectors_;
  int64_t failed_ = 0;
};

}  // namespace sluice::ingress

#endif  // SLUICE_SERVICES_INGRESS_COAP_DATAGRAM_SENDER_H_
