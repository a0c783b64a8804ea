#ifndef SLUICE_SERVICES_INGRESS_MQTT_MQTT_LINK_H_
#define SLUICE_SERVICES_INGRESS_MQTT_MQTT_LINK_H_

#include <mqtt/async_client.h>

#include <cstdint>
#include <memory>
#include <thread>
#include <vector>

#include "absl/base/thread_annotations.h"
#include "absl/strings/string_view.h"
#include "absl/synchronization/mutex.h"
#include "absl/time/time.h"
#include "libs/backoff/backoff.h"
#include "services/ingress/mqtt/mqtt_session.h"
#include "services/ingress/mqtt/publish_queue.h"

namespace sluice::ingress {

// The port of `tcp://HOST[:PORT]`; 0 if that is not what it is.
uint16_t BrokerPort(absl::string_view uri);

// MqttSession with valid options: what knows the client library.
//
// Locks: the library calls back with its own lock held and takes ours; so no call into it is made
// with ours held.
class MqttSession::Link final : private mqtt::iaction_listener {
 public:
  explicit Link(Options options);

  void Start(std::function<Wishes()> wishes, Handler handler);
  void Stop();
  absl::Status Publish(Publication publication, PublishQueue::Done done);
  bool AwaitConnected(absl::Duration timeout) const;
  Stats stats() const;

 private:
  // The CONNECT, SUBSCRIBE or DISCONNECT that is waited for.
  struct Action {
    int64_t id = 0;
    bool answered = false;
    absl::Status status;
  };

  // The session's thread.
  void Run();
  // A client that knows of nothing in flight.
  void MakeClient();
  // Called after each connection, with how long it lasted.
  void GiveUpWhatThrowsUsOut(absl::Duration lasted);
  // Returns once messages could be taken, or it is stopped.
  void AwaitReady();
  absl::Status Open();
  absl::Status Connect();
  absl::Status Subscribe(const std::vector<Subscription>& subscriptions);
  absl::Status Unsubscribe(const std::vector<std::string>& filters);
  void Serve();
  void PublishNext();
  void Disconnect();
  void Close();
  int64_t NewAction();
  absl::Status AwaitAction(absl::Duration timeout, bool until_stopped);
  template <typename Predicate>
  bool Await(absl::Duration timeout, Predicate predicate);

  // The library's threads.
  void on_success(const mqtt::token& token) override;
  void on_failure(const mqtt::token& token) override;
  void Answer(const mqtt::token& token, absl::Status status);
  void OnConnectionLost();
  void OnMessage(const mqtt::message& message) noexcept;
  Outcome Offer(const InboundPublish& message);

  const Options options_;
  const uint16_t broker_port_;
  std::function<Wishes()> wishes_;
  Handler handler_;
  // Made anew by GiveUpWhatThrowsUsOut, destroyed by Close.
  std::unique_ptr<mqtt::async_client> client_;
  Backoff backoff_;
  int short_connections_ = 0;  // in a row; of the session's thread
  std::thread thread_;

  mutable absl::Mutex mutex_;
  bool stopping_ ABSL_GUARDED_BY(mutex_) = false;
  // The connection is up and subscribed.
  bool open_ ABSL_GUARDED_BY(mutex_) = false;
  bool lost_ ABSL_GUARDED_BY(mutex_) = false;
  // The connection was cut by us, or taken over by another client of our name: do not hurry back.
  bool unwelcome_ ABSL_GUARDED_BY(mutex_) = false;
  bool had_session_ ABSL_GUARDED_BY(mutex_) = false;
  int64_t connection_ ABSL_GUARDED_BY(mutex_) = 0;
  int64_t last_action_ ABSL_GUARDED_BY(mutex_) = 0;
  Action action_ ABSL_GUARDED_BY(mutex_);
  // Completions run on our thread.
  PublishQueue publishes_ ABSL_GUARDED_BY(mutex_);
  // Without what publishes_ counts.
  Stats stats_ ABSL_GUARDED_BY(mutex_);
};

}  // namespace sluice::ingress

#endif  // SLUICE_SERVICES_INGRESS_MQTT_MQTT_LINK_H_
