#ifndef SLUICE_LIBS_RING_TEMP_RING_H_
#define SLUICE_LIBS_RING_TEMP_RING_H_

#include <stdlib.h>
#include <sys/stat.h>
#include <time.h>

#include <string>

#include "libs/ring/ring_producer.h"

namespace sluice::ring {

// A directory of its own for the rings of one test.
class TempRing {
 public:
  TempRing() {
    const char* const base = getenv("TEST_TMPDIR");
    std::string pattern = std::string(base != nullptr ? base : "/tmp") + "/ringXXXXXX";
    dir_ = mkdtemp(pattern.data());
    path_ = dir_ + "/ring";
  }

  const std::string& dir() const { return dir_; }
  const std::string& path() const { return path_; }
  std::string Beside(const std::string& suffix) const { return path_ + suffix; }
  bool Exists(const std::string& suffix = "") const {
    struct stat info;
    return stat(Beside(suffix).c_str(), &info) == 0;
  }

  ProducerOptions Options(uint64_t capacity = kMinCapacity, uint64_t boot = 1) const {
    ProducerOptions options;
    options.path = path_.c_str();
    options.capacity_bytes = capacity;
    options.boot = boot;
    return options;
  }

 private:
  std::string dir_;
  std::string path_;
};

inline RingError AppendText(RingProducer* producer, const std::string& text, uint64_t now_ms = 0) {
  const Piece piece = {text.data(), text.size()};
  return producer->Append(&piece, 1, now_ms);
}

}  // namespace sluice::ring

#endif  // SLUICE_LIBS_RING_TEMP_RING_H_
