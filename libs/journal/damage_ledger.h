#ifndef SLUICE_LIBS_JOURNAL_DAMAGE_LEDGER_H_
#define SLUICE_LIBS_JOURNAL_DAMAGE_LEDGER_H_

#include <cstdint>
#include <map>

namespace sluice::journal {

// Counts damaged records once, however many readers come across them. Not thread-safe.
class DamageLedger {
 public:
  // Holes that are kept apart; what more there are is counted each time it is found.
  static constexpr int kMaxHoles = 4096;

  // The offsets [from, to) are damaged.
  void Add(int64_t from, int64_t to);
  // What lies below `offset` will not be asked for again.
  void ForgetBelow(int64_t offset);

  int64_t damaged() const { return damaged_; }

 private:
  // From the first offset of a hole to the one after it. Apart from each other.
  std::map<int64_t, int64_t> holes_;
  int64_t damaged_ = 0;
};

}  // namespace sluice::journal

#endif  // SLUICE_LIBS_JOURNAL_DAMAGE_LEDGER_H_
