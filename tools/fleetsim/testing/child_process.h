#ifndef SLUICE_TOOLS_FLEETSIM_TESTING_CHILD_PROCESS_H_
#define SLUICE_TOOLS_FLEETSIM_TESTING_CHILD_PROCESS_H_

#include <sys/types.h>

#include <memory>
#include <string>
#include <vector>

#include "absl/time/time.h"

namespace sluice::fleetsim {

// A program that a test runs; killed with the object, and with the test. Its stdout is read line by
// line.
class ChildProcess {
 public:
  explicit ChildProcess(const std::vector<std::string>& command);
  ~ChildProcess();
  ChildProcess(const ChildProcess&) = delete;
  ChildProcess& operator=(const ChildProcess&) = delete;

  void Signal(int signal);
  // Waits for its end; the exit code, or -1 if a signal ended it.
  int Wait();
  // The next line of its output; empty at its end or if none comes in time.
  std::string ReadLine(absl::Duration timeout = absl::Seconds(20));
  // Reads on until a line contains `text`; empty if none does.
  std::string ReadLineWith(const std::string& text);

 private:
  pid_t pid_ = -1;
  int output_ = -1;
  std::string pending_;
};

// A port of 127.0.0.1 on which nobody listens.
int FreePort();

// A Mosquitto of the test's own, on a free port of 127.0.0.1.
class Mosquitto {
 public:
  Mosquitto();

  // Runs it, or runs it again on the same port; returns once it takes connections.
  void Start();
  // kill -9, and stop and go on.
  void Kill();
  void Pause();
  void Resume();

  int port() const { return port_; }
  std::string address() const { return "127.0.0.1:" + std::to_string(port_); }

 private:
  const int port_;
  std::string config_path_;
  std::unique_ptr<ChildProcess> process_;
};

// mosquitto_sub on a topic filter, subscribed once this returns: a line for each message, `TOPIC
// PAYLOAD`.
std::unique_ptr<ChildProcess> MosquittoSub(const Mosquitto& broker, const std::string& filter);
// mosquitto_pub; whether it worked.
bool MosquittoPub(const Mosquitto& broker, const std::string& topic, const std::string& payload,
                  int qos);

}  // namespace sluice::fleetsim

#endif  // SLUICE_TOOLS_FLEETSIM_TESTING_CHILD_PROCESS_H_
