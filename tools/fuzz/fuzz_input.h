#ifndef SLUICE_TOOLS_FUZZ_FUZZ_INPUT_H_
#define SLUICE_TOOLS_FUZZ_FUZZ_INPUT_H_

#include <cstddef>
#include <cstdint>
#include <string>

namespace sluice {

// A fuzzer's bytes, taken from the front. Behind their end stand zeros, so every input is a whole
// program. Does not own them.
class FuzzInput {
 public:
  FuzzInput(const uint8_t* bytes, size_t size) : next_(bytes), end_(bytes + size) {}

  bool empty() const { return next_ == end_; }
  uint8_t Byte() { return empty() ? 0 : *next_++; }
  // Little-endian.
  uint64_t Number(int bytes) {
    uint64_t number = 0;
    for (int i = 0; i < bytes; ++i) number |= uint64_t{Byte()} << (8 * i);
    return number;
  }
  // 0 <= result < limit, which is at most 65536.
  uint64_t Below(uint64_t limit) { return Number(limit <= 256 ? 1 : 2) % limit; }
  // At most `most` of what is left.
  std::string Bytes(size_t most) {
    const size_t left = static_cast<size_t>(end_ - next_);
    const std::string bytes(reinterpret_cast<const char*>(next_), left < most ? left : most);
    next_ += bytes.size();
    return bytes;
  }

 private:
  const uint8_t* next_;
  const uint8_t* end_;
};

}  // namespace sluice

#endif  // SLUICE_TOOLS_FUZZ_FUZZ_INPUT_H_
