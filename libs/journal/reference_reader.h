#ifndef SLUICE_LIBS_JOURNAL_REFERENCE_READER_H_
#define SLUICE_LIBS_JOURNAL_REFERENCE_READER_H_

#include <cstdint>
#include <map>
#include <string>

#include "absl/types/optional.h"
#include "libs/file/memory_file_system.h"
#include "libs/journal/marks_file.h"

namespace sluice::journal {

// What a directory of a journal holds, by docs/journal-format.md alone.
struct ReferenceLog {
  struct Record {
    int64_t time_us = 0;
    std::string payload;
  };
  // A format is newer than this program's: nobody may open it.
  bool newer = false;
  // Nothing if they are missing or damaged.
  absl::optional<Marks> marks;
  // Every intact record, by offset.
  std::map<int64_t, Record> records;
};

// Reads with no thought of speed, and knows no unit of the journal but those that decode bytes:
// what recovery and its readers are compared with.
ReferenceLog ReadDirectory(MemoryFileSystem* files, const std::string& directory);

}  // namespace sluice::journal

#endif  // SLUICE_LIBS_JOURNAL_REFERENCE_READER_H_
