#ifndef SLUICE_TOOLS_FLEETSIM_PACER_H_
#define SLUICE_TOOLS_FLEETSIM_PACER_H_

#include <cstdint>

namespace sluice::fleetsim {

// Says how many messages may go out now so that they come evenly at a rate. What could not be sent
// is caught up at twice the rate, never in one burst; what is more than 10 s behind is given up and
// counted. Not thread-safe.
class Pacer {
 public:
  // Messages a second, over 0; the schedule begins at `start_us`.
  Pacer(double rate_per_s, int64_t start_us);

  // Messages that may be sent now. `now_us` never goes backwards.
  int64_t Allowance(int64_t now_us);
  // Tells that `count` of them were.
  void Sent(int64_t count);

  // Messages that were given up.
  int64_t given_up() const { return given_up_; }

 private:
  const double rate_per_us_;
  const int64_t start_us_;
  int64_t last_us_;
  // Messages that may go out at once, in fractions too.
  double credit_ = 1.0;
  int64_t sent_ = 0;
  int64_t given_up_ = 0;
};

}  // namespace sluice::fleetsim

#endif  // SLUICE_TOOLS_FLEETSIM_PACER_H_
