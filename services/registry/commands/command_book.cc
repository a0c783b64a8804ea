#include "services/registry/commands/command_book.h"

#include <algorithm>
#include <utility>

#include "absl/strings/str_cat.h"
#include "libs/device_id/device_id.h"
#include "libs/status/field_violation.h"
#include "services/registry/commands/command_rules.h"

namespace sluice::registry {
namespace {

constexpr absl::Duration kWaitWake = absl::Milliseconds(200);
constexpr int kTrimAtOnce = 500;
constexpr size_t kRequestsForgottenAtOnce = 16;

}  // namespace

// One of the kMaxWaiting places, given back at the end.
class CommandBook::WaitingPlace {
 public:
  explicit WaitingPlace(CommandBook* book) : book_(book) {}
  ~WaitingPlace() {
    if (!taken_) return;
    absl::MutexLock lock(&book_->mutex_);
    --book_->stats_.waiting;
  }

  absl::Status Take() {
    absl::MutexLock lock(&book_->mutex_);
    if (book_->stats_.waiting >= kMaxWaiting) {
      return absl::ResourceExhaustedError(
          absl::StrCat(kMaxWaiting, " calls wait for a command already: send without wait"));
    }
    ++book_->stats_.waiting;
    taken_ = true;
    return absl::OkStatus();
  }

