#ifndef SLUICE_TOOLS_FLEETSIM_PROGRESS_H_
#define SLUICE_TOOLS_FLEETSIM_PROGRESS_H_

#include <cstdint>
#include <string>

#include "absl/strings/string_view.h"
#include "tools/fleetsim/tally.h"

namespace sluice::fleetsim {

// Says once a second on stderr how it goes: one line that changes on a terminal, a line each
// elsewhere. Not thread-safe.
class Progress {
 public:
  Progress(const Tally* tally, bool subscriber, bool insights, bool quiet);

  // To be called often.
  void ShowIfDue(int64_t now_us, absl::string_view phase);
  // Leaves the changing line alone from now on.
  void Finish();

 private:
  const Tally* const tally_;
  const bool subscriber_;
  const bool insights_;
  const bool quiet_;
  const bool terminal_;
  int64_t next_us_ = 0;
  int64_t last_us_ = 0;
  int64_t last_sent_ = 0;
};

}  // namespace sluice::fleetsim

#endif  // SLUICE_TOOLS_FLEETSIM_PROGRESS_H_
