#include "tools/fleetsim/run.h"

#include <algorithm>
#include <ctime>
#include <memory>
#include <numeric>
#include <random>
#include <string>
#include <utility>
#include <vector>

#include "absl/strings/str_cat.h"
#include "tools/fleetsim/coap_fleet.h"
#include "tools/fleetsim/event_loop.h"
#include "tools/fleetsim/fleet_clock.h"
#include "tools/fleetsim/ledger.h"
#include "tools/fleetsim/mqtt_fleet.h"
#include "tools/fleetsim/pacer.h"
#include "tools/fleetsim/progress.h"
#include "tools/fleetsim/socket_address.h"
#include "tools/fleetsim/subscriber.h"
#include "tools/fleetsim/verdict.h"
#include "tools/fleetsim/workload.h"

namespace sluice::fleetsim {
namespace {

constexpr int64_t kTickUs = 20'000;
// Beside the devices' sockets: files, gRPC, standard streams.
constexpr int kOtherFiles = 64;
// After everything that was waited for has come, strays (duplicates, false alarms) have so long to
// follow.
constexpr int64_t kQuietUs = 500'000;
constexpr int64_t kQuietInsightsUs = 1'000'000;
// Tags of this run: first_tag and up, at most this many for each device.
constexpr int64_t kTagRoom = 100'000'000;

int64_t CpuUs() {
  timespec time{};
  clock_gettime(CLOCK_PROCESS_CPUTIME_ID, &time);
  return int64_t{time.tv_sec} * 1'000'000 + time.tv_nsec / 1000;
}

// One run, from the first connection to the verdict.
class Session {
 public:
  Session(const Options& options, const Clock* clock, const std::atomic<bool>* interrupted)
      : options_(options),
        interrupted_(interrupted),
        clock_(clock),
        first_tag_(clock_.epoch_us() % (kMaxTag - kTagRoom)),
        tally_(first_tag_),
        progress_(&tally_, !options.subscribe.empty(), !options.insights.empty(), options.quiet) {}

  absl::Status Prepare();
  absl::Status Connect();
  void Send();
  void Settle();
  void Leave();
  RunResult Result();

 private:
  absl::Status PrepareFleets();
  absl::Status PrepareSubscribers();
  MqttFleetOptions MqttOptions() const;
  CoapFleetOptions CoapOptions() const;
  // One turn of the loop.
  void Turn(int timeout_ms, const char* phase);
  void SendPaced(Pacer* pacer);
  bool Settled(int64_t since_us) const;
  int64_t Unacknowledged() const;
  bool Stopped() const { return interrupted_->load(std::memory_order_relaxed); }

