#include "tools/sluicectl/tail.h"

#include <algorithm>
#include <memory>
#include <string>

#include "absl/strings/str_cat.h"
#include "absl/strings/strip.h"
#include "tools/sluicectl/exit_code.h"
#include "tools/sluicectl/failure.h"
#include "tools/sluicectl/tail_position.h"

namespace sluice::sluicectl {
namespace {

constexpr absl::Duration kFirstRetry = absl::Milliseconds(100);
constexpr absl::Duration kSlowestRetry = absl::Seconds(1);
constexpr int kMaxBatchRecords = 1'000;

// Whether an end of a stream means that the service is away or overloaded for now.
bool IsPassing(const absl::Status& status) {
  switch (status.code()) {
    case absl::StatusCode::kOk:
    case absl::StatusCode::kCancelled:
    case absl::StatusCode::kUnknown:
    case absl::StatusCode::kDeadlineExceeded:
    case absl::StatusCode::kResourceExhausted:
    case absl::StatusCode::kUnavailable:
      return true;
    default:
      return false;
  }
}

const char* ReasonOf(const v1::Gap& gap) {
  switch (gap.reason()) {
    case v1::GAP_REASON_RETENTION:
      return "deleted by retention";
    case v1::GAP_REASON_DROPPED:
      return "given up unread, for want of space";
    case v1::GAP_REASON_CORRUPTION:
      return "unreadable on disk";
    default:
      return "the reason is not known";
  }
}

class Tail {
 public:
  Tail(const Console& console, const TailSettings& settings, Feed* feed, Interruption* interruption)
      : console_(console),
        settings_(settings),
        feed_(feed),
        interruption_(interruption),
        position_(!settings.subscription.empty(), settings.start),
        rows_(feed->Columns(), console.style) {}

  int Run() {
    absl::Duration retry = kFirstRetry;
    while (true) {
      heard_ = false;
      const absl::Status end = ReadStream();
      if (interruption_->raised()) return kExitSignal + interruption_->signal();
      if (Complete()) return end.ok() ? kExitOk : Fail(end);
      if (absl::IsOutOfRange(end) && position_.OffsetIsGone()) {
        Note("the offset is gone: beginning with the oldest record");
      } else if (!ever_heard_ || !IsPassing(end)) {
        return Fail(end);
      } else if (!reopen_) {
        SayAway(end);
      }
      reopen_ = false;
      retry = heard_ ? kFirstRetry : std::min(2 * retry, kSlowestRetry);
      if (interruption_->WaitFor(retry)) return kExitSignal + interruption_->signal();
    }
  }

 private:
  void Note(absl::string_view text) { WriteNote(console_, settings_.command, text); }
  int Fail(const absl::Status& status) {
    return ReportServiceError(console_, settings_.command, status);
  }
  bool Complete() const { return settings_.count > 0 && shown_ >= settings_.count; }

  // Said once, until something is heard again.
  void SayAway(const absl::Status& status) {
    if (!away_) {
      const std::string service = feed_->Describe();
      const absl::string_view reason = absl::StripPrefix(status.message(), service + ": ");
      Note(absl::StrCat(service, " is away (", CodeName(static_cast<int>(status.code())), ": ",
                        reason, "); waiting for it"));
    }
    away_ = true;
  }

  void Hear() {
    if (away_) Note(absl::StrCat(feed_->Describe(), " is back"));
    away_ = false;
    heard_ = ever_heard_ = true;
  }

  // Shows one stream until it ends, or nothing more is to be shown: why.
  absl::Status ReadStream() {
    const int64_t left = settings_.count > 0 ? settings_.count - shown_ : kMaxBatchRecords;
    const std::unique_ptr<FeedStream> stream = feed_->Open(
        position_.NextStart(), static_cast<int>(std::min<int64_t>(left, kMaxBatchRecords)));
    Interruption::Listener listener(interruption_, [&] { stream->Cancel(); });
    FeedBatch batch;
    for (bool first = true; stream->Read(&batch); first = false) {
      Hear();
      const TailPosition::Entry entry = position_.Enter(batch.journal_id);
      reopen_ = entry == TailPosition::Entry::kReopen;
      if (reopen_) return absl::OkStatus();
      if (entry == TailPosition::Entry::kNewJournal) {
        Note("the journal is another one now: its offsets start anew");
      }
      // It only tells where the stream begins: at the cursor.
      if (first && batch.records.empty()) acknowledged_ = batch.next_offset;
      const absl::Status status = Take(batch);
      if (!status.ok() || Complete() || interruption_->raised()) return status;
    }
    return stream->Finish();
  }

  // Shows what is new in a response and acknowledges it.
  absl::Status Take(const FeedBatch& batch) {
    for (const v1::Gap& gap : batch.gaps) {
      if (!position_.IsNew(gap.to_offset() - 1)) continue;
      Note(absl::StrCat("gap: the records from offset ", gap.from_offset(), " to ",
                        gap.to_offset() - 1, " are gone (", ReasonOf(gap), ")"));
    }
    bool all = true;
    for (const FeedRecord& record : batch.records) {
      if (!position_.IsNew(record.offset)) continue;
      all = !Complete() && !interruption_->raised();
      if (!all) break;
      Show(record);
      if (absl::Status status = Flush(console_); !status.ok()) return status;
      ++shown_;
      position_.Advance(record.offset + 1);
    }
    if (all) position_.Advance(batch.next_offset);
    return settings_.acknowledge ? Acknowledge(batch) : absl::OkStatus();
  }

  void Show(const FeedRecord& record) {
    if (console_.json) {
      WriteJson(console_, *record.message);
      return;
    }
    if (shown_ == 0) *console_.out << rows_.Header();
    *console_.out << rows_.Row(feed_->Row(record));
  }

  absl::Status Acknowledge(const FeedBatch& batch) {
    if (position_.next_offset() == acknowledged_) return absl::OkStatus();
    v1::AcknowledgeRequest request;
    request.set_subscription(settings_.subscription);
    request.set_journal_id(batch.journal_id);
    request.set_epoch(batch.epoch);
    request.set_offset(position_.next_offset());
    const absl::Status status = feed_->Acknowledge(request);
    if (status.ok()) acknowledged_ = position_.next_offset();
    // What could not be acknowledged now will be with what the service sends again.
    return status;
  }

  const Console& console_;
  const TailSettings& settings_;
  Feed* const feed_;
  Interruption* const interruption_;
  TailPosition position_;
  RowTable rows_;
  int64_t shown_ = 0;
  // Everything below is acknowledged.
  int64_t acknowledged_ = 0;
  bool away_ = false;
  // Something was received: by this stream, by any.
  bool heard_ = false;
  bool ever_heard_ = false;
  // The stream stands in the wrong place.
  bool reopen_ = false;
};

}  // namespace

int RunTail(const Console& console, const TailSettings& settings, Feed* feed,
            Interruption* interruption) {
  return Tail(console, settings, feed, interruption).Run();
}

}  // namespace sluice::sluicectl
