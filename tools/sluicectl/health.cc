#include "tools/sluicectl/health.h"

#include <google/protobuf/io/coded_stream.h>
#include <google/protobuf/io/zero_copy_stream_impl_lite.h>
#include <google/protobuf/wire_format_lite.h>
#include <grpcpp/client_context.h>
#include <grpcpp/completion_queue.h>
#include <grpcpp/generic/generic_stub.h>
#include <grpcpp/support/byte_buffer.h>

#include <cstdint>
#include <vector>

#include "absl/strings/str_cat.h"
#include "absl/time/clock.h"
#include "libs/rpc/grpc_status.h"

namespace sluice::sluicectl {
namespace {

// The two messages of grpc.health.v1 hold one field each, so their wire format is written here:
// HealthCheckRequest {string service = 1}, HealthCheckResponse {ServingStatus status = 1}.
constexpr int kFieldNumber = 1;
constexpr uint64_t kServing = 1;

using google::protobuf::internal::WireFormatLite;

grpc::ByteBuffer EncodeRequest(const std::string& service) {
  std::string bytes;
  {
    google::protobuf::io::StringOutputStream stream(&bytes);
    google::protobuf::io::CodedOutputStream out(&stream);
    WireFormatLite::WriteString(kFieldNumber, service, &out);
  }
  grpc::Slice slice(bytes);
  return grpc::ByteBuffer(&slice, 1);
}

// The status in a response; 0 (UNKNOWN) if there is none.
uint64_t DecodeStatus(const grpc::ByteBuffer& response) {
  std::vector<grpc::Slice> slices;
  if (!response.Dump(&slices).ok()) return 0;
  std::string bytes;
  for (const grpc::Slice& slice : slices) {
    bytes.append(reinterpret_cast<const char*>(slice.begin()), slice.size());
  }
  google::protobuf::io::ArrayInputStream stream(bytes.data(), static_cast<int>(bytes.size()));
  google::protobuf::io::CodedInputStream in(&stream);
  const uint32_t status_tag =
      WireFormatLite::MakeTag(kFieldNumber, WireFormatLite::WIRETYPE_VARINT);
  uint64_t status = 0;
  while (const uint32_t tag = in.ReadTag()) {
    const bool read =
        tag == status_tag ? in.ReadVarint64(&status) : WireFormatLite::SkipField(&in, tag);
    if (!read) return 0;
  }
  return status;
}

}  // namespace

absl::Status CheckHealth(const std::shared_ptr<grpc::Channel>& channel, const std::string& service,
                         absl::Duration timeout) {
  grpc::ClientContext context;
  context.set_deadline(absl::ToChronoTime(absl::Now() + timeout));
  grpc::CompletionQueue queue;
  grpc::GenericStub stub(channel);
  grpc::ByteBuffer response;
  grpc::Status status;
  const auto call = stub.PrepareUnaryCall(&context, "/grpc.health.v1.Health/Check",
                                          EncodeRequest(service), &queue);
  call->StartCall();
  call->Finish(&response, &status, &status);
  void* tag = nullptr;
  bool ok = false;
  // The call's deadline bounds this wait.
  queue.Next(&tag, &ok);
  queue.Shutdown();
  if (!status.ok()) return rpc::FromGrpc(status);
  if (DecodeStatus(response) == kServing) return absl::OkStatus();
  return absl::FailedPreconditionError(absl::StrCat(service, " is not serving"));
}

}  // namespace sluice::sluicectl
