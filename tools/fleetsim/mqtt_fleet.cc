#include "tools/fleetsim/mqtt_fleet.h"

#include <sys/epoll.h>
#include <sys/socket.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>
#include <cstring>

#include "absl/strings/str_cat.h"
#include "tools/fleetsim/backoff.h"

namespace sluice::fleetsim {
namespace {

constexpr int kMaxConnecting = 64;
constexpr int64_t kConnectTimeoutUs = 10'000'000;
constexpr int64_t kLeaveTimeoutUs = 2'000'000;
constexpr size_t kReadBytes = 64 << 10;

}  // namespace

class MqttFleet::Connection final : public EventLoop::Handler, public MqttSession::Listener {
 public:
  Connection(MqttFleet* fleet, int number, int device)
      : fleet_(fleet),
        number_(number),
        device_(device),
        session_(fleet->workload_->id(device), &fleet->options_.session, this),
        backoff_(fleet->options_.seed ^ static_cast<uint64_t>(device)) {}

  ~Connection() override {
    if (fd_ >= 0) close(fd_);
  }

  bool gone() const { return state_ == State::kGone; }
  int unacknowledged() const { return session_.unacknowledged(); }

  bool TrySend(int64_t now_us) {
    if (!session_.CanPublish()) return false;
    const int64_t message = fleet_->workload_->Begin(device_, now_us);
    fleet_->payload_.clear();
    fleet_->workload_->AppendPayload(device_, message, &fleet_->payload_);
    session_.Publish(message, fleet_->payload_);
    MarkDirty();
    return true;
  }

  void SendAll(int64_t now_us) {
    while (fleet_->workload_->IsOpen(now_us) && TrySend(now_us)) {
    }
  }

  void Tick(int64_t now_us);
  void Flush(int64_t now_us);
  void Leave();
  void Abandon();

  void OnEvents(uint32_t events) override;

  void OnReady() override {
    ++fleet_->ready_;
    --fleet_->connecting_;
    backoff_.Reset();
    if (was_ready_) ++fleet_->stats_.reconnects;
    was_ready_ = true;
    OnRoom();
  }
  void OnAcknowledged(int64_t message) override {
    fleet_->workload_->Acknowledged(device_, message, event_us_);
  }
  void OnRoom() override {
    if (fleet_->options_.greedy) SendAll(event_us_);
  }
  void AppendPayload(int64_t message, std::string* out) override {
    fleet_->workload_->AppendPayloadAgain(device_, message, out);
  }
  void OnCommand() override { ++fleet_->stats_.commands_received; }
  void OnCommandAnswered() override { ++fleet_->stats_.commands_answered; }
  void OnError(absl::string_view kind) override { fleet_->workload_->CountError(kind); }

 private:
  enum class State { kWaiting, kConnecting, kOpen, kLeaving, kGone };

  void Connect(int64_t now_us);
  void Read();
  void MarkDirty() {
    if (dirty_) return;
    dirty_ = true;
    fleet_->dirty_.push_back(this);
  }
  // The connection ended for this reason; another try comes later.
  void Lose(absl::string_view reason, int64_t now_us);

