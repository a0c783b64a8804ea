#ifndef SLUICE_SERVICES_INGRESS_STORAGE_H_
#define SLUICE_SERVICES_INGRESS_STORAGE_H_

#include <memory>
#include <string>

#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "libs/clock/clock.h"
#include "libs/journal/journal.h"
#include "libs/subscription/subscription_store.h"
#include "services/ingress/dead_letters/dead_letter_log.h"
#include "services/ingress/dead_letters/dead_letter_marks.h"
#include "services/ingress/intake/message_window.h"
#include "services/ingress/intake/ring_marks.h"
#include "sluice/config/v1/ingress.pb.h"

namespace sluice::ingress {

// What ingress keeps on disk, but for the device replica:
//   DATA_DIR/telemetry/      the telemetry journal and its subscriptions
//   DATA_DIR/dead-letters/   the dead-letter log, and which letters are done with
//   DATA_DIR/reports/        the reports log, and how far the registry has it
class Storage {
 public:
  // Opens what is there and makes what is not. Errors name the directory. `clock` must outlive it.
  static absl::StatusOr<std::unique_ptr<Storage>> Open(const config::v1::IngressConfig& config,
                                                       const Clock* clock);

  Journal* telemetry() const { return telemetry_.get(); }
  Journal* dead_letters() const { return dead_letters_.get(); }
  const DeadLetterLog* dead_letter_log() const { return dead_letter_log_.get(); }
  Journal* reports() const { return reports_.get(); }
  SubscriptionStore* subscriptions() const { return subscriptions_.get(); }

  // How far the logs had the rings of brokers at Open.
  const RingMarks& marks() const { return marks_; }
  // The messages with ids that the telemetry journal took lately.
  MessageWindow* window() { return &window_; }

  // The first report that the registry does not have yet, as it stood at Open.
  int64_t reports_cursor() const { return reports_ticket_.start; }
  // Reports below `cursor` are with the registry and may go. Thread-safe.
  absl::Status SaveReportsCursor(int64_t cursor);

 private:
  explicit Storage(const MessageWindow::Options& window) : window_(window) {}

  // The stores go before their journals.
  std::unique_ptr<Journal> telemetry_;
  std::unique_ptr<Journal> dead_letters_;
  std::unique_ptr<Journal> reports_;
  std::unique_ptr<DeadLetterMarks> dead_letter_marks_;
  std::unique_ptr<DeadLetterLog> dead_letter_log_;
  std::unique_ptr<SubscriptionStore> subscriptions_;
  std::unique_ptr<SubscriptionStore> reports_cursors_;
  StreamTicket reports_ticket_;
  RingMarks marks_;
  MessageWindow window_;
};

}  // namespace sluice::ingress

#endif  // SLUICE_SERVICES_INGRESS_STORAGE_H_
