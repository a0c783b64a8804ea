#include "services/ingress/coap/random_bytes.h"

#include <sys/random.h>

#include <cstdint>
#include <cstring>

namespace sluice::ingress {
namespace {

// The system hands out as many without being interrupted.
constexpr size_t kStoreBytes = 256;

struct Store {
  uint8_t bytes[kStoreBytes];
  size_t left = 0;
};

}  // namespace

int FillRandom(void* out, size_t size) {
  thread_local Store store;
  auto* next = static_cast<uint8_t*>(out);
  while (size > 0) {
    if (store.left == 0) {
      if (getrandom(store.bytes, kStoreBytes, 0) != static_cast<ssize_t>(kStoreBytes)) return 0;
      store.left = kStoreBytes;
    }
    const size_t part = size < store.left ? size : store.left;
    store.left -= part;
    std::memcpy(next, store.bytes + store.left, part);
    next += part;
    size -= part;
  }
  return 1;
}

}  // namespace sluice::ingress
