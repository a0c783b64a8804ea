#ifndef SLUICE_BENCH_CPU_SECONDS_H_
#define SLUICE_BENCH_CPU_SECONDS_H_

#include <sys/resource.h>

namespace sluice::bench {

// CPU time of this process so far.
inline double CpuSeconds() {
  rusage usage;
  getrusage(RUSAGE_SELF, &usage);
  return static_cast<double>(usage.ru_utime.tv_sec + usage.ru_stime.tv_sec) +
         1e-6 * static_cast<double>(usage.ru_utime.tv_usec + usage.ru_stime.tv_usec);
}

}  // namespace sluice::bench

#endif  // SLUICE_BENCH_CPU_SECONDS_H_
