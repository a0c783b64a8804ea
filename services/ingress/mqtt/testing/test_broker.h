#ifndef SLUICE_SERVICES_INGRESS_MQTT_TESTING_TEST_BROKER_H_
#define SLUICE_SERVICES_INGRESS_MQTT_TESTING_TEST_BROKER_H_

#include <sys/types.h>

#include <functional>
#include <string>
#include <vector>

#include "absl/time/time.h"

namespace sluice::ingress {

// A real Mosquitto on a free loopback port, with a directory and a config file of its own under
// $TEST_TMPDIR, and mosquitto_pub and mosquitto_sub as its clients. Everything that goes wrong
// aborts the test's process.
class TestBroker {
 public:
  // `extra_config`: more lines for the config file. Persistence is on.
  explicit TestBroker(const std::string& extra_config = "");
  // Ends the broker.
  ~TestBroker();
  TestBroker(const TestBroker&) = delete;
  TestBroker& operator=(const TestBroker&) = delete;

  int port() const { return port_; }
  std::string uri() const;

  // Starts it on its port, and returns when it listens. The constructor calls it.
  void Start();
  // SIGTERM and SIGKILL; returns when the process is gone.
  void Stop();
  void Kill();
  // SIGSTOP and SIGCONT.
  void Freeze();
  void Thaw();

  // Writes all it knows to disk; it does so at Stop too, and at no other time.
  void Save();

  // Forgets what is on disk: sessions, subscriptions, messages.
  void WipeState();

  // Runs `mosquitto_pub` with these arguments after those for host and port; whether it exited with
  // 0.
  bool Publish(const std::vector<std::string>& arguments) const;

  // The lines that `mosquitto_sub` prints with these arguments. Let it end by itself: -E, -C or -W.
  std::vector<std::string> Subscribe(const std::vector<std::string>& arguments) const;

 private:
  void End(int signal);

  std::string directory_;
  int port_ = 0;
  pid_t pid_ = -1;
};

// Waits until `condition()` holds, looking every 5 ms; whether it did within the timeout.
bool Eventually(const std::function<bool()>& condition, absl::Duration timeout = absl::Seconds(20));

}  // namespace sluice::ingress

#endif  // SLUICE_SERVICES_INGRESS_MQTT_TESTING_TEST_BROKER_H_