  MqttFleet* const fleet_;
  const int number_;
  const int device_;
  MqttSession session_;
  Backoff backoff_;
  int fd_ = -1;
  State state_ = State::kWaiting;
  bool dirty_ = false;
  bool wants_write_ = false;
  bool was_ready_ = false;
  // kWaiting: when to connect. Before the session is ready: when to give up.
  int64_t deadline_us_ = 0;
  int64_t event_us_ = 0;
  int64_t last_sent_us_ = 0;
  int64_t last_received_us_ = 0;
  int64_t last_ping_us_ = 0;
};

void MqttFleet::Connection::Connect(int64_t now_us) {
  ++fleet_->connecting_;
  state_ = State::kConnecting;
  deadline_us_ = now_us + kConnectTimeoutUs;
  const absl::StatusOr<int> fd = OpenSocket(SOCK_STREAM, fleet_->options_.broker,
                                            fleet_->options_.spread_sources ? number_ : -1);
  if (!fd.ok()) return Lose(absl::StrCat("mqtt ", fd.status().message()), now_us);
  fd_ = *fd;
  wants_write_ = true;
  const absl::Status added = fleet_->loop_->Add(fd_, EPOLLIN | EPOLLOUT, this);
  if (!added.ok()) Lose(absl::StrCat("mqtt ", added.message()), now_us);
}

void MqttFleet::Connection::Lose(absl::string_view reason, int64_t now_us) {
  if (session_.ready()) {
    --fleet_->ready_;
  } else if (state_ == State::kConnecting || state_ == State::kOpen) {
    --fleet_->connecting_;
  }
  const bool leaving = state_ == State::kLeaving;
  if (!leaving) fleet_->workload_->CountError(reason);
  if (fd_ >= 0) {
    fleet_->loop_->Remove(fd_);
    close(fd_);
    fd_ = -1;
  }
  session_.Stop();
  state_ = leaving ? State::kGone : State::kWaiting;
  const int64_t delay_us = fleet_->options_.reconnect_delay_us;
  deadline_us_ = now_us + (delay_us > 0 ? delay_us : backoff_.NextUs());
}

void MqttFleet::Connection::OnEvents(uint32_t events) {
  event_us_ = fleet_->clock_->NowUs();
  if (state_ == State::kConnecting) {
    int error = 0;
    socklen_t size = sizeof(error);
    getsockopt(fd_, SOL_SOCKET, SO_ERROR, &error, &size);
    if (error != 0) {
      return Lose(absl::StrCat("mqtt connect: ", std::strerror(error)), event_us_);
    }
    if ((events & EPOLLOUT) == 0) return;
    state_ = State::kOpen;
    last_received_us_ = event_us_;
    session_.Start();
    MarkDirty();
    return;
  }
  if ((events & (EPOLLIN | EPOLLHUP | EPOLLERR)) != 0) Read();
  if ((events & EPOLLOUT) != 0 && fd_ >= 0) MarkDirty();
}

void MqttFleet::Connection::Read() {
  std::vector<char>& buffer = fleet_->read_buffer_;
  const ssize_t size = recv(fd_, buffer.data(), buffer.size(), 0);
  if (size < 0 && (errno == EAGAIN || errno == EINTR)) return;
  if (size <= 0) return Lose("mqtt connection lost", event_us_);
  last_received_us_ = event_us_;
  const absl::Status status =
      session_.Receive(absl::string_view(buffer.data(), static_cast<size_t>(size)));
  if (!status.ok()) return Lose(absl::StrCat("mqtt: ", status.message()), event_us_);
  if (!session_.output().empty()) MarkDirty();
}

void MqttFleet::Connection::Flush(int64_t now_us) {
  dirty_ = false;
  if (fd_ < 0 || state_ == State::kConnecting) return;
  std::string& output = session_.output();
  size_t done = 0;
  while (done < output.size()) {
    const ssize_t size = send(fd_, output.data() + done, output.size() - done, MSG_NOSIGNAL);
    if (size > 0) {
      done += static_cast<size_t>(size);
    } else if (errno == EAGAIN) {
      break;
    } else if (errno != EINTR) {
      return Lose("mqtt connection lost", now_us);
    }
  }
  if (done > 0) last_sent_us_ = now_us;
  output.erase(0, done);
  const bool wants_write = !output.empty();
  if (wants_write != wants_write_) {
    wants_write_ = wants_write;
    fleet_->loop_->Modify(fd_, EPOLLIN | (wants_write ? EPOLLOUT : 0u), this);
  }
  if (!wants_write && state_ == State::kLeaving) shutdown(fd_, SHUT_WR);
}

void MqttFleet::Connection::Tick(int64_t now_us) {
  const int64_t keep_alive_us = int64_t{fleet_->options_.session.keep_alive_s} * 1'000'000;
  switch (state_) {
    case State::kWaiting:
      if (now_us >= deadline_us_ && fleet_->connecting_ < kMaxConnecting) Connect(now_us);
      break;
    case State::kConnecting:
      if (now_us >= deadline_us_) Lose("mqtt connect: timed out", now_us);
      break;
    case State::kOpen:
      if (!session_.ready()) {
        if (now_us >= deadline_us_) Lose("mqtt connect: no answer from the broker", now_us);
      } else if (now_us - last_received_us_ > keep_alive_us * 3 / 2) {
        Lose("mqtt broker is silent", now_us);
      } else if (std::min(last_sent_us_, last_received_us_) < now_us - keep_alive_us / 2 &&
                 last_ping_us_ < now_us - keep_alive_us / 4) {
        last_ping_us_ = now_us;
        session_.Ping();
        MarkDirty();
      }
      break;
    case State::kLeaving:
    case State::kGone:
      break;
  }
}

void MqttFleet::Connection::Leave() {
  if (state_ == State::kOpen && session_.ready()) {
    --fleet_->ready_;
    session_.Disconnect();
    state_ = State::kLeaving;
    MarkDirty();
    return;
  }
  Abandon();
}

void MqttFleet::Connection::Abandon() {
  if (state_ == State::kGone) return;
  if (state_ != State::kWaiting) {
    state_ = State::kLeaving;
    Lose("", 0);
  }
  state_ = State::kGone;
}

MqttFleet::MqttFleet(const MqttFleetOptions& options, const std::vector<std::string>& ids,
                     EventLoop* loop, const FleetClock* clock, Workload* workload)
    : options_(options), loop_(loop), clock_(clock), workload_(workload), read_buffer_(kReadBytes) {
  for (size_t i = 0; i < ids.size(); ++i) {
    const int device = workload->AddDevice(ids[i], Protocol::kMqtt);
    connections_.push_back(std::make_unique<Connection>(this, static_cast<int>(i), device));
  }
}

MqttFleet::~MqttFleet() = default;

int MqttFleet::size() const { return static_cast<int>(connections_.size()); }

int64_t MqttFleet::unacknowledged() const {
  int64_t sum = 0;
  for (const auto& connection : connections_) sum += connection->unacknowledged();
  return sum;
}

bool MqttFleet::TrySend(int device, int64_t now_us) {
  return connections_[device]->TrySend(now_us);
}

void MqttFleet::SendAll(int64_t now_us) {
  for (const auto& connection : connections_) connection->SendAll(now_us);
}

void MqttFleet::Tick(int64_t now_us) {
  for (const auto& connection : connections_) connection->Tick(now_us);
}

void MqttFleet::Flush(int64_t now_us) {
  // A connection that is lost here gets dirty again only by events.
  for (size_t i = 0; i < dirty_.size(); ++i) dirty_[i]->Flush(now_us);
  dirty_.clear();
}

bool MqttFleet::Leave(int64_t now_us) {
  if (leaving_since_us_ < 0) {
    leaving_since_us_ = now_us;
    for (const auto& connection : connections_) connection->Leave();
  }
  Flush(now_us);
  const bool late = now_us - leaving_since_us_ > kLeaveTimeoutUs;
  bool all_gone = true;
  for (const auto& connection : connections_) {
    if (late) connection->Abandon();
    all_gone = all_gone && connection->gone();
  }
  return all_gone;
}

}  // namespace sluice::fleetsim
