#include "services/ingress/dead_letters/dead_letter_replay.h"

#include <algorithm>
#include <string>
#include <utility>
#include <vector>

#include "absl/strings/str_cat.h"
#include "libs/status/field_violation.h"
#include "services/ingress/dead_letters/dead_letter_message.h"

namespace sluice::ingress {
namespace {

constexpr int kMaxOffsets = 1000;
constexpr char kMethod[] = "ReplayDeadLetters";

}  // namespace

class DeadLetterReplay::Round {
 public:
  explicit Round(JournalIntake* intake) : intake_(intake) {}

  // Whether the intake can write: if not, the letters behind are not tried.
  bool can_go_on() const { return not_now_.ok(); }

  void Take(int64_t offset, const absl::StatusOr<v1::DeadLetter>& letter) {
    v1::ReplayResult* const result = response_.add_results();
    result->set_dead_letter_offset(offset);
    absl::Status status = not_now_;
    if (status.ok()) status = letter.status();
    if (status.ok() && std::count(taken_.begin(), taken_.end(), offset) > 0) {
      status = absl::NotFoundError("the request names it twice");
    }
    if (status.ok()) status = HandOver(*letter, result);
    if (status.ok()) return;
    result->set_code(static_cast<int>(CodeOf(status)));
    result->set_message(std::string(status.message()));
  }

  absl::StatusOr<v1::ReplayDeadLettersResponse> Finish(DeadLetterMarks* marks,
                                                       const AwaitDurable& await_durable) {
    for (const Receipt& receipt : {telemetry_, reports_}) {
      if (absl::Status status = await_durable(receipt); !status.ok()) return status;
    }
    if (absl::Status status = marks->MarkReplayed(taken_); !status.ok()) {
      return absl::UnavailableError(absl::StrCat(
          taken_.size(), " letters were taken in, but could not be marked as replayed (",
          status.message(), "): another replay takes them in again"));
    }
    return std::move(response_);
  }

 private:
  absl::Status HandOver(const v1::DeadLetter& letter, v1::ReplayResult* result) {
    const auto message = MessageOf(letter);
    if (!message.ok()) return message.status();
    const Verdict verdict = intake_->TakeAgain(*message);
    if (!verdict.status.ok()) {
      if (verdict.reason == v1::DEAD_LETTER_REASON_UNSPECIFIED) not_now_ = verdict.status;
      return verdict.status;
    }
    taken_.push_back(letter.offset());
    if (verdict.receipt.log == Receipt::Log::kTelemetry) {
      telemetry_ = LaterOf(telemetry_, verdict.receipt);
      result->set_offset(verdict.receipt.offset);
    } else if (verdict.receipt.log == Receipt::Log::kReports) {
      reports_ = LaterOf(reports_, verdict.receipt);
    }
    return absl::OkStatus();
  }

  JournalIntake* const intake_;
  v1::ReplayDeadLettersResponse response_;
  std::vector<int64_t> taken_;
  // The last to become durable, by log.
  Receipt telemetry_;
  Receipt reports_;
  absl::Status not_now_;
};

absl::StatusOr<v1::ReplayDeadLettersResponse> DeadLetterReplay::Run(
    const v1::ReplayDeadLettersRequest& request, const AwaitDurable& await_durable) {
  if ((request.offsets_size() > 0) == request.has_filter()) {
    return InvalidField("offsets", "either offsets or filter must say which letters");
  }
  if (!mutex_.TryLock()) return absl::AbortedError("another replay is under way");
  auto response =
      request.has_filter() ? RunFilter(request, await_durable) : RunOffsets(request, await_durable);
  mutex_.Unlock();
  return response;
}

absl::StatusOr<v1::ReplayDeadLettersResponse> DeadLetterReplay::RunOffsets(
    const v1::ReplayDeadLettersRequest& request, const AwaitDurable& await_durable) {
  if (request.offsets_size() > kMaxOffsets) {
    return InvalidField("offsets",
                        absl::StrCat("holds ", request.offsets_size(), "; at most ", kMaxOffsets));
  }
  if (absl::Status status = CheckRoom(request.offsets_size()); !status.ok()) return status;
  Round round(intake_);
  for (const int64_t offset : request.offsets()) round.Take(offset, log_->Get(offset));
  return round.Finish(log_->marks(), await_durable);
}

absl::StatusOr<v1::ReplayDeadLettersResponse> DeadLetterReplay::RunFilter(
    const v1::ReplayDeadLettersRequest& request, const AwaitDurable& await_durable) {
  auto page = log_->Select(kMethod, request.filter(), request.page_size(), request.page_token());
  if (!page.ok()) return page.status();
  if (absl::Status status = CheckRoom(page->letters.size()); !status.ok()) return status;
  Round round(intake_);
  for (const v1::DeadLetter& letter : page->letters) {
    round.Take(letter.offset(), letter);
    if (round.can_go_on()) continue;
    page->next_page_token = log_->TokenAt(letter.offset(), kMethod, request.filter());
    break;
  }
  auto response = round.Finish(log_->marks(), await_durable);
  if (response.ok()) response->set_next_page_token(page->next_page_token);
  return response;
}

absl::Status DeadLetterReplay::CheckRoom(size_t letters) const {
  if (log_->marks()->HasRoomFor(letters)) return absl::OkStatus();
  return absl::ResourceExhaustedError(
      "too many single letters are marked as replayed: purge those that are not wanted any more");
}

}  // namespace sluice::ingress
