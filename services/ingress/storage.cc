#include "services/ingress/storage.h"

#include <spdlog/spdlog.h>

#include <utility>

#include "absl/strings/str_cat.h"
#include "libs/config/journal_options.h"
#include "libs/config/settings_check.h"
#include "libs/proto_time/proto_time.h"
#include "services/ingress/intake/log_tails.h"

namespace sluice::ingress {
namespace {

// The reports log is short while the registry is there; it holds what devices say while it is not.
constexpr int64_t kReportsMaxBytes = 64 << 20;
constexpr int64_t kReportsHardMaxBytes = 256 << 20;
constexpr int64_t kReportsSegmentBytes = 4 << 20;
constexpr char kReportsReader[] = "registry";

config::v1::Journal ReportsSettings(const config::v1::IngressConfig& config) {
  config::v1::Journal settings =
      DefaultJournal(kReportsMaxBytes, kReportsHardMaxBytes, kReportsSegmentBytes);
  settings.set_min_free_bytes(config.journal().min_free_bytes());
  *settings.mutable_sync_interval() = config.journal().sync_interval();
  return settings;
}

absl::Status In(const std::string& dir, const absl::Status& status) {
  return absl::Status(status.code(), absl::StrCat(dir, ": ", status.message()));
}

absl::StatusOr<std::unique_ptr<Journal>> OpenJournal(const std::string& dir,
                                                     const config::v1::Journal& settings,
                                                     const Clock* clock) {
  auto journal = Journal::Open(ToJournalOptions(settings, dir), clock);
  if (!journal.ok()) return In(dir, journal.status());
  if (const int64_t lost = (*journal)->stats().corrupt_records; lost > 0) {
    spdlog::error("{}: {} records cannot be read: they are damaged on disk", dir, lost);
  }
  return journal;
}

absl::StatusOr<std::unique_ptr<SubscriptionStore>> OpenStore(const std::string& dir,
                                                             Journal* journal, const Clock* clock,
                                                             int max_subscriptions) {
  const std::string path = dir + "/subscriptions";
  auto store = SubscriptionStore::Open(path, journal, clock, max_subscriptions);
  if (!store.ok()) return In(path, store.status());
  return store;
}

// Damaged marks are no reason not to start: letters that were done with just come up again.
absl::StatusOr<std::unique_ptr<DeadLetterMarks>> OpenDeadLetterMarks(const std::string& dir,
                                                                     Journal* log) {
  const std::string path = dir + "/done";
  auto marks = DeadLetterMarks::Open(path, log);
  if (!absl::IsDataLoss(marks.status())) return marks;
  spdlog::error("{}: dead letters that were purged or replayed show again",
                marks.status().ToString());
  return std::make_unique<DeadLetterMarks>(path, log);
}

}  // namespace

absl::StatusOr<std::unique_ptr<Storage>> Storage::Open(const config::v1::IngressConfig& config,
                                                       const Clock* clock) {
  MessageWindow::Options window;
  window.max_messages = static_cast<size_t>(config.message_ids().max_messages());
  window.max_age = FromProto(config.message_ids().max_age());
  std::unique_ptr<Storage> storage(new Storage(window));
  const std::string telemetry_dir = config.data_dir() + "/telemetry";
  const std::string dead_letters_dir = config.data_dir() + "/dead-letters";
  const std::string reports_dir = config.data_dir() + "/reports";

  auto journal = OpenJournal(telemetry_dir, config.journal(), clock);
  if (!journal.ok()) return journal.status();
  storage->telemetry_ = *std::move(journal);
  journal = OpenJournal(dead_letters_dir, config.dead_letters(), clock);
  if (!journal.ok()) return journal.status();
  storage->dead_letters_ = *std::move(journal);
  journal = OpenJournal(reports_dir, ReportsSettings(config), clock);
  if (!journal.ok()) return journal.status();
  storage->reports_ = *std::move(journal);
  auto dead_letter_marks = OpenDeadLetterMarks(dead_letters_dir, storage->dead_letters());
  if (!dead_letter_marks.ok()) return dead_letter_marks.status();
  storage->dead_letter_marks_ = *std::move(dead_letter_marks);
  storage->dead_letter_log_ =
      std::make_unique<DeadLetterLog>(storage->dead_letters(), storage->dead_letter_marks_.get());
  absl::Status status =
      ReadLogTails(storage->telemetry(), storage->dead_letters(), storage->reports(),
                   MomentOf(*clock), &storage->marks_, &storage->window_);
  if (!status.ok()) return In(config.data_dir(), status);

  auto store = OpenStore(telemetry_dir, storage->telemetry(), clock, config.max_subscriptions());
  if (!store.ok()) return store.status();
  storage->subscriptions_ = *std::move(store);
  store = OpenStore(reports_dir, storage->reports(), clock, 1);
  if (!store.ok()) return store.status();
  storage->reports_cursors_ = *std::move(store);
  auto ticket = storage->reports_cursors_->OpenStream(kReportsReader, StartPosition());
  if (!ticket.ok()) return In(reports_dir, ticket.status());
  storage->reports_ticket_ = *std::move(ticket);
  return storage;
}

absl::Status Storage::SaveReportsCursor(int64_t cursor) {
  return reports_cursors_
      ->Acknowledge(kReportsReader, reports_->id(), reports_ticket_.epoch, cursor)
      .status();
}

}  // namespace sluice::ingress
