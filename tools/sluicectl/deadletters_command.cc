#include "tools/sluicectl/deadletters_command.h"

#include <cstdint>
#include <string>

#include "absl/strings/ascii.h"
#include "absl/strings/str_cat.h"
#include "absl/strings/str_replace.h"
#include "absl/strings/strip.h"
#include "libs/proto_time/proto_time.h"
#include "sluice/v1/telemetry_service.grpc.pb.h"
#include "tools/sluicectl/failure.h"
#include "tools/sluicectl/pages.h"
#include "tools/sluicectl/time_format.h"
#include "tools/sluicectl/values.h"

namespace sluice::sluicectl {
namespace {

using Stub = v1::TelemetryService::StubInterface;

constexpr char kReasonPrefix[] = "DEAD_LETTER_REASON_";

// A table shows the start of a payload; --json shows all of it.
constexpr size_t kShownPayloadBytes = 64;

std::string PayloadText(const v1::DeadLetter& letter) {
  const bool cut = letter.payload_size_bytes() > static_cast<int64_t>(kShownPayloadBytes);
  return absl::StrCat(letter.payload().substr(0, kShownPayloadBytes), cut ? "…" : "");
}

std::string WayOf(const v1::DeadLetter& letter) {
  return std::string(absl::StripPrefix(v1::Protocol_Name(letter.protocol()), "PROTOCOL_"));
}

std::string ReasonOf(const v1::DeadLetter& letter) {
  return std::string(absl::StripPrefix(v1::DeadLetterReason_Name(letter.reason()), kReasonPrefix));
}

// `unknown-device` and `UNKNOWN_DEVICE` are the same.
absl::StatusOr<v1::DeadLetterReason> ParseReason(const std::string& text) {
  const std::string name = absl::StrReplaceAll(absl::AsciiStrToUpper(text), {{"-", "_"}});
  v1::DeadLetterReason reason = v1::DEAD_LETTER_REASON_UNSPECIFIED;
  if (v1::DeadLetterReason_Parse(kReasonPrefix + name, &reason) &&
      reason != v1::DEAD_LETTER_REASON_UNSPECIFIED) {
    return reason;
  }
  std::string reasons;
  for (int i = 1; i <= v1::DeadLetterReason_MAX; ++i) {
    const std::string& known = v1::DeadLetterReason_Name(static_cast<v1::DeadLetterReason>(i));
    absl::StrAppend(&reasons, i == 1 ? "" : ", ", absl::StripPrefix(known, kReasonPrefix));
  }
  return absl::InvalidArgumentError(absl::StrCat("--reason '", text, "' is none of ", reasons));
}

absl::StatusOr<v1::DeadLetterFilter> FilterFromFlags(const DeadLetterFlags& flags) {
  v1::DeadLetterFilter filter;
  for (const std::string& text : flags.reasons) {
    const auto reason = ParseReason(text);
    if (!reason.ok()) return reason.status();
    filter.add_reasons(*reason);
  }
  for (const std::string& id : flags.devices) filter.add_device_ids(id);
  if (!flags.after.empty()) {
    const auto time = ParseTime(flags.after);
    if (!time.ok()) return time.status();
    *filter.mutable_received_from() = ToProto(*time);
  }
  if (!flags.before.empty()) {
    const auto time = ParseTime(flags.before);
    if (!time.ok()) return time.status();
    *filter.mutable_received_before() = ToProto(*time);
  }
  return filter;
}

// What a replay did so far.
class ReplayReport {
 public:
  explicit ReplayReport(const Console& console)
      : console_(console), table_({{"LETTER", true}, {"RESULT"}, {"OFFSET", true}, {"DETAIL"}}) {}

  void Add(const v1::ReplayResult& result) {
    ++letters_;
    if (result.code() != 0) ++refused_;
    // Not now: those behind were not tried.
    stopped_ = result.code() == static_cast<int>(absl::StatusCode::kResourceExhausted) ||
               result.code() == static_cast<int>(absl::StatusCode::kUnavailable);
    if (console_.json) {
      WriteJson(console_, result);
      return;
    }
    table_.Add({absl::StrCat(result.dead_letter_offset()),
                result.code() == 0 ? Cell("taken in", Tone::kGood)
                                   : Cell(CodeName(result.code()), Tone::kBad),
                result.has_offset() ? absl::StrCat(result.offset()) : std::string(),
                result.message()});
  }

  bool stopped() const { return stopped_; }

  int Finish(absl::string_view command) const {
    if (!console_.json) WriteTable(console_, table_, "no dead letters");
    if (refused_ == 0) return kExitOk;
    WriteNote(console_, command,
              absl::StrCat(refused_, " of ", letters_, " letters were not taken in",
                           stopped_ ? ", and those behind were not tried" : ""));
    return kExitRefused;
  }

 private:
  const Console& console_;
  Table table_;
  int64_t letters_ = 0;
  int64_t refused_ = 0;
  bool stopped_ = false;
};

}  // namespace

int Run(const Session& session, const DeadLettersListOptions& options) {
  constexpr char kCommand[] = "deadletters list";
  const Console& console = *session.console;
  const auto filter = FilterFromFlags(options.filter);
  if (!filter.ok()) return ReportUsageError(console, kCommand, filter.status());
  const auto ingress = FindEndpoint(session, ServiceName::kIngress);
  if (!ingress.ok()) return ReportServiceError(console, kCommand, ingress.status());
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
    *request.mutable_filter() = *filter;
    const auto page = Call<Stub>(*ingress, *stub, &Stub::ListDeadLetters, request);
    if (!page.ok()) return page.status();
    for (const v1::DeadLetter& letter : page->dead_letters()) {
      if (console.json) {
        WriteJson(console, letter);
        continue;
      }
      table.Add({absl::StrCat(letter.offset()), AgeCell(console, FromProto(letter.received_time())),
                 WayOf(letter), letter.device_id(), letter.sender().client_id(),
                 letter.sender().username(), letter.address(), ReasonOf(letter), letter.detail(),
                 absl::StrCat(letter.payload_size_bytes()), PayloadText(letter)});
    }
    return page->next_page_token();
  };
  const auto next = FetchPages(options.page, fetch);
  if (!console.json && next.ok()) WriteTable(console, table, "no dead letters");
  if (!next.ok()) return ReportServiceError(console, kCommand, next.status());
  return ReportNextPage(console, kCommand, *next);
}

