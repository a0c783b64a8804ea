#ifndef SLUICE_TOOLS_SLUICECTL_TAIL_POSITION_H_
#define SLUICE_TOOLS_SLUICECTL_TAIL_POSITION_H_

#include <cstdint>
#include <string>
#include <utility>

#include "sluice/v1/subscription.pb.h"

namespace sluice::sluicectl {

// Where a tail stands in a journal while its streams come and go: decides where the next stream
// begins and which records were shown already. One thread.
class TailPosition {
 public:
  // `named`: the streams are of a named subscription, whose cursor the service keeps. `start`:
  // where the first stream begins.
  TailPosition(bool named, v1::Start start) : named_(named), start_(std::move(start)) {}

  // Where the next stream is to begin: at `start` as long as nothing was received; then without a
  // name at next_offset(), with a name wherever its cursor is.
  v1::Start NextStart() const;

  enum class Entry {
    // The stream shows what follows.
    kContinues,
    // Another journal has taken the place of the one before: its records are shown from where the
    // stream began.
    kNewJournal,
    // Another journal, and this stream began at an offset of the one before: open a stream anew.
    kReopen,
  };
  // To be called with the journal id of each response, before its records are looked at.
  Entry Enter(const std::string& journal_id);

  // The service says that no such offset is there (any more): begin with the oldest record. Returns
  // false if that is what it was asked for, or the offset is the user's own.
  bool OffsetIsGone();

  // Whether the record at `offset` was not shown yet.
  bool IsNew(int64_t offset) const { return offset >= next_offset_; }

  // Everything below `next_offset` was shown or does not matter. Never goes back.
  void Advance(int64_t next_offset);

  const std::string& journal_id() const { return journal_id_; }
  int64_t next_offset() const { return next_offset_; }

 private:
  const bool named_;
  const v1::Start start_;
  std::string journal_id_;
  int64_t next_offset_ = 0;
  // A journal was entered and nothing has taken its offsets away since.
  bool entered_ = false;
  // The offsets are gone: the next stream begins with the oldest record.
  bool from_earliest_ = false;
};

}  // namespace sluice::sluicectl

#endif  // SLUICE_TOOLS_SLUICECTL_TAIL_POSITION_H_
