#ifndef SLUICE_LIBS_MEMORY_RESIDENT_MEMORY_H_
#define SLUICE_LIBS_MEMORY_RESIDENT_MEMORY_H_

namespace sluice {

// What a process does about the memory that it holds without need.

// To be called before the first thread starts. glibc would give eight heaps to each core, one to
// each thread that comes, and what is free in one serves no other: half of what a service holds.
void LimitHeaps();

// To be called once a process that will run for long has started. Gives back what only the start
// needed: the free parts of the heaps, and the pages of programs and libraries that may not be
// written, most of which are what the linker read to bind names. What of these is still used is
// mapped again at its next use, from the page cache; the rest the system may drop without a look at
// us. Such pages are there once for all processes, but resident in each. Thread-safe.
void ReleaseStartupMemory();

}  // namespace sluice

#endif  // SLUICE_LIBS_MEMORY_RESIDENT_MEMORY_H_
