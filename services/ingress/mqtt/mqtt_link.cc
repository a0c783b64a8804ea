#include "services/ingress/mqtt/mqtt_link.h"

#include <spdlog/spdlog.h>

#include <algorithm>
#include <exception>
#include <limits>
#include <utility>

#include "absl/strings/numbers.h"
#include "absl/strings/str_cat.h"
#include "absl/strings/strip.h"
#include "absl/time/clock.h"
#include "services/ingress/mqtt/broker_socket.h"
#include "services/ingress/mqtt/paho_message.h"

namespace sluice::ingress {
namespace {

// How long to wait for the broker's answer to a SUBSCRIBE or the end of a DISCONNECT.
constexpr absl::Duration kAnswerTimeout = absl::Seconds(5);
// A connection that lasted that long was a good one, whatever ended it.
constexpr absl::Duration kLastingConnection = absl::Minutes(1);
constexpr absl::Duration kFirstReconnect = absl::Seconds(1);
constexpr absl::Duration kLongestReconnect = absl::Seconds(30);
// The library sends what is in flight again at each reconnect, also what the broker ends the
// connection for: after so many that ended so soon it is given up.
constexpr absl::Duration kShortConnection = absl::Seconds(5);
constexpr int kShortConnections = 3;
constexpr absl::Duration kReadyInterval = absl::Seconds(1);
constexpr absl::Duration kFirstOfferPause = absl::Milliseconds(5);
constexpr absl::Duration kLongestOfferPause = absl::Milliseconds(100);

}  // namespace

uint16_t BrokerPort(absl::string_view uri) {
  if (!absl::ConsumePrefix(&uri, "tcp://")) return 0;
  const size_t colon = uri.rfind(':');
  // A colon inside brackets belongs to an IPv6 address.
  const bool has_port =
      colon != absl::string_view::npos && uri.find(']', colon) == absl::string_view::npos;
  if (uri.substr(0, has_port ? colon : uri.size()).empty()) return 0;
  if (!has_port) return 1883;
  uint32_t port = 0;
  if (!absl::SimpleAtoi(uri.substr(colon + 1), &port) || port > 65535) return 0;
  return static_cast<uint16_t>(port);
}

MqttSession::Link::Link(Options options)
    : options_(std::move(options)),
      broker_port_(BrokerPort(options_.broker)),
      backoff_(kFirstReconnect, kLongestReconnect),
      publishes_({static_cast<size_t>(options_.max_in_flight), options_.max_queued,
                  options_.max_queued_bytes}) {
  MakeClient();
}

void MqttSession::Link::MakeClient() {
  client_.reset();
  client_ = std::make_unique<mqtt::async_client>(
      options_.broker, options_.client_id,
      mqtt::create_options(PahoVersion(options_.protocol_version)));
  client_->set_message_callback(
      [this](const mqtt::const_message_ptr& message) { OnMessage(*message); });
  client_->set_connection_lost_handler([this](const std::string&) { OnConnectionLost(); });
  client_->set_disconnected_handler([this](const mqtt::properties&, mqtt::ReasonCode reason) {
    spdlog::warn("MQTT broker {} ends the connection with reason code {}", options_.broker,
                 static_cast<int>(reason));
    absl::MutexLock lock(&mutex_);
    // The library does not always say so once more.
    lost_ = true;
    if (reason == mqtt::ReasonCode::SESSION_TAKEN_OVER) unwelcome_ = true;
  });
}

void MqttSession::Link::Start(std::function<Wishes()> wishes, Handler handler) {
  wishes_ = std::move(wishes);
  handler_ = std::move(handler);
  thread_ = std::thread([this] { Run(); });
}

void MqttSession::Link::Stop() {
  {
    absl::MutexLock lock(&mutex_);
    stopping_ = true;
  }
  if (thread_.joinable()) thread_.join();
}

absl::Status MqttSession::Link::Publish(Publication publication, PublishQueue::Done done) {
  absl::Status refused = CheckPublication(publication);
  absl::MutexLock lock(&mutex_);
  if (refused.ok() && (stopping_ || !open_)) {
    refused = absl::UnavailableError("not connected to the MQTT broker");
  }
  if (!refused.ok()) {
    publishes_.CountRefusal();
    return refused;
  }
  return publishes_.Add(std::move(publication), std::move(done));
}

bool MqttSession::Link::AwaitConnected(absl::Duration timeout) const {
  absl::MutexLock lock(&mutex_);
  return mutex_.AwaitWithTimeout(absl::Condition(&stats_.connected), timeout);
}

MqttSession::Stats MqttSession::Link::stats() const {
  absl::MutexLock lock(&mutex_);
  Stats stats = stats_;
  const PublishQueue::Stats publishes = publishes_.stats();
  stats.queued = publishes.queued;
  stats.in_flight = publishes.in_flight;
  stats.published = publishes.published;
  stats.publish_failures = publishes.failures;
  stats.publish_refusals = publishes.refusals;
  return stats;
}

// Waits until `predicate` holds or the timeout is over, and returns whether it does; runs
// completions meanwhile.
template <typename Predicate>
bool MqttSession::Link::Await(absl::Duration timeout, Predicate predicate) {
  const absl::Time deadline = absl::Now() + timeout;
  while (true) {
    std::vector<PublishQueue::Ended> ended;
    {
      absl::MutexLock lock(&mutex_);
      const auto awake = [&]() ABSL_EXCLUSIVE_LOCKS_REQUIRED(mutex_) {
        return predicate() || publishes_.has_ended();
      };
      const bool in_time = mutex_.AwaitWithDeadline(absl::Condition(&awake), deadline);
      if (!in_time || !publishes_.has_ended()) return predicate();
      ended = publishes_.TakeEnded();
    }
    for (auto& [done, status] : ended) {
      if (done) done(std::move(status));
    }
  }
}

void MqttSession::Link::Run() {
  const auto stopping = [this]() ABSL_EXCLUSIVE_LOCKS_REQUIRED(mutex_) { return stopping_; };
  while (!Await(absl::ZeroDuration(), stopping)) {
    AwaitReady();
    if (Await(absl::ZeroDuration(), stopping)) break;
    const absl::Time since = absl::Now();
    const absl::Status opened = Open();
    if (opened.ok()) {
      Serve();
      absl::MutexLock lock(&mutex_);
      if (!unwelcome_ || absl::Now() - since > kLastingConnection) backoff_.Reset();
    } else if (!Await(absl::ZeroDuration(), stopping)) {
      spdlog::warn("MQTT broker {}: {}", options_.broker, opened.ToString());
    }
    if (Await(absl::ZeroDuration(), stopping)) break;
    GiveUpWhatThrowsUsOut(absl::Now() - since);
    Await(backoff_.Next(), stopping);
  }
  Close();
}

void MqttSession::Link::GiveUpWhatThrowsUsOut(absl::Duration lasted) {
  {
    absl::MutexLock lock(&mutex_);
    const bool suspect = lost_ && !unwelcome_ && lasted < kShortConnection;
    short_connections_ = suspect ? short_connections_ + 1 : 0;
    if (short_connections_ < kShortConnections) return;
    short_connections_ = 0;
  }
  spdlog::error(
      "MQTT broker {}: {} connections ended soon: what was sent again on each is given up",
      options_.broker, kShortConnections);
  MakeClient();
  absl::MutexLock lock(&mutex_);
  publishes_.EndInFlight(std::numeric_limits<int64_t>::max(),
                         absl::AbortedError("the broker ends each connection on which it is sent"));
}

void MqttSession::Link::AwaitReady() {
  const auto stopping = [this]() ABSL_EXCLUSIVE_LOCKS_REQUIRED(mutex_) { return stopping_; };
  if (!options_.ready) return;
  absl::Status ready = options_.ready();
  if (ready.ok()) return;
  spdlog::warn("MQTT broker {}: stays unconnected: {}", options_.broker, ready.ToString());
  while (!ready.ok()) {
    if (Await(kReadyInterval, stopping)) return;
    ready = options_.ready();
  }
  absl::MutexLock lock(&mutex_);
  backoff_.Reset();
}

int64_t MqttSession::Link::NewAction() {
  absl::MutexLock lock(&mutex_);
  action_ = {.id = ++last_action_, .answered = false, .status = absl::OkStatus()};
  return action_.id;
}

absl::Status MqttSession::Link::AwaitAction(absl::Duration timeout, bool until_stopped) {
  Await(timeout, [&]() ABSL_EXCLUSIVE_LOCKS_REQUIRED(mutex_) {
    return action_.answered || lost_ || (until_stopped && stopping_);
  });
  absl::MutexLock lock(&mutex_);
  if (action_.answered) return action_.status;
  return lost_ ? absl::UnavailableError("the connection was lost")
               : absl::DeadlineExceededError("no answer in time");
}

absl::Status MqttSession::Link::Open() {
  {
    absl::MutexLock lock(&mutex_);
    ++connection_;
    lost_ = false;
    unwelcome_ = false;
  }
  absl::Status status;
  try {
    status = Connect();
    const Wishes wishes = status.ok() ? wishes_() : Wishes();
    if (status.ok()) status = Subscribe(wishes.subscriptions);
    if (status.ok()) status = Unsubscribe(wishes.unsubscriptions);
  } catch (const std::exception& error) {
    status = absl::UnavailableError(error.what());
  }
  if (!status.ok()) {
    Disconnect();
    return status;
  }
  absl::MutexLock lock(&mutex_);
  open_ = true;
  stats_.connected = true;
  ++stats_.connects;
  spdlog::info("MQTT broker {}: connected, session {}", options_.broker, options_.client_id);
  return absl::OkStatus();
}

absl::Status MqttSession::Link::Connect() {
  const PahoConnect settings{.protocol_version = options_.protocol_version,
                             .keep_alive = options_.keep_alive,
                             .session_expiry = options_.session_expiry,
                             .username = options_.username,
                             .password = options_.password,
                             .connect_timeout = options_.connect_timeout,
                             .max_in_flight = options_.max_in_flight};
  const int64_t id = NewAction();
  const mqtt::token_ptr token =
      client_->connect(MakeConnectOptions(settings), reinterpret_cast<void*>(id), *this);
  // The library looks at its own timeout only every few seconds.
  const absl::Status status = AwaitAction(options_.connect_timeout + absl::Seconds(5), true);
  if (!status.ok()) return status;

  const bool session_present = token->get_connect_response().is_session_present();
  int64_t connection = 0;
  {
    absl::MutexLock lock(&mutex_);
    if (had_session_ && !session_present) {
      ++stats_.sessions_lost;
      spdlog::warn("MQTT broker {} has lost session {}: what it had queued for us is gone",
                   options_.broker, options_.client_id);
    }
    had_session_ = true;
    connection = connection_;
  }
  if (!session_present) {
    absl::MutexLock lock(&mutex_);
    publishes_.EndInFlight(connection, absl::AbortedError("the broker lost the session"));
  }
  return absl::OkStatus();
}

// One SUBSCRIBE each: for several filters in one, the library's 1.2.0 crashes if they have options.
absl::Status MqttSession::Link::Subscribe(const std::vector<Subscription>& subscriptions) {
  for (const Subscription& subscription : subscriptions) {
    mqtt::subscribe_options details;
    if (!subscription.send_retained) {
      details.set_retain_handling(mqtt::subscribe_options::DONT_SEND_RETAINED);
    }
    const int64_t id = NewAction();
    client_->subscribe(subscription.filter, subscription.qos, reinterpret_cast<void*>(id), *this,
                       details);
    const absl::Status status = AwaitAction(kAnswerTimeout, true);
    if (!status.ok() && !subscription.required && client_->is_connected()) {
      spdlog::warn("MQTT broker {}: SUBSCRIBE to {}: {}", options_.broker, subscription.filter,
                   status.ToString());
    } else if (!status.ok()) {
      return absl::Status(status.code(), absl::StrCat("SUBSCRIBE to ", subscription.filter, ": ",
                                                      status.message()));
    }
  }
  return absl::OkStatus();
}

absl::Status MqttSession::Link::Unsubscribe(const std::vector<std::string>& filters) {
  for (const std::string& filter : filters) {
    const int64_t id = NewAction();
    client_->unsubscribe(filter, reinterpret_cast<void*>(id), *this);
    const absl::Status status = AwaitAction(kAnswerTimeout, true);
    if (!status.ok()) {
      return absl::Status(status.code(),
                          absl::StrCat("UNSUBSCRIBE from ", filter, ": ", status.message()));
    }
  }
  return absl::OkStatus();
}

void MqttSession::Link::Serve() {
  while (true) {
    Await(absl::InfiniteDuration(), [this]() ABSL_EXCLUSIVE_LOCKS_REQUIRED(mutex_) {
      return lost_ || stopping_ || publishes_.HasNext();
    });
    {
      absl::MutexLock lock(&mutex_);
      if (lost_ || stopping_) break;
    }
    PublishNext();
  }
  const absl::Time drain_until = absl::Now() + options_.drain_timeout;
  while (absl::Now() < drain_until) {
    Await(drain_until - absl::Now(), [this]() ABSL_EXCLUSIVE_LOCKS_REQUIRED(mutex_) {
      return lost_ || publishes_.HasNext() || !publishes_.has_in_flight();
    });
    {
      absl::MutexLock lock(&mutex_);
      if (lost_ || !publishes_.HasNext()) break;
    }
    PublishNext();
  }
  absl::MutexLock lock(&mutex_);
  open_ = false;
  stats_.connected = false;
  if (lost_) spdlog::warn("MQTT broker {}: connection lost", options_.broker);
  publishes_.EndQueued(
      absl::UnavailableError("the connection was lost before the message was sent"));
}

void MqttSession::Link::PublishNext() {
  PublishQueue::Next next;
  {
    absl::MutexLock lock(&mutex_);
    if (!publishes_.HasNext()) return;
    next = publishes_.TakeNext(connection_);
  }
  try {
    client_->publish(MakePahoMessage(next.publication, options_.protocol_version),
                     reinterpret_cast<void*>(next.id), *this);
  } catch (const std::exception& error) {
    absl::MutexLock lock(&mutex_);
    publishes_.End(next.id, absl::UnavailableError(error.what()));
  }
}

// A DISCONNECT without properties: the broker keeps the session.
void MqttSession::Link::Disconnect() {
  try {
    if (!client_->is_connected()) return;
    const int64_t id = NewAction();
    client_->disconnect(0, reinterpret_cast<void*>(id), *this);
    AwaitAction(kAnswerTimeout, false).IgnoreError();
  } catch (const std::exception&) {
    // It was no longer connected.
  }
}

void MqttSession::Link::Close() {
  Disconnect();
  client_.reset();
  {
    absl::MutexLock lock(&mutex_);
    publishes_.EndQueued(absl::UnavailableError("the session was stopped"));
    publishes_.EndInFlight(std::numeric_limits<int64_t>::max(),
                           absl::AbortedError("the session was stopped"));
  }
  Await(absl::ZeroDuration(), [] { return false; });
}

void MqttSession::Link::on_success(const mqtt::token& token) { Answer(token, absl::OkStatus()); }

void MqttSession::Link::on_failure(const mqtt::token& token) { Answer(token, FailureOf(token)); }

void MqttSession::Link::Answer(const mqtt::token& token, absl::Status status) {
  const int64_t id = reinterpret_cast<int64_t>(token.get_user_context());
  absl::MutexLock lock(&mutex_);
  if (token.get_type() != mqtt::token::PUBLISH) {
    if (action_.id != id) return;
    action_.answered = true;
    action_.status = std::move(status);
    return;
  }
  publishes_.End(id, std::move(status));
}

void MqttSession::Link::OnConnectionLost() {
  absl::MutexLock lock(&mutex_);
  lost_ = true;
}

void MqttSession::Link::OnMessage(const mqtt::message& message) noexcept {
  const InboundPublish inbound{.topic = message.get_topic(),
                               .payload = message.get_payload_str(),
                               .qos = message.get_qos(),
                               .retained = message.is_retained(),
                               .duplicate = message.is_duplicate(),
                               .content_type = ContentType(message),
                               .message_id = UserProperty(message, "id"),
                               .response_topic = ResponseTopic(message),
                               .correlation_data = CorrelationData(message)};
  Outcome outcome = Offer(inbound);
  absl::MutexLock lock(&mutex_);
  ++stats_.received;
  if (outcome == Outcome::kTaken) return;
  if (inbound.qos == 0) {
    ++stats_.dropped_qos0;
    return;
  }
  const absl::Time deadline = absl::Now() + options_.hold_limit;
  absl::Duration pause = kFirstOfferPause;
  while (!stopping_ && absl::Now() < deadline) {
    mutex_.AwaitWithTimeout(absl::Condition(&stopping_), pause);
    pause = std::min(pause * 2, kLongestOfferPause);
    mutex_.Unlock();
    outcome = Offer(inbound);
    mutex_.Lock();
    if (outcome == Outcome::kTaken) return;
  }
  // The library acknowledges when we return, whatever we return, and cannot disconnect before. On a
  // connection that is shut down the acknowledgement goes nowhere, and the message stays the
  // broker's.
  unwelcome_ = true;
  ++stats_.held_back;
  ShutDownConnectionsTo(broker_port_);
}

Outcome MqttSession::Link::Offer(const InboundPublish& message) {
  try {
    return handler_(message);
  } catch (const std::exception& error) {
    spdlog::error("MQTT message handler: {}", error.what());
    return Outcome::kNotNow;
  }
}

}  // namespace sluice::ingress
