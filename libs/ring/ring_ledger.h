#ifndef SLUICE_LIBS_RING_RING_LEDGER_H_
#define SLUICE_LIBS_RING_RING_LEDGER_H_

#include <cstddef>
#include <cstdint>
#include <deque>
#include <map>
#include <string>
#include <utility>
#include <vector>

#include "libs/ring/ring_reader.h"

namespace sluice::ring {

// The books of a fuzzed ring: what was appended, and whether what is read may be. Ends the process
// if it may not.
//
// Always: what is read was appended to that ring at that position, with positions and numbers going
// strictly up until the reader starts again, and what is skipped is in a gap. As long as nothing is
// damaged: each record exactly once, in order, without a gap.
class RingLedger {
 public:
  struct Record {
    uint64_t ring_id;
    uint64_t position;
    uint64_t end;
    uint64_t number;
    size_t size;
    // Whether the producer said so: not if it was killed while it wrote.
    bool reported;
  };

  // What the next record has to contain; at least 8 bytes.
  std::string NextContent(size_t size) const;
  const Record& Append(uint64_t ring_id, uint64_t position, uint64_t end, size_t size,
                       bool reported);
  // All records, by number.
  const std::vector<Record>& records() const { return records_; }

  // The producer goes on in this ring from `head`.
  void StartProducer(uint64_t ring_id, uint64_t head);
  // The reader starts again, where it was given up to.
  void StartReader();
  void Read(const RingBatch& batch);
  // Read and not given up yet.
  const std::deque<Record>& undrained() const { return undrained_; }
  // The first `count` of them are.
  void Drain(size_t count);
  // Nothing is left to be read.
  void CheckEnd() const;

  // Others than the two ends change the file: nothing but its data, or more.
  void DamageData() { damaged_ = true; }
  void Damage() { damaged_ = fields_damaged_ = true; }
  bool damaged() const { return damaged_; }
  // The reader may come across a ring again which it has left: another file with the same id, or
  // one with a tail that is not believed.
  void AllowRereads() { rereads_ = true; }

 private:
  // What the reader gave of one ring since it started.
  struct Given {
    bool any = false;
    uint64_t end = 0;
    uint64_t number = 0;
    std::vector<RingGap> gaps;
  };
  using Place = std::pair<uint64_t, uint64_t>;

  void ReadGap(const RingGap& gap);
  void ReadRecord(const RingRecord& record);

  std::vector<Record> records_;
  // By ring id and position.
  std::map<Place, std::vector<Record>> places_;
  // The highest end of a reported record of each ring.
  std::map<uint64_t, uint64_t> highest_;
  std::map<uint64_t, Given> given_;
  // Reported and not read: not kept up to date once anything is damaged.
  std::deque<Record> unread_;
  std::deque<Record> undrained_;
  bool damaged_ = false;
  bool fields_damaged_ = false;
  bool rereads_ = false;
  // Both the records at a ring's end and its head were destroyed, so positions were given out
  // again: numbers need not follow positions.
  bool rewound_ = false;
};

}  // namespace sluice::ring

#endif  // SLUICE_LIBS_RING_RING_LEDGER_H_