  const Options& options_;
  const std::atomic<bool>* const interrupted_;
  const FleetClock clock_;
  const int64_t first_tag_;
  Tally tally_;
  Progress progress_;
  std::unique_ptr<Ledger> ledger_;
  std::unique_ptr<EventLoop> loop_;
  std::unique_ptr<Workload> workload_;
  std::unique_ptr<MqttFleet> mqtt_;
  std::unique_ptr<CoapFleet> coap_;
  std::vector<Fleet*> fleets_;
  std::unique_ptr<Subscriber> telemetry_;
  std::unique_ptr<Subscriber> insights_;
  // Every device, in the order in which they take turns.
  std::vector<std::pair<Fleet*, int>> turns_;
  size_t next_turn_ = 0;
  int64_t last_tick_us_ = -kTickUs;
  int64_t sending_us_ = 0;
  int64_t cpu_us_ = 0;
  int64_t given_up_ = 0;
};

MqttFleetOptions Session::MqttOptions() const {
  MqttFleetOptions mqtt;
  mqtt.session.qos = options_.qos;
  mqtt.session.inflight = options_.inflight;
  mqtt.session.clean_session = options_.clean_session;
  mqtt.session.respond_commands = options_.respond_commands;
  mqtt.session.keep_alive_s = options_.keep_alive_s;
  mqtt.reconnect_delay_us = absl::ToInt64Microseconds(options_.reconnect_delay);
  mqtt.greedy = options_.rate_per_s == 0;
  mqtt.spread_sources = options_.spread_sources;
  mqtt.seed = static_cast<uint64_t>(clock_.epoch_us());
  return mqtt;
}

CoapFleetOptions Session::CoapOptions() const {
  CoapFleetOptions coap;
  coap.endpoint.confirmable = !options_.coap_non;
  coap.endpoint.inflight = options_.coap_inflight;
  coap.endpoint.ack_timeout_us = absl::ToInt64Microseconds(options_.coap_ack_timeout);
  coap.endpoint.content_format = workload_->coap_content_format();
  coap.greedy = options_.rate_per_s == 0;
  coap.spread_sources = options_.spread_sources;
  coap.seed = static_cast<uint64_t>(clock_.epoch_us());
  return coap;
}

absl::Status Session::PrepareFleets() {
  const int count = options_.mqtt_devices + options_.coap_devices;
  std::vector<std::string> mqtt_ids = DeviceIds(options_.id_prefix, count);
  const std::vector<std::string> coap_ids(mqtt_ids.begin() + options_.mqtt_devices, mqtt_ids.end());
  mqtt_ids.resize(static_cast<size_t>(options_.mqtt_devices));
  if (!mqtt_ids.empty()) {
    absl::StatusOr<SocketAddress> broker = ResolveAddress(options_.mqtt);
    if (!broker.ok()) return broker.status();
    MqttFleetOptions mqtt = MqttOptions();
    mqtt.broker = *broker;
    if (mqtt.spread_sources && !broker->IsIpv4Loopback()) {
      return absl::InvalidArgumentError("--spread-sources needs servers in 127.0.0.0/8");
    }
    mqtt_ = std::make_unique<MqttFleet>(mqtt, mqtt_ids, loop_.get(), &clock_, workload_.get());
    fleets_.push_back(mqtt_.get());
  }
  if (!coap_ids.empty()) {
    absl::StatusOr<SocketAddress> gateway = ResolveAddress(options_.coap);
    if (!gateway.ok()) return gateway.status();
    CoapFleetOptions coap = CoapOptions();
    coap.gateway = *gateway;
    if (coap.spread_sources && !gateway->IsIpv4Loopback()) {
      return absl::InvalidArgumentError("--spread-sources needs servers in 127.0.0.0/8");
    }
    coap_ = std::make_unique<CoapFleet>(coap, coap_ids, loop_.get(), &clock_, workload_.get());
    fleets_.push_back(coap_.get());
  }
  for (Fleet* fleet : fleets_) {
    for (int i = 0; i < fleet->size(); ++i) turns_.emplace_back(fleet, i);
  }
  std::shuffle(turns_.begin(), turns_.end(), std::mt19937_64(options_.signal.seed));
  return absl::OkStatus();
}

absl::Status Session::PrepareSubscribers() {
  SubscriberOptions options;
  options.temporary = options_.subscription.empty();
  options.subscription = options.temporary
                             ? absl::StrCat("fleetsim-", options_.id_prefix, "-", clock_.epoch_us())
                             : options_.subscription;
  for (const auto& [address, subscriber] :
       {std::pair(&options_.subscribe, &telemetry_), {&options_.insights, &insights_}}) {
    if (address->empty()) continue;
    options.address = *address;
    *subscriber = subscriber == &telemetry_ ? MakeTelemetrySubscriber(options, &tally_, &clock_)
                                            : MakeInsightSubscriber(options, &tally_, &clock_);
    if (absl::Status status = (*subscriber)->Start(); !status.ok()) return status;
  }
  return absl::OkStatus();
}

absl::Status Session::Prepare() {
  const int sockets = options_.mqtt_devices + options_.coap_devices;
  if (absl::Status status = AllowOpenFiles(sockets + kOtherFiles); !status.ok()) return status;
  if (!options_.ledger.empty()) {
    absl::StatusOr<std::unique_ptr<Ledger>> ledger = Ledger::Open(options_.ledger);
    if (!ledger.ok()) return ledger.status();
    ledger_ = *std::move(ledger);
  }
  absl::StatusOr<std::unique_ptr<EventLoop>> loop = EventLoop::Create();
  if (!loop.ok()) return loop.status();
  loop_ = *std::move(loop);

  WorkloadOptions workload;
  workload.signal = options_.signal;
  workload.payload = options_.payload;
  workload.anomalies = options_.anomalies;
  workload.duration_us = absl::ToInt64Microseconds(options_.duration);
  workload.max_messages = options_.messages;
  workload.first_tag = first_tag_;
  workload.epoch_us = clock_.epoch_us();
  workload_ = std::make_unique<Workload>(workload, &tally_, ledger_.get());
  if (absl::Status status = PrepareFleets(); !status.ok()) return status;
  return PrepareSubscribers();
}

void Session::Turn(int timeout_ms, const char* phase) {
  loop_->Poll(timeout_ms);
  const int64_t now_us = clock_.NowUs();
  if (now_us - last_tick_us_ >= kTickUs) {
    last_tick_us_ = now_us;
    for (Fleet* fleet : fleets_) fleet->Tick(now_us);
    if (ledger_ != nullptr) ledger_->FlushIfDue(now_us);
    progress_.ShowIfDue(now_us, phase);
  }
  for (Fleet* fleet : fleets_) fleet->Flush(now_us);
}

absl::Status Session::Connect() {
  if (coap_ != nullptr) {
    if (absl::Status status = coap_->Open(); !status.ok()) return status;
  }
  if (mqtt_ == nullptr) return absl::OkStatus();
  const int64_t deadline_us = clock_.NowUs() + absl::ToInt64Microseconds(options_.connect_timeout);
  while (mqtt_->ready() < mqtt_->size() && clock_.NowUs() < deadline_us && !Stopped()) {
    Turn(5, "connecting");
  }
  if (mqtt_->ready() > 0) return absl::OkStatus();
  std::string why;
  for (const auto& [kind, count] : tally_.Snapshot().errors) absl::StrAppend(&why, "; ", kind);
  return absl::UnavailableError(
      absl::StrCat("no MQTT device could connect to ", options_.mqtt, why));
}

void Session::SendPaced(Pacer* pacer) {
  const int64_t now_us = clock_.NowUs();
  const int64_t allowance = pacer->Allowance(now_us);
  int64_t sent = 0;
  // Ends after a whole round in which no device could send.
  for (size_t refused = 0; sent < allowance && refused < turns_.size();) {
    if (!workload_->IsOpen(now_us)) break;
    const auto& [fleet, device] = turns_[next_turn_];
    next_turn_ = next_turn_ + 1 == turns_.size() ? 0 : next_turn_ + 1;
    if (fleet->TrySend(device, now_us)) {
      ++sent;
      refused = 0;
    } else {
      ++refused;
    }
  }
  pacer->Sent(sent);
}

void Session::Send() {
  const int64_t start_us = clock_.NowUs();
  const int64_t start_cpu_us = CpuUs();
  workload_->Open(start_us);
  Pacer pacer(options_.rate_per_s > 0 ? options_.rate_per_s : 1.0, start_us);
  const bool greedy = options_.rate_per_s == 0;
  int64_t last_all_us = start_us - kTickUs;
  while (workload_->IsOpen(clock_.NowUs()) && !Stopped()) {
    const int64_t now_us = clock_.NowUs();
    if (!greedy) {
      SendPaced(&pacer);
    } else if (options_.qos == 0 || now_us - last_all_us >= kTickUs) {
      // Devices go on by themselves when an acknowledgement comes; the others are started here.
      for (Fleet* fleet : fleets_) fleet->SendAll(now_us);
      last_all_us = now_us;
    }
    for (Fleet* fleet : fleets_) fleet->Flush(now_us);
    Turn(1, "sending");
  }
  workload_->Close();
  sending_us_ = clock_.NowUs() - start_us;
  cpu_us_ = CpuUs() - start_cpu_us;
  given_up_ = options_.rate_per_s > 0 ? pacer.given_up() : 0;
}

int64_t Session::Unacknowledged() const {
  int64_t sum = 0;
  for (const Fleet* fleet : fleets_) sum += fleet->unacknowledged();
  return sum;
}

bool Session::Settled(int64_t since_us) const {
  if (Unacknowledged() > 0) return false;
  const Tally::Progress progress = tally_.progress();
  int64_t last_us = since_us;
  if (telemetry_ != nullptr) {
    if (progress.lost > 0) return false;
    last_us = std::max(last_us, telemetry_->stats().last_arrival_us);
  }
  if (insights_ != nullptr) {
    if (progress.anomalies.missed > 0) return false;
    last_us = std::max(last_us, insights_->stats().last_arrival_us);
  }
  if (telemetry_ == nullptr && insights_ == nullptr) return true;
  const int64_t quiet_us = insights_ != nullptr ? kQuietInsightsUs : kQuietUs;
  return clock_.NowUs() - last_us >= quiet_us;
}

void Session::Settle() {
  const int64_t start_us = clock_.NowUs();
  const int64_t deadline_us = start_us + absl::ToInt64Microseconds(options_.settle);
  while (!Settled(start_us) && clock_.NowUs() < deadline_us) Turn(10, "settling");
}

void Session::Leave() {
  bool gone = false;
  while (!gone) {
    gone = true;
    const int64_t now_us = clock_.NowUs();
    for (Fleet* fleet : fleets_) gone = fleet->Leave(now_us) && gone;
    if (!gone) Turn(10, "leaving");
  }
  for (Subscriber* subscriber : {telemetry_.get(), insights_.get()}) {
    if (subscriber != nullptr) subscriber->Stop();
  }
  progress_.Finish();
}

RunResult Session::Result() {
  RunResult result;
  if (ledger_ != nullptr) {
    const absl::Status status = ledger_->Flush();
    if (!status.ok()) tally_.CountError(status.message());
    if (!status.ok()) result.failures.push_back(std::string(status.message()));
  }
  result.totals = tally_.Snapshot();
  result.sending_us = sending_us_;
  result.cpu_us = cpu_us_;
  result.first_tag = first_tag_;
  result.subscriber = telemetry_ != nullptr;
  result.insights = insights_ != nullptr;
  result.anomalies_asked = options_.anomalies;
  result.false_alarm_share = FalseAlarmShare(result.totals);
  result.given_up = given_up_;
  if (mqtt_ != nullptr) {
    result.mqtt_reconnects = mqtt_->stats().reconnects;
    result.commands_received = mqtt_->stats().commands_received;
    result.commands_answered = mqtt_->stats().commands_answered;
  }
  if (coap_ != nullptr) result.coap_retransmissions = coap_->retransmissions();
  for (const Subscriber* subscriber : {telemetry_.get(), insights_.get()}) {
    if (subscriber == nullptr) continue;
    const SubscriberStats stats = subscriber->stats();
    result.subscriber_reconnects += stats.reconnects;
    result.subscriber_redelivered += stats.redelivered;
    result.gap_records += stats.gap_records;
  }
  Expectations expected;
  expected.subscriber = result.subscriber;
  expected.acknowledgements = {options_.qos > 0, !options_.coap_non};
  expected.all_anomalies = options_.expect_all_anomalies;
  expected.anomalies_asked = options_.anomalies;
  expected.max_false_alarm_share = options_.max_false_alarm_share;
  for (std::string& failure : Judge(result.totals, expected)) {
    result.failures.push_back(std::move(failure));
  }
  return result;
}

}  // namespace

absl::StatusOr<RunResult> Run(const Options& options, const Clock* clock,
                              const std::atomic<bool>* interrupted) {
  Session session(options, clock, interrupted);
  if (absl::Status status = session.Prepare(); !status.ok()) return status;
  if (absl::Status status = session.Connect(); !status.ok()) return status;
  session.Send();
  session.Settle();
  session.Leave();
  return session.Result();
}

}  // namespace sluice::fleetsim
