#include "libs/subscription/serve_stream.h"

#include <gmock/gmock.h>
#include <grpcpp/grpcpp.h>
#include <gtest/gtest.h>

#include <cstdlib>
#include <memory>
#include <string>
#include <utility>
#include <vector>

#include "absl/strings/str_cat.h"
#include "absl/time/time.h"
#include "libs/clock/fake_clock.h"
#include "libs/file/memory_file_system.h"
#include "libs/journal/journal.h"
#include "libs/subscription/subscription_proto.h"
#include "sluice/v1/telemetry_service.grpc.pb.h"

namespace sluice {
namespace {

using ::testing::ElementsAre;
using Response = v1::SubscribeTelemetryResponse;

// Streams a journal whose records are device ids; the filter is on these.
class StreamingService final : public v1::TelemetryService::Service {
 public:
  explicit StreamingService(const StreamParts& parts) : parts_(parts) {}

  grpc::Status SubscribeTelemetry(grpc::ServerContext* context,
                                  const v1::SubscribeTelemetryRequest* request,
                                  grpc::ServerWriter<Response>* writer) override {
    const StreamOptions options{request->subscription(), request->start(),
                                request->max_batch_size(), request->min_interval()};
    return ServeStream(parts_, *context, options,
                       [&](const StreamTicket& ticket, JournalBatch batch) {
                         return writer->Write(Encode(ticket, batch, request->filter()));
                       });
  }

 private:
  Response Encode(const StreamTicket& ticket, const JournalBatch& batch,
                  const v1::TelemetryFilter& filter) {
    Response response;
    response.set_journal_id(parts_.journal->id());
    response.set_epoch(ticket.epoch);
    response.set_next_offset(batch.next_offset);
    AddGaps(batch.gaps, response.mutable_gaps());
    for (const JournalRecord& record : batch.records) {
      if (filter.device_ids_size() > 0 && filter.device_ids(0) != record.bytes) continue;
      auto* telemetry = response.add_telemetry();
      telemetry->set_offset(record.offset);
      telemetry->set_device_id(record.bytes);
    }
    return response;
  }

  const StreamParts parts_;
};

// A client's end of a stream.
class Stream {
 public:
  Stream(v1::TelemetryService::Stub* stub, const v1::SubscribeTelemetryRequest& request)
      : reader_(stub->SubscribeTelemetry(&context_, request)) {}
  ~Stream() {
    context_.TryCancel();
    Finish();
  }

  // The next response; fails the test if there is none.
  Response Next() {
    Response response;
    EXPECT_TRUE(reader_->Read(&response));
    return response;
  }

  // How the stream ended; reads it to the end.
  grpc::Status Finish() {
    if (finished_) return status_;
    Response response;
    while (reader_->Read(&response)) {
    }
    status_ = reader_->Finish();
    finished_ = true;
    return status_;
  }

  void Cancel() { context_.TryCancel(); }

 private:
  grpc::ClientContext context_;
  std::unique_ptr<grpc::ClientReader<Response>> reader_;
  bool finished_ = false;
  grpc::Status status_;
};

class ServeStreamTest : public ::testing::Test {
 protected:
  ServeStreamTest() {
    std::string pattern = std::string(getenv("TEST_TMPDIR")) + "/streamXXXXXX";
    JournalOptions options;
    options.dir = "/d";
    options.file_system = &files_;
    options.segment_bytes = 10'000;
    options.max_bytes = 32 << 20;
    journal_ = Journal::Open(options, &clock_).value();
    store_ = SubscriptionStore::Open(std::string(mkdtemp(pattern.data())) + "/subscriptions",
                                     journal_.get(), &clock_, 10)
                 .value();
    service_ = std::make_unique<StreamingService>(
        StreamParts{store_.get(), journal_.get(), &gate_, &clock_});
    grpc::ServerBuilder builder;
    builder.RegisterService(service_.get());
    server_ = builder.BuildAndStart();
    stub_ = v1::TelemetryService::NewStub(server_->InProcessChannel({}));
  }
  ~ServeStreamTest() override {
    gate_.Stop();
    server_->Shutdown();
  }

  void Fill(int records, const std::string& bytes = "pump") {
    for (int i = 0; i < records; ++i) ASSERT_TRUE(journal_->Append(bytes).ok());
    ASSERT_TRUE(journal_->WaitDurable(journal_->end_offset() - 1, absl::InfiniteDuration()));
  }

  Stream Open(const v1::SubscribeTelemetryRequest& request) { return {stub_.get(), request}; }

  v1::SubscribeTelemetryRequest Named(const std::string& name) {
    v1::SubscribeTelemetryRequest request;
    request.set_subscription(name);
    return request;
  }

  static std::vector<int64_t> Offsets(const Response& response) {
    std::vector<int64_t> offsets;
    for (const auto& telemetry : response.telemetry()) offsets.push_back(telemetry.offset());
    return offsets;
  }

