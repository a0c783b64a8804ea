#include "services/ingress/coap/datagram_sender.h"

#include <cstring>

namespace sluice::ingress {
namespace {

// Where the IPv4 address is in ::ffff:a.b.c.d.
constexpr size_t kIpv4At = 12;

bool IsIpv4(const std::array<uint8_t, 16>& ip) {
  constexpr uint8_t kMapped[kIpv4At] = {0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0xff, 0xff};
  return std::memcmp(ip.data(), kMapped, kIpv4At) == 0;
}

// Writes where `peer` is, as a socket of this family takes it; returns its size.
socklen_t WriteAddress(const CoapPeer& peer, bool is_ipv6, sockaddr_in6* out) {
  *out = {};
  out->sin6_family = is_ipv6 ? AF_INET6 : AF_INET;
  out->sin6_port = htons(peer.port);  // in the same place in both
  if (is_ipv6) {
    std::memcpy(&out->sin6_addr, peer.ip.data(), peer.ip.size());
    out->sin6_scope_id = peer.scope;
    return sizeof(*out);
  }
  auto* const v4 = reinterpret_cast<sockaddr_in*>(out);
  std::memcpy(&v4->sin_addr, &peer.ip[kIpv4At], sizeof(v4->sin_addr));
  return sizeof(*v4);
}

template <typename Info>
void WriteControl(int level, int type, const Info& info, msghdr* header) {
  header->msg_controllen = CMSG_SPACE(sizeof(info));
  cmsghdr* const message = CMSG_FIRSTHDR(header);
  message->cmsg_level = level;
  message->cmsg_type = type;
  message->cmsg_len = CMSG_LEN(sizeof(info));
  std::memcpy(CMSG_DATA(message), &info, sizeof(info));
}

// Says from which of the machine's addresses the datagram is to leave.
void WriteSource(const CoapLocalAddress& from, msghdr* header) {
  if (IsIpv4(from.ip)) {
    in_pktinfo info{};
    info.ipi_ifindex = from.interface;
    std::memcpy(&info.ipi_spec_dst, &from.ip[kIpv4At], sizeof(info.ipi_spec_dst));
    WriteControl(IPPROTO_IP, IP_PKTINFO, info, header);
  } else {
    in6_pktinfo info{};
    info.ipi6_ifindex = static_cast<unsigned int>(from.interface);
    std::memcpy(&info.ipi6_addr, from.ip.data(), from.ip.size());
    WriteControl(IPPROTO_IPV6, IPV6_PKTINFO, info, header);
  }
}

}  // namespace

DatagramSender::DatagramSender(int socket) : socket_(socket) {
  sockaddr_storage bound{};
  socklen_t size = sizeof(bound);
  getsockname(socket, reinterpret_cast<sockaddr*>(&bound), &size);
  is_ipv6_ = bound.ss_family == AF_INET6;
}

void DatagramSender::Queue(const CoapPeer& to, const CoapLocalAddress& from,
                           absl::string_view datagram) {
  if (queued_ == kBatch) Flush();
  Outgoing& outgoing = outgoing_[queued_];
  outgoing.bytes.assign(datagram.data(), datagram.size());
  vectors_[queued_] = {&outgoing.bytes[0], outgoing.bytes.size()};
  msghdr& header = headers_[queued_].msg_hdr;
  header = {};
  header.msg_name = &outgoing.to;
  header.msg_namelen = WriteAddress(to, is_ipv6_, &outgoing.to);
  header.msg_iov = &vectors_[queued_];
  header.msg_iovlen = 1;
  header.msg_control = outgoing.control;
  WriteSource(from, &header);
  ++queued_;
}

void DatagramSender::Flush() {
  for (size_t next = 0; next < queued_;) {
    const int sent =
        sendmmsg(socket_, &headers_[next], static_cast<unsigned int>(queued_ - next), 0);
    // An error is that of the first one.
    if (sent < 1) ++failed_;
    next += sent < 1 ? 1 : static_cast<size_t>(sent);
  }
  queued_ = 0;
}

}  // namespace sluice::ingress
