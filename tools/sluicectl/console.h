#ifndef SLUICE_TOOLS_SLUICECTL_CONSOLE_H_
#define SLUICE_TOOLS_SLUICECTL_CONSOLE_H_

#include <google/protobuf/message.h>

#include <ostream>
#include <string>
#include <utility>
#include <vector>

#include "absl/status/status.h"
#include "absl/strings/string_view.h"
#include "absl/time/time.h"
#include "libs/clock/clock.h"
#include "tools/sluicectl/options.h"
#include "tools/sluicectl/table.h"

namespace sluice::sluicectl {

// What a command writes to, and how. Owns nothing.
struct Console {
  std::ostream* out = nullptr;
  std::ostream* err = nullptr;
  bool json = false;
  TableStyle style;
  const Clock* clock = nullptr;
  absl::TimeZone zone;
};

// stdout and stderr of this process. Colours: as `color` says; auto means stdout is a terminal,
// NO_COLOR is not set and TERM is not `dumb`. Long values are cut only if stdout is a terminal.
Console ProcessConsole(ColorChoice color, bool json, const Clock* clock);

// Writes `message` as a line of JSON to out; what JSON cannot express (see json_output.h) is told
// on err.
void WriteJson(const Console& console, const google::protobuf::Message& message);

// Writes `table` to out; if it has no rows, `nothing` to err instead.
void WriteTable(const Console& console, const Table& table, absl::string_view nothing);

// Writes the properties of one thing to out, a line each: `name:  value`. Those without a value are
// left out.
void WriteFields(const Console& console, const std::vector<std::pair<std::string, Cell>>& fields);

// A line for people on err, escaped: `sluicectl: COMMAND: TEXT`.
void WriteNote(const Console& console, absl::string_view command, absl::string_view text);

// `12s ago`
Cell AgeCell(const Console& console, absl::Time time);
// `2026-03-01 14:05:09 (12s ago)`
std::string TimeAndAge(const Console& console, absl::Time time);

// Flushes out. DATA_LOSS if anything that was written did not get out (full disk, closed pipe).
absl::Status Flush(const Console& console);

}  // namespace sluice::sluicectl

#endif  // SLUICE_TOOLS_SLUICECTL_CONSOLE_H_
