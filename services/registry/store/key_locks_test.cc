#include "services/registry/store/key_locks.h"

#include <gtest/gtest.h>

#include <map>
#include <string>
#include <thread>
#include <vector>

namespace sluice::registry {
namespace {

TEST(KeyLocksTest, OneHolderOfAKeyAtATimeAndNoDeadlock) {
  KeyLocks locks;
  const std::vector<std::string> keys = {"a", "b", "c", "d", "e"};
  std::map<std::string, int> counts;
  for (const std::string& key : keys) counts[key] = 0;
  std::vector<std::thread> threads;
  for (int t = 0; t < 4; ++t) {
    threads.emplace_back([&, t] {
      for (int i = 0; i < 2000; ++i) {
        const std::string& one = keys[(t + i) % keys.size()];
        const std::string& other = keys[(i * 3) % keys.size()];
        const auto hold = locks.Lock({one, other});
        ++counts[one];
        ++counts[other];
      }
    });
  }
  for (std::thread& thread : threads) thread.join();
  int sum = 0;
  for (const auto& [key, count] : counts) sum += count;
  EXPECT_EQ(sum, 4 * 2000 * 2);
}

TEST(KeyLocksTest, TheSameKeyTwiceIsOneLock) {
  KeyLocks locks;
  { const auto hold = locks.Lock({"a", "a"}); }
  { const auto hold = locks.Lock({"a"}); }
}

}  // namespace
}  // namespace sluice::registry