int Run(const Session& session, const DeadLettersShowOptions& options) {
  constexpr char kCommand[] = "deadletters show";
  const Console& console = *session.console;
  const auto ingress = FindEndpoint(session, ServiceName::kIngress);
  if (!ingress.ok()) return ReportServiceError(console, kCommand, ingress.status());
  const auto stub = v1::TelemetryService::NewStub(ingress->channel);
  v1::GetDeadLetterRequest request;
  request.set_offset(options.offset);
  const auto letter = Call<Stub>(*ingress, *stub, &Stub::GetDeadLetter, request);
  if (!letter.ok()) return ReportServiceError(console, kCommand, letter.status());
  if (console.json) {
    WriteJson(console, *letter);
    return kExitOk;
  }
  WriteFields(console, {{"offset", absl::StrCat(letter->offset())},
                        {"received", TimeAndAge(console, FromProto(letter->received_time()))},
                        {"way", WayOf(*letter)},
                        {"device", letter->device_id()},
                        {"client", letter->sender().client_id()},
                        {"user", letter->sender().username()},
                        {"address", letter->address()},
                        {"message id", letter->message_id()},
                        {"reason", ReasonOf(*letter)},
                        {"detail", letter->detail()},
                        {"content type", letter->content_type()},
                        {"bytes", absl::StrCat(letter->payload_size_bytes())},
                        {"payload", letter->payload()}});
  return kExitOk;
}

int Run(const Session& session, const DeadLettersReplayOptions& options) {
  constexpr char kCommand[] = "deadletters replay";
  const Console& console = *session.console;
  const auto filter = FilterFromFlags(options.filter);
  if (!filter.ok()) return ReportUsageError(console, kCommand, filter.status());
  const int ways = (options.offsets.empty() ? 0 : 1) + (filter->ByteSizeLong() > 0 ? 1 : 0) +
                   (options.all ? 1 : 0);
  if (ways != 1) {
    return ReportUsageError(console, kCommand,
                            absl::InvalidArgumentError("say which letters: their OFFSETs, or "
                                                       "--reason, --device, --after and --before, "
                                                       "or --all"));
  }
  const auto ingress = FindEndpoint(session, ServiceName::kIngress);
  if (!ingress.ok()) return ReportServiceError(console, kCommand, ingress.status());
  const auto stub = v1::TelemetryService::NewStub(ingress->channel);
  ReplayReport report(console);
  const auto fetch = [&](int32_t page_size,
                         const std::string& token) -> absl::StatusOr<std::string> {
    v1::ReplayDeadLettersRequest request;
    if (options.offsets.empty()) {
      *request.mutable_filter() = *filter;
      request.set_page_size(page_size);
      request.set_page_token(token);
    } else {
      request.mutable_offsets()->Add(options.offsets.begin(), options.offsets.end());
    }
    const auto page = Call<Stub>(*ingress, *stub, &Stub::ReplayDeadLetters, request);
    if (!page.ok()) return page.status();
    for (const v1::ReplayResult& result : page->results()) report.Add(result);
    return report.stopped() ? std::string() : page->next_page_token();
  };
  PageOptions every;
  every.all = true;
  const auto end = FetchPages(every, fetch);
  const int code = report.Finish(kCommand);
  return end.ok() ? code : ReportServiceError(console, kCommand, end.status());
}

int Run(const Session& session, const DeadLettersPurgeOptions& options) {
  constexpr char kCommand[] = "deadletters purge";
  const Console& console = *session.console;
  v1::PurgeDeadLettersRequest request;
  request.set_validate_only(options.dry_run);
  const auto before = ParseStart(options.before);
  if (!before.ok()) return ReportUsageError(console, kCommand, before.status());
  if (before->has_offset()) request.set_before_offset(before->offset());
  if (before->has_time()) *request.mutable_before_time() = before->time();
  const bool before_is_clear = before->has_offset() || before->has_time();
  if (options.all ? !options.before.empty() : !before_is_clear) {
    return ReportUsageError(console, kCommand,
                            absl::InvalidArgumentError("say how much: --before an offset or a "
                                                       "time, or --all"));
  }
  if (options.all) request.mutable_all();
  const auto ingress = FindEndpoint(session, ServiceName::kIngress);
  if (!ingress.ok()) return ReportServiceError(console, kCommand, ingress.status());
  const auto stub = v1::TelemetryService::NewStub(ingress->channel);
  const auto purged = Call<Stub>(*ingress, *stub, &Stub::PurgeDeadLetters, request);
  if (!purged.ok()) return ReportServiceError(console, kCommand, purged.status());
  if (console.json) {
    WriteJson(console, *purged);
  } else {
    *console.out << (options.dry_run ? "would purge " : "purged ") << purged->purged_count()
                 << " dead letters\n";
  }
  return kExitOk;
}

}  // namespace sluice::sluicectl
