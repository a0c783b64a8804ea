#ifndef SLUICE_SERVICES_ANALYTICS_DETECTION_SLIDING_WINDOW_H_
#define SLUICE_SERVICES_ANALYTICS_DETECTION_SLIDING_WINDOW_H_

#include <cstddef>
#include <cstdint>
#include <vector>

#include "absl/status/statusor.h"
#include "absl/types/span.h"

namespace sluice::analytics {

// What a window says of its samples.
struct WindowStatistics {
  int size_samples = 0;
  double mean = 0;                // 0 if empty; always within [min, max]
  double standard_deviation = 0;  // sample deviation (n - 1); 0 with fewer than 2 samples
  double min = 0;                 // 0 if empty
  double max = 0;                 // 0 if empty
};

// The last N samples of a series and their statistics, each in amortised O(1) a sample.
//
// Mean and deviation: the add-and-remove form of B. P. Welford, "Note on a Method for Calculating
// Corrected Sums of Squares and Products", Technometrics 4 (1962), on data shifted to about zero
// and scaled by a power of two (T. F. Chan, G. H. Golub, R. J. LeVeque, "Algorithms for Computing
// the Sample Variance", The American Statistician 37 (1983)), so neither a large common offset nor
// very large or small values cost precision. Shift, scale and sums are computed anew from the
// samples once in every N samples, and whenever the sum of squares has shrunk to less than 2^-20
// of its peak since then (a spike has left the window, and its rounding errors would stay behind).
// The exponents of doubles allow that about 200 times in any N samples at most, whatever the
// samples are, and in ordinary data it is rare.
//
// Extremes: the blocks of M. van Herk, "A fast algorithm for local minimum and maximum filters",
// Pattern Recognition Letters 13 (1992): the ring's end is the block border; of the older block
// one bit a sample says whether it is an extreme of what follows it.
//
// A window whose samples are all equal has exactly that mean and deviation 0; any other has a
// deviation above 0 (unless it is too small for a double). The same samples give the same results
// bit for bit, on every processor with IEEE doubles. Memory: 8.25 bytes a sample, and it grows with
// the samples that are there. Not thread-safe.
class SlidingWindow {
 public:
  // Everything beside the samples that the next results depend on.
  struct Moments {
    int next_index = 0;  // where in its ring the next sample goes
    double shift = 0;    // in scaled units
    double scale = 1;    // a power of two
    double mean = 0;     // of value * scale - shift
    double squares = 0;  // sum of the squared distances from that mean
    double floor = 0;    // when squares sinks to it, everything is computed anew
  };

  // `capacity_samples` (N): 2 or more.
  explicit SlidingWindow(int capacity_samples);

  // A window that goes on exactly as the one that the state was taken of. INVALID_ARGUMENT if no
  // window has such a state.
  static absl::StatusOr<SlidingWindow> Restore(int capacity_samples,
                                               absl::Span<const double> oldest_first,
                                               const Moments& moments);

  // Takes a sample in; the oldest goes if N are there. `value` must be finite.
  void Add(double value);

  int size() const { return static_cast<int>(ring_.size()); }
  int capacity() const { return capacity_; }
  double mean() const;
  double standard_deviation() const;
  double min() const;
  double max() const;
  WindowStatistics statistics() const;

  // The state, for Restore: writes size() samples to `oldest_first`.
  void CopySamples(double* oldest_first) const;
  Moments moments() const;

 private:
  static constexpr int kNone = -1;

  void SplitBlocks();
  void Recompute();
  int NextBit(size_t first_word, int from) const;

  int capacity_;
  // Index in ring_ of the next sample. In a full ring that is where the oldest one lies: the older
  // block is [next_, capacity_), the newer one [0, next_). Before, all samples are in the newer
  // block.
  int next_ = 0;
  std::vector<double> ring_;
  // In two halves, for minima and maxima: the older block's samples that none after them reaches.
  std::vector<uint64_t> older_extremes_;
  int older_min_ = kNone;  // index of the older block's minimum; kNone: there is no older block
  int older_max_ = kNone;
  double newer_min_;
  double newer_max_;

  double shift_ = 0;
  double scale_ = 1;
  double mean_ = 0;
  double squares_ = 0;
  double floor_;
};

}  // namespace sluice::analytics

#endif  // SLUICE_SERVICES_ANALYTICS_DETECTION_SLIDING_WINDOW_H_
