#ifndef SLUICE_SERVICES_INGRESS_INTAKE_MEMORY_BUDGET_H_
#define SLUICE_SERVICES_INGRESS_INTAKE_MEMORY_BUDGET_H_

#include <atomic>
#include <cstdint>

namespace sluice::ingress {

// How much memory what is under way may take, all ways in together. It is an account alone: whoever
// holds memory says so by a Share, and asks before it takes more in. Thread-safe.
class MemoryBudget {
 public:
  explicit MemoryBudget(int64_t max_bytes) : max_bytes_(max_bytes) {}

  // What one holder has. One thread; the budget outlives it.
  class Share {
   public:
    explicit Share(MemoryBudget* budget) : budget_(budget) {}
    ~Share() { Set(0); }
    Share(const Share&) = delete;
    Share& operator=(const Share&) = delete;

    // It holds so much from now on, whether there is room or not.
    void Set(int64_t bytes) {
      budget_->used_bytes_ += bytes - bytes_;
      bytes_ = bytes;
    }
    // Holds so much, unless the budget is used up. So that nothing is too large for ever, it may
    // be exceeded by what one share holds.
    bool TrySet(int64_t bytes) {
      const int64_t before = budget_->used_bytes_.fetch_add(bytes - bytes_);
      if (before < budget_->max_bytes_) {
        bytes_ = bytes;
        return true;
      }
      budget_->used_bytes_ -= bytes - bytes_;
      ++budget_->refusals_;
      return false;
    }

   private:
    MemoryBudget* const budget_;
    int64_t bytes_ = 0;
  };

  // Whether anything more should be taken in; what nobody waits for, in the first three quarters
  // alone.
  bool HasRoom(bool awaited) const {
    return used_bytes_ < (awaited ? max_bytes_ : max_bytes_ / 4 * 3);
  }

  int64_t used_bytes() const { return used_bytes_; }
  // Times that TrySet refused.
  int64_t refusals() const { return refusals_; }

 private:
  const int64_t max_bytes_;
  std::atomic<int64_t> used_bytes_{0};
  std::atomic<int64_t> refusals_{0};
};

}  // namespace sluice::ingress

#endif  // SLUICE_SERVICES_INGRESS_INTAKE_MEMORY_BUDGET_H_
