#include "tools/fleetsim/coap_fleet.h"

#include <sys/epoll.h>
#include <sys/socket.h>
#include <unistd.h>

#include <cerrno>
#include <cstring>

#include "absl/strings/str_cat.h"

namespace sluice::fleetsim {
namespace {

constexpr size_t kReadBytes = 64 << 10;
// Datagrams that one device may read before the others have their turn.
constexpr int kMaxReads = 32;

}  // namespace

class CoapFleet::Device final : public EventLoop::Handler, public CoapEndpoint::Listener {
 public:
  Device(CoapFleet* fleet, int number, int device)
      : fleet_(fleet),
        number_(number),
        device_(device),
        endpoint_(fleet->workload_->id(device),
                  fleet->options_.seed * 1'000'003 + static_cast<uint64_t>(device),
                  &fleet->options_.endpoint, this) {}

  ~Device() override {
    if (fd_ >= 0) close(fd_);
  }

  absl::Status Open() {
    const absl::StatusOr<int> fd = OpenSocket(SOCK_DGRAM, fleet_->options_.gateway,
                                              fleet_->options_.spread_sources ? number_ : -1);
    if (!fd.ok()) return fd.status();
    fd_ = *fd;
    return fleet_->loop_->Add(fd_, EPOLLIN, this);
  }

  bool TrySend(int64_t now_us) {
    if (!endpoint_.CanPost(now_us)) return false;
    endpoint_.Post(fleet_->workload_->Begin(device_, now_us), now_us);
    return true;
  }

  void SendAll(int64_t now_us) {
    while (fleet_->workload_->IsOpen(now_us) && TrySend(now_us)) {
    }
  }

  void Tick(int64_t now_us) {
    event_us_ = now_us;
    endpoint_.Tick(now_us);
  }

  const CoapEndpoint& endpoint() const { return endpoint_; }

  void OnEvents(uint32_t) override {
    event_us_ = fleet_->clock_->NowUs();
    std::vector<char>& buffer = fleet_->read_buffer_;
    const int reads = fleet_->options_.endpoint.inflight == 1 ? 1 : kMaxReads;
    for (int i = 0; i < reads; ++i) {
      const ssize_t size = recv(fd_, buffer.data(), buffer.size(), 0);
      if (size < 0) {
        if (errno != EAGAIN && errno != EINTR) CountErrno("receive");
        return;
      }
      endpoint_.Receive(absl::string_view(buffer.data(), static_cast<size_t>(size)), event_us_);
    }
  }

  void SendDatagram(absl::string_view datagram) override {
    ssize_t size = send(fd_, datagram.data(), datagram.size(), MSG_NOSIGNAL);
    // The socket hands on first that an earlier datagram was refused.
    if (size < 0 && errno == ECONNREFUSED) {
      CountErrno("send");
      size = send(fd_, datagram.data(), datagram.size(), MSG_NOSIGNAL);
    }
    if (size < 0) CountErrno("send");
  }
  void AppendPayload(int64_t message, std::string* out) override {
    fleet_->workload_->AppendPayloadAgain(device_, message, out);
  }
  void OnAcknowledged(int64_t message) override {
    fleet_->workload_->Acknowledged(device_, message, event_us_);
  }
  void OnRefused(int64_t message, absl::string_view kind) override {
    fleet_->workload_->Refused(device_, message, kind, event_us_);
  }
  void OnRoom() override {
    if (fleet_->options_.greedy) SendAll(event_us_);
  }
  void OnError(absl::string_view kind) override { fleet_->workload_->CountError(kind); }

 private:
  void CountErrno(absl::string_view what) {
    fleet_->workload_->CountError(absl::StrCat("coap ", what, ": ", std::strerror(errno)));
  }

  CoapFleet* const fleet_;
  const int number_;
  const int device_;
  CoapEndpoint endpoint_;
  int fd_ = -1;
  int64_t event_us_ = 0;
};

CoapFleet::CoapFleet(const CoapFleetOptions& options, const std::vector<std::string>& ids,
                     EventLoop* loop, const FleetClock* clock, Workload* workload)
    : options_(options), loop_(loop), clock_(clock), workload_(workload), read_buffer_(kReadBytes) {
  for (size_t i = 0; i < ids.size(); ++i) {
    const int device = workload->AddDevice(ids[i], Protocol::kCoap);
    devices_.push_back(std::make_unique<Device>(this, static_cast<int>(i), device));
  }
}

CoapFleet::~CoapFleet() = default;

absl::Status CoapFleet::Open() {
  for (const auto& device : devices_) {
    if (absl::Status status = device->Open(); !status.ok()) return status;
    ++ready_;
  }
  return absl::OkStatus();
}

int CoapFleet::size() const { return static_cast<int>(devices_.size()); }

int64_t CoapFleet::unacknowledged() const {
  int64_t sum = 0;
  for (const auto& device : devices_) sum += device->endpoint().unacknowledged();
  return sum;
}

int64_t CoapFleet::retransmissions() const {
  int64_t sum = 0;
  for (const auto& device : devices_) sum += device->endpoint().retransmissions();
  return sum;
}

bool CoapFleet::TrySend(int device, int64_t now_us) { return devices_[device]->TrySend(now_us); }

void CoapFleet::SendAll(int64_t now_us) {
  for (const auto& device : devices_) device->SendAll(now_us);
}

void CoapFleet::Tick(int64_t now_us) {
  for (const auto& device : devices_) device->Tick(now_us);
}

}  // namespace sluice::fleetsim
