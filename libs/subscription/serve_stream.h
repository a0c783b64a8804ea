#ifndef SLUICE_LIBS_SUBSCRIPTION_SERVE_STREAM_H_
#define SLUICE_LIBS_SUBSCRIPTION_SERVE_STREAM_H_

#include <google/protobuf/duration.pb.h>
#include <grpcpp/server_context.h>

#include <cstdint>
#include <functional>
#include <string>
#include <vector>

#include "libs/clock/clock.h"
#include "libs/journal/journal.h"
#include "libs/rpc/stream_gate.h"
#include "libs/subscription/subscription_store.h"
#include "sluice/v1/subscription.pb.h"

namespace sluice {

// What a subscriber asks for, as it stands in the request.
struct StreamOptions {
  std::string subscription;  // empty: a stream without a name
  v1::Start start;
  int max_batch_size = 0;                   // records: 0 to 10,000; 0 means 1,000
  google::protobuf::Duration min_interval;  // between two responses to who is not behind, 0 to 10 s
};

// What a stream is served from. All must outlive it.
struct StreamParts {
  SubscriptionStore* store;
  Journal* journal;
  rpc::StreamGate* gate;
  const Clock* clock;
};

// Makes the responses of one stream and writes them.
class ResponseWriter {
 public:
  virtual ~ResponseWriter() = default;
  // One more record for the next response, unless it is not wanted there. Its bytes are there until
  // this returns.
  virtual void Add(const RecordView& record) = 0;
  // Writes a response with what was added since the last one; blocks while the client is slow (that
  // is the flow control). Returns false when the stream is broken. Is called for every batch, also
  // for one without a record that is wanted: the response then tells next_offset alone.
  virtual bool Write(const StreamTicket& ticket, const std::vector<Gap>& gaps,
                     int64_t next_offset) = 0;
};

// The same for those who want the batch as a whole: encodes it into one response and writes it.
using WriteBatch = std::function<bool(const StreamTicket& ticket, JournalBatch batch)>;

// Serves one server-streaming call, on the handler's thread, until the client goes (CANCELLED), a
// newer stream takes the name over or the subscription is moved or deleted (ABORTED), or the server
// stops (UNAVAILABLE). What the request gets wrong is told as the API says: INVALID_ARGUMENT,
// OUT_OF_RANGE, FAILED_PRECONDITION, RESOURCE_EXHAUSTED.
//
// The first batch is empty and comes at once, with next_offset where the stream begins: from then
// on the subscriber knows journal, epoch and place. After that `writer` gets what is durable, batch
// by batch, each up to max_batch_size records and about 1 MiB: batches grow with the backlog.
// Nothing is read before `Write` has returned, so a stream costs one batch of memory. With a
// min_interval more gathers in each batch. An idle stream looks up five times a second.
grpc::Status ServeStream(const StreamParts& parts, grpc::ServerContext& context,
                         const StreamOptions& options, ResponseWriter& writer);
grpc::Status ServeStream(const StreamParts& parts, grpc::ServerContext& context,
                         const StreamOptions& options, const WriteBatch& write);

}  // namespace sluice

#endif  // SLUICE_LIBS_SUBSCRIPTION_SERVE_STREAM_H_
