#ifndef SLUICE_SERVICES_INGRESS_COAP_BLOCK_REASSEMBLY_H_
#define SLUICE_SERVICES_INGRESS_COAP_BLOCK_REASSEMBLY_H_

#include <cstddef>
#include <cstdint>
#include <list>
#include <string>

#include "absl/container/flat_hash_map.h"
#include "absl/strings/string_view.h"
#include "absl/time/time.h"
#include "absl/types/optional.h"
#include "libs/clock/clock.h"
#include "services/ingress/coap/coap_message.h"

namespace sluice::ingress {

// Puts payloads together that come in blocks (Block1, RFC 7959), in order and each from its start.
// Bounded in number, bytes and time: when there is no room the transfer that has been quiet for
// longest is given up, and its sender learns so with its next block. Not thread-safe.
class BlockReassembly {
 public:
  struct Options {
    int max_transfers = 256;
    // Of all transfers together, at least twice max_body_bytes.
    size_t max_total_bytes = 4 << 20;
    size_t max_body_bytes = 64 << 10;
    // A transfer without a new block for so long is given up.
    absl::Duration max_idle = absl::Seconds(60);
  };

  struct Stats {
    int64_t started = 0;
    int64_t completed = 0;
    int64_t too_large = 0;
    int64_t gaps = 0;
    int64_t malformed = 0;
    int64_t restarted = 0;  // by a new block 0
    int64_t evicted = 0;    // for want of room
    int64_t timed_out = 0;
    int64_t active = 0;  // now
    int64_t bytes = 0;   // held now
  };

  struct Result {
    enum class Kind {
      kContinue,   // the block is kept: send the next
      kComplete,   // `body` is the payload
      kTooLarge,   // `body` is its start, `body_size_bytes` at least its size; the transfer is over
      kGap,        // the block does not follow those that are here; they are kept
      kMalformed,  // the block contradicts itself; the transfer is as it was
    };
    Kind kind = Kind::kContinue;
    std::string body;
    int64_t body_size_bytes = 0;
    std::string diagnostic;  // kGap, kMalformed, kTooLarge
  };

  BlockReassembly(const Options& options, const Clock* clock) : options_(options), clock_(clock) {}

  // The next block of the transfer `key`. `announced_size` is the Size1 option: it can refuse a
  // transfer, and reserves nothing.
  Result Add(absl::string_view key, const CoapBlock& block, absl::string_view payload,
             absl::optional<uint32_t> announced_size);

  const Stats& stats() const { return stats_; }

 private:
  struct Transfer {
    std::string key;
    std::string body;
    absl::Duration last_block;
  };
  // The quietest first.
  using Transfers = std::list<Transfer>;

  Result Append(Transfers::iterator transfer, const CoapBlock& block, absl::string_view payload);
  Result RefuseTooLarge(absl::string_view held, absl::string_view payload, int64_t size_bytes);
  Transfers::iterator Start(absl::string_view key);
  void Drop(Transfers::iterator transfer);
  void DropExpired();
  void MakeRoom(size_t bytes);

  const Options options_;
  const Clock* const clock_;
  Transfers transfers_;
  absl::flat_hash_map<absl::string_view, Transfers::iterator> by_key_;  // views of Transfer::key
  Stats stats_;
};

}  // namespace sluice::ingress

#endif  // SLUICE_SERVICES_INGRESS_COAP_BLOCK_REASSEMBLY_H_
