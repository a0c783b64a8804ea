#include "services/ingress/commands/command_courier.h"

#include <grpcpp/client_context.h>
#include <grpcpp/support/sync_stream.h>
#include <spdlog/spdlog.h>

#include <utility>

#include "absl/base/thread_annotations.h"
#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "absl/synchronization/mutex.h"
#include "absl/time/clock.h"
#include "absl/types/optional.h"
#include "libs/backoff/backoff.h"
#include "services/ingress/commands/command_message.h"
#include "sluice/v1/command_service.grpc.pb.h"

namespace sluice::ingress {
namespace {

constexpr absl::Duration kFirstPause = absl::Seconds(1);
constexpr absl::Duration kLongestPause = absl::Seconds(5);
// A watch that lasted that long was a good one, even if it brought nothing.
constexpr absl::Duration kLastingWatch = absl::Seconds(10);

CommandQueue::ReportEnd EndOf(const grpc::Status& status) {
  switch (status.error_code()) {
    case grpc::StatusCode::OK:
      return CommandQueue::ReportEnd::kAccepted;
    case grpc::StatusCode::INVALID_ARGUMENT:
    case grpc::StatusCode::NOT_FOUND:
    case grpc::StatusCode::PERMISSION_DENIED:
    case grpc::StatusCode::FAILED_PRECONDITION:
    case grpc::StatusCode::OUT_OF_RANGE:
      return CommandQueue::ReportEnd::kUnwanted;
    default:
      return CommandQueue::ReportEnd::kTryAgain;
  }
}

}  // namespace

class CommandCourier::Core final : public std::enable_shared_from_this<Core> {
 public:
  Core(const Options& options, const std::shared_ptr<grpc::Channel>& registry, Publisher* publisher,
       const Clock* clock)
      : options_(options),
        stub_(v1::CommandService::NewStub(registry)),
        publisher_(publisher),
        clock_(clock),
        queue_(options.queue, clock) {}

  // The three threads.
  void Watch();
  void PublishAll();
  void ReportAll();

  void Stop();
  Stats stats() const;

 private:
  // Whether the stream brought anything.
  bool WatchOnce();
  bool Add(const v1::Command& command);
  void AwaitTurn(absl::Duration (CommandQueue::*time)() const)
      ABSL_EXCLUSIVE_LOCKS_REQUIRED(mutex_);
  void Publish(const v1::Command& command);
  void PublishEnded(const std::string& command_id, const absl::Status& status);
  // Makes the context the one that Stop cancels; false if it is too late for calls.
  bool Enter(grpc::ClientContext** slot, grpc::ClientContext* context);
  void Leave(grpc::ClientContext** slot);

  const Options options_;
  const std::unique_ptr<v1::CommandService::Stub> stub_;
  Publisher* const publisher_;
  const Clock* const clock_;

