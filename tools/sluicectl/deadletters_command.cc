#include "tools/sluicectl/deadletters_command.h"

#include <cstdint>
#include <string>

#include "absl/strings/str_cat.h"
#include "absl/strings/strip.h"
#include "libs/proto_time/proto_time.h"
#include "sluice/v1/telemetry_service.grpc.pb.h"
#include "tools/sluicectl/failure.h"
#include "tools/sluicectl/pages.h"
#include "tools/sluicectl/time_format.h"

namespace sluice::sluicectl {
namespace {

// A table shows the start of a payload; --json shows all of it.
constexpr size_t kShownPayloadBytes = 64;

std::string PayloadText(const v1::DeadLetter& letter) {
  const bool cut = letter.payload_size_bytes() > static_cast<int64_t>(kShownPayloadBytes);
  return absl::StrCat(letter.payload().substr(0, kShownPayloadBytes), cut ? "…" : "");
}

}  // namespace

int Run(const Session& session, const DeadLettersListOptions& options) {
  constexpr char kCommand[] = "deadletters list";
  const Console& console = *session.console;
  const auto ingress = FindEndpoint(session, ServiceName::kIngress);
  if (!ingress.ok()) return ReportServiceError(console, kCommand, ingress.status());
  using Stub = v1::TelemetryService::StubInterface;
  const auto stub = v1::TelemetryService::NewStub(ingress->channel);
  Table table({{"OFFSET", true},
               {"RECEIVED"},
               {"WAY"},
               {"DEVICE"},
               {"CLIENT"},
               {"USER"},
               {"ADDRESS"},
               {"REASON"},
               {"DETAIL"},
               {"BYTES", true},
               {"PAYLOAD"}});
  const auto fetch = [&](int32_t page_size,
                         const std::string& token) -> absl::StatusOr<std::string> {
    v1::ListDeadLettersRequest request;
    request.set_page_size(page_size);
    request.set_page_token(token);
    const auto page = Call<Stub>(*ingress, *stub, &Stub::ListDeadLetters, request);
    if (!page.ok()) return page.status();
    for (const v1::DeadLetter& letter : page->dead_letters()) {
      if (console.json) {
        WriteJson(console, letter);
        continue;
      }
      const std::string way = v1::Protocol_Name(letter.protocol());
      const std::string reason = v1::DeadLetterReason_Name(letter.reason());
      table.Add({absl::StrCat(letter.offset()), AgeCell(console, FromProto(letter.received_time())),
                 std::string(absl::StripPrefix(way, "PROTOCOL_")), letter.device_id(),
                 letter.sender().client_id(), letter.sender().username(), letter.address(),
                 std::string(absl::StripPrefix(reason, "DEAD_LETTER_REASON_")), letter.detail(),
                 absl::StrCat(letter.payload_size_bytes()), PayloadText(letter)});
    }
    return page->next_page_token();
  };
  const auto next = FetchPages(options.page, fetch);
  if (!console.json && next.ok()) WriteTable(console, table, "no dead letters");
  if (!next.ok()) return ReportServiceError(console, kCommand, next.status());
  return ReportNextPage(console, kCommand, *next);
}

}  // namespace sluice::sluicectl
