#include "tools/sluicectl/console.h"

#include <sys/ioctl.h>
#include <unistd.h>

#include <algorithm>
#include <cstddef>
#include <cstdlib>
#include <iostream>

#include "absl/strings/str_cat.h"
#include "tools/sluicectl/display_text.h"
#include "tools/sluicectl/json_output.h"
#include "tools/sluicectl/time_format.h"

namespace sluice::sluicectl {
namespace {

int TerminalWidth() {
  winsize size{};
  if (ioctl(STDOUT_FILENO, TIOCGWINSZ, &size) == 0 && size.ws_col > 0) return size.ws_col;
  return 80;
}

bool ColorByDefault() {
  const char* no_color = std::getenv("NO_COLOR");
  const char* term = std::getenv("TERM");
  return (no_color == nullptr || *no_color == '\0') && term != nullptr &&
         absl::string_view(term) != "dumb";
}

}  // namespace

Console ProcessConsole(ColorChoice color, bool json, const Clock* clock) {
  Console console;
  console.out = &std::cout;
  console.err = &std::cerr;
  console.json = json;
  console.clock = clock;
  console.zone = absl::LocalTimeZone();
  const bool terminal = isatty(STDOUT_FILENO) == 1;
  if (terminal) console.style.width = TerminalWidth();
  console.style.color = color == ColorChoice::kAlways ||
                        (color == ColorChoice::kAuto && terminal && ColorByDefault());
  return console;
}

void WriteJson(const Console& console, const google::protobuf::Message& message) {
  auto json = ToJsonLine(message);
  if (json.ok()) {
    *console.out << *json << '\n';
  } else {
    *console.err << "sluicectl: cannot be shown as JSON: "
                 << EscapeForDisplay(json.status().message()) << '\n';
  }
}

void WriteTable(const Console& console, const Table& table, absl::string_view nothing) {
  if (table.empty()) {
    *console.err << nothing << '\n';
  } else {
    *console.out << table.Render(console.style);
  }
}

void WriteFields(const Console& console, const std::vector<std::pair<std::string, Cell>>& fields) {
  size_t widest = 0;
  for (const auto& field : fields) {
    if (!field.second.text.empty()) widest = std::max(widest, field.first.size());
  }
  for (const auto& [name, value] : fields) {
    if (value.text.empty()) continue;
    *console.out << Colored(name + ":", Tone::kHeader, console.style.color)
                 << std::string(widest - name.size() + 2, ' ')
                 << Colored(EscapeForDisplay(value.text), value.tone, console.style.color) << '\n';
  }
}

void WriteNote(const Console& console, absl::string_view command, absl::string_view text) {
  *console.err << "sluicectl: " << command << ": " << EscapeForDisplay(text) << std::endl;
}

Cell AgeCell(const Console& console, absl::Time time) {
  return Cell(AgeText(time, console.clock->Now()));
}

std::string TimeAndAge(const Console& console, absl::Time time) {
  return absl::StrCat(TimeText(time, console.zone), " (", AgeText(time, console.clock->Now()), ")");
}

absl::Status Flush(const Console& console) {
  console.out->flush();
  if (console.out->good()) return absl::OkStatus();
  return absl::DataLossError("the output could not be written");
}

}  // namespace sluice::sluicectl