  MemoryFileSystem files_;
  FakeClock clock_;
  rpc::StreamGate gate_{3};
  std::unique_ptr<Journal> journal_;
  std::unique_ptr<SubscriptionStore> store_;
  std::unique_ptr<StreamingService> service_;
  std::unique_ptr<grpc::Server> server_;
  std::unique_ptr<v1::TelemetryService::Stub> stub_;
};

TEST_F(ServeStreamTest, TellsItsPlaceAtOnceAndThenWhatComes) {
  Fill(3);
  Stream stream = Open({});
  const Response first = stream.Next();
  EXPECT_EQ(first.journal_id(), journal_->id());
  EXPECT_EQ(first.epoch(), 0);
  EXPECT_EQ(first.next_offset(), 3);
  EXPECT_EQ(first.telemetry_size(), 0);
  Fill(1);
  const Response second = stream.Next();
  EXPECT_THAT(Offsets(second), ElementsAre(3));
  EXPECT_EQ(second.next_offset(), 4);
}

TEST_F(ServeStreamTest, ANamedStreamGoesOnWhereItWasAcknowledged) {
  Fill(5);
  {
    Stream stream = Open(Named("cloud"));
    EXPECT_EQ(stream.Next().next_offset(), 0);
    const Response response = stream.Next();
    EXPECT_EQ(response.epoch(), 1);
    EXPECT_THAT(Offsets(response), ElementsAre(0, 1, 2, 3, 4));
    EXPECT_TRUE(store_->Acknowledge("cloud", response.journal_id(), response.epoch(), 3).ok());
  }
  Stream stream = Open(Named("cloud"));
  EXPECT_EQ(stream.Next().next_offset(), 3);
  EXPECT_THAT(Offsets(stream.Next()), ElementsAre(3, 4));
}

TEST_F(ServeStreamTest, BatchesAreAsLargeAsAskedForAtMost) {
  Fill(7);
  v1::SubscribeTelemetryRequest request = Named("cloud");
  request.set_max_batch_size(3);
  Stream stream = Open(request);
  stream.Next();
  EXPECT_THAT(Offsets(stream.Next()), ElementsAre(0, 1, 2));
  EXPECT_THAT(Offsets(stream.Next()), ElementsAre(3, 4, 5));
  EXPECT_THAT(Offsets(stream.Next()), ElementsAre(6));
}

TEST_F(ServeStreamTest, WithAnIntervalMoreGathersInABatch) {
  v1::SubscribeTelemetryRequest request;
  request.mutable_min_interval()->set_seconds(1);
  Stream stream = Open(request);
  stream.Next();
  Fill(1);
  EXPECT_THAT(Offsets(stream.Next()), ElementsAre(0));
  Fill(1);
  Fill(1);
  clock_.Advance(absl::Seconds(1));
  EXPECT_THAT(Offsets(stream.Next()), ElementsAre(1, 2));
}

TEST_F(ServeStreamTest, WhoIsBehindWaitsForNoInterval) {
  Fill(7);
  v1::SubscribeTelemetryRequest request = Named("cloud");
  request.set_max_batch_size(3);
  request.mutable_min_interval()->set_seconds(10);
  Stream stream = Open(request);
  // The clock stands still: if it waited, nothing would come.
  for (int batches = 4; batches > 0; --batches) stream.Next();
}

TEST_F(ServeStreamTest, BatchesAreBoundedInBytes) {
  const std::string large(600'000, 'x');
  Fill(3, large);
  Stream stream = Open(Named("cloud"));
  stream.Next();
  EXPECT_THAT(Offsets(stream.Next()), ElementsAre(0, 1));
  EXPECT_THAT(Offsets(stream.Next()), ElementsAre(2));
}

TEST_F(ServeStreamTest, AFilteredStreamTellsItsProgressOnceForEachBatch) {
  Fill(2500);
  v1::SubscribeTelemetryRequest request = Named("cloud");
  request.mutable_filter()->add_device_ids("other");
  Stream stream = Open(request);
  for (const int64_t next_offset : {0, 1000, 2000, 2500}) {
    const Response response = stream.Next();
    EXPECT_EQ(response.next_offset(), next_offset);
    EXPECT_EQ(response.telemetry_size(), 0);
  }
}

TEST_F(ServeStreamTest, TellsOfWhatIsGone) {
  Fill(40, std::string(1'000'000, 'x'));
  for (int i = 0; i < 1000 && journal_->begin_offset() == 0; ++i) Fill(1);
  v1::SubscribeTelemetryRequest request;
  request.mutable_start()->set_offset(0);
  Stream stream = Open(request);
  EXPECT_EQ(stream.Next().next_offset(), 0);
  const Response response = stream.Next();
  ASSERT_GE(response.gaps_size(), 1);
  EXPECT_EQ(response.gaps(0).from_offset(), 0);
  EXPECT_EQ(response.gaps(0).reason(), v1::GAP_REASON_RETENTION);
  EXPECT_EQ(Offsets(response).front(), response.gaps(0).to_offset());
}

TEST_F(ServeStreamTest, TheNewestStreamWins) {
  Stream first = Open(Named("cloud"));
  first.Next();
  Stream second = Open(Named("cloud"));
  EXPECT_EQ(second.Next().epoch(), 2);
  EXPECT_EQ(first.Finish().error_code(), grpc::StatusCode::ABORTED);
  Fill(1);
  EXPECT_THAT(Offsets(second.Next()), ElementsAre(0));
}

TEST_F(ServeStreamTest, EndsWhenItsSubscriptionIsDeletedOrTheServiceStops) {
  Stream deleted = Open(Named("cloud"));
  deleted.Next();
  Stream stopped = Open(Named("app"));
  stopped.Next();
  ASSERT_TRUE(store_->Delete("cloud").ok());
  EXPECT_EQ(deleted.Finish().error_code(), grpc::StatusCode::ABORTED);
  gate_.Stop();
  EXPECT_EQ(stopped.Finish().error_code(), grpc::StatusCode::UNAVAILABLE);
  EXPECT_EQ(gate_.open(), 0);
}

TEST_F(ServeStreamTest, EndsWhenItsSubscriptionIsMovedAndTheNextBeginsThere) {
  Fill(10);
  Stream stream = Open(Named("cloud"));
  while (stream.Next().next_offset() < 10) {
  }
  StartPosition start;
  start.kind = StartPosition::Kind::kOffset;
  start.offset = 7;
  ASSERT_TRUE(store_->Seek("cloud", start).ok());
  EXPECT_EQ(stream.Finish().error_code(), grpc::StatusCode::ABORTED);
  Stream next = Open(Named("cloud"));
  EXPECT_EQ(next.Next().next_offset(), 7);
  EXPECT_THAT(Offsets(next.Next()), ElementsAre(7, 8, 9));
}

TEST_F(ServeStreamTest, AClientThatGoesLeavesNothingOpen) {
  {
    Stream stream = Open(Named("cloud"));
    stream.Next();
    EXPECT_EQ(gate_.open(), 1);
    EXPECT_TRUE(store_->List("", 1)[0].connected);
  }
  // Ends once every handler has returned.
  server_->Shutdown();
  EXPECT_EQ(gate_.open(), 0);
  EXPECT_FALSE(store_->List("", 1)[0].connected);
}

TEST_F(ServeStreamTest, ASlowClientHoldsBackItsOwnStreamAlone) {
  Fill(200, std::string(100'000, 'x'));
  Stream slow = Open(Named("slow"));
  Stream quick = Open(Named("quick"));
  while (quick.Next().next_offset() < 200) {
  }
  int64_t expected = 0;
  while (expected < 200) {
    for (const int64_t offset : Offsets(slow.Next())) EXPECT_EQ(offset, expected++);
  }
}

TEST_F(ServeStreamTest, RefusesWhatIsWrong) {
  const auto code = [&](const v1::SubscribeTelemetryRequest& request) {
    return Open(request).Finish().error_code();
  };
  v1::SubscribeTelemetryRequest request = Named("a/b");
  EXPECT_EQ(code(request), grpc::StatusCode::INVALID_ARGUMENT);
  request = {};
  request.set_max_batch_size(10'001);
  EXPECT_EQ(code(request), grpc::StatusCode::INVALID_ARGUMENT);
  request.set_max_batch_size(-1);
  EXPECT_EQ(code(request), grpc::StatusCode::INVALID_ARGUMENT);
  request = {};
  request.mutable_min_interval()->set_seconds(11);
  EXPECT_EQ(code(request), grpc::StatusCode::INVALID_ARGUMENT);
  request.mutable_min_interval()->set_seconds(-1);
  EXPECT_EQ(code(request), grpc::StatusCode::INVALID_ARGUMENT);
  request = {};
  request.mutable_start()->set_offset(-1);
  EXPECT_EQ(code(request), grpc::StatusCode::INVALID_ARGUMENT);
  request.mutable_start()->set_offset(1);
  EXPECT_EQ(code(request), grpc::StatusCode::OUT_OF_RANGE);
  request.mutable_start()->mutable_resume();
  EXPECT_EQ(code(request), grpc::StatusCode::INVALID_ARGUMENT);
  ASSERT_TRUE(store_->Create("cloud", {}, absl::InfiniteDuration()).ok());
  request.set_subscription("cloud");
  request.mutable_start()->mutable_earliest();
  EXPECT_EQ(code(request), grpc::StatusCode::FAILED_PRECONDITION);
  EXPECT_EQ(gate_.open(), 0);
}

TEST_F(ServeStreamTest, NoMoreStreamsThanTheGateLetsIn) {
  Stream a = Open({}), b = Open({}), c = Open({});
  a.Next(), b.Next(), c.Next();
  EXPECT_EQ(Open({}).Finish().error_code(), grpc::StatusCode::RESOURCE_EXHAUSTED);
}

}  // namespace
}  // namespace sluice
