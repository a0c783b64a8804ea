#ifndef SLUICE_SERVICES_INGRESS_COAP_COAP_SERVER_H_
#define SLUICE_SERVICES_INGRESS_COAP_COAP_SERVER_H_

#include <coap3/coap.h>

#include <atomic>
#include <cstdint>
#include <deque>
#include <functional>
#include <memory>
#include <string>
#include <thread>

#include "absl/base/thread_annotations.h"
#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "absl/synchronization/mutex.h"
#include "absl/time/time.h"
#include "absl/types/optional.h"
#include "libs/clock/clock.h"
#include "libs/net/listen_address.h"
#include "services/ingress/coap/datagram_sender.h"
#include "services/ingress/coap/pending_answers.h"
#include "services/ingress/coap/request_handler.h"
#include "services/ingress/coap/udp_port.h"
#include "services/ingress/intake/intake.h"
#include "services/ingress/intake/memory_budget.h"
#include "sluice/config/v1/ingress.pb.h"

namespace sluice::ingress {

struct CoapOptions {
  // Numeric address and UDP port; port 0 picks a free one.
  std::string listen = "127.0.0.1:5683";
  // Sessions without traffic that are kept, 1 to 100,000. Each datagram's cost grows with them.
  int max_idle_sessions = 64;
  PendingAnswers::Options pending;
  CoapRequestHandler::Options requests;
  // If set, what is under way counts against it, and nothing is taken in while it is used up.
  MemoryBudget* budget = nullptr;
  // Separate responses that are sent until they are acknowledged (CON), at most; beyond that they
  // are sent once (NON). What may become one keeps a session while it is pending, and each
  // datagram's cost grows with those; so while the disk is quick it is 64 at most.
  size_t max_separate_responses = 1024;
  // How long Stop waits for what is pending to reach the disk.
  absl::Duration stop_grace = absl::Seconds(2);
  // If set, told how long the message of a CON took from its arrival to the answer that it is on
  // disk. Called on the server's thread.
  std::function<void(absl::Duration)> on_acknowledged;
};

// What was asked for; what was left out has its default.
CoapOptions CoapOptionsFrom(const config::v1::Coap& config);

// Counts since the start, unless they say "now".
struct CoapStats {
  int64_t received = 0;   // requests for any path
  int64_t malformed = 0;  // datagrams that were no CoAP message or longer than 1,471 bytes: reset
  int64_t dropped_by_system = 0;      // datagrams that found the receive buffer full
  int64_t taken = 0;                  // messages handed to the intake
  int64_t answered_success = 0;       // 2.xx
  int64_t answered_client_error = 0;  // 4.xx
  int64_t answered_server_error = 0;  // 5.xx
  int64_t answers_unwanted = 0;       // No-Response (RFC 7967)
  int64_t answers_failed = 0;         // the system refused to send
  int64_t empty_acknowledgements = 0;
  int64_t shed = 0;               // refused for want of room: 4.29, NON nothing
  int64_t pending = 0;            // answers that wait for the disk, now
  int64_t abandoned_at_stop = 0;  // not on disk when the server stopped: never answered
  int64_t woken_by_disk = 0;      // how often an fsync woke the thread
  MessageDedup::Stats dedup;
  BlockReassembly::Stats reassembly;
};

// Takes messages in by CoAP (RFC 7252) over UDP:
//   GET  /.well-known/core
//   POST /devices/{id}/telemetry
//   POST /devices/{id}/status
//   POST /devices/{id}/commands/{command_id}/response
// A message id comes as the query `id=…`; payloads of up to 64 KiB in blocks (RFC 7959).
//
// An answer that reports something written, taken in or among the dead letters, leaves once that is
// fsynced. A NON is answered by a NON, as RFC 7252, 5.2.3 asks, unless its sender wants silence
// (RFC 7967).
//
// One thread of its own makes every call into libcoap and into the intake. Thread-safe.
class CoapServer {
 public:
  // Listens and serves from now on. INVALID_ARGUMENT names a wrong option, ALREADY_EXISTS who has
  // the port. `intake` and `clock` outlive the server. One server at a time per process: libcoap's
  // log is global.
  static absl::StatusOr<std::unique_ptr<CoapServer>> Create(const CoapOptions& options,
                                                            Intake* intake, const Clock* clock);
  ~CoapServer();  // stops

  CoapServer(const CoapServer&) = delete;
  CoapServer& operator=(const CoapServer&) = delete;

  // ADDRESS:PORT that it listens on.
  const std::string& endpoint() const { return endpoint_; }

  // Takes nothing in any more, answers what reaches the disk within stop_grace, closes, joins. What
  // is not answered its senders will send again. May be called again.
  void Stop();

  CoapStats stats() const ABSL_LOCKS_EXCLUDED(stats_mutex_);

 private:
  CoapServer(const CoapOptions& options, Intake* intake, const Clock* clock);

  absl::Status Listen(const ListenAddress& address);
  void Run();
  // Waits for datagrams or durability, and serves a fair number of datagrams.
  void ServeDatagrams();
  // Sends a fair number of the answers that may go.
  void AnswerDurable();
  void Drain();
  int WaitMilliseconds() const;
  void PublishStats() ABSL_LOCKS_EXCLUDED(stats_mutex_);

  static void OnRequest(coap_resource_t* resource, coap_session_t* session,
                        const coap_pdu_t* request, const coap_string_t* query,
                        coap_pdu_t* response);
  void Handle(coap_session_t* session, const coap_pdu_t* request);
  void Pend(coap_session_t* session, PendingAnswer pending);
  void Send(const PendingAnswer& pending);
  void SendSeparateConfirmable(const PendingAnswer& pending);
  void SendEmptyAcknowledgement(const PendingAnswer& pending);
  bool MayKeepSession() const;
  void ReleaseSession(const PendingAnswer& pending);
  void CountAnswer(CoapCode code, uint8_t no_response);
  bool MaySendSeparateConfirmable();

  const CoapOptions options_;
  Intake* const intake_;
  const Clock* const clock_;
  std::string endpoint_;
  int wake_fd_ = -1;   // written by the intake's listener and by Stop
  int epoll_fd_ = -1;  // libcoap's own, which knows wake_fd_ too
  int64_t listener_ = -1;
  std::atomic<bool> stopping_{false};
  // The next fsync is to wake the thread: somebody waits for one.
  std::atomic<bool> wants_durable_{false};
  std::thread thread_;

  // From here on the thread's own.
  coap_context_t* context_ = nullptr;
  CoapRequestHandler handler_;
  PendingAnswers pending_;
  int socket_ = -1;  // libcoap's
  std::unique_ptr<DatagramSender> sender_;
  uint16_t next_message_id_ = 0;                   // of a NON
  size_t kept_sessions_ = 0;                       // by those that are pending
  int reads_ = 1;                                  // datagrams to ask libcoap to read at once
  bool has_durable_ = false;                       // answers may be ready to go
  std::deque<absl::Duration> separate_responses_;  // when the CON ones were sent
  absl::optional<MemoryBudget::Share> memory_;
  CoapStats counts_;

  mutable absl::Mutex stats_mutex_;
  CoapStats stats_ ABSL_GUARDED_BY(stats_mutex_);
};

}  // namespace sluice::ingress

#endif  // SLUICE_SERVICES_INGRESS_COAP_COAP_SERVER_H_
