#include "services/ingress/telemetry/dead_letter_pages.h"

#include <string>

#include "absl/strings/numbers.h"
#include "absl/strings/str_cat.h"
#include "libs/page/page_token.h"

namespace sluice::ingress {
namespace {

constexpr int64_t kMaxPageBytes = 1 << 20;

}  // namespace

absl::StatusOr<v1::ListDeadLettersResponse> ListDeadLetters(
    const v1::ListDeadLettersRequest& request, Journal* dead_letters) {
  const auto page_size = PageSize(request.page_size());
  if (!page_size.ok()) return page_size.status();
  // Offsets of another log mean nothing here.
  const std::string context = absl::StrCat("ListDeadLetters ", dead_letters->id());
  const auto key = ParsePageToken(context, request.page_token());
  if (!key.ok()) return key.status();
  int64_t offset = dead_letters->begin_offset();
  // A token of ours always holds an offset.
  if (!key->empty() && !absl::SimpleAtoi(*key, &offset)) {
    return absl::InternalError("a page token of ours holds no offset");
  }

  v1::ListDeadLettersResponse response;
  const auto reader = dead_letters->NewReader(offset);
  int64_t bytes = 0;
  while (response.dead_letters_size() < *page_size && bytes < kMaxPageBytes) {
    const auto batch =
        reader->Read(*page_size - response.dead_letters_size(), kMaxPageBytes - bytes);
    if (!batch.ok()) return batch.status();
    for (const JournalRecord& record : batch->records) {
      bytes += static_cast<int64_t>(record.bytes.size());
      v1::DeadLetter* letter = response.add_dead_letters();
      if (!letter->ParseFromString(record.bytes)) {
        letter->Clear();
        letter->set_detail("this record of the dead-letter log cannot be read");
      }
      letter->set_offset(record.offset);
    }
    if (batch->records.empty() && batch->gaps.empty()) return response;  // the end
  }
  if (reader->next_offset() < dead_letters->durable_offset()) {
    response.set_next_page_token(MakePageToken(context, absl::StrCat(reader->next_offset())));
  }
  return response;
}

}  // namespace sluice::ingress
