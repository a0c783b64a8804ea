#ifndef SLUICE_SERVICES_INGRESS_INTAKE_LOG_TAILS_H_
#define SLUICE_SERVICES_INGRESS_INTAKE_LOG_TAILS_H_

#include <cstdint>

#include "absl/status/status.h"
#include "libs/clock/clock.h"
#include "libs/journal/journal.h"
#include "services/ingress/intake/message_window.h"
#include "services/ingress/intake/ring_marks.h"

namespace sluice::ingress {

// The end of each log is looked through for rings' marks, so many records at the most. What was not
// given back to a ring is younger than that, unless the disk is far behind.
inline constexpr int64_t kRecordsForMarks = 256 * 1024;
// The end of the telemetry log is looked through for message ids as far as the window goes back:
// so many records and, by their mean size, bytes at the most, which is about a second's work.
inline constexpr int64_t kRecordsForWindow = 1024 * 1024;
inline constexpr int64_t kBytesForWindow = 256 << 20;

// Looks through the ends of logs just opened, once, for what the intake must know from before the
// start. The logs are as in JournalIntake, and `now` is their clock's.
absl::Status ReadLogTails(Journal* telemetry, Journal* dead_letters, Journal* reports,
                          const Moment& now, RingMarks* marks, MessageWindow* window);

}  // namespace sluice::ingress

#endif  // SLUICE_SERVICES_INGRESS_INTAKE_LOG_TAILS_H_
