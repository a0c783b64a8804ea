#ifndef SLUICE_SERVICES_INGRESS_COAP_FAKE_INTAKE_H_
#define SLUICE_SERVICES_INGRESS_COAP_FAKE_INTAKE_H_

#include <algorithm>
#include <cstdint>
#include <functional>
#include <map>
#include <string>
#include <utility>
#include <vector>

#include "absl/base/thread_annotations.h"
#include "absl/strings/str_cat.h"
#include "absl/synchronization/mutex.h"
#include "absl/time/time.h"
#include "services/ingress/intake/intake.h"

namespace sluice::ingress {

// An intake that keeps messages in memory, and whose disk a test drives: what is taken is durable
// once Sync is called, or at once after SyncAlways. Refuses by rules like the real one's.
// Thread-safe.
class FakeIntake final : public Intake {
 public:
  // What a message was, kept.
  struct Taken {
    InboundMessage::Kind kind;
    v1::Protocol protocol;
    int qos;
    std::string device_id, command_id, address, message_id, content_type, payload;
    int64_t payload_size_bytes;
    absl::Time received_time;
    absl::Status status;
  };

  Verdict Take(const InboundMessage& message) override {
    absl::MutexLock lock(&mutex_);
    Verdict verdict;
    verdict.status = Check(message);
    taken_.push_back({message.kind, message.protocol, message.qos, std::string(message.device_id),
                      std::string(message.command_id), std::string(message.address),
                      std::string(message.message_id), std::string(message.content_type),
                      std::string(message.payload), message.payload_size_bytes,
                      message.received.time, verdict.status});
    if (absl::IsUnavailable(verdict.status)) return verdict;
    if (retry_after_ > absl::ZeroDuration()) {
      verdict.status = absl::ResourceExhaustedError("too fast");
      verdict.over_rate = true;
      verdict.retry_after = retry_after_;
      return verdict;
    }
    verdict.receipt.log = !verdict.status.ok() ? Receipt::Log::kDeadLetters
                          : message.kind == InboundMessage::Kind::kTelemetry
                              ? Receipt::Log::kTelemetry
                              : Receipt::Log::kReports;
    verdict.receipt.offset = written_[static_cast<int>(verdict.receipt.log)]++;
    return verdict;
  }

  absl::Status CheckWritable() const override { return absl::OkStatus(); }
  bool IsDurable(const Receipt& receipt) const override {
    absl::MutexLock lock(&mutex_);
    ++durability_checks_;
    return IsDurableLocked(receipt);
  }

  bool WaitDurable(const Receipt& receipt, absl::Duration timeout) const override {
    absl::MutexLock lock(&mutex_);
    const auto durable = [&] {
      mutex_.AssertReaderHeld();
      return IsDurableLocked(receipt);
    };
    return mutex_.AwaitWithTimeout(absl::Condition(&durable), timeout);
  }

  int64_t AddDurableListener(std::function<void()> listener) override {
    absl::MutexLock lock(&listeners_mutex_);
    listeners_[++last_key_] = std::move(listener);
    return last_key_;
  }

  void RemoveDurableListener(int64_t key) override {
    absl::MutexLock lock(&listeners_mutex_);
    listeners_.erase(key);
  }

  // The disk has what was taken so far.
  void Sync() {
    {
      absl::MutexLock lock(&mutex_);
      for (int log = 0; log < 4; ++log) durable_[log] = written_[log];
    }
    absl::MutexLock lock(&listeners_mutex_);
    for (const auto& [key, listener] : listeners_) listener();
  }

  void SyncAlways() {
    {
      absl::MutexLock lock(&mutex_);
      always_ = true;
    }
    Sync();
  }

  // From now on nothing is written.
  void RefuseAll(absl::Status status) {
    absl::MutexLock lock(&mutex_);
    refusal_ = std::move(status);
  }

  // Every device is over its rate from now on, for so long; zero ends that.
  void LimitRate(absl::Duration retry_after) {
    absl::MutexLock lock(&mutex_);
    retry_after_ = retry_after;
  }

  std::vector<Taken> taken() const {
    absl::MutexLock lock(&mutex_);
    return taken_;
  }

  // Waits until so many messages were taken; false after 10 s.
  bool WaitTaken(size_t count) const {
    absl::MutexLock lock(&mutex_);
    const auto enough = [&] {
      mutex_.AssertReaderHeld();
      return taken_.size() >= count;
    };
    return mutex_.AwaitWithTimeout(absl::Condition(&enough), absl::Seconds(10));
  }

  // How often IsDurable was called.
  int64_t durability_checks() const {
    absl::MutexLock lock(&mutex_);
    return durability_checks_;
  }

  // Waits until it was called so often; false after 10 s.
  bool WaitDurabilityChecks(int64_t count) const {
    absl::MutexLock lock(&mutex_);
    const auto enough = [&] {
      mutex_.AssertReaderHeld();
      return durability_checks_ >= count;
    };
    return mutex_.AwaitWithTimeout(absl::Condition(&enough), absl::Seconds(10));
  }

  size_t listeners() const {
    absl::MutexLock lock(&listeners_mutex_);
    return listeners_.size();
  }

 private:
  absl::Status Check(const InboundMessage& message) const ABSL_SHARED_LOCKS_REQUIRED(mutex_) {
    if (!refusal_.ok()) return refusal_;
    if (message.payload_size_bytes > 64 * 1024) {
      return absl::OutOfRangeError(absl::StrCat("payload: is ", message.payload_size_bytes,
                                                " bytes long; at most 65536 are allowed"));
    }
    if (message.device_id.empty()) return absl::InvalidArgumentError("id: must not be empty");
    if (message.device_id == "stranger") return absl::NotFoundError("device: is not registered");
    if (message.device_id == "off") return absl::FailedPreconditionError("device: is disabled");
    if (!message.content_type.empty() && message.content_type != "application/json" &&
        message.content_type != "text/plain") {
      return absl::UnimplementedError(absl::StrCat("content type: ", message.content_type));
    }
    if (message.payload == "}") return absl::InvalidArgumentError("payload: byte 0: not JSON");
    return absl::OkStatus();
  }

  bool IsDurableLocked(const Receipt& receipt) const ABSL_SHARED_LOCKS_REQUIRED(mutex_) {
    return always_ || receipt.log == Receipt::Log::kNone ||
           receipt.offset < durable_[static_cast<int>(receipt.log)];
  }

  mutable absl::Mutex mutex_;
  std::vector<Taken> taken_ ABSL_GUARDED_BY(mutex_);
  int64_t written_[4] ABSL_GUARDED_BY(mutex_) = {};
  int64_t durable_[4] ABSL_GUARDED_BY(mutex_) = {};
  mutable int64_t durability_checks_ ABSL_GUARDED_BY(mutex_) = 0;
  bool always_ ABSL_GUARDED_BY(mutex_) = false;
  absl::Status refusal_ ABSL_GUARDED_BY(mutex_);
  absl::Duration retry_after_ ABSL_GUARDED_BY(mutex_);

  mutable absl::Mutex listeners_mutex_;
  std::map<int64_t, std::function<void()>> listeners_ ABSL_GUARDED_BY(listeners_mutex_);
  int64_t last_key_ ABSL_GUARDED_BY(listeners_mutex_) = 0;
};

}  // namespace sluice::ingress

#endif  // SLUICE_SERVICES_INGRESS_COAP_FAKE_INTAKE_H_
