// Fuzzes the journal's recovery: see JournalProgram.

#include "libs/journal/journal_program.h"
#include "tools/fuzz/fuzz_input.h"

extern "C" int LLVMFuzzerTestOneInput(const uint8_t* bytes, size_t size) {
  sluice::journal::JournalProgram(sluice::FuzzInput(bytes, size)).Run();
  return 0;
}
