#ifndef SLUICE_SERVICES_MOSQUITTO_PLUGIN_BUDGET_H_
#define SLUICE_SERVICES_MOSQUITTO_PLUGIN_BUDGET_H_

#include <cstdint>

namespace sluice::mosquitto_plugin {

// A bucket that fills by `per_s` units a second up to `burst`, and may be emptied: bounds how often
// something is done, or what share of the time. Begins full. Needs no C++ runtime library.
class Budget {
 public:
  Budget() = default;
  Budget(uint64_t per_s, uint64_t burst) : per_s_(per_s), burst_(burst), left_(burst) {}

  // Takes up to `wanted` units out; returns how many. `now_us` never goes backwards.
  uint64_t Take(uint64_t wanted, uint64_t now_us) {
    Fill(now_us);
    const uint64_t taken = wanted < left_ ? wanted : left_;
    left_ -= taken;
    return taken;
  }

 private:
  void Fill(uint64_t now_us) {
    if (now_us <= filled_us_) return;
    const uint64_t elapsed_us = now_us - filled_us_;
    filled_us_ = now_us;
    // After a minute any bucket is full, and no product overflows before.
    if (elapsed_us > 60'000'000) {
      left_ = burst_;
      return;
    }
    const uint64_t millionths = elapsed_us * per_s_ + millionths_;
    millionths_ = millionths % 1'000'000;
    const uint64_t gained = millionths / 1'000'000;
    left_ = burst_ - left_ < gained ? burst_ : left_ + gained;
  }

  uint64_t per_s_ = 0;
  uint64_t burst_ = 0;
  uint64_t left_ = 0;
  // Of a unit, beside what is left.
  uint64_t millionths_ = 0;
  uint64_t filled_us_ = 0;
};

}  // namespace sluice::mosquitto_plugin

#endif  // SLUICE_SERVICES_MOSQUITTO_PLUGIN_BUDGET_H_
