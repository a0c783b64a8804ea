#include "services/analytics/detection/sliding_window.h"

#include <algorithm>
#include <cmath>
#include <limits>

#include "absl/status/status.h"
#include "absl/strings/str_cat.h"

namespace sluice::analytics {
namespace {

constexpr double kInfinity = std::numeric_limits<double>::infinity();
constexpr double kLargest = std::numeric_limits<double>::max();

// The range of a sum of squares that is worked with; outside of it scale does not fit the samples.
constexpr double kLeastSquares = 0x1p-400;
constexpr double kMostSquares = 0x1p400;
// How far the sum may sink below its peak before its rounding errors could show.
constexpr double kCancellation = 0x1p-20;

constexpr int kBitsPerWord = 64;

size_t Words(int samples) {
  return (static_cast<size_t>(samples) + kBitsPerWord - 1) / kBitsPerWord;
}

}  // namespace

SlidingWindow::SlidingWindow(int capacity_samples)
    : capacity_(std::max(capacity_samples, 2)),
      newer_min_(kInfinity),
      newer_max_(-kInfinity),
      floor_(kLeastSquares) {}

void SlidingWindow::Add(double value) {
  const double scaled = value * scale_ - shift_;
  if (size() < capacity_) {
    if (ring_.size() == ring_.capacity()) {
      ring_.reserve(std::min<size_t>(capacity_, std::max<size_t>(4, 2 * ring_.size())));
    }
    ring_.push_back(value);
    const double distance = scaled - mean_;
    mean_ += distance / size();
    squares_ += distance * (scaled - mean_);
  } else {
    const double oldest = ring_[next_] * scale_ - shift_;
    ring_[next_] = value;
    const double mean_before = mean_;
    const double change = scaled - oldest;
    mean_ += change / capacity_;
    squares_ += change * ((scaled - mean_) + (oldest - mean_before));
    if (older_min_ == next_) older_min_ = NextBit(0, next_ + 1);
    if (older_max_ == next_) older_max_ = NextBit(Words(capacity_), next_ + 1);
  }
  newer_min_ = std::min(newer_min_, value);
  newer_max_ = std::max(newer_max_, value);
  if (++next_ == capacity_) {
    next_ = 0;
    SplitBlocks();
    Recompute();
  } else if (!(squares_ > floor_ && squares_ < kMostSquares)) {
    Recompute();
  } else {
    floor_ = std::max(floor_, squares_ * kCancellation);
  }
}

// Makes the whole ring the older block.
void SlidingWindow::SplitBlocks() {
  const size_t words = Words(capacity_);
  older_extremes_.assign(2 * words, 0);
  double least = kInfinity;
  double most = -kInfinity;
  for (int i = capacity_ - 1; i >= next_; --i) {
    const uint64_t bit = uint64_t{1} << (i % kBitsPerWord);
    if (ring_[i] < least) {
      least = ring_[i];
      older_extremes_[i / kBitsPerWord] |= bit;
      older_min_ = i;
    }
    if (ring_[i] > most) {
      most = ring_[i];
      older_extremes_[words + i / kBitsPerWord] |= bit;
      older_max_ = i;
    }
  }
  newer_min_ = kInfinity;
  newer_max_ = -kInfinity;
  for (int i = 0; i < next_; ++i) {
    newer_min_ = std::min(newer_min_, ring_[i]);
    newer_max_ = std::max(newer_max_, ring_[i]);
  }
}

int SlidingWindow::NextBit(size_t first_word, int from) const {
  const size_t end = Words(capacity_);
  size_t word = from / kBitsPerWord;
  if (word >= end) return kNone;
  uint64_t bits = older_extremes_[first_word + word] & (~uint64_t{0} << (from % kBitsPerWord));
  while (bits == 0) {
    if (++word == end) return kNone;
    bits = older_extremes_[first_word + word];
  }
  return static_cast<int>(word) * kBitsPerWord + __builtin_ctzll(bits);
}

// Shift, scale and sums from the samples alone.
void SlidingWindow::Recompute() {
  const double least = min();
  const double most = max();
  floor_ = kLeastSquares;
  if (least == most) {
    shift_ = least;
    scale_ = 1;
    mean_ = 0;
    squares_ = 0;
    return;
  }
  // Neither the sum nor a distance may overflow on the way to the scale.
  const double guard = std::max(-least, most) > 0x1p900 ? 0x1p-200 : 1.0;
  const double count = size();
  double sum = 0;
  for (const double value : ring_) sum += value * guard;
  double center = sum / count;
  double rest = 0;
  for (const double value : ring_) rest += value * guard - center;
  center += rest / count;
  center = std::min(std::max(center, least * guard), most * guard);
  const double range = std::max(most * guard - center, center - least * guard);
  const int exponent = std::ilogb(range) + 1 - std::ilogb(guard);
  scale_ = std::ldexp(1.0, -std::max(exponent, -1000));
  shift_ = (center / guard) * scale_;

  sum = 0;
  double squares = 0;
  for (const double value : ring_) {
    const double scaled = value * scale_ - shift_;
    sum += scaled;
    squares += scaled * scaled;
  }
  mean_ = sum / count;
  squares_ = squares - sum * mean_;
  floor_ = std::max(floor_, squares_ * kCancellation);
}

double SlidingWindow::mean() const {
  if (ring_.empty()) return 0;
  return std::min(std::max((shift_ + mean_) / scale_, min()), max());
}

double SlidingWindow::standard_deviation() const {
  if (size() < 2) return 0;
  return std::min(std::sqrt(squares_ / (size() - 1)) / scale_, kLargest);
}

double SlidingWindow::min() const {
  if (older_min_ != kNone) return std::min(ring_[older_min_], newer_min_);
  return ring_.empty() ? 0 : newer_min_;
}

double SlidingWindow::max() const {
  if (older_max_ != kNone) return std::max(ring_[older_max_], newer_max_);
  return ring_.empty() ? 0 : newer_max_;
}

WindowStatistics SlidingWindow::statistics() const {
  return {size(), mean(), standard_deviation(), min(), max()};
}

void SlidingWindow::CopySamples(double* oldest_first) const {
  const auto border = ring_.begin() + (size() < capacity_ ? 0 : next_);
  std::copy(ring_.begin(), border, std::copy(border, ring_.end(), oldest_first));
}

SlidingWindow::Moments SlidingWindow::moments() const {
  return {next_, shift_, scale_, mean_, squares_, floor_};
}

absl::StatusOr<SlidingWindow> SlidingWindow::Restore(int capacity_samples,
                                                     absl::Span<const double> oldest_first,
                                                     const Moments& moments) {
  SlidingWindow window(capacity_samples);
  const int size = static_cast<int>(oldest_first.size());
  const bool full = size == window.capacity_;
  if (size > window.capacity_ || moments.next_index < 0 ||
      (full ? moments.next_index >= size : moments.next_index != size)) {
    return absl::InvalidArgumentError(absl::StrCat("a window of ", window.capacity_,
                                                   " samples has no state with ", size,
                                                   " samples and index ", moments.next_index));
  }
  for (const double number :
       {moments.shift, moments.scale, moments.mean, moments.squares, moments.floor}) {
    if (!std::isfinite(number)) return absl::InvalidArgumentError("a window's sums are finite");
  }
  int unused_exponent;
  if (!(moments.squares >= 0) || !(moments.floor >= kLeastSquares) ||
      std::frexp(moments.scale, &unused_exponent) != 0.5) {
    return absl::InvalidArgumentError(
        "a window's sums are not negative, its scale is a power of two");
  }
  for (const double value : oldest_first) {
    if (!std::isfinite(value)) return absl::InvalidArgumentError("a window's samples are finite");
  }
  window.next_ = moments.next_index;
  const size_t newer = full ? static_cast<size_t>(moments.next_index) : 0;
  window.ring_.reserve(size);
  window.ring_.insert(window.ring_.end(), oldest_first.end() - newer, oldest_first.end());
  window.ring_.insert(window.ring_.end(), oldest_first.begin(), oldest_first.end() - newer);
  if (full) {
    window.SplitBlocks();
  } else {
    for (const double value : window.ring_) {
      window.newer_min_ = std::min(window.newer_min_, value);
      window.newer_max_ = std::max(window.newer_max_, value);
    }
  }
  window.shift_ = moments.shift;
  window.scale_ = moments.scale;
  window.mean_ = moments.mean;
  window.squares_ = moments.squares;
  window.floor_ = moments.floor;
  return window;
}

}  // namespace sluice::analytics