  mutable absl::Mutex mutex_;
  bool stopping_ ABSL_GUARDED_BY(mutex_) = false;
  CommandQueue queue_ ABSL_GUARDED_BY(mutex_);
  grpc::ClientContext* watch_ ABSL_GUARDED_BY(mutex_) = nullptr;
  grpc::ClientContext* report_ ABSL_GUARDED_BY(mutex_) = nullptr;
  bool watching_ ABSL_GUARDED_BY(mutex_) = false;
  int64_t watches_ ABSL_GUARDED_BY(mutex_) = 0;
};

bool CommandCourier::Core::Enter(grpc::ClientContext** slot, grpc::ClientContext* context) {
  absl::MutexLock lock(&mutex_);
  if (stopping_) return false;
  *slot = context;
  return true;
}

void CommandCourier::Core::Leave(grpc::ClientContext** slot) {
  absl::MutexLock lock(&mutex_);
  *slot = nullptr;
}

void CommandCourier::Core::Watch() {
  Backoff backoff(kFirstPause, kLongestPause);
  bool was_good = true;
  while (true) {
    const absl::Time since = absl::Now();
    const bool good = WatchOnce() || absl::Now() - since > kLastingWatch;
    if (good) backoff.Reset();
    absl::MutexLock lock(&mutex_);
    if (stopping_) return;
    if (was_good || good) spdlog::warn("watch of commands at the registry ended; trying again");
    was_good = good;
    if (mutex_.AwaitWithTimeout(absl::Condition(&stopping_), backoff.Next())) {
      return;
    }
  }
}

bool CommandCourier::Core::WatchOnce() {
  grpc::ClientContext context;
  if (!Enter(&watch_, &context)) return false;
  v1::WatchCommandsRequest request;
  request.set_instance_id(options_.instance_id);
  const auto reader = stub_->WatchCommands(&context, request);
  {
    absl::MutexLock lock(&mutex_);
    watching_ = true;
    ++watches_;
  }
  bool brought_something = false;
  v1::WatchCommandsResponse response;
  while (reader->Read(&response)) {
    brought_something = true;
    if (!Add(response.command())) break;
  }
  context.TryCancel();
  const grpc::Status status = reader->Finish();
  Leave(&watch_);
  absl::MutexLock lock(&mutex_);
  watching_ = false;
  if (!stopping_) spdlog::debug("watch of commands: {}", status.error_message());
  return brought_something;
}

// Waits for room; false if there will be none.
bool CommandCourier::Core::Add(const v1::Command& command) {
  absl::MutexLock lock(&mutex_);
  while (!stopping_ && queue_.Add(command) == CommandQueue::Added::kFull) {
    const auto room = [this]() ABSL_EXCLUSIVE_LOCKS_REQUIRED(mutex_) {
      return stopping_ || queue_.HasRoom();
    };
    mutex_.Await(absl::Condition(&room));
  }
  return !stopping_;
}

// Returns when that time of the queue has come, or at the stop.
void CommandCourier::Core::AwaitTurn(absl::Duration (CommandQueue::*time)() const) {
  while (true) {
    const absl::Duration turn = (queue_.*time)();
    const absl::Duration wait = turn - clock_->Uptime();
    if (stopping_ || wait <= absl::ZeroDuration()) return;
    const auto sooner = [&]() ABSL_EXCLUSIVE_LOCKS_REQUIRED(mutex_) {
      return stopping_ || (queue_.*time)() < turn;
    };
    mutex_.AwaitWithTimeout(absl::Condition(&sooner), wait);
  }
}

void CommandCourier::Core::PublishAll() {
  while (true) {
    absl::optional<v1::Command> command;
    {
      absl::MutexLock lock(&mutex_);
      AwaitTurn(&CommandQueue::PublishTime);
      if (stopping_) return;
      command = queue_.NextToPublish();
    }
    if (command.has_value()) Publish(*command);
  }
}

void CommandCourier::Core::Publish(const v1::Command& command) {
  absl::StatusOr<Publication> publication = MakeCommandPublication(command);
  absl::Status status = publication.status();
  if (status.ok()) {
    status = publisher_->Publish(*std::move(publication),
                                 [core = shared_from_this(), id = command.id()](
                                     const absl::Status& end) { core->PublishEnded(id, end); });
  }
  if (!status.ok()) PublishEnded(command.id(), status);
}

void CommandCourier::Core::PublishEnded(const std::string& command_id, const absl::Status& status) {
  absl::MutexLock lock(&mutex_);
  queue_.Published(command_id, status);
}

void CommandCourier::Core::ReportAll() {
  while (true) {
    absl::optional<v1::ReportCommandResultRequest> report;
    {
      absl::MutexLock lock(&mutex_);
      AwaitTurn(&CommandQueue::ReportTime);
      if (stopping_) return;
      report = queue_.NextToReport();
    }
    if (!report.has_value()) continue;
    grpc::ClientContext context;
    context.set_deadline(absl::ToChronoTime(absl::Now() + options_.report_timeout));
    if (!Enter(&report_, &context)) return;
    v1::Command command;
    const grpc::Status status = stub_->ReportCommandResult(&context, *report, &command);
    Leave(&report_);
    absl::MutexLock lock(&mutex_);
    queue_.Reported(report->command_id(), EndOf(status));
  }
}

void CommandCourier::Core::Stop() {
  absl::MutexLock lock(&mutex_);
  stopping_ = true;
  if (watch_ != nullptr) watch_->TryCancel();
  if (report_ != nullptr) report_->TryCancel();
}

CommandCourier::Stats CommandCourier::Core::stats() const {
  absl::MutexLock lock(&mutex_);
  return {.watching = watching_, .watches = watches_, .queue = queue_.stats()};
}

std::unique_ptr<CommandCourier> CommandCourier::Create(
    const Options& options, const std::shared_ptr<grpc::Channel>& registry, Publisher* publisher,
    const Clock* clock) {
  auto courier = std::unique_ptr<CommandCourier>(new CommandCourier());
  courier->core_ = std::make_shared<Core>(options, registry, publisher, clock);
  Core* const core = courier->core_.get();
  courier->watcher_ = std::thread([core] { core->Watch(); });
  courier->publisher_ = std::thread([core] { core->PublishAll(); });
  courier->reporter_ = std::thread([core] { core->ReportAll(); });
  return courier;
}

CommandCourier::~CommandCourier() { Stop(); }

void CommandCourier::Stop() {
  core_->Stop();
  for (std::thread* thread : {&watcher_, &publisher_, &reporter_}) {
    if (thread->joinable()) thread->join();
  }
}

CommandCourier::Stats CommandCourier::stats() const { return core_->stats(); }

}  // namespace sluice::ingress
