#ifndef SLUICE_SERVICES_INGRESS_COAP_REASSEMBLY_PROGRAM_H_
#define SLUICE_SERVICES_INGRESS_COAP_REASSEMBLY_PROGRAM_H_

#include <cstdint>
#include <string>
#include <vector>

#include "libs/clock/fake_clock.h"
#include "services/ingress/coap/block_reassembly.h"
#include "tools/fuzz/fuzz_input.h"

namespace sluice::ingress {

// A fuzzer's input as blocks of a few transfers and time that passes. What a small reassembly makes
// of them is compared with what a naive one makes; ends the process where they differ.
class ReassemblyProgram {
 public:
  explicit ReassemblyProgram(FuzzInput input) : input_(input) {}
  void Run();

 private:
  struct Transfer {
    std::string key;
    std::string body;
    absl::Duration last_block;
  };
  using Result = BlockReassembly::Result;

  void AddBlock();
  // What the naive one says; nothing of its `diagnostic`.
  Result Expect(const std::string& key, const CoapBlock& block, const std::string& payload,
                absl::optional<uint32_t> announced_size);
  Result ExpectTooLarge(const std::string& held, const std::string& payload, size_t size) const;
  Result Keep(Transfer transfer, const std::string& payload);
  void CheckBounds() const;

  static BlockReassembly::Options Options();

  FuzzInput input_;
  FakeClock clock_;
  BlockReassembly reassembly_{Options(), &clock_};
  // The quietest first.
  std::vector<Transfer> transfers_;
};

}  // namespace sluice::ingress

#endif  // SLUICE_SERVICES_INGRESS_COAP_REASSEMBLY_PROGRAM_H_
