#ifndef SLUICE_TOOLS_FUZZ_REQUIRE_H_
#define SLUICE_TOOLS_FUZZ_REQUIRE_H_

#include <cstdio>
#include <cstdlib>

namespace sluice {

// What must hold in a fuzz target: ends the process otherwise, which is how a fuzzer is told.
inline void Require(bool holds, const char* otherwise) {
  if (holds) return;
  fprintf(stderr, "fuzz: %s\n", otherwise);
  abort();
}

}  // namespace sluice

#endif  // SLUICE_TOOLS_FUZZ_REQUIRE_H_
