#include "libs/failpoint/failpoint.h"

#include <signal.h>

#include <algorithm>
#include <array>
#include <cstdint>
#include <cstdlib>
#include <iterator>
#include <vector>

#include "absl/status/statusor.h"
#include "absl/strings/numbers.h"
#include "absl/strings/str_cat.h"
#include "absl/strings/str_split.h"
#include "absl/time/clock.h"

namespace sluice::failpoint {
namespace {

// In the order of Point.
constexpr absl::string_view kNames[] = {
    "journal.append",         "journal.appended",        "journal.sync", "journal.synced",
    "cursor.write",           "cursor.written",          "stream.send",  "stream.sent",
    "subscriber.acknowledge", "subscriber.acknowledged", "ring.tail",    "ring.tail_moved",
};
constexpr size_t kPoints = std::size(kNames);
constexpr absl::string_view kActions[] = {"", "kill", "stop", "sleep"};
enum Action : size_t { kNone, kKill, kStop, kSleep };

struct Armed {
  Action action = kNone;
  std::atomic<int64_t> times_left{0};
};
std::array<Armed, kPoints> points;

struct Wish {
  size_t point = 0;
  int64_t nth = 0;
  Action action = kNone;
};

absl::StatusOr<Wish> Parse(absl::string_view item) {
  const std::vector<absl::string_view> parts = absl::StrSplit(item, ':');
  if (parts.size() != 3) {
    return absl::InvalidArgumentError(absl::StrCat("'", item, "' is not NAME:NTH:ACTION"));
  }
  const auto* const name = std::find(std::begin(kNames), std::end(kNames), parts[0]);
  if (name == std::end(kNames)) {
    return absl::InvalidArgumentError(absl::StrCat("there is no failpoint '", parts[0], "'"));
  }
  Wish wish;
  wish.point = static_cast<size_t>(name - std::begin(kNames));
  if (!absl::SimpleAtoi(parts[1], &wish.nth) || wish.nth < 1) {
    return absl::InvalidArgumentError(absl::StrCat("'", parts[1], "' must be 1 or more"));
  }
  const auto* const action = std::find(std::begin(kActions) + 1, std::end(kActions), parts[2]);
  if (action == std::end(kActions)) {
    return absl::InvalidArgumentError(absl::StrCat("'", parts[2], "' is not kill, stop or sleep"));
  }
  wish.action = static_cast<Action>(action - std::begin(kActions));
  return wish;
}

}  // namespace

namespace internal {

std::atomic<bool> armed{false};

void ReachArmed(Point point) {
  Armed& here = points[static_cast<size_t>(point)];
  if (here.action == kNone || here.times_left.fetch_sub(1) != 1) return;
  switch (here.action) {
    case kKill:
      raise(SIGKILL);
      break;
    case kStop:
      raise(SIGSTOP);
      break;
    case kSleep:
      absl::SleepFor(absl::Seconds(1));
      break;
    case kNone:
      break;
  }
}

}  // namespace internal

absl::Status Arm(absl::string_view list) {
  std::vector<Wish> wishes;
  for (const absl::string_view item : absl::StrSplit(list, ',', absl::SkipEmpty())) {
    const auto wish = Parse(item);
    if (!wish.ok()) return wish.status();
    wishes.push_back(*wish);
  }
  for (const Wish& wish : wishes) {
    points[wish.point].action = wish.action;
    points[wish.point].times_left = wish.nth;
  }
  internal::armed = !wishes.empty();
  return absl::OkStatus();
}

absl::Status ArmFromEnvironment() {
  const char* const list = std::getenv("SLUICE_FAILPOINTS");
  if (list == nullptr) return absl::OkStatus();
  const absl::Status status = Arm(list);
  if (status.ok()) return status;
  return absl::Status(status.code(), absl::StrCat("SLUICE_FAILPOINTS: ", status.message()));
}

}  // namespace sluice::failpoint
