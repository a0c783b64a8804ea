#ifndef SLUICE_LIBS_RING_FUZZ_RING_H_
#define SLUICE_LIBS_RING_FUZZ_RING_H_

#include <filesystem>
#include <fstream>
#include <iterator>
#include <memory>
#include <string>
#include <utility>

#include "libs/ring/ring_reader.h"
#include "libs/ring/temp_ring.h"

namespace sluice::ring {

// More reads than this do not end: more than all rings that there may be can hold.
inline constexpr int kMaxReads = (kMaxSetAside + 2) * 2 * kMinCapacity / kRecordHeaderBytes;

// One directory for all inputs of a fuzzer, emptied for each.
inline const TempRing& EmptyRing() {
  static const TempRing* const ring = new TempRing();
  for (const auto& entry : std::filesystem::directory_iterator(ring->dir())) {
    std::filesystem::remove(entry.path());
  }
  return *ring;
}

inline std::string ReadFile(const std::string& path) {
  std::ifstream file(path, std::ios::binary);
  return std::string(std::istreambuf_iterator<char>(file), {});
}

inline void WriteFile(const std::string& path, const std::string& bytes) {
  std::ofstream(path, std::ios::binary) << bytes;
}

// Null if it cannot be opened.
inline std::unique_ptr<RingReader> OpenReader(const TempRing& ring, uint64_t boot,
                                              const Clock* clock) {
  RingReaderOptions options;
  options.path = ring.path();
  options.boot = boot;
  auto reader = RingReader::Open(options, clock);
  return reader.ok() ? *std::move(reader) : nullptr;
}

}  // namespace sluice::ring

#endif  // SLUICE_LIBS_RING_FUZZ_RING_H_
