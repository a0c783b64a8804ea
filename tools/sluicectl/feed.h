#ifndef SLUICE_TOOLS_SLUICECTL_FEED_H_
#define SLUICE_TOOLS_SLUICECTL_FEED_H_

#include <google/protobuf/message.h>

#include <cstdint>
#include <memory>
#include <string>
#include <vector>

#include "absl/status/status.h"
#include "sluice/v1/subscription.pb.h"
#include "tools/sluicectl/table.h"

namespace sluice::sluicectl {

// A record of a journal, telemetry or insight alike.
struct FeedRecord {
  int64_t offset = 0;
  // Lives until the next Read of its stream.
  const google::protobuf::Message* message = nullptr;
};

// One response of a stream.
struct FeedBatch {
  std::string journal_id;
  int64_t epoch = 0;
  std::vector<FeedRecord> records;
  std::vector<v1::Gap> gaps;
  int64_t next_offset = 0;
};

// One open stream. One thread, but for Cancel.
class FeedStream {
 public:
  virtual ~FeedStream() = default;

  // Waits for the next response; false: the stream has ended.
  virtual bool Read(FeedBatch* batch) = 0;
  // Why it ended. Once, after Read has returned false.
  virtual absl::Status Finish() = 0;
  // Ends it from any thread.
  virtual void Cancel() = 0;
};

// What a tail reads from: a service's journal. One thread.
class Feed {
 public:
  virtual ~Feed() = default;

  // Opens a stream of at most `max_batch_size` records a response. Errors show when it is read.
  virtual std::unique_ptr<FeedStream> Open(const v1::Start& start, int max_batch_size) = 0;

  // Acknowledges everything below request.offset.
  virtual absl::Status Acknowledge(const v1::AcknowledgeRequest& request) = 0;

  // Who it is, for messages: `ingress at 127.0.0.1:7101`.
  virtual std::string Describe() const = 0;

  // How its records are shown to people.
  virtual std::vector<Column> Columns() const = 0;
  virtual std::vector<Cell> Row(const FeedRecord& record) const = 0;
};

}  // namespace sluice::sluicectl

#endif  // SLUICE_TOOLS_SLUICECTL_FEED_H_
