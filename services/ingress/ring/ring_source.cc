#include "services/ingress/ring/ring_source.h"

#include <spdlog/spdlog.h>

#include <algorithm>
#include <utility>

#include "libs/device_id/device_id.h"
#include "libs/failpoint/failpoint.h"
#include "services/ingress/mqtt/topic.h"

namespace sluice::ingress {
namespace {

constexpr size_t kBatchRecords = 256;
// So many are handed on at the most and not known to be durable.
constexpr size_t kMaxPending = 64 * 1024;
// How often it is looked what has become durable, and how long to wait for anything new.
constexpr absl::Duration kSettleInterval = absl::Milliseconds(5);
constexpr absl::Duration kIdleWait = absl::Milliseconds(100);
// While messages come, more may gather before it is looked again: to be woken for each costs more
// than the message. The more there are the longer, for then it is the processor that is short; few
// are not made to wait.
constexpr absl::Duration kShortestGather = absl::Microseconds(250);
constexpr absl::Duration kLongestGather = absl::Milliseconds(8);
constexpr double kManyPerMs = 16;
constexpr double kFewPerMs = 12;
constexpr absl::Duration kOpenInterval = absl::Milliseconds(200);
constexpr absl::Duration kRetryInterval = absl::Milliseconds(20);
// The plugin is to know within 2 s that we are gone.
constexpr absl::Duration kAlive = absl::Seconds(2);
constexpr absl::Duration kKeepAliveInterval = absl::Milliseconds(250);

absl::string_view Text(const mqtt_record::Bytes& bytes) {
  return {static_cast<const char*>(bytes.data), bytes.size};
}

InboundPublish PublishOf(const mqtt_record::Record& record, const ring::RingRecord& place) {
  InboundPublish publish;
  publish.topic = Text(record.topic);
  publish.payload = Text(record.payload);
  publish.qos = record.qos;
  publish.content_type = Text(record.content_type);
  publish.message_id = Text(record.message_id);
  publish.response_topic = Text(record.response_topic);
  publish.correlation_data = Text(record.correlation_data);
  publish.reply_left_out = record.reply_left_out;
  publish.received = Moment{absl::FromUnixMicros(record.received_us),
                            absl::Microseconds(static_cast<int64_t>(record.uptime_us))};
  publish.client_id = Text(record.client_id);
  publish.username = Text(record.username);
  publish.payload_size = record.payload_size;
  publish.ring = RingPosition{place.ring_id, place.end};
  return publish;
}

// What cannot be read, as when the plugin is of a newer version: a dead letter with all of it.
InboundPublish WholeRecord(const ring::RingRecord& record) {
  InboundPublish publish;
  publish.payload = record.content;
  publish.qos = 1;
  publish.ring = RingPosition{record.ring_id, record.end};
  return publish;
}

}  // namespace

RingSource::RingSource(const Options& options, const Parts& parts, RingMarks marks)
    : options_(options),
      parts_(parts),
      marks_(std::move(marks)),
      rates_(options.max_device_messages_per_s, 2 * options.max_device_messages_per_s),
      gather_time_(kShortestGather) {
  thread_ = std::thread([this] { Run(); });
}

RingSource::~RingSource() { Stop(); }

void RingSource::Stop() {
  {
    absl::MutexLock lock(&mutex_);
    stopping_ = true;
    if (waiting_reader_ != nullptr) waiting_reader_->Interrupt();
  }
  if (thread_.joinable()) thread_.join();
}

RingSource::Stats RingSource::stats() const {
  absl::MutexLock lock(&mutex_);
  return shown_;
}

bool RingSource::Stopping() const {
  absl::MutexLock lock(&mutex_);
  return stopping_;
}

void RingSource::Pause(absl::Duration time) {
  absl::MutexLock lock(&mutex_);
  mutex_.AwaitWithTimeout(absl::Condition(&stopping_), time);
}

void RingSource::Run() {
  if (Open()) Drain();
  absl::MutexLock lock(&mutex_);
  waiting_reader_ = nullptr;
}

bool RingSource::Open() {
  absl::Status told;
  while (!Stopping()) {
    ring::RingReaderOptions options;
    options.path = options_.path;
    options.nap = absl::ZeroDuration();  // Gather() is one
    options.boot = options_.boot;
    auto reader = ring::RingReader::Open(options, parts_.clock);
    if (reader.ok()) {
      reader_ = *std::move(reader);
      // Of a ring that lost its power each log has its own part: see RingMarks::Has.
      const uint64_t ring_id = reader_->current_ring_id();
      const auto highest = marks_.Highest(ring_id);
      if (highest.has_value() && !reader_->current_ring_is_closed() &&
          !reader_->ResumeAfter(ring_id, *highest)) {
        spdlog::error("ring {}: it is older than what the journal has of it; all of it is read",
                      options_.path);
        marks_.Forget(ring_id);
      }
      reader_->leases().Clear();
      spdlog::info("ring {}: reading what the broker's plugin takes in", options_.path);
      absl::MutexLock lock(&mutex_);
      waiting_reader_ = reader_.get();
      return true;
    }
    if (reader.status().code() != told.code()) {
      told = reader.status();
      spdlog::warn("ring {}: {}; trying on", options_.path, told.ToString());
    }
    Pause(kOpenInterval);
  }
  return false;
}

void RingSource::Drain() {
  ring::RingBatch batch;
  KeepAlive();
  while (!Stopping()) {
    reader_->Read(kBatchRecords, &batch);
    for (const ring::RingGap& gap : batch.gaps) {
      spdlog::error("ring {}: nothing legible from {} to {}: what stood there is lost",
                    options_.path, gap.from, gap.to);
    }
    for (const ring::RingRecord& record : batch.records) {
      if (!HandOn(record)) return;
    }
    Settle();
    KeepAlive();
    if (batch.records.empty()) {
      reader_->Wait(pending_.empty() ? kIdleWait : kSettleInterval);
    } else if (batch.records.size() < kBatchRecords) {
      parts_.intake->RequestSync();
      Gather(batch.records.size());
    }
  }
}

void RingSource::Gather(size_t last_batch) {
  const double per_ms = static_cast<double>(last_batch) / absl::ToDoubleMilliseconds(gather_time_);
  if (per_ms >= kManyPerMs) gather_time_ = std::min(2 * gather_time_, kLongestGather);
  if (per_ms < kFewPerMs) gather_time_ = std::max(gather_time_ / 2, kShortestGather);
  Pause(gather_time_);
}

void RingSource::Enter(uint64_t ring_id) {
  ring_id_ = ring_id;
  of_this_boot_ = reader_->IsOfThisBoot(ring_id);
  read_before_end_ = marks_.Highest(ring_id).value_or(0);
}

bool RingSource::HandOn(const ring::RingRecord& record) {
  if (record.ring_id != ring_id_) Enter(record.ring_id);
  taken_ = Receipt();
  mqtt_record::Record message;
  InboundPublish publish;
  if (mqtt_record::Decode(record.content.data(), record.content.size(), &message)) {
    publish = PublishOf(message, record);
    // Of an earlier start of the machine it came before all that came since; from the future
    // nothing comes.
    absl::Duration& uptime = publish.received->uptime;
    if (!of_this_boot_ || uptime > parts_.clock->Uptime()) uptime = absl::ZeroDuration();
  } else {
    publish = WholeRecord(record);
  }
  publish.ring->read_before = record.end <= read_before_end_;
  if (message.kind == mqtt_record::Kind::kUnknownTopic) {
    parts_.unknown_topics->Saw(publish.topic, publish.received->time, publish.client_id,
                               publish.username);
  } else {
    if (!TakeOnceWritable(publish)) return false;
    LimitRate(publish);
  }
  pending_.push_back({record.ring_id, record.end, taken_});
  while (pending_.size() >= kMaxPending) {
    parts_.intake->WaitDurable(pending_.front().receipt, kSettleInterval);
    Settle();
    KeepAlive();
    if (Stopping()) return false;
  }
  return true;
}

bool RingSource::TakeOnceWritable(const InboundPublish& publish) {
  bool told = false;
  while (true) {
    const Taken taken = parts_.take(publish);
    if (taken.outcome == Outcome::kTaken) {
      taken_ = taken.receipt;
      if (code_for_all_ != mqtt_record::kRefuseNothing) {
        SetLeaseForAll(mqtt_record::kRefuseNothing);
      }
      return true;
    }
    if (!std::exchange(told, true)) {
      ++stats_.held_back;
      spdlog::warn("ring {}: held back, since messages cannot be written now", options_.path);
    }
    SetLeaseForAll(mqtt_record::kRefuseForStorage);
    Settle();
    KeepAlive();
    Pause(kRetryInterval);
    if (Stopping()) return false;
  }
}

void RingSource::SetLeaseForAll(uint8_t code) {
  if (options_.drain_only) return;
  const auto now_ms = static_cast<uint64_t>(NowMs());
  const auto until_ms = now_ms + static_cast<uint64_t>(absl::ToInt64Milliseconds(kAlive));
  code_for_all_ = code;
  if (!reader_->leases().Set("", 0, now_ms, {until_ms, code, 0})) ++stats_.untold_pauses;
}

void RingSource::LimitRate(const InboundPublish& publish) {
  if (!rates_.limited() || options_.drain_only) return;
  const absl::string_view device_id = DeviceIdIn(publish.topic);
  if (!publish.received.has_value() || !ValidateId(device_id, "device id").ok()) return;
  const absl::Duration pause = rates_.Count(device_id, publish.received->uptime);
  if (pause <= absl::ZeroDuration()) return;
  const int64_t until_ms = absl::ToInt64Milliseconds(publish.received->uptime + pause);
  if (until_ms <= NowMs()) return;
  const bool set =
      reader_->leases().Set(device_id.data(), device_id.size(), static_cast<uint64_t>(NowMs()),
                            {static_cast<uint64_t>(until_ms), mqtt_record::kRefuseForRate, 0});
  ++(set ? stats_.pauses : stats_.untold_pauses);
}

void RingSource::Settle() {
  while (!pending_.empty() && parts_.intake->IsDurable(pending_.front().receipt)) {
    const Pending done = pending_.front();
    pending_.pop_front();
    // One Advance for all of a ring.
    if (!pending_.empty() && pending_.front().ring_id == done.ring_id &&
        parts_.intake->IsDurable(pending_.front().receipt)) {
      continue;
    }
    failpoint::Reach(failpoint::Point::kTail);
    const absl::Status status = reader_->Advance(done.ring_id, done.end);
    failpoint::Reach(failpoint::Point::kTailMoved);
    if (!status.ok()) spdlog::error("ring {}: {}", options_.path, status.ToString());
  }
}

void RingSource::KeepAlive() {
  const absl::Duration now = parts_.clock->Uptime();
  if (now < next_keep_alive_) return;
  next_keep_alive_ = now + kKeepAliveInterval;
  if (!options_.drain_only) {
    reader_->leases().KeepAliveUntil(
        static_cast<uint64_t>(absl::ToInt64Milliseconds(now + kAlive)));
    // Held always, so that there is a place for it.
    SetLeaseForAll(code_for_all_);
  }
  UpdateStats();
}

void RingSource::UpdateStats() {
  stats_.ring_bytes = static_cast<int64_t>(reader_->UsedBytes());
  stats_.gaps = static_cast<int64_t>(reader_->stats().gaps);
  if (std::exchange(counters_ring_id_, reader_->current_ring_id()) != reader_->current_ring_id()) {
    counters_seen_ = {};
  }
  for (int i = 0; i < mqtt_record::kCountersUsed; ++i) {
    const auto at = static_cast<size_t>(i);
    const uint64_t now = reader_->Counter(i);
    // Damage must not make a counter of ours run backwards.
    if (now > counters_seen_[at]) {
      stats_.counters[at] += static_cast<int64_t>(now - counters_seen_[at]);
    }
    counters_seen_[at] = now;
  }
  absl::MutexLock lock(&mutex_);
  shown_ = stats_;
}

int64_t RingSource::NowMs() const { return absl::ToInt64Milliseconds(parts_.clock->Uptime()); }

}  // namespace sluice::ingress
