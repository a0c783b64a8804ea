#ifndef SLUICE_LIBS_RING_FUTEX_H_
#define SLUICE_LIBS_RING_FUTEX_H_

#include <linux/futex.h>
#include <sys/syscall.h>
#include <time.h>
#include <unistd.h>

#include <atomic>
#include <cstdint>

namespace sluice::ring {

// A futex shared between processes: the word lies in a file that both have mapped.

// Returns when woken, after `timeout_ms`, at a signal, or at once if the word is not `expected`.
inline void FutexWait(std::atomic<uint32_t>* word, uint32_t expected, int timeout_ms) {
  const timespec timeout = {timeout_ms / 1000, timeout_ms % 1000 * 1'000'000L};
  syscall(SYS_futex, reinterpret_cast<uint32_t*>(word), FUTEX_WAIT, expected, &timeout, nullptr, 0);
}

inline void FutexWake(std::atomic<uint32_t>* word) {
  syscall(SYS_futex, reinterpret_cast<uint32_t*>(word), FUTEX_WAKE, 1, nullptr, nullptr, 0);
}

}  // namespace sluice::ring

#endif  // SLUICE_LIBS_RING_FUTEX_H_
