#include "services/ingress/ring/unknown_topics.h"

#include <algorithm>

#include "services/ingress/decoder/text.h"

namespace sluice::ingress {
namespace {

constexpr size_t kMaxTopicBytes = 1024;
constexpr size_t kMaxNameBytes = 256;

}  // namespace

void UnknownTopics::Saw(absl::string_view topic, absl::Time time, absl::string_view client_id,
                        absl::string_view username) {
  std::string shown = ToUtf8(topic, kMaxTopicBytes);
  absl::MutexLock lock(&mutex_);
  auto it = std::find_if(entries_.begin(), entries_.end(),
                         [&](const Entry& entry) { return entry.topic == shown; });
  if (it == entries_.end()) {
    if (entries_.size() == kMaxTopics) entries_.pop_back();
    entries_.emplace_front();
    entries_.front().topic = std::move(shown);
  } else {
    entries_.splice(entries_.begin(), entries_, it);
  }
  Entry& entry = entries_.front();
  ++entry.sightings;
  entry.last_time = time;
  entry.client_id = ToUtf8(client_id, kMaxNameBytes);
  entry.username = ToUtf8(username, kMaxNameBytes);
}

std::vector<UnknownTopics::Entry> UnknownTopics::List() const {
  absl::MutexLock lock(&mutex_);
  return {entries_.begin(), entries_.end()};
}

}  // namespace sluice::ingress
