#ifndef SLUICE_TOOLS_SLUICECTL_TAIL_H_
#define SLUICE_TOOLS_SLUICECTL_TAIL_H_

#include <cstdint>
#include <string>

#include "sluice/v1/subscription.pb.h"
#include "tools/sluicectl/console.h"
#include "tools/sluicectl/feed.h"
#include "tools/sluicectl/interruption.h"

namespace sluice::sluicectl {

struct TailSettings {
  // For messages: `telemetry tail`.
  std::string command;
  // Empty: streams without a name.
  std::string subscription;
  v1::Start start;
  // Records after which it ends; 0: never.
  int64_t count = 0;
  // Whether what was written is acknowledged, response by response.
  bool acknowledge = false;
};

// Shows the records of `feed` as they come, each once and flushed, until `count` of them were
// shown, the user interrupts, or the service refuses; returns the exit code.
//
// Once it has received anything it does not give up: when the service is away it says so once,
// tries again for ever (from 100 ms to 1 s apart) and goes on where it was. Gaps and a change of
// the journal are told on stderr. A record is acknowledged only after it was written and flushed
// without an error.
int RunTail(const Console& console, const TailSettings& settings, Feed* feed,
            Interruption* interruption);

}  // namespace sluice::sluicectl

#endif  // SLUICE_TOOLS_SLUICECTL_TAIL_H_
