#include "tools/sluicectl/failure.h"

#include "absl/strings/match.h"
#include "absl/strings/str_cat.h"
#include "google/rpc/code.pb.h"
#include "google/rpc/error_details.pb.h"
#include "libs/status/field_violation.h"
#include "tools/sluicectl/display_text.h"

namespace sluice::sluicectl {

ExitCode ReportServiceError(const Console& console, absl::string_view command,
                            const absl::Status& status) {
  WriteNote(console, command,
            absl::StrCat(CodeName(static_cast<int>(status.code())), ": ", status.message()));
  const auto payload = status.GetPayload(kBadRequestUrl);
  google::rpc::BadRequest details;
  if (payload.has_value() && details.ParseFromString(std::string(*payload))) {
    for (const auto& violation : details.field_violations()) {
      const std::string text = absl::StrCat(violation.field(), ": ", violation.description());
      if (absl::StrContains(status.message(), text)) continue;
      *console.err << "  " << EscapeForDisplay(text) << '\n';
    }
  }
  const bool unreachable = absl::IsUnavailable(status) || absl::IsDeadlineExceeded(status);
  return unreachable ? kExitUnreachable : kExitRefused;
}

ExitCode ReportUsageError(const Console& console, absl::string_view command,
                          const absl::Status& status) {
  WriteNote(console, command, status.message());
  *console.err << "Try: sluicectl " << command << " --help\n";
  return kExitUsage;
}

ExitCode ReportNextPage(const Console& console, absl::string_view command,
                        absl::string_view next_page_token) {
  if (!next_page_token.empty()) {
    WriteNote(console, command,
              absl::StrCat("there are more: --all shows them, --page-token=", next_page_token,
                           " the next page"));
  }
  return kExitOk;
}

std::string CodeName(int code) {
  const std::string name = google::rpc::Code_IsValid(code)
                               ? google::rpc::Code_Name(static_cast<google::rpc::Code>(code))
                               : "";
  return name.empty() ? absl::StrCat("code ", code) : name;
}

}  // namespace sluice::sluicectl
