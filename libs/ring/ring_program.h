#ifndef SLUICE_LIBS_RING_RING_PROGRAM_H_
#define SLUICE_LIBS_RING_RING_PROGRAM_H_

#include <cstdint>
#include <memory>
#include <string>

#include "libs/clock/fake_clock.h"
#include "libs/ring/ring_ledger.h"
#include "libs/ring/ring_producer.h"
#include "libs/ring/ring_reader.h"
#include "libs/ring/temp_ring.h"
#include "tools/fuzz/fuzz_input.h"

namespace sluice::ring {

// A fuzzer's input as a program of operations on both ends of a small ring and of damage to the
// file beneath them. Ends the process if anything comes out that may not.
class RingProgram {
 public:
  explicit RingProgram(FuzzInput input);
  void Run();

 private:
  void Step();

  // What the ends do. Append() tells whether one was appended, ReadAll() reads to the end.
  bool Append(bool reported = true);
  void KillInAppend(bool written);
  void Read(size_t max_records);
  void ReadAll();
  void Advance(size_t back);
  void StartProducer();
  void StartReader();
  void StartAnew();

  // What others do to the file.
  void Poke(uint64_t at, const std::string& bytes);
  void Overwrite();
  void PutBack();
  void Replace();
  void ReplaceBy(const std::string& bytes);
  void CutOff();

  void CheckThatItGoesOn();

  const TempRing& ring_;
  FuzzInput input_;
  FakeClock clock_;
  uint64_t capacity_ = kMinCapacity;
  uint64_t boot_ = 1;
  RingProducer producer_;
  std::unique_ptr<RingReader> reader_;  // null: it could not start
  RingBatch batch_;
  RingLedger ledger_;
  // The path names another file than the producer's, or one of another size.
  bool cut_off_ = false;
  // The file as it was when so many records had been appended.
  std::string photo_;
  size_t photo_records_ = 0;
};

}  // namespace sluice::ring

#endif  // SLUICE_LIBS_RING_RING_PROGRAM_H_
