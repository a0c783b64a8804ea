#include "libs/memory/resident_memory.h"

#include <link.h>
#include <malloc.h>
#include <sys/mman.h>
#include <unistd.h>

#include <cstddef>
#include <cstdint>

namespace sluice {
namespace {

constexpr int kHeaps = 2;

// Of one program or library. A segment that may not be written holds nothing but the file's bytes.
int ReleaseReadOnlySegments(dl_phdr_info* object, size_t, void*) {
  const auto page = static_cast<uintptr_t>(sysconf(_SC_PAGESIZE));
  for (int i = 0; i < object->dlpi_phnum; ++i) {
    const ElfW(Phdr)& segment = object->dlpi_phdr[i];
    if (segment.p_type != PT_LOAD || (segment.p_flags & PF_W) != 0) continue;
    const uintptr_t begin = (object->dlpi_addr + segment.p_vaddr) & ~(page - 1);
    const uintptr_t end = object->dlpi_addr + segment.p_vaddr + segment.p_memsz;
    // Where it cannot be done the pages stay.
    madvise(reinterpret_cast<void*>(begin), end - begin, MADV_DONTNEED);
  }
  return 0;
}

}  // namespace

void LimitHeaps() { mallopt(M_ARENA_MAX, kHeaps); }

void ReleaseStartupMemory() {
  malloc_trim(0);
  dl_iterate_phdr(&ReleaseReadOnlySegments, nullptr);
}

}  // namespace sluice
