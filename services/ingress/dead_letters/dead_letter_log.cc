#include "services/ingress/dead_letters/dead_letter_log.h"

#include <algorithm>
#include <memory>
#include <utility>

#include "absl/strings/numbers.h"
#include "absl/strings/str_cat.h"
#include "libs/page/page_token.h"
#include "services/ingress/dead_letters/dead_letter_filter.h"

namespace sluice::ingress {
namespace {

constexpr int64_t kMaxPageBytes = 1 << 20;
constexpr int64_t kMaxSearchBytes = 16 << 20;
constexpr int kBatchRecords = 1000;

// Offsets of another log, and pages of another filter, mean nothing here.
std::string ContextOf(const Journal& journal, absl::string_view method,
                      const v1::DeadLetterFilter& filter) {
  return absl::StrCat(method, " ", journal.id(), " ", filter.SerializeAsString());
}

}  // namespace

std::string DeadLetterLog::TokenAt(int64_t offset, absl::string_view method,
                                   const v1::DeadLetterFilter& filter) const {
  return MakePageToken(ContextOf(*journal_, method, filter), absl::StrCat(offset));
}

absl::StatusOr<DeadLetterLog::Page> DeadLetterLog::Select(absl::string_view method,
                                                          const v1::DeadLetterFilter& wanted,
                                                          int page_size,
                                                          const std::string& page_token) const {
  const auto filter = DeadLetterFilter::Create(wanted);
  if (!filter.ok()) return filter.status();
  const auto max_letters = PageSize(page_size);
  if (!max_letters.ok()) return max_letters.status();
  const auto key = ParsePageToken(ContextOf(*journal_, method, wanted), page_token);
  if (!key.ok()) return key.status();
  int64_t offset = 0;
  // A token of ours always holds an offset.
  if (!key->empty() && !absl::SimpleAtoi(*key, &offset)) {
    return absl::InternalError("a page token of ours holds no offset");
  }

  Page page;
  const auto reader = journal_->NewReader(std::max(offset, marks_->begin()));
  int64_t page_bytes = 0;
  int64_t search_bytes = 0;
  while (static_cast<int>(page.letters.size()) < *max_letters && page_bytes < kMaxPageBytes &&
         search_bytes < kMaxSearchBytes) {
    const int left = *max_letters - static_cast<int>(page.letters.size());
    const auto batch = reader->Read(left, kMaxPageBytes - page_bytes);
    if (!batch.ok()) return batch.status();
    for (const JournalRecord& record : batch->records) {
      const auto bytes = static_cast<int64_t>(record.bytes.size());
      search_bytes += bytes;
      if (marks_->Replayed(record.offset)) continue;
      v1::DeadLetter letter;
      if (!letter.ParseFromString(record.bytes)) {
        letter.Clear();
        letter.set_detail("this record of the dead-letter log cannot be read");
      }
      if (!filter->Matches(letter)) continue;
      letter.set_offset(record.offset);
      page_bytes += bytes;
      page.letters.push_back(std::move(letter));
    }
    if (batch->records.empty() && batch->gaps.empty()) break;
  }
  if (reader->next_offset() < journal_->durable_offset()) {
    page.next_page_token = TokenAt(reader->next_offset(), method, wanted);
  }
  return page;
}

absl::StatusOr<v1::DeadLetter> DeadLetterLog::Get(int64_t offset) const {
  const auto missing = [&](absl::string_view why) {
    return absl::NotFoundError(absl::StrCat("no dead letter ", offset, ": ", why));
  };
  if (offset < 0 || offset >= end()) return missing("there was none yet");
  if (offset < marks_->begin()) return missing("it was purged, or deleted to make room");
  if (marks_->Replayed(offset)) return missing("it was replayed and taken in");
  const auto batch = journal_->NewReader(offset)->Read(1, 1);
  if (!batch.ok()) return batch.status();
  if (batch->records.empty() || batch->records.front().offset != offset) {
    return missing("its record is gone");
  }
  v1::DeadLetter letter;
  if (!letter.ParseFromString(batch->records.front().bytes)) {
    return absl::DataLossError(absl::StrCat("dead letter ", offset, " cannot be read"));
  }
  letter.set_offset(offset);
  return letter;
}

absl::StatusOr<int64_t> DeadLetterLog::CountBelow(int64_t offset) const {
  int64_t count = 0;
  const auto reader = journal_->NewReader(marks_->begin());
  while (reader->next_offset() < offset) {
    const auto batch = reader->Read(kBatchRecords, kMaxPageBytes);
    if (!batch.ok()) return batch.status();
    for (const JournalRecord& record : batch->records) {
      if (record.offset < offset && !marks_->Replayed(record.offset)) ++count;
    }
    if (batch->records.empty() && batch->gaps.empty()) break;
  }
  return count;
}

}  // namespace sluice::ingress
