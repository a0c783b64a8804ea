#ifndef SLUICE_LIBS_JOURNAL_JOURNAL_PROGRAM_H_
#define SLUICE_LIBS_JOURNAL_JOURNAL_PROGRAM_H_

#include <cstdint>
#include <map>
#include <memory>
#include <set>
#include <string>

#include "libs/clock/fake_clock.h"
#include "libs/file/memory_file_system.h"
#include "libs/journal/journal.h"
#include "libs/journal/reference_reader.h"
#include "tools/fuzz/fuzz_input.h"

namespace sluice::journal {

// A fuzzer's input as a program: appends to a small journal, ends of its process and of its
// machine, and damage to its directory. Whenever it opens, it must hold what a reader by the book
// finds in the directory, and go on above every offset that it has shown. Ends the process
// otherwise.
class JournalProgram {
 public:
  explicit JournalProgram(FuzzInput input);
  void Run();

 private:
  void Step();

  // The journal at work.
  void Append(bool durable);
  void AppendUnsynced();
  void AppendToFullDisk();

  // It is closed afterwards.
  enum class Ending { kInOrder, kKill, kPowerLoss };
  void Stop(Ending ending);

  // Ends it, damages its directory and opens it again.
  void Damage();
  void DamageBytes(const std::string& path);
  void ForgeSegment();

  std::string NextPayload(uint8_t code);
  void NoteDurable();
  void Open();
  // Compares what it shows with `expected`.
  void Check(const ReferenceLog& expected);
  void CheckFrom(int64_t start, const ReferenceLog& expected);
  void CheckTime(const ReferenceLog& expected);

  FuzzInput input_;
  FakeClock clock_;
  JournalOptions options_;
  std::unique_ptr<MemoryFileSystem> files_;
  std::unique_ptr<Journal> journal_;
  std::string id_;
  int64_t payloads_ = 0;
  // What was appended at each offset.
  std::map<int64_t, std::set<std::string>> appended_;
  // What must be there: durable or, if only the process ended, appended. Until anything is damaged.
  std::map<int64_t, std::string> kept_;
  bool damaged_ = false;
  int damages_ = 0;
  bool marks_damaged_ = false;
  bool forged_ = false;
  // No offset below it may be given out again.
  int64_t shown_end_ = 0;
};

}  // namespace sluice::journal

#endif  // SLUICE_LIBS_JOURNAL_JOURNAL_PROGRAM_H_
