#include "services/ingress/coap/coap_server.h"

#include <poll.h>
#include <spdlog/spdlog.h>
#include <sys/epoll.h>
#include <sys/eventfd.h>
#include <unistd.h>

#include <algorithm>
#include <cstring>
#include <utility>

#include "absl/strings/match.h"
#include "absl/strings/str_cat.h"
#include "libs/status/field_violation.h"
#include "services/ingress/coap/answer_datagram.h"
#include "services/ingress/coap/coap_pdu.h"
#include "services/ingress/coap/random_bytes.h"

namespace sluice::ingress {
namespace {

// libcoap reads at most 1,472 bytes of a datagram and does not tell when there were more: what is
// shorter than that is whole. (Its own default, 1,152, has no room for a block of 1,024 bytes and
// two long ids.)
constexpr unsigned int kMaxDatagramBytes = 1471;
// Some 5,000 small datagrams: devices that come back together after a power cut should not be
// turned away by the socket. (The system's default holds 270.)
constexpr int kReceiveBufferBytes = 4 << 20;
// Sessions only say where an answer goes, so a quiet one is not worth its share of each datagram's
// cost.
constexpr unsigned int kSessionTimeoutSeconds = 10;
// What an answer that waits takes, its session included.
constexpr int64_t kPendingAnswerBytes = 1024;
// Datagrams that are served, and answers that are sent, before it is the other's turn: while
// thousands of answers leave at once, the socket's buffer would overflow with what their receivers
// send next.
constexpr int kDatagramsPerTurn = 64;
constexpr size_t kAnswersPerTurn = 64;
// The disk counts as quick, and hardly an answer will become a separate response, as long as none
// has waited for half of the time after which it does.
constexpr size_t kKeptSessionsWhileQuick = 64;
// A CON that is not acknowledged is sent again for at most so long (MAX_TRANSMIT_WAIT).
constexpr absl::Duration kMaxTransmitWait = absl::Seconds(93);

// Where the thread that libcoap runs on counts what libcoap tells of nowhere else but in its log.
struct LibraryCounts {
  int64_t malformed = 0;     // datagrams that libcoap refuses by itself
  int64_t failed_reads = 0;  // of the socket: there was no datagram
};
thread_local LibraryCounts library_counts;

void OnLibraryLog(coap_log_t level, const char* message) {
  if (absl::StartsWith(message, "discard malformed PDU")) {
    ++library_counts.malformed;
  } else if (absl::StartsWith(message, "coap_network_read: ")) {
    ++library_counts.failed_reads;
  } else if (level <= LOG_CRIT && !absl::StartsWith(message, "got RST")) {
    spdlog::warn("libcoap: {}", message);
  }
}

void Discard(int event_fd) {
  uint64_t count;
  [[maybe_unused]] const ssize_t size = read(event_fd, &count, sizeof(count));
}

}  // namespace

CoapOptions CoapOptionsFrom(const config::v1::Coap& config) {
  CoapOptions options;
  if (!config.listen().empty()) options.listen = config.listen();
  if (config.max_idle_sessions() != 0) options.max_idle_sessions = config.max_idle_sessions();
  return options;
}

absl::StatusOr<std::unique_ptr<CoapServer>> CoapServer::Create(const CoapOptions& options,
                                                               Intake* intake, const Clock* clock) {
  absl::StatusOr<ListenAddress> address = ParseListenAddress(options.listen, "coap.listen");
  if (!address.ok()) return address.status();
  if (options.max_idle_sessions < 1 || options.max_idle_sessions > 100'000) {
    return InvalidField("coap.max_idle_sessions",
                        absl::StrCat("is ", options.max_idle_sessions, "; must be 1 to 100,000"));
  }
  std::unique_ptr<CoapServer> server(new CoapServer(options, intake, clock));
  absl::Status status = server->Listen(*address);
  if (!status.ok()) return status;
  server->listener_ = intake->AddDurableListener([raw = server.get()] {
    if (raw->wants_durable_.exchange(false)) eventfd_write(raw->wake_fd_, 1);
  });
  server->thread_ = std::thread([raw = server.get()] { raw->Run(); });
  return server;
}

CoapServer::CoapServer(const CoapOptions& options, Intake* intake, const Clock* clock)
    : options_(options),
      intake_(intake),
      clock_(clock),
      handler_(options.requests, intake, clock),
      pending_(options.pending, clock) {
  if (options.budget != nullptr) memory_.emplace(options.budget);
}

CoapServer::~CoapServer() {
  Stop();
  if (context_ != nullptr) coap_free_context(context_);
  if (wake_fd_ >= 0) close(wake_fd_);
}

absl::Status CoapServer::Listen(const ListenAddress& address) {
  absl::StatusOr<ClaimedUdpPort> port = ClaimedUdpPort::Claim(address);
  if (!port.ok()) return port.status();
  coap_startup();
  coap_set_log_handler(OnLibraryLog);
  coap_set_log_level(LOG_WARNING);
  coap_set_prng(FillRandom);
  wake_fd_ = eventfd(0, EFD_NONBLOCK | EFD_CLOEXEC);
  context_ = coap_new_context(nullptr);
  if (wake_fd_ < 0 || context_ == nullptr) return absl::InternalError("CoAP: out of resources");

  coap_address_t listen;
  coap_address_init(&listen);
  std::memcpy(&listen.addr, &port->socket_address(), port->socket_address_size());
  listen.size = port->socket_address_size();
  coap_endpoint_t* endpoint = coap_new_endpoint(context_, &listen, COAP_PROTO_UDP);
  if (endpoint == nullptr) {
    return absl::AlreadyExistsError(absl::StrCat("cannot listen on udp ", address.ToString()));
  }
  socket_ = port->FindJoined();
  if (socket_ < 0) return absl::InternalError("CoAP: libcoap's socket is not among the open files");
  EnlargeReceiveBuffer(socket_, kReceiveBufferBytes);
  sender_ = std::make_unique<DatagramSender>(socket_);
  FillRandom(&next_message_id_, sizeof(next_message_id_));
  coap_endpoint_set_default_mtu(endpoint, kMaxDatagramBytes);
  coap_context_set_max_idle_sessions(context_, options_.max_idle_sessions);
  coap_context_set_session_timeout(context_, kSessionTimeoutSeconds);
  coap_set_app_data(context_, this);

  // One handler sees every path and method. The listing needs a resource of its own, as libcoap
  // would answer by itself. (So it does for method codes from 0.08 on: 4.04.)
  coap_resource_t* listing =
      coap_resource_init(coap_make_str_const(COAP_DEFAULT_URI_WELLKNOWN), /*flags=*/0);
  coap_resource_t* others = coap_resource_unknown_init(&CoapServer::OnRequest);
  for (int method = COAP_REQUEST_GET; method <= COAP_REQUEST_IPATCH; ++method) {
    for (coap_resource_t* resource : {listing, others}) {
      coap_register_request_handler(resource, static_cast<coap_request_t>(method),
                                    &CoapServer::OnRequest);
    }
  }
  coap_add_resource(context_, listing);
  coap_add_resource(context_, others);

  epoll_fd_ = coap_context_get_coap_fd(context_);
  epoll_event wake{};
  wake.events = EPOLLIN;
  wake.data.ptr = &wake_fd_;
  if (epoll_fd_ < 0 || epoll_ctl(epoll_fd_, EPOLL_CTL_ADD, wake_fd_, &wake) != 0) {
    return absl::InternalError("CoAP: this libcoap is built without epoll");
  }
  endpoint_ = port->address().ToString();
  return absl::OkStatus();
}

void CoapServer::Stop() {
  if (!thread_.joinable()) return;
  stopping_ = true;
  eventfd_write(wake_fd_, 1);
  thread_.join();
  intake_->RemoveDurableListener(listener_);
}

CoapStats CoapServer::stats() const {
  absl::MutexLock lock(&stats_mutex_);
  return stats_;
}

void CoapServer::Run() {
  while (!stopping_) {
    ServeDatagrams();
    AnswerDurable();
    pending_.AcknowledgeOverdue([this](PendingAnswer& pending) {
      SendEmptyAcknowledgement(pending);
      handler_.OnAcknowledged(pending.key);
    });
    sender_->Flush();
    PublishStats();
  }
  Drain();
  PublishStats();
  coap_free_context(context_);
  context_ = nullptr;
}

void CoapServer::ServeDatagrams() {
  epoll_event found[16];
  const int count = epoll_wait(epoll_fd_, found, 16, WaitMilliseconds());
  epoll_event events[16 + kDatagramsPerTurn];
  size_t size = 0;
  for (int i = 0; i < count; ++i) {
    if (found[i].data.ptr == &wake_fd_) {
      has_durable_ = true;
      ++counts_.woken_by_disk;
      Discard(wake_fd_);
      continue;
    }
    // libcoap reads one datagram for an event, and after all of them goes through its sessions and
    // sets its timer: so it gets an event for each datagram that may be there. Its timer has no
    // pointer.
    const int reads = found[i].data.ptr != nullptr ? reads_ : 1;
    for (int read = 0; read < reads; ++read) events[size++] = found[i];
  }
  if (size == 0) return;
  library_counts.failed_reads = 0;
  coap_io_do_epoll(context_, events, size);
  const int missing = static_cast<int>(library_counts.failed_reads);
  reads_ = missing == 0 ? std::min(2 * reads_, kDatagramsPerTurn) : std::max(1, reads_ - missing);
}

int CoapServer::WaitMilliseconds() const {
  if (has_durable_) return 0;
  const absl::Duration wait = pending_.UntilOverdue();
  if (wait == absl::InfiniteDuration()) return -1;
  return static_cast<int>(absl::ToInt64Milliseconds(wait)) + 1;
}

void CoapServer::AnswerDurable() {
  if (!has_durable_) return;
  // Before the look: of what is durable only after it the listener tells.
  wants_durable_ = true;
  has_durable_ = pending_.PopDurable(*intake_, kAnswersPerTurn, [this](PendingAnswer& pending) {
    Send(pending);
    if (pending.confirmable && CodeClass(pending.answer.code) == 2 && options_.on_acknowledged) {
      options_.on_acknowledged(clock_->Uptime() - pending.since);
    }
    handler_.OnAnswered(pending.key, pending.answer);
    ReleaseSession(pending);
  });
  if (pending_.size() == 0) wants_durable_ = false;
}

void CoapServer::Drain() {
  const absl::Duration deadline = clock_->Uptime() + options_.stop_grace;
  for (;;) {
    do {
      has_durable_ = true;
      AnswerDurable();
      sender_->Flush();
    } while (has_durable_);
    const absl::Duration left = deadline - clock_->Uptime();
    if (pending_.size() == 0 || left <= absl::ZeroDuration()) break;
    pollfd wake{wake_fd_, POLLIN, 0};
    if (poll(&wake, 1, static_cast<int>(absl::ToInt64Milliseconds(left)) + 1) == 0) break;
    Discard(wake_fd_);
  }
  counts_.abandoned_at_stop += static_cast<int64_t>(pending_.size());
  pending_.PopAll([this](PendingAnswer& pending) { ReleaseSession(pending); });
}

void CoapServer::PublishStats() {
  counts_.received = handler_.stats().requests;
  counts_.taken = handler_.stats().taken;
  counts_.shed = handler_.stats().shed;
  counts_.malformed = library_counts.malformed;
  counts_.dropped_by_system = DroppedDatagrams(socket_);
  counts_.pending = static_cast<int64_t>(pending_.size());
  counts_.dedup = handler_.dedup_stats();
  counts_.reassembly = handler_.reassembly_stats();
  if (memory_.has_value()) {
    memory_->Set(counts_.pending * kPendingAnswerBytes + counts_.reassembly.bytes);
  }
  absl::MutexLock lock(&stats_mutex_);
  stats_ = counts_;
  stats_.answers_failed += sender_->failed();
}

void CoapServer::OnRequest(coap_resource_t*, coap_session_t* session, const coap_pdu_t* request,
                           const coap_string_t*, coap_pdu_t* response) {
  auto* server = static_cast<CoapServer*>(coap_get_app_data(coap_session_get_context(session)));
  server->Handle(session, request);
  // A response of this kind is dropped by libcoap instead of sent: the server sends its own.
  coap_pdu_set_type(response, COAP_MESSAGE_NON);
}

void CoapServer::Handle(coap_session_t* session, const coap_pdu_t* pdu) {
  using Action = CoapRequestHandler::Outcome::Action;
  const CoapRequest request = ReadCoapRequest(session, pdu);
  const bool has_room =
      pending_.HasRoom(request.confirmable) &&
      (options_.budget == nullptr || options_.budget->HasRoom(/*awaited=*/request.confirmable));
  CoapRequestHandler::Outcome outcome = handler_.Handle(request, has_room);
  PendingAnswer pending;
  pending.key = request.key;
  pending.confirmable = request.confirmable;
  pending.token = std::string(CoapToken(pdu));
  pending.no_response = ReadNoResponse(pdu);
  pending.answer = std::move(outcome.answer);
  pending.receipt = outcome.receipt;
  pending.local = LocalAddressOf(session);
  switch (outcome.action) {
    case Action::kAnswer:
      Send(pending);
      break;
    case Action::kPend:
      Pend(session, std::move(pending));
      break;
    case Action::kAcknowledge:
      SendEmptyAcknowledgement(pending);
      break;
    case Action::kIgnore:
      break;
  }
}

void CoapServer::Pend(coap_session_t* session, PendingAnswer pending) {
  if (pending.confirmable && MayKeepSession()) {
    pending.session = coap_session_reference(session);
    ++kept_sessions_;
  }
  pending_.Push(std::move(pending));
  // Nobody waited before, so the listener may have kept silent about this one.
  if (!wants_durable_) has_durable_ = true;
}

bool CoapServer::MayKeepSession() const {
  if (kept_sessions_ >= options_.max_separate_responses) return false;
  return kept_sessions_ < kKeptSessionsWhileQuick ||
         pending_.LongestWait() > options_.pending.acknowledge_after / 2;
}

void CoapServer::ReleaseSession(const PendingAnswer& pending) {
  if (pending.session == nullptr) return;
  coap_session_release(pending.session);
  --kept_sessions_;
}

void CoapServer::Send(const PendingAnswer& pending) {
  CountAnswer(pending.answer.code, pending.no_response);
  const bool piggybacks = pending.confirmable && !pending.acknowledged;
  if (IsSuppressed(pending.no_response, pending.answer.code)) {
    if (piggybacks) SendEmptyAcknowledgement(pending);
  } else if (piggybacks) {
    sender_->Queue(pending.key.peer, pending.local,
                   EncodeAnswer(CoapType::kAcknowledgement, pending.key.message_id, pending.token,
                                pending.answer));
  } else if (pending.session != nullptr && MaySendSeparateConfirmable()) {
    SendSeparateConfirmable(pending);
  } else {
    sender_->Queue(
        pending.key.peer, pending.local,
        EncodeAnswer(CoapType::kNonConfirmable, next_message_id_++, pending.token, pending.answer));
  }
}

// By libcoap, which sends it again until it is acknowledged.
void CoapServer::SendSeparateConfirmable(const PendingAnswer& pending) {
  coap_pdu_t* pdu = ParseDatagram(EncodeAnswer(
      CoapType::kConfirmable, coap_new_message_id(pending.session), pending.token, pending.answer));
  if (pdu == nullptr || coap_send(pending.session, pdu) == COAP_INVALID_MID) {
    ++counts_.answers_failed;
  }
}

void CoapServer::SendEmptyAcknowledgement(const PendingAnswer& pending) {
  sender_->Queue(pending.key.peer, pending.local,
                 EncodeEmptyAcknowledgement(pending.key.message_id));
  ++counts_.empty_acknowledgements;
}

void CoapServer::CountAnswer(CoapCode code, uint8_t no_response) {
  if (IsSuppressed(no_response, code)) {
    ++counts_.answers_unwanted;
    return;
  }
  switch (CodeClass(code)) {
    case 2:
      ++counts_.answered_success;
      break;
    case 4:
      ++counts_.answered_client_error;
      break;
    default:
      ++counts_.answered_server_error;
      break;
  }
}

bool CoapServer::MaySendSeparateConfirmable() {
  const absl::Duration now = clock_->Uptime();
  while (!separate_responses_.empty() && now - separate_responses_.front() > kMaxTransmitWait) {
    separate_responses_.pop_front();
  }
  if (separate_responses_.size() >= options_.max_separate_responses) return false;
  separate_responses_.push_back(now);
  return true;
}

}  // namespace sluice::ingress
