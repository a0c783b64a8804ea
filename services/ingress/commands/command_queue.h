#ifndef SLUICE_SERVICES_INGRESS_COMMANDS_COMMAND_QUEUE_H_
#define SLUICE_SERVICES_INGRESS_COMMANDS_COMMAND_QUEUE_H_

#include <cstddef>
#include <cstdint>
#include <deque>
#include <set>
#include <string>
#include <utility>

#include "absl/container/flat_hash_map.h"
#include "absl/container/flat_hash_set.h"
#include "absl/status/status.h"
#include "absl/strings/string_view.h"
#include "absl/time/time.h"
#include "absl/types/optional.h"
#include "libs/clock/clock.h"
#include "sluice/v1/command.pb.h"
#include "sluice/v1/command_service.pb.h"

namespace sluice::ingress {

// Decides which command is published next and what is reported of it:
//   Add → NextToPublish → Published → NextToReport → Reported → forgotten.
// What failed is tried again for ever, later each time. The commands of one device go out one after
// another, in the order of Add. Not thread-safe.
class CommandQueue {
 public:
  struct Options {
    // Commands held at most, from Add to their report.
    size_t max_commands = 10'000;
    // Commands between NextToPublish and Published at most.
    size_t max_in_flight = 16;
    // The wait before a second try, doubled each time up to the longest.
    absl::Duration first_retry = absl::Milliseconds(250);
    absl::Duration longest_retry = absl::Seconds(5);
    // Ids of finished commands that are remembered, for a watch that began before they were.
    size_t max_remembered = 4'096;
  };

  struct Stats {
    int64_t held = 0;
    int64_t in_flight = 0;
    // Since the start: publishes that succeeded and failed, commands that can never be sent,
    // reports made, and commands that the registry did not want a report of.
    int64_t published = 0;
    int64_t publish_failures = 0;
    int64_t unsendable = 0;
    int64_t reported = 0;
    int64_t unwanted = 0;
  };

  CommandQueue(const Options& options, const Clock* clock) : options_(options), clock_(clock) {}

  enum class Added { kAccepted, kNotNeeded, kFull };
  // Takes in a PENDING command. Not needed: one that is known, or that is no longer PENDING. Full:
  // nothing happened, try again when there is room.
  Added Add(const v1::Command& command);

  bool HasRoom() const { return entries_.size() < options_.max_commands; }

  // A command to publish now; its end is told by Published.
  absl::optional<v1::Command> NextToPublish();
  // INVALID_ARGUMENT: it can never be published, and is reported as FAILED. Any other failure: try
  // again.
  void Published(absl::string_view command_id, const absl::Status& status);

  // A report to make now; its end is told by Reported.
  absl::optional<v1::ReportCommandResultRequest> NextToReport();
  enum class ReportEnd {
    kAccepted,
    // The registry does not know the command or refuses the report: it would do so again.
    kUnwanted,
    kTryAgain,
  };
  void Reported(absl::string_view command_id, ReportEnd end);

  // The Clock::Uptime from which there is something to publish or to report; infinite: not before
  // something happens.
  absl::Duration PublishTime() const;
  absl::Duration ReportTime() const;

  Stats stats() const;

 private:
  struct Entry {
    v1::Command command;
    // Of Add: the order among commands that are ready.
    int64_t sequence = 0;
    int tries = 0;
    bool in_flight = false;
    // Set once it is to be reported.
    absl::optional<v1::ReportCommandResultRequest> report;
  };
  // What may happen at a time of Clock::Uptime, in order.
  struct Turn {
    absl::Duration when;
    int64_t sequence;
    std::string command_id;
    bool operator<(const Turn& other) const {
      return std::make_pair(when, sequence) < std::make_pair(other.when, other.sequence);
    }
  };

  absl::Duration RetryTime(int tries) const;
  void LeaveLine(const std::string& device_id);
  void Remember(const std::string& command_id);

  const Options options_;
  const Clock* const clock_;
  int64_t next_sequence_ = 0;
  absl::flat_hash_map<std::string, Entry> entries_;
  // By device: commands not yet published, in order. Only the first has a turn, or is in flight.
  absl::flat_hash_map<std::string, std::deque<std::string>> lines_;
  std::set<Turn> to_publish_;
  std::set<Turn> to_report_;
  size_t in_flight_ = 0;
  absl::flat_hash_set<std::string> remembered_;
  std::deque<std::string> remembered_order_;
  Stats stats_;
};

}  // namespace sluice::ingress

#endif  // SLUICE_SERVICES_INGRESS_COMMANDS_COMMAND_QUEUE_H_
