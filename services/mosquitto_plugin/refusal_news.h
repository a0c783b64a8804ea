#ifndef SLUICE_SERVICES_MOSQUITTO_PLUGIN_REFUSAL_NEWS_H_
#define SLUICE_SERVICES_MOSQUITTO_PLUGIN_REFUSAL_NEWS_H_

#include <cstdint>

#include "libs/mqtt_record/ring_agreement.h"

namespace sluice::mosquitto_plugin {

// When the broker's log is to hear of refusals: at the first one of a reason, then once a minute at
// the most, and when messages have been taken for a while again, as often. Needs no C++ runtime
// library.
class RefusalNews {
 public:
  enum class News { kNone, kRefusing, kTakingAgain };

  // A message was refused. `count` gets how many were, for this reason, since it was last told.
  News Refused(mqtt_record::Reason reason, uint64_t now_ms, uint64_t* count) {
    refusing_ = true;
    last_refusal_ms_ = now_ms;
    const uint64_t refused = ++untold_[reason];
    if (told_ms_[reason] != 0 && now_ms - told_ms_[reason] < kIntervalMs) return News::kNone;
    told_ms_[reason] = now_ms;
    untold_[reason] = 0;
    told_refusing_ = true;
    *count = refused;
    return News::kRefusing;
  }

  // A message was taken.
  News Taken(uint64_t now_ms) {
    if (!refusing_ || now_ms - last_refusal_ms_ < kQuietMs) return News::kNone;
    refusing_ = false;
    if (!told_refusing_) return News::kNone;
    told_refusing_ = false;
    return News::kTakingAgain;
  }

 private:
  static constexpr uint64_t kIntervalMs = 60'000;
  static constexpr uint64_t kQuietMs = 5'000;

  bool refusing_ = false;
  // The last word was that messages are refused.
  bool told_refusing_ = false;
  uint64_t last_refusal_ms_ = 0;
  uint64_t told_ms_[mqtt_record::kReasons] = {};
  uint64_t untold_[mqtt_record::kReasons] = {};
};

}  // namespace sluice::mosquitto_plugin

#endif  // SLUICE_SERVICES_MOSQUITTO_PLUGIN_REFUSAL_NEWS_H_
