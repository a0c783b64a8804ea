// Fuzzes the ring. The first byte chooses what the others are: a program of operations on both ends
// and of damage to the file beneath them (RingProgram), or the file.

#include <cstring>
#include <map>
#include <string>

#include "libs/clock/fake_clock.h"
#include "libs/ring/fuzz_ring.h"
#include "libs/ring/ring_producer.h"
#include "libs/ring/ring_program.h"
#include "libs/ring/ring_reader.h"
#include "libs/ring/temp_ring.h"
#include "tools/fuzz/fuzz_input.h"
#include "tools/fuzz/require.h"

namespace sluice::ring {
namespace {

// A file as somebody may have made it who knows the salt, too.
std::string ForgedFile(FuzzInput* input) {
  const uint64_t kind = input->Below(4);
  std::string file = kind == 0 ? "" : std::string(kDataStart + kMinCapacity, '\0');
  if (kind <= 1) {
    const std::string bytes = input->Bytes(kDataStart + kMinCapacity);
    return file.replace(0, bytes.size(), bytes);
  }
  uint8_t* const base = reinterpret_cast<uint8_t*>(file.data());
  const RingHeader header = {1, 2, 1 + input->Below(4), kMinCapacity, 1 + input->Below(2)};
  uint8_t encoded[kHeaderBytes];
  EncodeHeader(header, encoded);
  std::memcpy(base, encoded, sizeof(encoded));
  for (const uint64_t field : {kProducerStart, kReaderStart}) {
    const uint64_t value = kind == 2 ? input->Number(8) : input->Number(3) * 8;
    std::memcpy(base + field, &value, sizeof(value));
  }
  uint64_t at = input->Below(kMinCapacity / 8) * 8;
  if (kind == 2) {
    const std::string bytes = input->Bytes(kMinCapacity - at);
    return file.replace(kDataStart + at, bytes.size(), bytes);
  }
  while (!input->empty() && at + kRecordHeaderBytes <= kMinCapacity) {
    const uint8_t flags = input->Byte();
    const RecordHeader record = {0, input->Byte() * kMinCapacity + at,
                                 static_cast<uint32_t>(input->Number(2)), flags & 1u};
    std::memcpy(base + kDataStart + at, &record, sizeof(record));
    if (HeaderIsPlausible(record, record.position, kMinCapacity)) {
      SealRecord(header.Seed(), base + kDataStart + at);
    }
    at += (flags & 6) == 0 ? 8 : record.Stride();
  }
  return file;
}

// Reads to the end and drains it; returns the last record's content.
std::string Drain(RingReader* reader) {
  RingBatch batch;
  std::string last;
  std::map<uint64_t, uint64_t> ends;
  for (int reads = 0; reads == 0 || !batch.records.empty(); ++reads) {
    Require(reads < kMaxReads, "reading never ends");
    reader->Read(100, &batch);
    for (const RingRecord& record : batch.records) {
      Require(record.position >= ends[record.ring_id], "a record twice, or out of order");
      Require(record.end >= record.position + kRecordHeaderBytes + record.content.size() &&
                  record.content.size() <= MaxContentBytes(kMinCapacity),
              "a wrong size");
      ends[record.ring_id] = record.end;
      last = std::string(record.content);
    }
    if (batch.records.empty()) continue;
    const RingRecord& record = batch.records.back();
    Require(reader->Advance(record.ring_id, record.end).ok(), "cannot advance");
  }
  return last;
}

// Both ends upon a file of the fuzzer's.
void OpenForged(FuzzInput input) {
  const TempRing& ring = EmptyRing();
  const FakeClock clock;
  WriteFile(ring.Beside(".reader.lock"), "");
  const bool reader_first = input.Below(2) == 1;
  WriteFile(ring.path(), ForgedFile(&input));
  if (reader_first) {
    const auto reader = OpenReader(ring, 1, &clock);
    if (reader != nullptr) Drain(reader.get());
  }
  RingProducer producer;
  if (producer.Open(ring.Options()) != RingError::kNone) return;
  const auto reader = OpenReader(ring, 1, &clock);
  Require(reader != nullptr, "the reader cannot open the producer's ring");
  Drain(reader.get());
  Require(AppendText(&producer, "appended") == RingError::kNone, "stuck: nothing can be appended");
  Require(Drain(reader.get()) == "appended", "stuck: nothing can be read");
}

}  // namespace
}  // namespace sluice::ring

extern "C" int LLVMFuzzerTestOneInput(const uint8_t* bytes, size_t size) {
  sluice::FuzzInput input(bytes, size);
  if (input.Byte() % 4 == 0) {
    sluice::ring::OpenForged(input);
  } else {
    sluice::ring::RingProgram(input).Run();
  }
  return 0;
}
