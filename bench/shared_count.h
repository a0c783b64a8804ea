#ifndef SLUICE_BENCH_SHARED_COUNT_H_
#define SLUICE_BENCH_SHARED_COUNT_H_

#include <fcntl.h>
#include <sys/mman.h>
#include <unistd.h>

#include <algorithm>
#include <atomic>
#include <cstddef>
#include <cstdint>
#include <cstdio>
#include <cstdlib>

namespace sluice::bench {

// Messages received, in a mapped file that others read while we run: to show the count costs no
// system call. Behind the count stands a histogram of latencies, kBuckets of a millisecond each.
// Ends the process if the file cannot be made.
class SharedCount {
 public:
  static constexpr uint64_t kBuckets = 4096;

  // Whoever measures sends once the file is there: make it, or give it its name, when subscribed.
  explicit SharedCount(const char* path) {
    const int fd = open(path, O_RDWR | O_CREAT | O_TRUNC | O_CLOEXEC, 0600);
    if (fd < 0 || ftruncate(fd, kBytes) != 0) Fail(path);
    void* const memory = mmap(nullptr, kBytes, PROT_READ | PROT_WRITE, MAP_SHARED, fd, 0);
    if (memory == MAP_FAILED) Fail(path);
    close(fd);
    count_ = static_cast<std::atomic<uint64_t>*>(memory);
  }

  // One thread.
  void Add(uint64_t messages) {
    count_->store(count_->load(std::memory_order_relaxed) + messages, std::memory_order_relaxed);
  }

  // What takes longer counts in the last bucket.
  void AddLatency(int64_t ms) {
    const auto bucket =
        std::min<uint64_t>(kBuckets - 1, static_cast<uint64_t>(std::max<int64_t>(0, ms)));
    count_[1 + bucket].fetch_add(1, std::memory_order_relaxed);
  }

 private:
  static constexpr size_t kBytes = (1 + kBuckets) * sizeof(std::atomic<uint64_t>);

  [[noreturn]] static void Fail(const char* path) {
    std::perror(path);
    std::exit(1);
  }

  std::atomic<uint64_t>* count_ = nullptr;
};

}  // namespace sluice::bench

#endif  // SLUICE_BENCH_SHARED_COUNT_H_
