#include "services/ingress/mqtt/topic.h"

#include <algorithm>
#include <cstddef>

#include "absl/strings/ascii.h"
#include "absl/strings/str_cat.h"
#include "absl/strings/strip.h"

namespace sluice::ingress {
namespace {

constexpr size_t kMaxLevels = 5;
constexpr size_t kMaxReplyTopicBytes = 1024;
constexpr int kMaxReplyTopicLevels = 32;

// Splits `topic` at its slashes; the number of levels, or kMaxLevels + 1 if there are more.
size_t SplitLevels(absl::string_view topic, absl::string_view (&levels)[kMaxLevels]) {
  size_t count = 0;
  while (true) {
    if (count == kMaxLevels) return kMaxLevels + 1;
    const size_t slash = topic.find('/');
    levels[count++] = topic.substr(0, slash);
    if (slash == absl::string_view::npos) return count;
    topic.remove_prefix(slash + 1);
  }
}

}  // namespace

absl::optional<DeviceTopic> ParseTopic(absl::string_view topic) {
  absl::string_view levels[kMaxLevels];
  const size_t count = SplitLevels(topic, levels);
  if (levels[0] != "devices") return absl::nullopt;
  if (count == 3 && levels[2] == "telemetry") {
    return DeviceTopic{DeviceTopic::Kind::kTelemetry, levels[1], {}};
  }
  if (count == 3 && levels[2] == "status") {
    return DeviceTopic{DeviceTopic::Kind::kStatus, levels[1], {}};
  }
  if (count == 5 && levels[2] == "commands" && levels[4] == "response") {
    return DeviceTopic{DeviceTopic::Kind::kCommandResponse, levels[1], levels[3]};
  }
  return absl::nullopt;
}

absl::string_view DeviceIdIn(absl::string_view topic) {
  if (!absl::ConsumePrefix(&topic, "devices/")) return {};
  return topic.substr(0, topic.find('/'));
}

bool IsReplyTopic(absl::string_view topic, absl::string_view device_id) {
  if (topic.size() > kMaxReplyTopicBytes || device_id.empty() || DeviceIdIn(topic) != device_id) {
    return false;
  }
  // Brokers end the connection of whoever publishes too deep: Mosquitto beyond 200 levels.
  if (std::count(topic.begin(), topic.end(), '/') >= kMaxReplyTopicLevels) return false;
  for (const char c : topic) {
    if (!absl::ascii_isprint(static_cast<unsigned char>(c)) || c == '+' || c == '#') return false;
  }
  absl::string_view rest = topic;
  absl::ConsumePrefix(&rest, "devices/");
  rest.remove_prefix(device_id.size());
  if (!absl::ConsumePrefix(&rest, "/") || rest.empty()) return false;
  const absl::string_view level = rest.substr(0, rest.find('/'));
  for (const absl::string_view taken : {"telemetry", "status", "commands", "errors"}) {
    if (level == taken) return false;
  }
  return true;
}

std::string CommandsTopic(absl::string_view device_id) {
  return absl::StrCat("devices/", device_id, "/commands");
}

std::string CommandResponseTopic(absl::string_view device_id, absl::string_view command_id) {
  return absl::StrCat("devices/", device_id, "/commands/", command_id, "/response");
}

std::string ErrorsTopic(absl::string_view device_id) {
  return absl::StrCat("devices/", device_id, "/errors");
}

}  // namespace sluice::ingress
