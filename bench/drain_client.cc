// Subscribes to telemetry from the beginning and takes it as fast as it comes, without making
// messages of the bytes. Usage: drain_client ADDRESS RECORDS BATCH. Ends after so many records with
// a line of JSON about it.

#include <google/protobuf/io/coded_stream.h>
#include <google/protobuf/wire_format_lite.h>
#include <grpcpp/create_channel.h>
#include <grpcpp/generic/generic_stub.h>
#include <grpcpp/impl/codegen/proto_utils.h>
#include <grpcpp/support/proto_buffer_reader.h>

#include <cstdio>
#include <cstdlib>
#include <string>

#include "bench/cpu_seconds.h"
#include "libs/clock/clock.h"
#include "sluice/v1/telemetry_service.pb.h"

namespace {

using google::protobuf::internal::WireFormatLite;
using sluice::bench::CpuSeconds;
using sluice::v1::SubscribeTelemetryResponse;

constexpr uint32_t kTelemetryTag = SubscribeTelemetryResponse::kTelemetryFieldNumber << 3 |
                                   WireFormatLite::WIRETYPE_LENGTH_DELIMITED;

// How many records a response holds; -1 if it is none.
using Records = int64_t (*)(grpc::ByteBuffer* response);

int64_t Count(grpc::ByteBuffer* response) {
  grpc::ProtoBufferReader bytes(response);
  google::protobuf::io::CodedInputStream in(&bytes);
  int64_t records = 0;
  while (const uint32_t tag = in.ReadTag()) {
    if (tag == kTelemetryTag) ++records;
    if (!WireFormatLite::SkipField(&in, tag)) return -1;
  }
  return in.ConsumedEntireMessage() ? records : -1;
}

int64_t Decode(grpc::ByteBuffer* response) {
  static SubscribeTelemetryResponse message;
  const grpc::Status status =
      grpc::SerializationTraits<SubscribeTelemetryResponse>::Deserialize(response, &message);
  return status.ok() ? message.telemetry_size() : -1;
}

}  // namespace

int main(int argc, char** argv) {
  const std::string how = argc == 5 ? argv[4] : "";
  if (how != "decode" && how != "count") {
    std::fprintf(stderr, "usage: drain_client ADDRESS RECORDS BATCH decode|count\n");
    return 2;
  }
  const Records records_of = how == "decode" ? Decode : Count;
  const int64_t wanted = std::atoll(argv[2]);
  const sluice::SystemClock clock;
  grpc::CompletionQueue done;
  grpc::ClientContext context;
  grpc::TemplatedGenericStub<sluice::v1::SubscribeTelemetryRequest, grpc::ByteBuffer> stub(
      grpc::CreateChannel(argv[1], grpc::InsecureChannelCredentials()));
  const auto stream =
      stub.PrepareCall(&context, "/sluice.v1.TelemetryService/SubscribeTelemetry", &done);
  const auto completed = [&] {
    void* tag;
    bool ok;
    return done.Next(&tag, &ok) && ok;
  };
  sluice::v1::SubscribeTelemetryRequest request;
  request.mutable_start()->mutable_earliest();
  request.set_max_batch_size(std::atoi(argv[3]));

  stream->StartCall(nullptr);
  bool good = completed();
  if (good) stream->WriteLast(request, {}, nullptr);
  good = good && completed();
  // Connected: from here on it counts.
  const absl::Duration began = clock.Uptime();
  const double began_cpu = CpuSeconds();
  int64_t records = 0, bytes = 0, responses = 0;
  grpc::ByteBuffer response;
  while (good && records < wanted) {
    stream->Read(&response, nullptr);
    good = completed();
    if (!good) break;
    ++responses;
    bytes += static_cast<int64_t>(response.Length());
    const int64_t more = records_of(&response);
    good = more >= 0;
    records += more;
  }
  const double seconds = absl::ToDoubleSeconds(clock.Uptime() - began);
  std::printf(
      "{\"records\": %lld, \"bytes\": %lld, \"responses\": %lld, \"seconds\": %.6f, \"cpu_s\": "
      "%.6f}\n",
      static_cast<long long>(records), static_cast<long long>(bytes),
      static_cast<long long>(responses), seconds, CpuSeconds() - began_cpu);
  std::fflush(stdout);
  // The stream has no end: nobody waits for it.
  std::_Exit(good ? 0 : 1);
}