 private:
  CommandBook* const book_;
  bool taken_ = false;
};

absl::StatusOr<std::unique_ptr<CommandBook>> CommandBook::Open(RegistryState* state, uint32_t draw,
                                                               int64_t max_ended) {
  const auto last_id = state->store().LastCommandId();
  if (!last_id.ok()) return last_id.status();
  const auto ended = state->store().CountEndedCommands();
  if (!ended.ok()) return ended.status();
  std::unique_ptr<CommandBook> book(new CommandBook(state, max_ended, *last_id, draw));
  {
    absl::MutexLock lock(&book->mutex_);
    book->ended_ = *ended;
  }
  const absl::Status status = state->store().ForEachUnfinishedCommand(
      [&](absl::string_view id, absl::string_view device_id) {
        book->unfinished_.Load(id, device_id);
        return absl::OkStatus();
      });
  if (!status.ok()) return status;
  return book;
}

absl::StatusOr<v1::Command> CommandBook::Send(const v1::SendCommandRequest& request,
                                              const std::function<bool()>& gone) {
  absl::Status status = ValidateSend(request);
  if (!status.ok()) return status;
  const absl::Duration wait = WaitOf(request);
  if (wait == absl::ZeroDuration()) return Accept(request);

  // Before the command is accepted, so that a refusal means that nothing was sent.
  WaitingPlace place(this);
  if (!(status = place.Take()).ok()) return status;
  absl::StatusOr<v1::Command> command = Accept(request);
  if (!command.ok() || IsFinal(command->state())) return command;
  const absl::Duration end = state_->clock().Uptime() + wait;
  while (!gone()) {
    const absl::Duration left = end - state_->clock().Uptime();
    if (left <= absl::ZeroDuration()) break;
    if (unfinished_.WaitEnded(command->id(), std::min(left, kWaitWake))) break;
  }
  return Read(command->id());
}

absl::StatusOr<v1::Command> CommandBook::Accept(const v1::SendCommandRequest& request) {
  const auto hold = state_->locks().Lock({request.device_id()});
  const absl::Time now = state_->clock().Now();
  const std::string key =
      RequestMemory::Key(absl::StrCat("SendCommand ", request.device_id()), request.request_id());
  if (!request.request_id().empty()) {
    const auto earlier = state_->requests().Find(key, now);
    if (earlier.has_value()) {
      if (earlier->fingerprint == Fingerprint(request)) return Read(earlier->result_id);
      return InvalidField("request_id", "was used within the hour for another command");
    }
  }
  const absl::optional<v1::Device> device = state_->table().Find(request.device_id());
  if (!device.has_value()) {
    return absl::NotFoundError(absl::StrCat("no device '", request.device_id(), "'"));
  }
  absl::Status status = CheckAccepts(*device, request.name());
  if (!status.ok()) return status;
  const absl::StatusOr<std::string> id = unfinished_.Begin(request.device_id(), now);
  if (!id.ok()) return id.status();

  v1::Command command = NewCommand(request, *id, now);
  StoreChanges changes;
  changes.put_commands.push_back(ToStored(command));
  if (!request.request_id().empty()) {
    changes.delete_requests = state_->requests().Expire(now, kRequestsForgottenAtOnce);
    changes.put_requests.push_back({key, Fingerprint(request), *id, absl::ToUnixMicros(now)});
  }
  if (!(status = state_->Commit({}, std::move(changes))).ok()) {
    unfinished_.Abandon(*id);
    return status;
  }
  unfinished_.Commit(*id);
  Count(command.state());
  return command;
}

absl::StatusOr<v1::Command> CommandBook::Read(absl::string_view id) const {
  const absl::StatusOr<std::string> bytes = state_->store().ReadCommand(id);
  if (!bytes.ok()) return bytes.status();
  v1::Command command;
  if (!command.ParseFromString(*bytes)) {
    return absl::DataLossError(absl::StrCat("the command ", id, " is damaged on disk"));
  }
  return command;
}

absl::StatusOr<v1::Command> CommandBook::Get(absl::string_view command_id) const {
  const absl::Status status = ValidateId(command_id, "command_id");
  if (!status.ok()) return status;
  return Read(command_id);
}

absl::StatusOr<v1::Command> CommandBook::Report(const v1::ReportCommandResultRequest& request) {
  absl::Status status = ValidateReport(request);
  if (!status.ok()) return status;
  absl::optional<KeyLocks::Hold> hold;
  const absl::optional<std::string> device_id = unfinished_.DeviceOf(request.command_id());
  if (device_id.has_value()) hold.emplace(state_->locks().Lock({*device_id}));
  absl::StatusOr<v1::Command> command = Read(request.command_id());
  if (!command.ok()) return command;
  if (!(status = CheckReporter(request, *command)).ok()) return status;
  if (!Advance(request, state_->clock().Now(), &*command)) {
    // An earlier write of its end that seemed to fail is there after all.
    if (IsFinal(command->state())) unfinished_.End(command->id());
    return command;
  }
  StoreChanges changes;
  changes.put_commands.push_back(ToStored(*command));
  if (!(status = state_->Commit({}, std::move(changes))).ok()) return status;
  if (IsFinal(command->state())) unfinished_.End(command->id());
  Count(command->state());
  return command;
}

absl::StatusOr<absl::optional<v1::Command>> CommandBook::Next(absl::string_view after,
                                                              absl::Duration timeout) const {
  std::string last(after);
  absl::optional<std::string> id = unfinished_.Next(last, timeout);
  while (id.has_value()) {
    absl::StatusOr<v1::Command> command = Read(*id);
    if (command.ok() && !IsFinal(command->state())) return absl::optional<v1::Command>(*command);
    // It ended, and may have been forgotten, since it was found.
    if (!command.ok() && !absl::IsNotFound(command.status())) return command.status();
    last = *std::move(id);
    id = unfinished_.Next(last, absl::ZeroDuration());
  }
  return absl::optional<v1::Command>();
}

absl::StatusOr<std::vector<std::string>> CommandBook::CancelAll(absl::string_view device_id,
                                                                absl::string_view why,
                                                                StoreChanges* changes) {
  std::vector<std::string> ids = unfinished_.OfDevice(device_id);
  for (const std::string& id : ids) {
    absl::StatusOr<v1::Command> command = Read(id);
    if (!command.ok()) return command.status();
    // An earlier write of its end that seemed to fail is there after all.
    if (IsFinal(command->state())) continue;
    Cancel(why, state_->clock().Now(), &*command);
    changes->put_commands.push_back(ToStored(*command));
  }
  return ids;
}

void CommandBook::Cancelled(const std::vector<std::string>& ids) {
  for (const std::string& id : ids) {
    unfinished_.End(id);
    Count(v1::COMMAND_STATE_CANCELLED);
  }
}

absl::Status CommandBook::Trim() {
  const int64_t oldest_us = absl::ToUnixMicros(state_->clock().Now() - kKeepEnded);
  while (true) {
    const auto first = state_->store().FirstEndedCommands(kTrimAtOnce);
    if (!first.ok()) return first.status();
    int64_t too_many = 0;
    {
      absl::MutexLock lock(&mutex_);
      too_many = ended_ - max_ended_;
    }
    StoreChanges changes;
    for (const EndedCommand& command : *first) {
      if (command.end_time_us >= oldest_us && too_many <= 0) break;
      changes.delete_commands.push_back(command);
      --too_many;
    }
    if (changes.delete_commands.empty()) return absl::OkStatus();
    const absl::Status status =
        state_->store().Write(changes, RegistryStore::Durability::kBuffered);
    if (!status.ok()) return status;
    absl::MutexLock lock(&mutex_);
    ended_ -= static_cast<int64_t>(changes.delete_commands.size());
  }
}

bool CommandBook::NeedsTrim() const {
  absl::MutexLock lock(&mutex_);
  return ended_ > max_ended_;
}

void CommandBook::Count(v1::CommandState state) {
  absl::MutexLock lock(&mutex_);
  if (IsFinal(state)) ++ended_;
  if (state == v1::COMMAND_STATE_PENDING) ++stats_.accepted;
  if (state == v1::COMMAND_STATE_SENT) ++stats_.sent;
  if (state == v1::COMMAND_STATE_SUCCEEDED) ++stats_.succeeded;
  if (state == v1::COMMAND_STATE_FAILED) ++stats_.failed;
  if (state == v1::COMMAND_STATE_CANCELLED) ++stats_.cancelled;
}

CommandBookStats CommandBook::stats() const {
  const auto unfinished = static_cast<int64_t>(unfinished_.size());
  absl::MutexLock lock(&mutex_);
  CommandBookStats stats = stats_;
  stats.unfinished = unfinished;
  return stats;
}

}  // namespace sluice::registry
