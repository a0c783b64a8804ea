// Paho's C++ client with a callback that only counts, and looks at the time in every 64th message.
// Usage: bare_paho PORT COUNT_FILE. Runs until SIGTERM.

#include <mqtt/async_client.h>
#include <unistd.h>

#include <chrono>
#include <cstdint>
#include <cstdio>
#include <cstdlib>
#include <string>

#include "bench/shared_count.h"

namespace {

class Counting final : public mqtt::callback {
 public:
  explicit Counting(const char* path) : count_(path) {}

 private:
  void message_arrived(mqtt::const_message_ptr message) override {
    count_.Add(1);
    if (++messages_ % 64 != 0) return;
    const std::string& payload = message->get_payload_str();
    const size_t time = payload.find("\"ts\":");
    if (time == std::string::npos) return;
    const auto now = std::chrono::system_clock::now().time_since_epoch();
    count_.AddLatency(std::chrono::duration_cast<std::chrono::milliseconds>(now).count() -
                      std::atoll(payload.c_str() + time + 5));
  }
  void connection_lost(const std::string& cause) override {
    std::fprintf(stderr, "connection lost: %s\n", cause.c_str());
    _exit(1);
  }

  sluice::bench::SharedCount count_;
  uint64_t messages_ = 0;
};

}  // namespace

int main(int argc, char** argv) {
  if (argc != 3) {
    std::fprintf(stderr, "usage: bare_paho PORT COUNT_FILE\n");
    return 2;
  }
  const std::string making = std::string(argv[2]) + ".new";
  mqtt::async_client client(std::string("tcp://127.0.0.1:") + argv[1], "bare-paho");
  Counting counting(making.c_str());
  // Before it connects: else it queues and acknowledges without us.
  client.set_callback(counting);
  client.connect()->wait();
  client.subscribe("devices/+/telemetry", 1)->wait();
  // Subscribed: whoever waits for the file may send.
  if (std::rename(making.c_str(), argv[2]) != 0) return 1;
  while (true) pause();
}
