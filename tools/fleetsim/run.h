#ifndef SLUICE_TOOLS_FLEETSIM_RUN_H_
#define SLUICE_TOOLS_FLEETSIM_RUN_H_

#include <atomic>

#include "absl/status/statusor.h"
#include "libs/clock/clock.h"
#include "tools/fleetsim/options.h"
#include "tools/fleetsim/report.h"

namespace sluice::fleetsim {

// Drives the devices as `options` say: connects them, lets them send, waits for what is still out,
// has them leave, and judges. Ends early, with a verdict on what was sent, once *interrupted is
// true. An error means that the run could not be made.
absl::StatusOr<RunResult> Run(const Options& options, const Clock* clock,
                              const std::atomic<bool>* interrupted);

}  // namespace sluice::fleetsim

#endif  // SLUICE_TOOLS_FLEETSIM_RUN_H_
